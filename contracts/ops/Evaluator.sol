// SPDX-License-Identifier: MIT
pragma solidity ^0.8.31;

import {Operation, Scalars} from "./Scalars.sol";

/// @notice What referees ask for arithmetic.
interface IEvaluator {
    /// @notice The bits of the one right result. Reverts where the run is refused, or the program is ill-formed.
    function evaluate(Operation calldata operation) external pure returns (uint256);
}

/// @title Scalars as a contract of its own: with it a referee would be larger than a contract may be. It has no state and no owner.
contract Evaluator is IEvaluator {
    /// @inheritdoc IEvaluator
    function evaluate(Operation calldata operation) external pure returns (uint256) {
        return Scalars.evaluate(operation);
    }
}
