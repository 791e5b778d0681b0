// SPDX-License-Identifier: MIT
pragma solidity ^0.8.31;

import {Exact, Format} from "../Exact.sol";

/// @title Runs Exact over long lists, for differential tests and for measuring gas.
/// @notice Lists are packed big-endian; each result takes 8 bytes, so four of them make a word.
contract ExactHarness {
    error UnknownOperation(uint256 operation);

    /// @notice For each pair: add, sub, mul, div; max, min, fmod, equal + 2 less.
    function pairs(uint256 width, bytes calldata operands) external pure returns (bytes memory results) {
        Format format = _format(width);
        uint256 count = operands.length / (2 * width);
        results = new bytes(64 * count);
        for (uint256 i = 0; i < count; ++i) {
            uint256 a = _at(operands, 2 * i, width);
            uint256 b = _at(operands, 2 * i + 1, width);
            uint256 first = _word(
                Exact.add(a, b, format), Exact.sub(a, b, format), Exact.mul(a, b, format), Exact.div(a, b, format)
            );
            uint256 flags = (Exact.equal(a, b, format) ? 1 : 0) + (Exact.less(a, b, format) ? 2 : 0);
            uint256 second =
                _word(Exact.max(a, b, format), Exact.min(a, b, format), Exact.fmod(a, b, format), flags);
            _store(results, 2 * i, first);
            _store(results, 2 * i + 1, second);
        }
    }

    /// @notice For each number: sqrt, neg, abs, relu; floor, ceil, round, sign; pow2ceil of |x|, its bounded form (binary64), the other of
    /// binary32 and binary64, isNaN + 2 isNonZero; binary16, bfloat16.
    function singles(uint256 width, bytes calldata operands) external pure returns (bytes memory results) {
        Format format = _format(width);
        Format other = _format(12 - width);
        uint256 count = operands.length / width;
        results = new bytes(128 * count);
        for (uint256 i = 0; i < count; ++i) {
            uint256 a = _at(operands, i, width);
            uint256 m = Exact.magnitude(a, format);
            uint256 flags = (Exact.isNaN(a, format) ? 1 : 0) + (Exact.isNonZero(a, format) ? 2 : 0);
            uint256 bounded = width == 8 ? Exact.pow2ceilBounded(m) : 0;
            _store(
                results,
                4 * i,
                _word(Exact.sqrt(a, format), Exact.neg(a, format), Exact.abs(a, format), Exact.relu(a, format))
            );
            _store(
                results,
                4 * i + 1,
                _word(Exact.floor(a, format), Exact.ceil(a, format), Exact.round(a, format), Exact.signum(a, format))
            );
            _store(
                results,
                4 * i + 2,
                _word(Exact.pow2ceil(m, format), bounded, Exact.convert(a, format, other), flags)
            );
            _store(
                results,
                4 * i + 3,
                _word(
                    Exact.convert(a, format, Exact.BINARY16), Exact.convert(a, format, Exact.BFLOAT16), 0, 0
                )
            );
        }
    }

    /// @notice For each number: int8, int16, int32, int64; uint8, uint16, uint32, uint64. Reverts for a NaN.
    function truncations(uint256 width, bytes calldata operands) external pure returns (bytes memory results) {
        Format format = _format(width);
        uint256 count = operands.length / width;
        results = new bytes(64 * count);
        for (uint256 i = 0; i < count; ++i) {
            uint256 a = _at(operands, i, width);
            _store(results, 2 * i, _integers(a, format, true));
            _store(results, 2 * i + 1, _integers(a, format, false));
        }
    }

    /// @notice For each binary16 pattern: binary32 and binary64 of it, and of the bfloat16 with the same bits.
    function halves(bytes calldata operands) external pure returns (bytes memory results) {
        uint256 count = operands.length / 2;
        results = new bytes(32 * count);
        for (uint256 i = 0; i < count; ++i) {
            uint256 a = _at(operands, i, 2);
            uint256 half = Exact.convert(a, Exact.BINARY16, Exact.BINARY32);
            uint256 brain = Exact.convert(a, Exact.BFLOAT16, Exact.BINARY32);
            uint256 wideHalf = Exact.convert(a, Exact.BINARY16, Exact.BINARY64);
            uint256 wideBrain = Exact.convert(a, Exact.BFLOAT16, Exact.BINARY64);
            _store(results, i, _word(half, wideHalf, brain, wideBrain));
        }
    }

    /// @notice For each integer n of 256 bits and each k: n * 2^k in binary32 and binary64, in binary16 and bfloat16.
    function integers(int256[] calldata n, int64[] calldata k) external pure returns (bytes memory results) {
        results = new bytes(32 * n.length);
        for (uint256 i = 0; i < n.length; ++i) {
            uint256 first = Exact.fromInteger(n[i], k[i], Exact.BINARY32);
            uint256 second = Exact.fromInteger(n[i], k[i], Exact.BINARY64);
            uint256 third = Exact.fromInteger(n[i], k[i], Exact.BINARY16);
            uint256 fourth = Exact.fromInteger(n[i], k[i], Exact.BFLOAT16);
            _store(results, i, _word(first, second, third, fourth));
        }
    }

    /// @notice For each pair (x, m): the scale of m; x on its grid of `bits` bits; the same by way of units; 0.
    function grids(uint256 width, uint256 bits, bytes calldata operands) external pure returns (bytes memory results) {
        Format format = _format(width);
        uint256 count = operands.length / (2 * width);
        results = new bytes(32 * count);
        for (uint256 i = 0; i < count; ++i) {
            uint256 x = _at(operands, 2 * i, width);
            uint256 scale = Exact.pow2ceil(_at(operands, 2 * i + 1, width), format);
            uint256 sum = format.quietNaN();
            if (!Exact.isNaN(scale, format)) {
                int256 exponent = scale == 0 ? int256(0) : Exact.log2(scale, format) - int256(bits);
                sum = Exact.fromInteger(Exact.units(x, scale, bits, format), int64(exponent), format);
            }
            _store(results, i, _word(scale, Exact.grid(x, scale, bits, format), sum, 0));
        }
    }

    /// @notice One number cast to an integer type.
    function truncate(uint256 width, uint256 a, uint256 target, bool signed) external pure returns (int256) {
        return Exact.toInteger(a, _format(width), target, signed);
    }

    /// @notice One number on a grid.
    function grid(uint256 width, uint256 x, uint256 scale, uint256 bits) external pure returns (uint256) {
        return Exact.grid(x, scale, bits, _format(width));
    }

    /// @notice One number in units of a grid.
    function units(uint256 width, uint256 x, uint256 scale, uint256 bits) external pure returns (int256) {
        return Exact.units(x, scale, bits, _format(width));
    }

    /// @notice Gas of one operation over a list of pairs, by the operation's place in the bench's list; 0 is the cost of measuring itself.
    function gasOf(uint256 operation, uint256 width, bytes calldata operands)
        external
        view
        returns (uint256 total, uint256 worst)
    {
        Format format = _format(width);
        for (uint256 i = 0; i < operands.length / (2 * width); ++i) {
            uint256 used =
                _measure(operation, _at(operands, 2 * i, width), _at(operands, 2 * i + 1, width), format);
            total += used;
            if (used > worst) worst = used;
        }
    }

    /// @dev The result steers a branch that is never taken, after the clock is read: so the work cannot be moved or left out.
    function _measure(uint256 operation, uint256 a, uint256 b, Format format) private view returns (uint256 used) {
        uint256 before = gasleft();
        uint256 result = _apply(operation, a, b, format);
        if (result == type(uint256).max) revert UnknownOperation(operation);
        used = before - gasleft();
        uint256 start = gasleft();
        result = _apply(operation + 100, a, b, format);
        if (result == type(uint256).max) revert UnknownOperation(operation);
        used -= start - gasleft();
    }

    /// @dev Operation n, or with n + 100 what finding it in the list costs.
    function _apply(uint256 operation, uint256 a, uint256 b, Format format) private pure returns (uint256) {
        bool idle = operation >= 100;
        if (idle) operation -= 100;
        if (operation == 1) return idle ? b : Exact.add(a, b, format);
        if (operation == 2) return idle ? b : Exact.sub(a, b, format);
        if (operation == 3) return idle ? b : Exact.mul(a, b, format);
        if (operation == 4) return idle ? b : Exact.div(a, b, format);
        if (operation == 5) return idle ? b : Exact.sqrt(a, format);
        if (operation == 6) return idle ? b : Exact.fmod(a, b, format);
        if (operation == 7) return idle ? b : (Exact.less(a, b, format) ? 1 : 0);
        if (operation == 8) return idle ? b : Exact.max(a, b, format);
        if (operation == 9) return idle ? b : Exact.round(a, format);
        if (operation == 10) return idle ? b : Exact.convert(a, format, Exact.BINARY32);
        if (operation == 11) return idle ? b : Exact.pow2ceil(Exact.magnitude(a, format), format);
        if (operation == 12) return idle ? b : Exact.fromInteger(int256(a), -20, format);
        if (operation == 13) {
            uint256 scale = Exact.pow2ceil(Exact.magnitude(b, format), format);
            return idle ? scale : Exact.grid(a, scale, 22, format);
        }
        revert UnknownOperation(operation);
    }

    function _integers(uint256 a, Format format, bool signed) private pure returns (uint256) {
        return _word(
            uint64(int64(Exact.toInteger(a, format, 8, signed))),
            uint64(int64(Exact.toInteger(a, format, 16, signed))),
            uint64(int64(Exact.toInteger(a, format, 32, signed))),
            uint64(uint256(Exact.toInteger(a, format, 64, signed)))
        );
    }

    function _format(uint256 width) private pure returns (Format) {
        return width == 4 ? Exact.BINARY32 : Exact.BINARY64;
    }

    /// @dev Element i of a packed list.
    function _at(bytes calldata list, uint256 i, uint256 width) private pure returns (uint256) {
        return uint256(bytes32(list[i * width:])) >> (256 - 8 * width);
    }

    function _word(uint256 a, uint256 b, uint256 c, uint256 d) private pure returns (uint256) {
        return (a << 192) | (b << 128) | (c << 64) | d;
    }

    function _store(bytes memory list, uint256 i, uint256 word) private pure {
        assembly ("memory-safe") {
            mstore(add(add(list, 32), mul(i, 32)), word)
        }
    }
}
