// SPDX-License-Identifier: MIT
pragma solidity ^0.8.31;

import {Exact, Format} from "../Exact.sol";

/// @title Element types by their ONNX numbers, and the order of their elements.
/// @notice Elements are bits in the low end of a word, as an opened tile gives them.
library Types {
    error UnsupportedType(uint256 dtype);

    uint256 internal constant FLOAT32 = 1;
    uint256 internal constant UINT8 = 2;
    uint256 internal constant INT8 = 3;
    uint256 internal constant UINT16 = 4;
    uint256 internal constant INT16 = 5;
    uint256 internal constant INT32 = 6;
    uint256 internal constant INT64 = 7;
    uint256 internal constant BOOL = 9;
    uint256 internal constant FLOAT16 = 10;
    uint256 internal constant FLOAT64 = 11;
    uint256 internal constant UINT32 = 12;
    uint256 internal constant UINT64 = 13;
    uint256 internal constant BFLOAT16 = 16;

    /// @notice True for the four floats.
    function isFloat(uint256 dtype) internal pure returns (bool) {
        return dtype == FLOAT32 || dtype == FLOAT64 || dtype == FLOAT16 || dtype == BFLOAT16;
    }

    /// @notice True for float16 and bfloat16, which ops that compute do not take.
    function isHalf(uint256 dtype) internal pure returns (bool) {
        return dtype == FLOAT16 || dtype == BFLOAT16;
    }

    /// @notice The format of a float.
    function formatOf(uint256 dtype) internal pure returns (Format) {
        if (dtype == FLOAT32) return Exact.BINARY32;
        if (dtype == FLOAT64) return Exact.BINARY64;
        if (dtype == FLOAT16) return Exact.BINARY16;
        if (dtype == BFLOAT16) return Exact.BFLOAT16;
        revert UnsupportedType(dtype);
    }

    /// @notice Bits of an integer type, and whether it has a sign. A bool counts as an unsigned byte.
    function integerOf(uint256 dtype) internal pure returns (uint256 width, bool signed) {
        if (dtype == INT64) return (64, true);
        if (dtype == INT32) return (32, true);
        if (dtype == UINT8 || dtype == BOOL) return (8, false);
        if (dtype == INT8) return (8, true);
        if (dtype == UINT16) return (16, false);
        if (dtype == INT16) return (16, true);
        if (dtype == UINT32) return (32, false);
        if (dtype == UINT64) return (64, false);
        revert UnsupportedType(dtype);
    }

    /// @notice The integer with these bits.
    function toInteger(uint256 dtype, uint256 bits) internal pure returns (int256 value) {
        (uint256 width, bool signed) = integerOf(dtype);
        unchecked {
            uint256 empty = 256 - width;
            // casting to int256 is wanted: the sign bit of a signed type goes to the top first
            value = signed ? int256(bits << empty) >> empty : int256(bits);
        }
    }

    /// @notice The bits of an integer, which wraps.
    function fromInteger(uint256 dtype, int256 value) internal pure returns (uint256) {
        (uint256 width,) = integerOf(dtype);
        unchecked {
            // casting to uint256 is wanted: two's complement
            return uint256(value) & ((1 << width) - 1);
        }
    }

    /// @notice a < b; false beside a NaN.
    function less(uint256 dtype, uint256 a, uint256 b) internal pure returns (bool) {
        if (isFloat(dtype)) return Exact.less(a, b, formatOf(dtype));
        return toInteger(dtype, a) < toInteger(dtype, b);
    }

    /// @notice a = b; false beside a NaN; zeros are equal.
    function equal(uint256 dtype, uint256 a, uint256 b) internal pure returns (bool) {
        return isFloat(dtype) ? Exact.equal(a, b, formatOf(dtype)) : a == b;
    }

    /// @notice a, a zero of a float being positive.
    function plusZero(uint256 dtype, uint256 a) internal pure returns (uint256) {
        return isFloat(dtype) ? Exact.plusZero(a, formatOf(dtype)) : a;
    }

    /// @notice The lowest value of a type: -infinity of floats.
    function lowest(uint256 dtype) internal pure returns (uint256) {
        if (isFloat(dtype)) return formatOf(dtype).infinity() | formatOf(dtype).signBit();
        (uint256 width, bool signed) = integerOf(dtype);
        unchecked {
            return signed ? 1 << (width - 1) : 0;
        }
    }

    /// @notice The highest value of a type: infinity of floats.
    function highest(uint256 dtype) internal pure returns (uint256) {
        if (isFloat(dtype)) return formatOf(dtype).infinity();
        (uint256 width, bool signed) = integerOf(dtype);
        unchecked {
            return (1 << (signed ? width - 1 : width)) - 1;
        }
    }
}
