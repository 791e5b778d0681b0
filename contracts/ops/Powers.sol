// SPDX-License-Identifier: MIT
pragma solidity ^0.8.31;

import {Elementary} from "../Elementary.sol";
import {Exact} from "../Exact.sol";
import {PowerTable} from "./PowerTable.sol";

/// @title Pow of binary32: the fixed sequence of binary64 operations that defines it (docs/elementary.md, Pow).
/// @notice Special cases are those of C (ISO C99, F.9.4.4). Each operation of the sequence stands here as it stands in src/exact/elementary/power.ts, but for clamps
/// that no finite operands reach. Entries of the tables are computed: those of the logarithm from their seeds, by the same operations; those of
/// the exponential by its series, since they are the nearest numbers. Tests compare all of them.
library Powers {
    uint256 private constant ONE = 0x3f800000;
    uint256 private constant INFINITY = 0x7f800000;
    uint256 private constant NAN = 0x7fc00000;
    uint256 private constant SIGN = 0x80000000;

    /// @dev Binary64 numbers: 1, 2^27 + 1, 104, 64, 2^-10, 2^-51, and the sign.
    uint256 private constant UNIT = 0x3ff0000000000000;
    uint256 private constant SPLITTER = 0x41a0000002000000;
    uint256 private constant LIMIT = 0x405a000000000000;
    uint256 private constant SIXTY_FOUR = 0x4050000000000000;
    uint256 private constant SMALL = 0x3f50000000000000;
    uint256 private constant NEAR = 0x3cc0000000000000;
    uint256 private constant SIGN_64 = 1 << 63;

    /// @dev Where the numbers stand in the table.
    uint256 private constant TAIL = 0;
    uint256 private constant TAIL_DEGREE = 6;
    uint256 private constant SERIES = 56;
    uint256 private constant SERIES_DEGREE = 4;
    uint256 private constant LOG_2_HIGH = 96;
    uint256 private constant LOG_2_LOW = 104;
    uint256 private constant CELLS = 112;
    uint256 private constant CELL_BYTES = 21;

    /// @dev highBits(u, 45) of the entry 0 of the logarithm's table.
    uint256 private constant BASE = (1023 - 149) * 128 - 1;

    /// @notice x^y.
    function pow(uint256 x, uint256 y) internal pure returns (uint256) {
        unchecked {
            uint256 a = x & (SIGN - 1);
            uint256 b = y & (SIGN - 1);
            if (x == ONE || b == 0) return ONE;
            if (a > INFINITY || b > INFINITY) return NAN;
            (bool integral, bool odd) = _parity(b);
            bool negative = x & SIGN != 0;
            if (negative && !integral && a != 0 && a != INFINITY) return NAN;
            uint256 size = a == 0 || a == INFINITY || b == INFINITY ? _extreme(a, y) : _finite(a, y);
            return negative && odd && size != 0 ? SIGN | size : size;
        }
    }

    /// @dev Whether a magnitude is an integer, and an odd one. Infinity counts as an even one.
    function _parity(uint256 b) private pure returns (bool integral, bool odd) {
        unchecked {
            uint256 exponent = b >> 23;
            if (exponent >= 151) return (true, false);
            if (exponent < 127) return (b == 0, false);
            uint256 places = 150 - exponent;
            uint256 m = (b & 0x7fffff) | 0x800000;
            integral = m & ((1 << places) - 1) == 0;
            odd = integral && (m >> places) & 1 == 1;
        }
    }

    /// @dev a^y where a is 0 or infinite or y is infinite: infinite, zero or 1.
    function _extreme(uint256 a, uint256 y) private pure returns (uint256) {
        if (a == ONE) return ONE;
        return (a > ONE) == (y & SIGN == 0) ? INFINITY : 0;
    }

    /// @dev a^y for a positive number and a number other than 0; the exponent's clamp takes what overflows.
    function _finite(uint256 a, uint256 y) private pure returns (uint256) {
        bytes memory table = PowerTable.NUMBERS;
        uint256 wide = Exact.convert(y, Exact.BINARY32, Exact.BINARY64);
        (uint256 high, uint256 low) = _log(table, Exact.convert(a, Exact.BINARY32, Exact.BINARY64));
        uint256 power = _settle(_exp(table, _mul(wide, high), _mul(wide, low)));
        return Exact.convert(power, Exact.BINARY64, Exact.BINARY32);
    }

    /// @dev log a as a sum of two numbers, the first of 26 bits.
    function _log(bytes memory table, uint256 a) private pure returns (uint256 high, uint256 low) {
        (uint256 inverse, uint256 log, uint256 rest) = logarithm(table, (a >> 45) - BASE);
        uint256 r = _sub(_mul(a, inverse), UNIT);
        uint256 tail = _mul(_mul(r, r), _polynomial(table, TAIL, TAIL_DEGREE, r));
        (uint256 small, uint256 smallLow) = _sumSplit(r, tail);
        (uint256 sum, uint256 sumLow) = _sumSplit(log, small);
        high = _upperBits(sum);
        low = _add(_sub(sum, high), _add(sumLow, _add(rest, smallLow)));
    }

    /// @notice Entry i of the tables INVERSE, LOG and LOG_LOW of src/exact/elementary/tables.ts, 0 < i <= 278 128.
    function logarithm(bytes memory table, uint256 i) internal pure returns (uint256 inverse, uint256 log, uint256 rest) {
        unchecked {
            uint256 binade = (i - 1) / 128;
            uint256 cell = CELLS + CELL_BYTES * ((i - 1) % 128);
            inverse = ((_word(table, cell) >> 216) << 24) + (149 << 52) - (binade << 52);
            uint256 exponent = Exact.fromInteger(int256(binade) - 149, 0, Exact.BINARY64);
            (uint256 high, uint256 low) = _addPairs(
                _mul(exponent, _number(table, LOG_2_HIGH)),
                _mul(exponent, _number(table, LOG_2_LOW)),
                _number(table, cell + 5),
                _number(table, cell + 13)
            );
            log = _nudged(i, high);
            (rest,) = _addPairs(high, low, log ^ SIGN_64, 0);
        }
    }

    /// @dev The entries of LOG that src/exact/elementary/nudges.ts moves.
    function _nudged(uint256 i, uint256 log) private pure returns (uint256) {
        unchecked {
            if (i == 18242 || i == 19136 || i == 19480) return log - 1;
            if (i == 19200 || i == 22366 || i == 28889) return log + 1;
            return log;
        }
    }

    /// @dev e^(high + low).
    function _exp(bytes memory table, uint256 high, uint256 low) private pure returns (uint256) {
        uint256 t = _mul(_clamp(high, LIMIT), SIXTY_FOUR);
        uint256 n = Exact.round(t, Exact.BINARY64);
        uint256 f = _add(_sub(t, n), _mul(_clamp(low, SMALL), SIXTY_FOUR));
        uint256 s = exponential(Exact.toInteger(n, Exact.BINARY64, 64, true));
        return _add(s, _mul(s, _mul(_polynomial(table, SERIES, SERIES_DEGREE, f), f)));
    }

    /// @notice Entry n of the table EXP: the binary64 number nearest to e^(n/64), |n| <= 6656, but for the one that is moved.
    function exponential(int256 n) internal pure returns (uint256) {
        unchecked {
            (int256 m, int256 k) = Elementary.exponential(n << 122);
            // casting to int64 is safe: |k| < 2^8
            uint256 nearest = Exact.fromInteger(m, int64(k - 128), Exact.BINARY64);
            return n == 9 ? nearest + 1 : nearest;
        }
    }

    /// @dev The nearest number with 26 bits where that is as near as the error of z.
    function _settle(uint256 z) private pure returns (uint256) {
        uint256 short = _upperBits(z);
        uint256 distance = Exact.magnitude(_sub(z, short), Exact.BINARY64);
        return Exact.less(distance, _mul(z, NEAR), Exact.BINARY64) ? short : z;
    }

    /// @dev The upper 26 bits of a number (Veltkamp's splitting).
    function _upperBits(uint256 a) private pure returns (uint256) {
        uint256 scaled = _mul(a, SPLITTER);
        return _sub(scaled, _sub(scaled, a));
    }

    /// @dev The sum of a and a b that is smaller, as two numbers.
    function _sumSplit(uint256 a, uint256 b) private pure returns (uint256 high, uint256 low) {
        high = _add(a, b);
        low = _add(_sub(a, high), b);
    }

    /// @dev The sum of any two numbers as two (Knuth's two-sum).
    function _sum(uint256 a, uint256 b) private pure returns (uint256 high, uint256 low) {
        high = _add(a, b);
        uint256 part = _sub(high, a);
        low = _add(_sub(a, _sub(high, part)), _sub(b, part));
    }

    /// @dev The sum of two sums of two.
    function _addPairs(uint256 a, uint256 aLow, uint256 b, uint256 bLow)
        private
        pure
        returns (uint256 high, uint256 low)
    {
        (high, low) = _sum(a, b);
        (high, low) = _sum(high, _add(low, _add(aLow, bLow)));
    }

    /// @dev A polynomial by Horner's rule; its coefficients stand in the table, lowest power first.
    function _polynomial(bytes memory table, uint256 from, uint256 degree, uint256 x)
        private
        pure
        returns (uint256 value)
    {
        unchecked {
            value = _number(table, from + 8 * degree);
            for (uint256 i = degree; i > 0; --i) value = _add(_mul(value, x), _number(table, from + 8 * (i - 1)));
        }
    }

    /// @dev a between -limit and limit.
    function _clamp(uint256 a, uint256 limit) private pure returns (uint256) {
        return Exact.magnitude(a, Exact.BINARY64) < limit ? a : (a & SIGN_64) | limit;
    }

    function _number(bytes memory table, uint256 from) private pure returns (uint256) {
        return _word(table, from) >> 192;
    }

    function _word(bytes memory table, uint256 from) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := mload(add(add(table, 32), from))
        }
    }

    function _add(uint256 a, uint256 b) private pure returns (uint256) {
        return Exact.add(a, b, Exact.BINARY64);
    }

    function _sub(uint256 a, uint256 b) private pure returns (uint256) {
        return Exact.sub(a, b, Exact.BINARY64);
    }

    function _mul(uint256 a, uint256 b) private pure returns (uint256) {
        return Exact.mul(a, b, Exact.BINARY64);
    }
}
