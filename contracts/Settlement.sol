// SPDX-License-Identifier: MIT
pragma solidity ^0.8.31;

import {IDispute, State, Terms} from "./ISettlement.sol";
import {Engagement, Jobs, Posted} from "./Jobs.sol";
import {Quorums} from "./Quorums.sol";
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
contract Settlement is Quorums {
    error WrongClaim();
    error Disputed(uint256 games);
    error WeakVerdict();
    error Undecided();
    error BadProof();

    event ClaimFiled(bytes32 indexed job, address indexed provider, Claim claim, Refusal declared, uint256 closes);
    event EngagementSettled(bytes32 indexed job, address indexed provider, uint256 earned, uint256 stake, uint256 refund);
    event EngagementExpired(bytes32 indexed job, address indexed provider, uint256 refund);
    event VerdictCounted(
        bytes32 indexed job, address indexed provider, address indexed auditor, uint8 outcome, bytes32 receipt, bytes32 evidence
    );
    event ProofAccepted(bytes32 indexed job, address indexed provider, Claim claim, uint256 earned);

    bytes32 private constant REFUSAL_TYPE =
        keccak256("Refusal(bool refused,uint64 step,uint32 node,uint64 element,uint8 reason)");
    /// @notice What a provider signs to have its claim filed by somebody else.
    bytes32 private constant FILING_TYPE = keccak256(
        "Filing(Claim claim,address provider,Refusal declared)Claim(bytes32 job,bytes32 outputs,bytes32 finalState,bytes32 run)Refusal(bool refused,uint64 step,uint32 node,uint64 element,uint8 reason)"
    );
    uint8 private constant SAMPLED = 2;
    uint8 private constant REPLAYED = 3;

    constructor(IDispute dispute) Jobs(dispute) {}

    // --- optimistic and audited

    /// @notice Files the claim of the provider that took the job, by the deadline; what is declared decides what may be disputed.
    function claim(Claim calldata own, address provider, Refusal calldata declared, bytes calldata signature) external {
        Posted storage posted = _jobs[own.job];
        Engagement storage engagement = _engagements[Referees.idOf(own.job, provider)];
        require(!posted.isVoid, VoidedJob(own.job));
        require(posted.kind != Receipts.QUORUM, WrongKind(posted.kind));
        // S1 (one claim): a provider claims once, after it staked.
        require(engagement.state == State.Taken, WrongState(engagement.state));
        uint256 due = _due(posted, engagement);
        require(block.timestamp <= due, TooLate(due));
        _demandRecord(own.outputs, declared);
        bytes32 hash = Receipts.hash(own);
        if (msg.sender != provider) _demandSigned(provider, _filingOf(hash, provider, declared), signature);
        (engagement.state, engagement.since, engagement.claim) = (State.Claimed, uint48(block.timestamp), hash);
        if (declared.refused) {
            require(declared.step < posted.steps, WrongRefusal());
            engagement.refused = true;
            _refusals[Referees.idOf(own.job, provider)] = declared;
        }
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
