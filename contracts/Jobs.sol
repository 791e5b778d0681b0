// SPDX-License-Identifier: MIT
pragma solidity ^0.8.31;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {IDispute, ISettlement, State, Terms} from "./ISettlement.sol";
import {Job, Policy, Receipts} from "./Receipts.sol";
import {Referees, Refusal} from "./Referee.sol";
import {Vault} from "./Vault.sol";

/// @notice A job on the chain. The payment is cut into shares, one a seat; every policy but quorum has one seat.
struct Posted {
    /// keccak256(abi.encode(Terms)); zero for a job that was not posted.
    bytes32 terms;
    address requester;
    uint8 kind;
    uint16 seats;
    /// Shares that are neither paid nor given back.
    uint16 open;
    /// Providers that took the job.
    uint16 takers;
    /// Seals that are in.
    uint16 seals;
    bool isVoid;
    uint64 steps;
    uint48 deadline;
    uint48 window;
    /// Quorum by draw: the block whose hash draws the seats; zero as soon as they are known.
    uint48 drawBlock;
    /// Quorum: when enough replicas were found to agree.
    uint48 agreedAt;
    /// Quorum: keccak256(abi.encode(address[])) of the replicas; before a draw, of the candidates.
    bytes32 replicas;
    /// Quorum: the claim on which enough replicas agree.
    bytes32 agreed;
    /// Quorum: the seats that made it and were not settled yet, a bit each.
    uint256 earning;
}

/// @notice A provider and a job.
struct Engagement {
    address provider;
    State state;
    uint8 seat;
    /// The claim is one of a refused run.
    bool refused;
    /// The challenger's half of the stake was given away.
    bool rewarded;
    /// When the job was taken; with a claim of its own, when that came.
    uint48 since;
    bytes32 job;
    bytes32 claim;
    bytes32 seal;
}

