// SPDX-License-Identifier: MIT
pragma solidity ^0.8.31;

import {Refusal} from "./Referee.sol";

/// @notice What a job pays and what it costs to break it. Stored as a hash, so it comes with every transaction that moves money.
struct Terms {
    /// The ERC-20 token of all amounts, in its smallest unit; zero for the chain's own coin.
    address token;
    /// For the whole job; a quorum divides it by its seats.
    uint256 payment;
    /// What each provider stakes.
    uint256 stake;
    /// A challenger's first bond.
    uint256 bond;
    /// Seconds in which an honest challenger replays the job.
    uint64 replayTime;
    /// Seconds for one move of a game.
    uint64 moveTime;
    /// In 1/10000: this much of the payment, times the share of steps done, is what a refused run earns.
    uint16 refusedShare;
    /// Contract that verifies proofs of a proven job, else zero.
    address verifier;
}

/// @notice How a provider stands with a job. Only Taken, Sealed and Claimed may change.
enum State {
    None,
    /// The stake is in; the provider holds all preimages, by its own statement.
    Taken,
    /// Quorum: its seal is in.
    Sealed,
    /// Its claim is known and may be disputed.
    Claimed,
    /// The stake went back, with what was earned.
    Paid,
    /// The claim is false: the stake is lost.
    Slashed,
    /// No claim in time: the stake is lost.
    Expired,
    /// The job has no right answer: everybody gets back what it paid.
    Void
}

/// @title Jobs, stakes and claims, as a dispute sees them. A claim of a provider about a job goes by `Referees.idOf(job, provider)`.
interface ISettlement {
    /// @notice The EIP-712 domain of everything that is signed for the settlement.
    function domainSeparator() external view returns (bytes32);

    /// @notice How the provider stands. `claim` is hashStruct(Claim), zero before Claimed; `closes` the last second in which a game may be
    /// opened; `terms` keccak256(abi.encode(Terms)). A void job shows State.Void.
    function engagementOf(bytes32 id)
        external
        view
        returns (State state, bytes32 claim, uint64 claimedAt, uint64 closes, bytes32 terms, bytes32 job);

    /// @notice The account behind an id, zero where nobody took the job.
    function providerOf(bytes32 id) external view returns (address);

    /// @notice Who asked for the job, zero for one that was not posted.
    function requesterOf(bytes32 job) external view returns (address);

    /// @notice What the provider declared with its claim.
    function refusalOf(bytes32 id) external view returns (Refusal memory);

    /// @notice Only Dispute, on a Claimed engagement: it is Slashed. The requester gets the payment (quorum: this seat's share) and half of the
    /// stake, rounded up; the other half is held for `reward`.
    function refute(bytes32 id, Terms calldata terms) external returns (uint256 held);

    /// @notice Only Dispute, once after `refute`: credits the held half to the challenger.
    function reward(bytes32 id, address challenger, Terms calldata terms) external;

    /// @notice Only Dispute, while any of the payment is left: what is left goes back, and every stake may be taken back (`release`).
    function voidJob(bytes32 job, Terms calldata terms) external;
}

/// @title What a settlement asks its dispute contract.
interface IDispute {
    /// @notice Open games on a claim: nothing is paid while there is one.
    function live(bytes32 id) external view returns (uint256);

    /// @notice True where the header of the program was opened; `named` where an op of it needs a referee that the policy names.
    function described(bytes32 program) external view returns (bool known, bool named);
}
