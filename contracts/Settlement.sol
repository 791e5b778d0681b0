// SPDX-License-Identifier: MIT
pragma solidity ^0.8.31;

import {IDispute, ISettlement, State, Terms} from "./ISettlement.sol";
import {Engagement, Jobs, Posted} from "./Jobs.sol";
import {Claim, Job, Policy, Receipt, Receipts, Verdict} from "./Receipts.sol";
import {Referees, Refusal} from "./Referee.sol";

/// @title Verifier of proofs that a claim is what its job gives.
interface IProofVerifier {
    /// @notice True where the proof shows the claim. `context` is keccak256(abi.encode(chainId, settlement, hash of the job, provider)) and a
    /// part of what is proven, so that a copied proof pays nobody but its provider.
    function verify(Job calldata job, Claim calldata claim, bytes32 context, bytes calldata proof)
        external
        view
        returns (bool);
}

/// @title Settlement: jobs with payment and stakes, from posting to the last unit.
/// @notice One provider whose claim anybody may dispute (optimistic), replicas that agree (quorum), a named auditor's verdict (audited), or a proof
/// (proven). Nothing is paid while a dispute about the claim lives.
contract Settlement is Jobs, ISettlement {
    error ZeroDispute();
    error NoQuorums();
    error NotDispute();
    error AlreadyPosted(bytes32 job);
    error JobTaken(bytes32 job);
    error NotRequester(address account);
    error BadJob();
    error BadTerms();
    error BadSeats();
    error ShortMoves(uint256 least);
    error ShortWindow(uint256 least);
    error NoDeadline();
    error NoStake();
    error NoVerifier();
    error NoAuditors();
    error UndescribedProgram(bytes32 program);
    error NoReferee(bytes32 program);
    error AlreadyRewarded();
    error WrongClaim();
    error Disputed(uint256 games);
    error WeakVerdict();
    error Undecided();
    error BadProof();

    event JobPosted(bytes32 indexed job, address indexed requester, Job content, Policy policy, Terms terms);
    event JobCancelled(bytes32 indexed job, uint256 refund);
    event ClaimRefuted(bytes32 indexed job, address indexed provider, uint256 refund, uint256 held);
    event ChallengerRewarded(bytes32 indexed job, address indexed provider, address indexed challenger, uint256 amount);
    event JobVoided(bytes32 indexed job, uint256 refund);
    event StakeReleased(bytes32 indexed job, address indexed provider, uint256 stake);
    event ClaimFiled(bytes32 indexed job, address indexed provider, Claim claim, Refusal declared, uint256 closes);
    event EngagementSettled(bytes32 indexed job, address indexed provider, uint256 earned, uint256 stake, uint256 refund);
    event EngagementExpired(bytes32 indexed job, address indexed provider, uint256 refund);
    event VerdictCounted(
        bytes32 indexed job, address indexed provider, address indexed auditor, uint8 outcome, bytes32 receipt, bytes32 evidence
    );
    event ProofAccepted(bytes32 indexed job, address indexed provider, Claim claim, uint256 earned);

    uint8 private constant OPTIMISTIC = 1;
    uint8 private constant AUDITED = 3;
    uint8 private constant PROVEN = 4;
    uint8 private constant SAMPLED = 2;
    uint8 private constant REPLAYED = 3;
    uint256 private constant WHOLE = 10_000;
    uint256 private constant MAX_SEATS = 64;
    /// @notice Blocks between posting and the block that draws the seats.
    uint256 private constant DRAW_DELAY = 8;
    /// @notice What a move and a challenge window have beside the time of a replay.
    uint256 private constant GRACE = 1 days;

    /// @notice By signing, a requester has somebody post its job for it.
    bytes32 private constant POSTING_TYPE = keccak256("Posting(bytes32 job,bytes32 terms)");
    bytes32 private constant REFUSAL_TYPE =
        keccak256("Refusal(bool refused,uint64 step,uint32 node,uint64 element,uint8 reason)");
    /// @notice By signing, a provider has somebody file its claim for it.
    bytes32 private constant FILING_TYPE = keccak256(
        "Filing(Claim claim,address provider,Refusal declared)Claim(bytes32 job,bytes32 outputs,bytes32 finalState,bytes32 run)Refusal(bool refused,uint64 step,uint32 node,uint64 element,uint8 reason)"
    );

    /// @notice The only contract that may refute claims.
    IDispute public immutable DISPUTE;
    /// @notice The functions of quorums (contracts/Quorums.sol), which run on the state of this contract: one contract would be too large.
    address public immutable QUORUMS;

    constructor(IDispute dispute, address quorums) {
        require(address(dispute) != address(0), ZeroDispute());
        require(quorums.code.length > 0, NoQuorums());
        (DISPUTE, QUORUMS) = (dispute, quorums);
    }

    /// @dev J0 (one state): the code is fixed with this contract's own, has the same storage (Jobs alone declares any), and is asked for nothing
    /// that is here.
    fallback() external payable {
        address quorums = QUORUMS;
        assembly ("memory-safe") {
            let data := mload(0x40)
            calldatacopy(data, 0, calldatasize())
            let done := delegatecall(gas(), quorums, data, calldatasize(), 0, 0)
            returndatacopy(data, 0, returndatasize())
            if iszero(done) { revert(data, returndatasize()) }
            return(data, returndatasize())
        }
    }

    modifier onlyDispute() {
        // J1 (judge): nobody but the dispute contract moves a stake for a false claim, or voids a job.
        require(msg.sender == address(DISPUTE), NotDispute());
        _;
    }

    /// @notice Money comes with what it is for.
    receive() external payable {
        revert WrongValue(0, msg.value);
    }

    // --- views

    /// @notice The EIP-712 domain of everything that is signed for this contract.
    function domainSeparator() external view returns (bytes32) {
        return _domainSeparatorV4();
    }

    /// @notice A job as it stands.
    function jobOf(bytes32 job) external view returns (Posted memory) {
        return _jobs[job];
    }

    /// @inheritdoc ISettlement
    function providerOf(bytes32 id) external view returns (address) {
        return _engagements[id].provider;
    }

    /// @inheritdoc ISettlement
    function requesterOf(bytes32 job) external view returns (address) {
        return _jobs[job].requester;
    }

    /// @inheritdoc ISettlement
    function refusalOf(bytes32 id) external view returns (Refusal memory) {
        Engagement storage own = _engagements[id];
        return _refusals[_isEarning(_jobs[own.job], own) ? own.job : id];
    }

    /// @inheritdoc ISettlement
    function engagementOf(bytes32 id)
        external
        view
        returns (State state, bytes32 claim, uint64 claimedAt, uint64 closes, bytes32 terms, bytes32 job)
    {
        Engagement storage own = _engagements[id];
        Posted storage posted = _jobs[own.job];
        (state, job, terms) = (_stateOf(posted, own), own.job, posted.terms);
        if (posted.isVoid && _isLive(state)) state = State.Void;
        bool isAgreed = own.claim == 0 && (_isEarning(posted, own) || state == State.Paid || state == State.Slashed);
        claim = isAgreed ? posted.agreed : own.claim;
        if (claim == 0) return (state, claim, 0, 0, terms, job);
        // What was agreed was sealed by the deadline.
        claimedAt = isAgreed ? posted.deadline : own.since;
        closes = uint64(_closes(posted, claimedAt));
    }

    // --- posting

    /// @notice Posts a job and pays for it. By the requester, or by whoever holds its signature over (job, terms), who then pays.
    function post(Job calldata job, Policy calldata policy, Terms calldata terms, bytes calldata signature)
        external
        payable
        nonReentrant
        returns (bytes32 hash)
    {
        hash = Receipts.hash(job);
        Posted storage posted = _jobs[hash];
        bytes32 own = keccak256(abi.encode(terms));
        // J2 (once): a job has one payment, one set of terms and one life.
        require(posted.terms == 0, AlreadyPosted(hash));
        require(job.policy == Receipts.hash(policy), Receipts.WrongPolicy());
        _demandJob(job, policy);
        _demandTerms(policy, terms);
        _demandSigned(job.requester, keccak256(abi.encode(POSTING_TYPE, hash, own)), signature);
        (posted.terms, posted.requester, posted.kind, posted.steps) = (own, job.requester, policy.kind, job.steps);
        // casting is safe: _demandJob bounds both
        (posted.deadline, posted.window) = (uint40(job.deadline), uint40(policy.window));
        uint16 seats = policy.kind == Receipts.QUORUM ? policy.replicas : 1;
        (posted.seats, posted.open) = (seats, seats);
        require(terms.payment % seats == 0, BadTerms());
        if (policy.kind == Receipts.QUORUM) _postSeats(posted, policy);
        emit JobPosted(hash, job.requester, job, policy, terms);
        _receive(terms.token, terms.payment);
    }

    function _postSeats(Posted storage posted, Policy calldata policy) private {
        bool isDrawn = policy.auditors.length == 0;
        posted.replicas = isDrawn ? policy.extension : keccak256(abi.encode(policy.auditors));
        // casting is safe: blocks are far from 2^40
        if (isDrawn) posted.drawBlock = uint40(block.number + DRAW_DELAY);
    }

    function _demandJob(Job calldata job, Policy calldata policy) private view {
        uint8 kind = policy.kind;
        // J3 (checked): somebody or something checks the work of every job that is paid.
        require(kind >= OPTIMISTIC && kind <= PROVEN, WrongKind(kind));
        require(job.steps > 0 && job.commitEvery > 0, BadJob());
        require(job.deadline == 0 || job.deadline > block.timestamp, TooLate(job.deadline));
        uint256 latest = job.deadline + 2 * uint256(policy.window);
        require(latest <= type(uint40).max && block.timestamp + policy.window <= type(uint40).max, BadJob());
        // J4 (no end without a clock): seals and proofs are due by the deadline.
        require(job.deadline != 0 || (kind != Receipts.QUORUM && kind != PROVEN), NoDeadline());
        require(policy.window > 0 || kind == PROVEN, ShortWindow(1));
        if (kind == Receipts.QUORUM) _demandSeats(policy);
        require(kind != AUDITED || policy.auditors.length > 0, NoAuditors());
        if (kind == OPTIMISTIC) _demandDescribed(job.program, policy);
    }

    function _demandSeats(Policy calldata policy) private pure {
        (uint256 seats, uint256 named) = (policy.replicas, policy.auditors.length);
        bool sound = policy.threshold <= seats && 2 * uint256(policy.threshold) > seats && seats <= MAX_SEATS;
        require(sound && (named == 0 || named == seats), BadSeats());
        for (uint256 i = 1; i < named; ++i) require(policy.auditors[i - 1] < policy.auditors[i], BadSeats());
    }

    /// @dev J5 (decidable): a challenger finds the program's counts on the chain, and somebody who decides each of its ops.
    function _demandDescribed(bytes32 program, Policy calldata policy) private view {
        (bool known, bool named) = DISPUTE.described(program);
        require(known, UndescribedProgram(program));
        require(!named || policy.auditors.length > 0, NoReferee(program));
    }

    function _demandTerms(Policy calldata policy, Terms calldata terms) private view {
        bool isSmall = (terms.payment | terms.stake | terms.bond) <= type(uint128).max;
        require(isSmall && terms.refusedShare <= WHOLE, BadTerms());
        if (policy.kind == PROVEN) return require(terms.verifier.code.length > 0, NoVerifier());
        // J6 (time): who is honest can always answer and always replay.
        uint256 least = terms.replayTime + GRACE;
        require(terms.moveTime >= least, ShortMoves(least));
        if (policy.kind != OPTIMISTIC) return;
        require(policy.window >= least, ShortWindow(least));
        // J7 (a lie costs): the challenger's half comes out of a stake.
        require(terms.stake > 1, NoStake());
    }

    /// @notice The requester takes its payment back while nobody works for it: of a proven job, and of one whose seats are drawn, behind the
    /// deadline.
    function cancel(bytes32 job, Terms calldata terms) external {
        Posted storage posted = _posted(job, terms);
        require(msg.sender == posted.requester, NotRequester(msg.sender));
        // J8 (no rug): whoever took the job is paid by the rules.
        require(posted.takers == 0, JobTaken(job));
        // J16 (one draw): who knows which seats are drawn does not draw again by another job.
        bool waits = posted.kind == PROVEN || (posted.drawBlock != 0 && block.number > posted.drawBlock);
        require(!waits || block.timestamp > posted.deadline, TooEarly(posted.deadline));
        require(posted.open > 0, JobClosed(job));
        uint256 refund = _closeAll(posted, terms);
        emit JobCancelled(job, refund);
    }

    // --- taking

    /// @notice Takes a job and stakes. By the provider, or by whoever holds its signature, who then stakes for it; the first one has the job.
    function take(bytes32 job, Terms calldata terms, address provider, bytes calldata signature)
        external
        payable
        nonReentrant
    {
        Posted storage posted = _posted(job, terms);
        require(posted.kind == OPTIMISTIC || posted.kind == AUDITED, WrongKind(posted.kind));
        require(posted.takers == 0, JobTaken(job));
        _take(job, terms, provider, 0, signature);
    }

    // --- what a dispute does

    /// @inheritdoc ISettlement
    function refute(bytes32 id, Terms calldata terms) external onlyDispute returns (uint256 held) {
        Engagement storage own = _engagements[id];
        Posted storage posted = _posted(own.job, terms);
        // J10 (a claim is false once): only a claim that is neither paid nor refuted.
        _demandClaimed(posted, own);
        held = terms.stake / 2;
        uint256 refund = _takeShare(posted, own, terms);
        own.state = State.Slashed;
        // J11 (slashing oneself costs): at least half of the stake leaves the provider's reach, whoever challenges.
        refund += terms.stake - held;
        _credit(terms.token, posted.requester, refund);
        emit ClaimRefuted(own.job, own.provider, refund, held);
    }

    /// @inheritdoc ISettlement
    function reward(bytes32 id, address challenger, Terms calldata terms) external onlyDispute {
        Engagement storage own = _engagements[id];
        _demandKnown(_jobs[own.job], own.job, terms);
        require(own.state == State.Slashed, WrongState(own.state));
        // J12 (one reward): the held half goes to one challenger.
        require(!own.rewarded, AlreadyRewarded());
        own.rewarded = true;
        _credit(terms.token, challenger, terms.stake / 2);
        emit ChallengerRewarded(own.job, own.provider, challenger, terms.stake / 2);
    }

    /// @inheritdoc ISettlement
    function voidJob(bytes32 job, Terms calldata terms) external onlyDispute {
        Posted storage posted = _posted(job, terms);
        posted.isVoid = true;
        uint256 refund = _closeAll(posted, terms);
        emit JobVoided(job, refund);
    }

    /// @notice Gives a provider of a void job its stake back. By anybody.
    function release(bytes32 job, address provider, Terms calldata terms) external {
        Posted storage posted = _jobs[job];
        _demandKnown(posted, job, terms);
        Engagement storage own = _engagements[Referees.idOf(job, provider)];
        // J13 (void): nobody loses by a job that has no right answer, and nobody gets more than it staked.
        require(posted.isVoid && _isLive(own.state), WrongState(own.state));
        own.state = State.Void;
        _credit(terms.token, provider, terms.stake);
        emit StakeReleased(job, provider, terms.stake);
    }

    /// @dev All that is left of the payment goes back.
    function _closeAll(Posted storage posted, Terms calldata terms) private returns (uint256 refund) {
        refund = terms.payment / posted.seats * posted.open;
        (posted.open, posted.earning) = (0, 0);
        _credit(terms.token, posted.requester, refund);
    }

    // --- optimistic and audited

    /// @notice Files the claim of the provider that took the job, by the deadline; what is declared decides what may be disputed.
    function fileClaim(Claim calldata own, address provider, Refusal calldata declared, bytes calldata signature)
        external
    {
        Posted storage posted = _jobs[own.job];
        Engagement storage engagement = _engagements[Referees.idOf(own.job, provider)];
        require(!posted.isVoid, VoidedJob(own.job));
        require(posted.kind != Receipts.QUORUM, WrongKind(posted.kind));
        // S1 (one claim): a provider claims once, after it staked.
        require(engagement.state == State.Taken, WrongState(engagement.state));
        uint256 due = _due(posted, engagement);
        require(block.timestamp <= due, TooLate(due));
        bytes32 hash = Receipts.hash(own);
        if (msg.sender != provider) _demandSigned(provider, _filingOf(hash, provider, declared), signature);
        (engagement.state, engagement.since, engagement.claim) = (State.Claimed, uint48(block.timestamp), hash);
        engagement.refused = declared.refused;
        _declare(posted, Referees.idOf(own.job, provider), own.outputs, declared);
        emit ClaimFiled(own.job, provider, own, declared, _closes(posted, block.timestamp));
    }

    /// @dev S2 (own word): a relayer cannot declare anything but what the provider signed.
    function _filingOf(bytes32 claimHash, address provider, Refusal calldata declared) private pure returns (bytes32) {
        bytes32 inner = keccak256(abi.encode(REFUSAL_TYPE, declared));
        return keccak256(abi.encode(FILING_TYPE, claimHash, provider, inner));
    }

    /// @notice Settles a claim when the time to dispute it is over: stake back, and what it earns. By anybody.
    function settle(bytes32 job, address provider, Terms calldata terms) external {
        Posted storage posted = _posted(job, terms);
        bytes32 id = Referees.idOf(job, provider);
        Engagement storage own = _engagements[id];
        _demandClaimed(posted, own);
        // S3 (time to dispute): nothing is paid before the window is over, nor while a game from inside of it lives.
        uint256 closes = _closes(posted, own.since);
        require(block.timestamp > closes, TooEarly(closes));
        _demandUndisputed(id);
        // S4 (no verdict, no pay): silent auditors cost the provider its pay, and nobody a stake.
        _settle(posted, own, terms, posted.kind != AUDITED);
    }

    function _demandUndisputed(bytes32 id) private view {
        uint256 games = DISPUTE.live(id);
        require(games == 0, Disputed(games));
    }

    /// @dev S5 (paid once): the state leaves Claimed before anything is credited.
    function _settle(Posted storage posted, Engagement storage own, Terms calldata terms, bool earns) private {
        Refusal memory declared;
        bool isAgreed = _isEarning(posted, own);
        if (isAgreed) declared = _refusals[own.job];
        else if (own.refused) declared = _refusals[Referees.idOf(own.job, own.provider)];
        uint256 share = _takeShare(posted, own, terms);
        own.state = State.Paid;
        uint256 earned = share > 0 && earns ? _earned(posted, declared, terms) : 0;
        _credit(terms.token, own.provider, terms.stake + earned);
        _credit(terms.token, posted.requester, share - earned);
        emit EngagementSettled(own.job, own.provider, earned, terms.stake, share - earned);
    }

    /// @dev What a run earns of its share: all, or if it was refused, the terms' part of the steps done.
    function _earned(Posted storage posted, Refusal memory declared, Terms calldata terms)
        private
        view
        returns (uint256)
    {
        uint256 share = terms.payment / posted.seats;
        if (!declared.refused) return share;
        return share * terms.refusedShare * declared.step / (WHOLE * posted.steps);
    }

    /// @notice Ends the engagement of a provider that showed no claim in time: the stake is the requester's. By anybody.
    function expire(bytes32 job, address provider, Terms calldata terms) external {
        Posted storage posted = _posted(job, terms);
        Engagement storage own = _engagements[Referees.idOf(job, provider)];
        State state = _stateOf(posted, own);
        // S6 (silence): only of who has shown no claim, and only when it can show none any more.
        require(state == State.Taken || state == State.Sealed, WrongState(state));
        uint256 due = _due(posted, own);
        require(block.timestamp > due, TooEarly(due));
        uint256 back = terms.stake + _takeShare(posted, own, terms);
        own.state = State.Expired;
        _credit(terms.token, posted.requester, back);
        emit EngagementExpired(job, provider, back);
    }

    // --- audited

    /// @notice Settles a claim by the verdict of an auditor whom the policy names. An auditor looks at what was declared, too.
    function settleAudited(
        Job calldata job,
        Policy calldata policy,
        Terms calldata terms,
        Receipt calldata receipt,
        Verdict calldata verdict,
        bytes calldata signature
    ) external {
        bytes32 hash = Receipts.hash(job);
        Posted storage posted = _posted(hash, terms);
        require(posted.kind == AUDITED, WrongKind(posted.kind));
        require(job.policy == Receipts.hash(policy), Receipts.WrongPolicy());
        bytes32 id = Referees.idOf(hash, receipt.provider);
        Engagement storage own = _engagements[id];
        _demandClaimed(posted, own);
        // S7 (this claim): a verdict counts for the claim that was filed and no other.
        require(receipt.claim.job == hash && own.claim == Receipts.hash(receipt.claim), WrongClaim());
        bytes32 name = Receipts.hash(receipt);
        uint8 outcome = Receipts.verifyVerdict(_domainSeparatorV4(), policy, name, verdict, signature);
        // S8 (three outcomes): undecided moves nothing.
        require(outcome != Receipts.UNDECIDED, Undecided());
        emit VerdictCounted(hash, own.provider, verdict.auditor, outcome, name, verdict.evidence);
        if (outcome == Receipts.REFUTED) return _refuteByVerdict(posted, own, terms);
        require(_isEnough(policy.samples, verdict), WeakVerdict());
        _demandUndisputed(id);
        _settle(posted, own, terms, true);
    }

    /// @dev The auditor gets nothing of the stake, so that it gains nothing by refuting.
    function _refuteByVerdict(Posted storage posted, Engagement storage own, Terms calldata terms) private {
        uint256 back = terms.stake + _takeShare(posted, own, terms);
        (own.state, own.rewarded) = (State.Slashed, true);
        _credit(terms.token, posted.requester, back);
        emit ClaimRefuted(own.job, own.provider, back, 0);
    }

    /// @dev As many steps as the policy asks for; of 0, all.
    function _isEnough(uint16 samples, Verdict calldata verdict) private pure returns (bool) {
        if (samples == 0) return verdict.grade >= REPLAYED;
        return verdict.grade >= SAMPLED && (verdict.sampled >= samples || verdict.sampled == verdict.total);
    }

    // --- proven

    /// @notice Pays the provider that a proof names, whoever sends it, by the deadline. No stake and no window: a proof is no word of anybody.
    function settleProven(Job calldata job, Terms calldata terms, Claim calldata own, address provider, bytes calldata proof)
        external
        nonReentrant
    {
        bytes32 hash = Receipts.hash(job);
        Posted storage posted = _posted(hash, terms);
        require(posted.kind == PROVEN, WrongKind(posted.kind));
        require(own.job == hash, WrongClaim());
        require(provider != address(0), Receipts.ZeroAddress());
        require(block.timestamp <= posted.deadline, TooLate(posted.deadline));
        // S9 (one proof): the first one closes the job.
        require(posted.open > 0, JobClosed(hash));
        bytes32 context = keccak256(abi.encode(block.chainid, address(this), hash, provider));
        // Fails closed: a verifier that reverts or says no pays nobody.
        require(_isProven(terms.verifier, job, own, context, proof), BadProof());
        Engagement storage engagement = _engagements[Referees.idOf(hash, provider)];
        (engagement.provider, engagement.state, engagement.since) = (provider, State.Paid, uint48(block.timestamp));
        (engagement.job, engagement.claim) = (hash, Receipts.hash(own));
        uint256 earned = _takeShare(posted, engagement, terms);
        _credit(terms.token, provider, earned);
        emit ProofAccepted(hash, provider, own, earned);
    }

    function _isProven(address verifier, Job calldata job, Claim calldata own, bytes32 context, bytes calldata proof)
        private
        view
        returns (bool)
    {
        return IProofVerifier(verifier).verify(job, own, context, proof);
    }
}
