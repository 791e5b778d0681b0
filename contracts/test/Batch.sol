// SPDX-License-Identifier: MIT
pragma solidity ^0.8.31;

/// @title Many calls of a harness in one.
abstract contract Batch {
    struct Outcome {
        bool done;
        bytes data;
    }

    /// @notice What each call gives, or the error with which it reverts.
    function each(bytes[] calldata calls) external view returns (Outcome[] memory outcomes) {
        outcomes = new Outcome[](calls.length);
        for (uint256 i = 0; i < calls.length; ++i) {
            (outcomes[i].done, outcomes[i].data) = address(this).staticcall(calls[i]);
        }
    }
}
