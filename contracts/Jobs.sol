// SPDX-License-Identifier: MIT
pragma solidity ^0.8.31;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {State, Terms} from "./ISettlement.sol";
import {Receipts} from "./Receipts.sol";
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
    uint40 deadline;
    uint40 window;
    /// Quorum by draw: the block whose hash draws the seats; DRAWN as soon as they are known. Zero where the policy names them.
    uint40 drawBlock;
    /// Quorum: the seats that made the agreed claim and were not settled yet, a bit each.
    uint64 earning;
    /// Quorum: keccak256(abi.encode(address[])) of the replicas; before a draw, of the candidates.
    bytes32 replicas;
    /// Quorum: the claim on which enough replicas agree.
    bytes32 agreed;
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

/// @title Jobs and engagements as they are stored, and what all policies do with them.
/// @notice Money at rest is, for every job, its open shares and the stakes of engagements that are Taken, Sealed or Claimed (and, of a void
/// job, those not released; of a slashed one, the challenger's half until it is given away). Everything else was credited.
abstract contract Jobs is Vault, EIP712("Countersign", "1") {
    error UnknownJob(bytes32 job);
    error VoidedJob(bytes32 job);
    error JobClosed(bytes32 job);
    error WrongTerms();
    error WrongKind(uint8 kind);
    error WrongState(State state);
    error TooEarly(uint256 opens);
    error TooLate(uint256 closed);
    error WrongRefusal();

    event JobTakenBy(bytes32 indexed job, address indexed provider, uint256 seat);

    uint40 internal constant DRAWN = 1;
    /// @dev Reasons of a refusal are numbered from 1 (docs/formats.md); this is none.
    uint8 private constant REASONS = 5;

    /// @notice By signing, a provider states that it holds every preimage of the job (program, state, inputs, data set) and takes it.
    bytes32 internal constant TAKING_TYPE = keccak256("Taking(bytes32 job,address provider,bytes32 terms)");

    mapping(bytes32 job => Posted) internal _jobs;
    mapping(bytes32 id => Engagement) internal _engagements;
    /// @dev By id; for the claim on which a quorum agreed, by job.
    mapping(bytes32 key => Refusal) internal _refusals;

    /// @dev Takes a job for a provider, who signed it unless it is the sender, and the stake from the sender.
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
            posted.earning &= ~(uint64(1) << own.seat);
        }
        --posted.open;
        return terms.payment / posted.seats;
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

    /// @dev The record of a refusal stands as outputs in the claim. See docs/formats.md, refusals.
    function _declare(Posted storage posted, bytes32 key, bytes32 outputs, Refusal calldata declared) internal {
        if (!declared.refused) return;
        bytes memory words = abi.encode(declared.step, declared.node, declared.element, declared.reason);
        require(outputs == sha256(bytes.concat(bytes1(0x04), words)), WrongRefusal());
        require(declared.step < posted.steps && declared.reason != 0 && declared.reason < REASONS, WrongRefusal());
        _refusals[key] = declared;
    }
}
