// SPDX-License-Identifier: MIT
pragma solidity ^0.8.31;

import {Powers} from "../ops/Powers.sol";
import {PowerTable} from "../ops/PowerTable.sol";
import {Operation, Scalars} from "../ops/Scalars.sol";

/// @title Runs Scalars over whole tensors, for differential tests.
contract ElementsHarness {
    error NoResult(uint256 op);

    /// @notice An op on every element of payloads (little-endian, `from` bytes each; b empty for one operand); the results have `to` bytes each.
    function evaluate(Operation memory operation, uint256 from, uint256 to, bytes calldata a, bytes calldata b)
        external
        pure
        returns (bytes memory results)
    {
        uint256 count = a.length / from;
        results = new bytes(count * to);
        for (uint256 i = 0; i < count; ++i) {
            operation.a = _read(a, i, from);
            operation.b = b.length == 0 ? 0 : _read(b, i, from);
            uint256 result = Scalars.evaluate(operation);
            for (uint256 j = 0; j < to; ++j) results[i * to + j] = bytes1(uint8(result >> (8 * j)));
        }
    }

    /// @notice What one operation costs, the finding of it included.
    function gasOf(Operation memory operation) external view returns (uint256 used, uint256 result) {
        uint256 before = gasleft();
        result = Scalars.evaluate(operation);
        if (result >> 64 != 0) revert NoResult(operation.op);
        used = before - gasleft();
    }

    function isElementwise(uint256 op) external pure returns (bool) {
        return Scalars.isElementwise(op);
    }

    function isBinary(uint256 op) external pure returns (bool) {
        return Scalars.isBinary(op);
    }

    /// @notice Entries of the tables of Pow, from one on: INVERSE, LOG and LOG_LOW, 8 bytes each.
    function logarithms(uint256 first, uint256 count) external pure returns (bytes memory results) {
        bytes memory table = PowerTable.NUMBERS;
        results = new bytes(24 * count);
        for (uint256 i = 0; i < count; ++i) {
            (uint256 inverse, uint256 log, uint256 rest) = Powers.logarithm(table, first + i);
            _store(results, 3 * i, inverse);
            _store(results, 3 * i + 1, log);
            _store(results, 3 * i + 2, rest);
        }
    }

    /// @notice The same of EXP.
    function exponentials(int256 first, uint256 count) external pure returns (bytes memory results) {
        results = new bytes(8 * count);
        for (uint256 i = 0; i < count; ++i) _store(results, i, Powers.exponential(first + int256(i)));
    }

    function _read(bytes calldata payload, uint256 i, uint256 width) private pure returns (uint256 bits) {
        for (uint256 j = width; j > 0; --j) bits = bits << 8 | uint8(payload[i * width + j - 1]);
    }

    function _store(bytes memory list, uint256 i, uint256 value) private pure {
        for (uint256 j = 0; j < 8; ++j) list[8 * i + j] = bytes1(uint8(value >> (8 * j)));
    }
}
