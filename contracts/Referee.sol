// SPDX-License-Identifier: MIT
pragma solidity ^0.8.31;

import {Counts} from "./Programs.sol";
import {Claim, Job} from "./Receipts.sol";

/// @notice What is disputed: the claim of one provider about one job. All words are static, so a call of a referee begins with them.
struct Case {
    Job job;
    Claim claim;
    address provider;
}

/// @notice Where and why a run was refused, as its provider says. `refused` is false for a run that ended. See docs/formats.md, refusals.
struct Refusal {
    bool refused;
    uint64 step;
    uint32 node;
    uint64 element;
    uint8 reason;
}

/// @notice What a provider committed on the chain about its claim, beside the claim. Referees ask their caller for it.
interface IRecords {
    /// @notice Counts of a program whose header was opened. Reverts for others.
    function countsOf(bytes32 program) external view returns (Counts memory);

    /// @notice The sized root (kind SEGMENT) over the traced steps of one leaf of the run, every one with its values; zero where it was not demanded.
    function traceOf(bytes32 id, uint64 leaf) external view returns (bytes32);

    /// @notice The sized root (kind EXPANSION) of one expanded element; zero where it was not demanded. The key is `Referees.expansionKey`.
    function expansionOf(bytes32 id, bytes32 key) external view returns (bytes32);

    /// @notice The refusal that the claim is about.
    function refusalOf(bytes32 id) external view returns (Refusal memory);
}

/// @title What all referees share. Every external function of a referee takes a Case first and its evidence behind, and returns a ruling or
/// reverts with what is wrong with the evidence. A referee keeps no state and believes nobody: its caller vouches for the Case and for IRecords.
library Referees {
    /// @notice The evidence shows that the claim is false.
    bytes32 internal constant FALSE_CLAIM = keccak256("Countersign ruling: false claim");
    /// @notice The evidence shows that the job has no right answer: its program breaks the format's rules.
    bytes32 internal constant VOID_JOB = keccak256("Countersign ruling: void job");

    /// @notice The evidence contradicts nothing.
    error NoFault();

    /// @notice Names a provider's claim about a job.
    function idOf(bytes32 job, address provider) internal pure returns (bytes32) {
        return keccak256(abi.encode(job, provider));
    }

    /// @notice Names an element of a value of a step.
    function expansionKey(uint64 step, uint32 value, uint64 element) internal pure returns (bytes32) {
        return keccak256(abi.encode(step, value, element));
    }

    /// @notice The ruling of a referee that found two things that ought to be equal to differ.
    function demandApart(bool apart) internal pure returns (bytes32) {
        require(apart, NoFault());
        return FALSE_CLAIM;
    }
}
