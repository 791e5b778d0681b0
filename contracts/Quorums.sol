// SPDX-License-Identifier: MIT
pragma solidity ^0.8.31;

import {Blockhash} from "@openzeppelin/contracts/utils/Blockhash.sol";
import {Draw} from "./Draw.sol";
import {State, Terms} from "./ISettlement.sol";
import {Engagement, Jobs, Posted} from "./Jobs.sol";
import {Job, Policy, Receipt, Receipts, Reveal, Seal} from "./Receipts.sol";
import {Referees, Refusal} from "./Referee.sol";

/// @title Quorums: replicas take their seats and seal by the deadline, reveal in the window behind it, and may be disputed in one more.
/// @notice Votes pay, and slash nobody: a seat that agrees earns its share, one that dissents keeps its stake unless a dispute refutes it, one that
/// shows no claim in time loses its stake, as under every policy.
/// This code runs on the state of Settlement, which forwards to it; alone it holds no job.
contract Quorums is Jobs {
    error NotDrawn(uint256 drawBlock);
    error Drawn();
    error LostBeacon(uint256 drawBlock);
    error WrongReplicas();
    error NotASeat(address provider, uint256 seat);
    error EmptySeal();
    error SealsOpen();
    error WrongSeals();
    error Agreed();
    error RefutedReplica(address provider);
    error NothingLeft();

    event SeatsDrawn(bytes32 indexed job, uint256 drawBlock, bytes32 beacon, address[] replicas);
    event ClaimSealed(bytes32 indexed job, address indexed provider, bytes32 commitment);
    event ClaimRevealed(
        bytes32 indexed job, address indexed provider, bytes32 claim, bool earns, Reveal content, Refusal declared
    );
    event QuorumAgreed(bytes32 indexed job, bytes32 claim, uint256 seats, Receipt receipt, Refusal declared);
    event SharesRefunded(bytes32 indexed job, uint256 shares, uint256 refund);

    /// @notice The first half of the salt of a seal over a refused run's claim, and of no other: by it the provider itself says which
    /// it is, and nobody who reveals for it can say otherwise.
    bytes16 public constant REFUSED_SALT = bytes16(keccak256("Countersign: seal of a refused run"));

    // --- seats

    /// @notice Draws the seats, by anybody, from the block that was named when the job was posted. Its hash is known for 8,191 blocks (EIP-2935); a
    /// job that nobody drew in this time can only be cancelled, behind its deadline. Trust: who proposes that block may withhold it once a turn.
    function draw(bytes32 job, address[] calldata candidates) external returns (address[] memory replicas) {
        Posted storage posted = _jobs[job];
        uint256 drawBlock = posted.drawBlock;
        // Q1 (one draw): seats are drawn once, by one block that was fixed before anybody knew it.
        require(drawBlock > DRAWN, Drawn());
        require(posted.replicas == keccak256(abi.encode(candidates)), WrongReplicas());
        require(block.number > drawBlock, NotDrawn(drawBlock));
        bytes32 beacon = Blockhash.blockHash(drawBlock);
        require(beacon != 0, LostBeacon(drawBlock));
        replicas = Draw.draw(job, beacon, candidates, posted.seats);
        (posted.replicas, posted.drawBlock) = (keccak256(abi.encode(replicas)), DRAWN);
        emit SeatsDrawn(job, drawBlock, beacon, replicas);
    }

    /// @notice Takes a seat and stakes, as `take` does. `replicas` are all of them, ascending.
    function takeSeat(
        bytes32 job,
        Terms calldata terms,
        address provider,
        bytes calldata signature,
        address[] calldata replicas,
        uint256 seat
    ) external payable nonReentrant {
        Posted storage posted = _posted(job, terms);
        require(posted.kind == Receipts.QUORUM, WrongKind(posted.kind));
        require(posted.drawBlock <= DRAWN, NotDrawn(posted.drawBlock));
        require(posted.replicas == keccak256(abi.encode(replicas)), WrongReplicas());
        // Q2 (never first come): a seat is its replica's.
        require(seat < replicas.length && replicas[seat] == provider, NotASeat(provider, seat));
        _take(job, terms, provider, seat, signature);
    }

    /// @notice Seals a claim. By the provider, or with its signature over the seal.
    function seal(Seal calldata own, bytes calldata signature) external {
        Posted storage posted = _jobs[own.job];
        Engagement storage engagement = _engagements[Referees.idOf(own.job, own.provider)];
        require(!posted.isVoid, VoidedJob(own.job));
        require(posted.kind == Receipts.QUORUM, WrongKind(posted.kind));
        // Q3 (one seal): a replica commits itself once.
        require(engagement.state == State.Taken, WrongState(engagement.state));
        // Q4 (sealed, then revealed): no seal comes after the seals were closed.
        require(block.timestamp <= posted.deadline, TooLate(posted.deadline));
        require(own.commitment != 0, EmptySeal());
        _demandSigned(own.provider, Receipts.hash(own), signature);
        (engagement.state, engagement.seal) = (State.Sealed, own.commitment);
        ++posted.seals;
        emit ClaimSealed(own.job, own.provider, own.commitment);
    }

    /// @dev Time to reveal: from the closing of the seals to the end of the window. The list must be all seals that are in.
    function _demandReveals(Posted storage posted, bytes32 job, Seal[] calldata list) private view {
        require(!posted.isVoid, VoidedJob(job));
        require(posted.kind == Receipts.QUORUM, WrongKind(posted.kind));
        uint256 due = uint256(posted.deadline) + posted.window;
        // Q5 (time to reveal): once all seals are in or the deadline passed, and no later than the window.
        require(posted.seals == posted.seats || block.timestamp > posted.deadline, SealsOpen());
        require(block.timestamp <= due, TooLate(due));
        // Q6 (the whole list): nobody leaves out a seal. Its order, and that none stands twice, is checked with its root.
        require(list.length == posted.seals, WrongSeals());
        for (uint256 i = 0; i < list.length; ++i) {
            bytes32 commitment = _engagements[Referees.idOf(job, list[i].provider)].seal;
            require(commitment != 0 && list[i].commitment == commitment && list[i].job == job, WrongSeals());
        }
    }

    /// @notice Finds enough replicas to agree on a claim, by anybody. Each seat is settled for itself when the time to dispute is over.
    function settleQuorum(
        Job calldata job,
        Policy calldata policy,
        address[] calldata drawn,
        Seal[] calldata list,
        Reveal[] calldata reveals,
        Refusal calldata declared
    ) external returns (bytes32 claim) {
        bytes32 hash = Receipts.hash(job);
        Posted storage posted = _jobs[hash];
        _demandReveals(posted, hash, list);
        // Q7 (one agreement): more than half of the seats are needed, so there is no second one.
        require(posted.agreed == 0, Agreed());
        if (policy.auditors.length == 0) require(posted.replicas == keccak256(abi.encode(drawn)), WrongReplicas());
        claim = Receipts.verifyQuorum(_domainSeparatorV4(), job, policy, drawn, list, reveals);
        uint64 earning = 0;
        for (uint256 i = 0; i < reveals.length; ++i) {
            earning |= _seatOf(hash, reveals[i].receipt.provider);
            _demandDeclared(reveals[i], declared);
        }
        (posted.agreed, posted.earning) = (claim, earning);
        // All of them make this claim, so one record stands for all.
        _declare(posted, hash, reveals[0].receipt.claim.outputs, declared);
        emit QuorumAgreed(hash, claim, earning, reveals[0].receipt, declared);
    }

    /// @dev Q8 (no share for a refuted claim): what a dispute has decided, no vote undoes.
    function _seatOf(bytes32 job, address provider) private view returns (uint64) {
        Engagement storage own = _engagements[Referees.idOf(job, provider)];
        require(own.state == State.Sealed || own.state == State.Claimed, RefutedReplica(provider));
        return uint64(1) << own.seat;
    }

    /// @dev Q9 (own word): what is declared about a claim is what its provider sealed.
    function _demandDeclared(Reveal calldata one, Refusal calldata declared) private pure {
        require((bytes16(one.salt) == REFUSED_SALT) == declared.refused, WrongRefusal());
    }

    /// @notice Shows one replica's claim: a dissent, which may then be disputed, or one more voice for what was agreed. Whoever sealed shows its
    /// claim in this time, here or among those that agree, or loses its stake.
    function reveal(Seal[] calldata list, Reveal calldata own, Refusal calldata declared) external {
        Receipt calldata receipt = own.receipt;
        bytes32 job = receipt.claim.job;
        Posted storage posted = _jobs[job];
        _demandReveals(posted, job, list);
        require(receipt.sealSet == Receipts.sealSetOf(list), Receipts.WrongSealSet(receipt.provider));
        Engagement storage engagement = _engagements[Referees.idOf(job, receipt.provider)];
        bytes32 claim = Receipts.hash(receipt.claim);
        bytes32 commitment = Receipts.commitmentOf(claim, receipt.provider, own.salt);
        require(engagement.seal != 0 && engagement.seal == commitment, Receipts.WrongSeal(receipt.provider));
        _demandDeclared(own, declared);
        // Signed even where the provider itself sends it: others need the signature to show that enough agree.
        Receipts.verifySignature(_domainSeparatorV4(), Receipts.hash(receipt), receipt.provider, own.signature);
        // A replica that declares otherwise than those that agree stands for itself.
        bool earns = claim == posted.agreed && declared.refused == _refusals[job].refused;
        if (earns) _join(posted, engagement);
        else _dissent(posted, engagement, receipt, declared);
        emit ClaimRevealed(job, receipt.provider, claim, earns, own, declared);
    }

    /// @dev Q10 (no vote forgotten): who agrees earns, whether or not the others took its reveal with theirs.
    function _join(Posted storage posted, Engagement storage engagement) private {
        State state = engagement.state;
        bool isNew = (state == State.Sealed || state == State.Claimed) && !_isEarning(posted, engagement);
        require(isNew, WrongState(_stateOf(posted, engagement)));
        posted.earning |= uint64(1) << engagement.seat;
    }

    function _dissent(Posted storage posted, Engagement storage engagement, Receipt calldata receipt, Refusal calldata declared)
        private
    {
        require(engagement.state == State.Sealed, WrongState(engagement.state));
        (engagement.state, engagement.since) = (State.Claimed, uint48(block.timestamp));
        (engagement.claim, engagement.refused) = (Receipts.hash(receipt.claim), declared.refused);
        bytes32 id = Referees.idOf(receipt.claim.job, receipt.provider);
        _declare(posted, id, receipt.claim.outputs, declared);
    }

    /// @notice Gives the requester the shares that nobody earns, once the time to reveal is over. By anybody.
    function refund(bytes32 job, Terms calldata terms) external {
        Posted storage posted = _posted(job, terms);
        require(posted.kind == Receipts.QUORUM, WrongKind(posted.kind));
        uint256 due = uint256(posted.deadline) + posted.window;
        require(block.timestamp > due, TooEarly(due));
        // Q11 (earned shares stay): only what no seat can earn any more.
        uint256 shares = posted.open - _count(posted.earning);
        require(shares > 0, NothingLeft());
        // casting is safe: no more than are open
        posted.open -= uint16(shares);
        uint256 amount = terms.payment / posted.seats * shares;
        _credit(terms.token, posted.requester, amount);
        emit SharesRefunded(job, shares, amount);
    }

    function _count(uint256 bits) private pure returns (uint256 count) {
        for (; bits != 0; bits &= bits - 1) ++count;
    }
}
