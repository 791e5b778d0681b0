// SPDX-License-Identifier: MIT
pragma solidity ^0.8.31;

/// @notice A binary interchange format of IEEE 754-2019, section 3.4: the encoding of infinity in the upper bits, the number of fraction
/// bits in the lowest eight. Everything else about a format follows from these two.
type Format is uint256;

using {fraction, infinity, signBit, quietNaN, origin} for Format global;

/// @notice Bits of the fraction field: the precision less the hidden bit.
function fraction(Format format) pure returns (uint256) {
    return Format.unwrap(format) & 0xff;
}

/// @notice The encoding of +infinity, which is the mask of the exponent field. What is larger, without its sign, is a NaN.
function infinity(Format format) pure returns (uint256) {
    return Format.unwrap(format) >> 8;
}

/// @notice The sign bit, which stands above the exponent field.
function signBit(Format format) pure returns (uint256) {
    unchecked {
        return format.infinity() + (1 << format.fraction());
    }
}

/// @notice The one NaN that is ever a result: quiet, positive, without payload.
function quietNaN(Format format) pure returns (uint256) {
    unchecked {
        return format.infinity() | (1 << (format.fraction() - 1));
    }
}

/// @notice The smallest positive number is 2^-origin: 2^-149 in binary32, 2^-1074 in binary64.
function origin(Format format) pure returns (uint256) {
    unchecked {
        return (format.infinity() >> (format.fraction() + 1)) + format.fraction() - 1;
    }
}

