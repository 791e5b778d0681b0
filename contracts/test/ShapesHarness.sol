// SPDX-License-Identifier: MIT
pragma solidity ^0.8.31;

import {TensorType} from "../Merkle.sol";
import {Shapes} from "../ops/Shapes.sol";
import {Batch} from "./Batch.sol";

/// @title Shows the rows of Shapes, for differential tests.
contract ShapesHarness is Batch {
    error Refused();

    function isType(uint256 dtype) external pure returns (bool) {
        return Shapes.isType(dtype);
    }

    function bytesOf(uint256 dtype) external pure returns (uint256) {
        return Shapes.bytesOf(dtype);
    }

    function isOp(uint256 op) external pure returns (bool) {
        return Shapes.isOp(op);
    }

    function isNamed(uint256 op) external pure returns (bool) {
        return Shapes.isNamed(op);
    }

    function areAttributes(uint256 op, int256[] calldata words) external pure returns (bool) {
        return Shapes.areAttributes(op, words);
    }

    function isSize(int256[] calldata dims) external pure returns (bool) {
        return Shapes.isSize(dims);
    }

    /// @notice The element type that an op gives, and the dims.
    function infer(uint256 op, TensorType[] calldata operands, int256[] calldata words)
        external
        pure
        returns (uint8, uint64[] memory)
    {
        (bool ok, TensorType memory output) = Shapes.infer(op, operands, words);
        require(ok, Refused());
        return (output.dtype, output.dims);
    }
}