/// @title Jobs: posting, cancelling, taking, and what a dispute may do to them.
/// @notice Money at rest is, for every job, its open shares and the stakes of engagements that are Taken, Sealed or Claimed (and, of a void
/// job, those not released; of a slashed one, the challenger's half until it is given away). Everything else was credited.
abstract contract Jobs is ISettlement, Vault, EIP712("Countersign", "1") {
    error ZeroDispute();
    error NotDispute();
    error AlreadyPosted(bytes32 job);
    error UnknownJob(bytes32 job);
    error VoidedJob(bytes32 job);
    error JobClosed(bytes32 job);
    error JobTaken(bytes32 job);
    error WrongTerms();
    error WrongKind(uint8 kind);
    error WrongState(State state);
    error NotRequester(address account);
    error TooEarly(uint256 opens);
    error TooLate(uint256 closed);
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

    event JobPosted(bytes32 indexed job, address indexed requester, Job content, Policy policy, Terms terms);
    event JobCancelled(bytes32 indexed job, uint256 refund);
    event JobTakenBy(bytes32 indexed job, address indexed provider, uint256 seat);
    event ClaimRefuted(bytes32 indexed job, address indexed provider, uint256 refund, uint256 held);
    event ChallengerRewarded(bytes32 indexed job, address indexed provider, address indexed challenger, uint256 amount);
    event JobVoided(bytes32 indexed job, uint256 refund);
    event StakeReleased(bytes32 indexed job, address indexed provider, uint256 stake);

    uint8 internal constant OPTIMISTIC = 1;
    uint8 internal constant AUDITED = 3;
    uint8 internal constant PROVEN = 4;
    uint256 internal constant MAX_SEATS = 256;
    /// @notice Blocks between posting and the block that draws the seats.
    uint256 internal constant DRAW_DELAY = 8;
    uint256 private constant WHOLE = 10_000;
    /// @notice What a move and a challenge window have beside the time of a replay.
    uint256 private constant GRACE = 1 days;

    /// @notice By signing, a requester has somebody post its job for it.
    bytes32 internal constant POSTING_TYPE = keccak256("Posting(bytes32 job,bytes32 terms)");
    /// @notice By signing, a provider states that it holds every preimage of the job (program, state, inputs, data set) and takes it.
    bytes32 internal constant TAKING_TYPE = keccak256("Taking(bytes32 job,address provider,bytes32 terms)");

    /// @notice The only contract that may refute claims.
    IDispute public immutable DISPUTE;

    mapping(bytes32 job => Posted) internal _jobs;
    mapping(bytes32 id => Engagement) internal _engagements;
    /// @dev By id; for the claim on which a quorum agreed, by job.
    mapping(bytes32 key => Refusal) internal _refusals;

    constructor(IDispute dispute) {
        require(address(dispute) != address(0), ZeroDispute());
        DISPUTE = dispute;
    }

    modifier onlyDispute() {
        // J1 (judge): nobody but the dispute contract moves a stake for a false claim, or voids a job.
        require(msg.sender == address(DISPUTE), NotDispute());
        _;
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
        claimedAt = isAgreed ? posted.agreedAt : own.since;
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
        (posted.deadline, posted.window) = (uint48(job.deadline), uint48(policy.window));
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
        // casting is safe: blocks are far from 2^48
        if (isDrawn) posted.drawBlock = uint48(block.number + DRAW_DELAY);
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

    /// @notice The requester takes its payment back while nobody works for it. A proven job is open to all until its deadline.
    function cancel(bytes32 job, Terms calldata terms) external {
        Posted storage posted = _posted(job, terms);
        require(msg.sender == posted.requester, NotRequester(msg.sender));
        // J8 (no rug): whoever took the job is paid by the rules.
        require(posted.takers == 0, JobTaken(job));
        require(posted.kind != PROVEN || block.timestamp > posted.deadline, TooEarly(posted.deadline));
        uint256 refund = _closeAll(job, posted, terms);
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

    function _take(bytes32 job, Terms calldata terms, address provider, uint256 seat, bytes calldata signature)
        internal
    {
        Posted storage posted = _jobs[job];
        require(posted.open > 0, JobClosed(job));
        require(posted.deadline == 0 || block.timestamp < posted.deadline, TooLate(posted.deadline));
        Engagement storage own = _engagements[Referees.idOf(job, provider)];
        // J9 (one seat): an account has one engagement with a job, ever, so its signature serves once.
        require(own.state == State.None, WrongState(own.state));
        _demandSigned(provider, keccak256(abi.encode(TAKING_TYPE, job, provider, posted.terms)), signature);
        (own.provider, own.state, own.since, own.job) = (provider, State.Taken, uint48(block.timestamp), job);
        // casting is safe: at most MAX_SEATS
        own.seat = uint8(seat);
        ++posted.takers;
        emit JobTakenBy(job, provider, seat);
        _receive(terms.token, terms.stake);
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
        uint256 refund = _closeAll(job, posted, terms);
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

    // --- shared

    function _demandKnown(Posted storage posted, bytes32 job, Terms calldata terms) internal view {
        require(posted.terms != 0, UnknownJob(job));
        // J14 (terms): money moves by the terms under which the job was posted.
        require(posted.terms == keccak256(abi.encode(terms)), WrongTerms());
    }

    /// @dev A job that is neither unknown nor void.
    function _posted(bytes32 job, Terms calldata terms) internal view returns (Posted storage posted) {
        posted = _jobs[job];
        _demandKnown(posted, job, terms);
        require(!posted.isVoid, VoidedJob(job));
    }

    /// @dev By the sender itself, or signed.
    function _demandSigned(address signer, bytes32 structHash, bytes calldata signature) internal view {
        if (msg.sender != signer) Receipts.verifySignature(_domainSeparatorV4(), structHash, signer, signature);
    }

    /// @dev J15 (shares): every share leaves once, by this function or by _closeAll; a seat without a claim that counts has none.
    function _takeShare(Posted storage posted, Engagement storage own, Terms calldata terms)
        internal
        returns (uint256 share)
    {
        if (posted.kind == Receipts.QUORUM) {
            if (!_isEarning(posted, own)) return 0;
            posted.earning &= ~(uint256(1) << own.seat);
        }
        --posted.open;
        return terms.payment / posted.seats;
    }

    /// @dev All that is left of the payment goes back.
    function _closeAll(bytes32 job, Posted storage posted, Terms calldata terms) internal returns (uint256 refund) {
        require(posted.open > 0, JobClosed(job));
        refund = terms.payment / posted.seats * posted.open;
        (posted.open, posted.earning) = (0, 0);
        _credit(terms.token, posted.requester, refund);
    }

    function _isLive(State state) internal pure returns (bool) {
        return state == State.Taken || state == State.Sealed || state == State.Claimed;
    }

    /// @dev The agreed claim is its own; it is stored once for all.
    function _isEarning(Posted storage posted, Engagement storage own) internal view returns (bool) {
        return posted.agreed != 0 && own.state != State.None && posted.earning >> own.seat & 1 == 1;
    }

    /// @dev Without the job's being void.
    function _stateOf(Posted storage posted, Engagement storage own) internal view returns (State) {
        return own.state == State.Sealed && _isEarning(posted, own) ? State.Claimed : own.state;
    }

    function _demandClaimed(Posted storage posted, Engagement storage own) internal view {
        State state = posted.kind == Receipts.QUORUM ? _stateOf(posted, own) : own.state;
        require(state == State.Claimed, WrongState(state));
    }

    /// @dev When the claim is due: without a deadline, a window after it was taken.
    function _due(Posted storage posted, Engagement storage own) internal view returns (uint256) {
        if (posted.deadline == 0) return uint256(own.since) + posted.window;
        return posted.kind == Receipts.QUORUM ? uint256(posted.deadline) + posted.window : posted.deadline;
    }

    /// @dev The window begins at the deadline, of a quorum behind the time to reveal, without a deadline with the claim.
    function _closes(Posted storage posted, uint256 claimedAt) internal view returns (uint256) {
        uint256 window = posted.window;
        if (posted.deadline == 0) return claimedAt + window;
        return posted.deadline + (posted.kind == Receipts.QUORUM ? 2 * window : window);
    }

    /// @dev What a run earns of its share: all, or if it was refused, the terms' part of the steps done.
    function _earned(Posted storage posted, Refusal memory declared, Terms calldata terms)
        internal
        view
        returns (uint256)
    {
        uint256 share = terms.payment / posted.seats;
        if (!declared.refused) return share;
        return share * terms.refusedShare * declared.step / (WHOLE * posted.steps);
    }
}