/// @title Binary floating-point arithmetic as integers, every result with the bits that docs/numerics.md demands.
/// @notice Rounding is to nearest, ties to even (IEEE 754-2019, section 4.3.1); subnormal numbers are kept; a NaN among the operands or an
/// invalid operation gives the canonical quiet NaN. Operands and results are encodings in the low bits of a word, of the format that goes
/// with them; the bits above are zero, which whoever reads them from bytes of the format's width has by construction.
/// @dev A finite number is `m * 2^e` units of the smallest positive number, m an integer, e >= 0. Every operation makes an exact integer
/// (or one with a sticky lowest bit far below the rounding position) and hands it to one routine that rounds, `_round`.
/// Needs the opcode CLZ (EIP-7939, fork osaka): 5 gas where comparisons take about 200.
library Exact {
    Format internal constant BINARY16 = Format.wrap((0x7c00 << 8) | 10);
    Format internal constant BFLOAT16 = Format.wrap((0x7f80 << 8) | 7);
    Format internal constant BINARY32 = Format.wrap((0x7f800000 << 8) | 23);
    Format internal constant BINARY64 = Format.wrap((0x7ff0000000000000 << 8) | 52);

    /// @dev Places by which a dividend is shifted: twice the largest fraction field and four more.
    uint256 private constant QUOTIENT_PLACES = 108;
    /// @dev More places than any significand has.
    uint256 private constant FAR = 128;
    /// @dev The grid of a product takes binary64 magnitudes in [2^-400, 2^400] (docs/numerics.md, domain).
    uint256 private constant SMALLEST_SCALE = (1023 - 400) << 52;
    uint256 private constant LARGEST_SCALE = (1023 + 400) << 52;

    /// @notice A number beyond the scale of its grid: whoever named the scale named a magnitude that is not the largest.
    error BeyondGrid(uint256 x, uint256 scale);
    /// @notice A NaN has no integer value; the run is refused at such a cast (docs/numerics.md, NaN and refusals).
    error CastOfNaN();

    // ---------------------------------------------------------------- arithmetic

    /// @notice a + b (IEEE 754-2019, section 5.4.1, addition). Exact cancellation gives +0 (section 6.3).
    function add(uint256 a, uint256 b, Format format) internal pure returns (uint256) {
        unchecked {
            (uint256 f, uint256 limit) = (format.fraction(), format.infinity());
            uint256 sign = limit + (1 << f);
            uint256 x = a & (sign - 1);
            uint256 y = b & (sign - 1);
            if (x < y) (a, b, x, y) = (b, a, y, x);
            if (x >= limit) return x > limit || a ^ b == sign ? format.quietNaN() : a;
            (uint256 m, uint256 e) = _split(x, f);
            (uint256 n, uint256 distance) = _split(y, f);
            distance = e - distance;
            // Less than a quarter of the last place of a, which is normal then: the sum rounds to a.
            if (distance > f + 2) return a;
            m = (a ^ b) & sign == 0 ? (m << distance) + n : (m << distance) - n;
            if (m == 0) return a & b & sign;
            return (a & sign) | _round(m, int256(e - distance), f, limit);
        }
    }

    /// @notice a - b (IEEE 754-2019, section 5.4.1, subtraction).
    function sub(uint256 a, uint256 b, Format format) internal pure returns (uint256) {
        return add(a, b ^ format.signBit(), format);
    }

    /// @notice a * b (IEEE 754-2019, section 5.4.1, multiplication).
    function mul(uint256 a, uint256 b, Format format) internal pure returns (uint256) {
        unchecked {
            (uint256 f, uint256 limit) = (format.fraction(), format.infinity());
            uint256 sign = limit + (1 << f);
            uint256 x = a & (sign - 1);
            uint256 y = b & (sign - 1);
            sign &= a ^ b;
            if (x >= limit || y >= limit) {
                if (x > limit || y > limit || x == 0 || y == 0) return format.quietNaN();
                return sign | limit;
            }
            (uint256 m, uint256 e) = _split(x, f);
            (uint256 n, uint256 g) = _split(y, f);
            return sign | _round(m * n, int256(e + g) - int256(_origin(f, limit)), f, limit);
        }
    }

    /// @notice a / b (IEEE 754-2019, section 5.4.1, division). x / 0 is an infinity, 0 / 0 a NaN (sections 7.3 and 7.2).
    function div(uint256 a, uint256 b, Format format) internal pure returns (uint256) {
        unchecked {
            (uint256 f, uint256 limit) = (format.fraction(), format.infinity());
            uint256 sign = limit + (1 << f);
            uint256 x = a & (sign - 1);
            uint256 y = b & (sign - 1);
            sign &= a ^ b;
            if (x >= limit || y >= limit || y == 0) {
                if (x > limit || y > limit || x == y) return format.quietNaN();
                return y == limit ? sign : sign | limit;
            }
            (uint256 m, uint256 e) = _split(x, f);
            (uint256 n, uint256 g) = _split(y, f);
            // A quotient of at least two bits more than the precision, and below it one sticky bit for what is left over.
            m <<= QUOTIENT_PLACES;
            uint256 quotient = m / n;
            quotient = (quotient << 1) | _bit(quotient * n != m);
            int256 exponent = int256(e + _origin(f, limit)) - int256(g + QUOTIENT_PLACES + 1);
            return sign | _round(quotient, exponent, f, limit);
        }
    }

    /// @notice The square root of a (IEEE 754-2019, section 5.4.1, squareRoot); that of -0 is -0.
    function sqrt(uint256 a, Format format) internal pure returns (uint256) {
        unchecked {
            (uint256 f, uint256 limit) = (format.fraction(), format.infinity());
            if (a >= limit) return a == limit || a == limit + (1 << f) ? a : format.quietNaN();
            if (a == 0) return 0;
            (uint256 m, uint256 e) = _split(a, f);
            // m becomes an integer of 111 or 112 bits with an even exponent, so that its root has 56.
            uint256 places = leadingZeros(m) - 144;
            int256 exponent = int256(e) - int256(_origin(f, limit) + places);
            m <<= places - (uint256(exponent) & 1);
            exponent += exponent & 1;
            uint256 root = _sqrt112(m);
            root = (root << 1) | _bit(root * root != m);
            return _round(root, exponent / 2 + int256(_origin(f, limit)) - 1, f, limit);
        }
    }

    /// @dev The integer part of the root of an integer in [2^110, 2^112). The chord of the root between the ends of the interval is less than
    /// 6 % off; each step of Newton's squares that and halves it, so that four steps leave a value that is the root or one above.
    function _sqrt112(uint256 m) private pure returns (uint256 root) {
        unchecked {
            root = ((m >> 55) + (1 << 56)) / 3;
            root = (root + m / root) >> 1;
            root = (root + m / root) >> 1;
            root = (root + m / root) >> 1;
            root = (root + m / root) >> 1;
            root -= _bit(root * root > m);
        }
    }

    /// @notice What is left of a after division by b, truncated: C's fmod, always exact; zeros are positive.
    function fmod(uint256 a, uint256 b, Format format) internal pure returns (uint256) {
        unchecked {
            uint256 sign = format.signBit();
            uint256 x = a & (sign - 1);
            uint256 y = b & (sign - 1);
            if (x >= format.infinity() || y > format.infinity() || y == 0) return format.quietNaN();
            if (x < y) return plusZero(a, format);
            (uint256 m, uint256 e) = _split(x, format.fraction());
            (uint256 n, uint256 f) = _split(y, format.fraction());
            m %= n;
            for (e -= f; e > FAR; e -= FAR) m = (m << FAR) % n;
            m = (m << e) % n;
            return m == 0 ? 0 : (a & sign) | _round(m, int256(f), format.fraction(), format.infinity());
        }
    }

    // ---------------------------------------------------------------- signs, order, integral values

    /// @notice -a (IEEE 754-2019, section 5.5.1, negate), a NaN being canonical.
    function neg(uint256 a, Format format) internal pure returns (uint256) {
        return isNaN(a, format) ? format.quietNaN() : a ^ format.signBit();
    }

    /// @notice |a| (IEEE 754-2019, section 5.5.1, abs), a NaN being canonical.
    function abs(uint256 a, Format format) internal pure returns (uint256) {
        return isNaN(a, format) ? format.quietNaN() : magnitude(a, format);
    }

    /// @notice a without its sign bit.
    function magnitude(uint256 a, Format format) internal pure returns (uint256) {
        unchecked {
            return a & (format.signBit() - 1);
        }
    }

    /// @notice a + 0: -0 becomes +0, everything else stays.
    function plusZero(uint256 a, Format format) internal pure returns (uint256) {
        return a == format.signBit() ? 0 : a;
    }

    /// @notice True for every NaN (IEEE 754-2019, section 5.7.2, isNaN).
    function isNaN(uint256 a, Format format) internal pure returns (bool) {
        return magnitude(a, format) > format.infinity();
    }

    /// @notice a = b (IEEE 754-2019, section 5.11, compareQuietEqual): false beside a NaN; zeros are equal.
    function equal(uint256 a, uint256 b, Format format) internal pure returns (bool) {
        if (isNaN(a, format) || isNaN(b, format)) return false;
        return a == b || (a | b) == format.signBit();
    }

    /// @notice a < b (IEEE 754-2019, section 5.11, compareQuietLess): false beside a NaN.
    function less(uint256 a, uint256 b, Format format) internal pure returns (bool) {
        if (isNaN(a, format) || isNaN(b, format)) return false;
        return _order(a, format) < _order(b, format);
    }

    /// @dev An integer that orders as the numbers do, both zeros being 0.
    function _order(uint256 a, Format format) private pure returns (int256) {
        unchecked {
            int256 distance = int256(magnitude(a, format));
            return a & format.signBit() == 0 ? distance : -distance;
        }
    }

    /// @notice The larger of a and b; a NaN propagates (IEEE 754-2019, section 9.6, maximum); zeros are positive.
    function max(uint256 a, uint256 b, Format format) internal pure returns (uint256) {
        if (isNaN(a, format) || isNaN(b, format)) return format.quietNaN();
        return plusZero(_order(a, format) < _order(b, format) ? b : a, format);
    }

    /// @notice The smaller of a and b; a NaN propagates (IEEE 754-2019, section 9.6, minimum); zeros are positive.
    function min(uint256 a, uint256 b, Format format) internal pure returns (uint256) {
        if (isNaN(a, format) || isNaN(b, format)) return format.quietNaN();
        return plusZero(_order(b, format) < _order(a, format) ? b : a, format);
    }

    /// @notice The larger of a and 0; a NaN propagates; zeros are positive.
    function relu(uint256 a, Format format) internal pure returns (uint256) {
        return max(a, 0, format);
    }

    /// @notice 1, +0 or -1 by the sign of the number; a NaN stays.
    function signum(uint256 a, Format format) internal pure returns (uint256) {
        if (isNaN(a, format)) return format.quietNaN();
        return magnitude(a, format) == 0 ? 0 : (a & format.signBit()) | _one(format);
    }

    /// @dev The encoding of 1: its exponent field is the bias, half of the largest one.
    function _one(Format format) private pure returns (uint256) {
        uint256 f = format.fraction();
        return (format.infinity() >> (f + 1)) << f;
    }

    /// @notice The largest integral value not above a (IEEE 754-2019, section 5.9, roundToIntegralTowardNegative); zeros are positive.
    function floor(uint256 a, Format format) internal pure returns (uint256) {
        (uint256 whole, uint256 rest, ) = _parts(a, format);
        return _integral(a, whole, rest != 0 && a & format.signBit() != 0, format);
    }

    /// @notice The smallest integral value not below a (IEEE 754-2019, section 5.9, roundToIntegralTowardPositive); zeros are positive.
    function ceil(uint256 a, Format format) internal pure returns (uint256) {
        (uint256 whole, uint256 rest, ) = _parts(a, format);
        return _integral(a, whole, rest != 0 && a & format.signBit() == 0, format);
    }

    /// @notice The nearest integral value, ties to even (IEEE 754-2019, section 5.9, roundToIntegralTiesToEven); zeros are positive.
    function round(uint256 a, Format format) internal pure returns (uint256) {
        unchecked {
            (uint256 whole, uint256 rest, uint256 half) = _parts(a, format);
            return _integral(a, whole, rest + (whole & 1) > half, format);
        }
    }

    /// @dev |a| = whole + rest / (2 half). A number without a fraction, and what is not finite, is all rest of 0: it stays as it is.
    function _parts(uint256 a, Format format) private pure returns (uint256 whole, uint256 rest, uint256 half) {
        unchecked {
            (uint256 m, uint256 e) = _split(magnitude(a, format), format.fraction());
            if (e >= format.origin()) return (m, 0, 1);
            uint256 places = format.origin() - e;
            if (places > FAR) places = FAR;
            whole = m >> places;
            half = 1 << (places - 1);
            rest = m & (2 * half - 1);
        }
    }

    /// @dev `whole`, or one more, with the sign of a; a itself where it is integral already.
    function _integral(uint256 a, uint256 whole, bool up, Format format) private pure returns (uint256) {
        unchecked {
            if (isNaN(a, format)) return format.quietNaN();
            (, uint256 e) = _split(magnitude(a, format), format.fraction());
            if (e >= format.origin()) return a;
            whole += _bit(up);
            if (whole == 0) return 0;
            return (a & format.signBit()) | _round(whole, int256(format.origin()), format.fraction(), format.infinity());
        }
    }

    // ---------------------------------------------------------------- conversions

    /// @notice The number in another format (IEEE 754-2019, section 5.4.2, convertFormat): exact if that is wider, else rounded once.
    function convert(uint256 a, Format from, Format to) internal pure returns (uint256) {
        unchecked {
            uint256 x = magnitude(a, from);
            if (x > from.infinity()) return to.quietNaN();
            uint256 negative = a == x ? 0 : to.signBit();
            if (x == from.infinity()) return negative | to.infinity();
            (uint256 m, uint256 e) = _split(x, from.fraction());
            return negative | _round(m, int256(e + to.origin()) - int256(from.origin()), to.fraction(), to.infinity());
        }
    }

    /// @notice RN(n * 2^k) of an integer, rounded once; zero is +0. With k = 0 it is the cast of an integer (IEEE 754-2019, section 5.4.1,
    /// convertFromInt), with others the way from exact sums back to numbers.
    function fromInteger(int256 n, int64 k, Format format) internal pure returns (uint256) {
        unchecked {
            uint256 m = n < 0 ? uint256(-n) : uint256(n);
            return (n < 0 ? format.signBit() : 0) | _round(m, int256(k) + int256(format.origin()), format.fraction(), format.infinity());
        }
    }

    /// @notice The number truncated and clamped into an integer type of `width` bits. The upper clamp of 64-bit types is the largest
    /// binary64 number in range, 2^63 - 1024 or 2^64 - 2048 (docs/numerics.md, casts). Reverts with CastOfNaN for a NaN.
    function toInteger(uint256 a, Format format, uint256 width, bool signed) internal pure returns (int256) {
        unchecked {
            uint256 x = magnitude(a, format);
            if (x > format.infinity()) revert CastOfNaN();
            bool negative = a != x;
            if (negative && !signed) return 0;
            uint256 limit = 1 << (signed ? width - 1 : width);
            uint256 highest = limit - (width < 64 ? 1 : limit >> 53);
            uint256 whole = _truncated(x, limit, format);
            if (negative) return -int256(whole);
            return int256(whole > highest ? highest : whole);
        }
    }

    /// @dev The integer part of a magnitude, `limit` (at most 2^64) for all that reaches it.
    function _truncated(uint256 x, uint256 limit, Format format) private pure returns (uint256 whole) {
        unchecked {
            (uint256 m, uint256 e) = _split(x, format.fraction());
            uint256 center = format.origin();
            // In a short format infinity, read as a number, would still be in range.
            if (x == format.infinity() || e > center + 64) return limit;
            whole = e < center ? m >> (center - e) : m << (e - center);
            if (whole > limit) whole = limit;
        }
    }

    /// @notice The cast to bool: false for both zeros, true for everything else, NaN included.
    function isNonZero(uint256 a, Format format) internal pure returns (bool) {
        return magnitude(a, format) != 0;
    }

    // ---------------------------------------------------------------- grids

    /// @notice The smallest power of two >= m, 0 for 0, where m is the largest magnitude of a group; a NaN for infinities, NaN, and what is so
    /// large that the grid's arithmetic overflows: 0x1.fffffep103 in binary32, 0x1.fffffffffffffp970 in binary64 (docs/numerics.md, domain).
    function pow2ceil(uint256 m, Format format) internal pure returns (uint256) {
        unchecked {
            uint256 f = format.fraction();
            uint256 unit = 1 << f;
            if (m >= format.infinity() - ((f + 1) << f) - 1) return format.quietNaN();
            // A subnormal number is an integer, and so is its power of two; that may be the smallest normal number.
            if (m < unit) return m == 0 ? 0 : 1 << (256 - leadingZeros(m - 1));
            uint256 fractional = m & (unit - 1);
            return fractional == 0 ? m : m - fractional + unit;
        }
    }

    /// @notice The same for binary64 operands of products and sums: a NaN for magnitudes outside of [2^-400, 2^400] too, but for 0.
    function pow2ceilBounded(uint256 m) internal pure returns (uint256) {
        if (m == 0) return 0;
        if (m < SMALLEST_SCALE || m > LARGEST_SCALE) return BINARY64.quietNaN();
        return pow2ceil(m, BINARY64);
    }

    /// @notice x on the grid of `bits` bits and a scale, which is a power of two or 0: its nearest multiple of scale * 2^-bits, ties to
    /// even; zeros are positive. A NaN where the scale is one. Reverts with BeyondGrid where |x| is above the scale.
    function grid(uint256 x, uint256 scale, uint256 bits, Format format) internal pure returns (uint256) {
        unchecked {
            if (scale >= format.infinity()) return format.quietNaN();
            (uint256 count, int256 e) = _onGrid(x, scale, bits, format);
            return count == 0 ? 0 : (x & format.signBit()) | _round(count, e, format.fraction(), format.infinity());
        }
    }

    /// @notice The same as a number of grid units, at most 2^bits in magnitude: what products and sums of a block add up.
    /// Reverts with BeyondGrid where |x| is above the scale, or the scale is not finite.
    function units(uint256 x, uint256 scale, uint256 bits, Format format) internal pure returns (int256) {
        unchecked {
            if (scale >= format.infinity()) revert BeyondGrid(x, scale);
            (uint256 count, int256 e) = _onGrid(x, scale, bits, format);
            int256 up = e - _log2(scale, format) + int256(bits);
            int256 n = count == 0 ? int256(0) : int256(count << uint256(up));
            return x & format.signBit() == 0 ? n : -n;
        }
    }

    /// @notice log2 of a power of two, to hand a sum of grid units to fromInteger: each is worth 2^(log2(scale) - bits).
    function log2(uint256 scale, Format format) internal pure returns (int256) {
        unchecked {
            return _log2(scale, format) - int256(format.origin());
        }
    }

    /// @dev log2 of a power of two in units of the smallest positive number.
    function _log2(uint256 scale, Format format) private pure returns (int256) {
        unchecked {
            (uint256 m, uint256 e) = _split(scale, format.fraction());
            return int256(e + 255 - leadingZeros(m));
        }
    }

    /// @dev |x| on the grid as count * 2^e units of the smallest positive number.
    function _onGrid(uint256 x, uint256 scale, uint256 bits, Format format) private pure returns (uint256, int256) {
        unchecked {
            uint256 y = magnitude(x, format);
            if (y > scale) revert BeyondGrid(x, scale);
            if (y == 0) return (0, 0);
            (uint256 m, uint256 e) = _split(y, format.fraction());
            int256 places = _log2(scale, format) - int256(bits + e);
            if (places <= 0) return (m, int256(e));
            return (_shiftEven(m, uint256(places)), int256(e) + places);
        }
    }

    // ---------------------------------------------------------------- the one rounding

    /// @dev The encoding of the number nearest to m * 2^e units of the smallest positive number, ties to even; infinity beyond the largest
    /// (IEEE 754-2019, section 4.3.1 and 7.4). The exponent field is what the significand's hidden bit does not carry into it, so one
    /// addition encodes subnormal and normal numbers, the carry into the next binade, and overflow.
    function _round(uint256 m, int256 e, uint256 f, uint256 limit) private pure returns (uint256 bits) {
        unchecked {
            if (m == 0) return 0;
            int256 unit = e + int256(255 - leadingZeros(m)) - int256(f);
            if (unit < 0) unit = 0;
            m = unit > e ? _shiftEven(m, uint256(unit - e)) : m << uint256(e - unit);
            bits = (uint256(unit) << f) + m;
            if (bits > limit) bits = limit;
        }
    }

    /// @dev m / 2^places to the nearest integer, ties to even; places > 0. No word reaches a half at more than 256.
    function _shiftEven(uint256 m, uint256 places) private pure returns (uint256 quotient) {
        unchecked {
            if (places > 256) return 0;
            uint256 half = 1 << (places - 1);
            quotient = m >> places;
            quotient += _bit((m & (2 * half - 1)) + (quotient & 1) > half);
        }
    }

    /// @dev A finite magnitude, of f fraction bits, as m * 2^e units of the smallest positive number.
    function _split(uint256 x, uint256 f) private pure returns (uint256 m, uint256 e) {
        unchecked {
            e = x >> f;
            e -= _bit(e != 0);
            m = x - (e << f);
        }
    }

    /// @dev The format's origin by its fields.
    function _origin(uint256 f, uint256 limit) private pure returns (uint256) {
        unchecked {
            return (limit >> (f + 1)) + f - 1;
        }
    }

    /// @dev 1 for true: no branch, where the language's own expression takes about 20 gas.
    function _bit(bool condition) private pure returns (uint256 bit) {
        assembly ("memory-safe") {
            bit := condition
        }
    }

    /// @notice Leading zeros of a word, 256 for 0. EIP-7939: 5 gas; the language has no expression for it.
    function leadingZeros(uint256 x) internal pure returns (uint256 count) {
        assembly ("memory-safe") {
            count := clz(x)
        }
    }
}
