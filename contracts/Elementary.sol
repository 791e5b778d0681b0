// SPDX-License-Identifier: MIT
pragma solidity ^0.8.31;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {Exact} from "./Exact.sol";

/// @title The elementary functions of binary32, correctly rounded (docs/elementary.md), by fixed-point arithmetic.
/// @notice Each function evaluates its argument exactly, the function by a series, and rounds once. Why every result is right: the distance of
/// every true value from the nearest boundary between two roundings is known, since all 2^32 arguments of each function have been looked
/// at (docs/elementary.md, "nearest"). The smallest is 2^-52.6 units in the last place, for sigmoid, so 2^-77 of the value; for all others it is
/// above 2^-43 units. The error of what is rounded here stays below 2^-80 of the value, so that it lies on the right side of every boundary.
/// @dev Numbers are integers in units of 2^-128 unless said otherwise. A step floors or truncates, which costs a unit; a series has fewer than
/// 130 terms and ends at the term that is 0. Where an argument is so small that the function is x(1 + d) or 1 + d with |d| < 2^-26, the result
/// is x or 1: that is less than half a unit in the last place away. The series start where values are above 2^-31 (log1p, expm1), 2^-24 (log)
/// or 2^-14 (the others), so that an error of 2^7 units is at most 2^-90 of the value; the quotient of tanh, to 2^-96, is the coarsest one.
/// Sigmoid, softplus and erf keep the precision of their factors at any size.
library Elementary {
    /// @dev 1, and magnitudes at which functions saturate or become their argument, as binary32.
    uint256 private constant ONE = 0x3f800000;
    uint256 private constant INFINITY = 0x7f800000;
    uint256 private constant NAN = 0x7fc00000;
    uint256 private constant SIGN = 0x80000000;
    uint256 private constant TWO_TO_64 = 0x5f800000;
    uint256 private constant ONE_HUNDRED_TWENTY_EIGHT = 0x43000000;
    uint256 private constant TWENTY = 0x41a00000;
    uint256 private constant TEN = 0x41200000;
    uint256 private constant FOUR = 0x40800000;
    uint256 private constant HALF = 0x3f000000;
    uint256 private constant TWO_TO_MINUS_13 = 0x39000000;
    uint256 private constant TWO_TO_MINUS_14 = 0x38800000;
    uint256 private constant TWO_TO_MINUS_25 = 0x33000000;
    uint256 private constant TWO_TO_MINUS_30 = 0x30800000;

    /// @dev 1 in fixed point.
    int256 private constant UNIT = 1 << 128;
    /// @dev log 2 in units of 2^-192; 1 / log 2 of 2^-64; the root of 2 of 2^-127; pi / 2 of 2^-128; 2 / sqrt(pi) of 2^-100; and 384 bits of
    /// 2 / pi behind the point. Checked against `scripts/elementary/reals.ts`, from which the exhaustive test's oracle is made.
    int256 private constant LN2_192 = 0xb17217f7d1cf79abc9e3b39803f2f6af40f343267298b62e;
    int256 private constant INVERSE_LN2_64 = 0x171547652b82fe177;
    uint256 private constant SQRT2_127 = 0xb504f333f9de6484597d89b3754abe9f;
    int256 private constant HALF_PI_128 = 0x1921fb54442d18469898cc51701b839a2;
    uint256 private constant TWO_OVER_SQRT_PI_100 = 0x120dd750429b6d11ae3a914fed;
    uint256 private constant TWO_OVER_PI_HIGH = 0xa2f9836e4e441529fc2757d1f534ddc0db6295993c439041fe5163abdebbc561;
    uint256 private constant TWO_OVER_PI_LOW = 0xb7246e3a424dd2e006492eea09d1921c;

    // ---------------------------------------------------------------- exponential

    /// @notice e^a.
    function exp(uint256 a) internal pure returns (uint256) {
        unchecked {
            uint256 x = a & (SIGN - 1);
            if (x > INFINITY) return NAN;
            if (x < TWO_TO_MINUS_30) return ONE;
            if (x >= ONE_HUNDRED_TWENTY_EIGHT) return a == x ? INFINITY : 0;
            (int256 m, int256 k) = _exp(_fixed(a));
            return _float(m, k - 128);
        }
    }

    /// @notice e^a - 1.
    function expm1(uint256 a) internal pure returns (uint256) {
        unchecked {
            uint256 x = a & (SIGN - 1);
            if (x > INFINITY) return NAN;
            if (x < TWO_TO_MINUS_30) return _plusZero(a);
            if (x >= ONE_HUNDRED_TWENTY_EIGHT) return a == x ? INFINITY : SIGN | ONE;
            (int256 m, int256 k) = _exp(_fixed(a));
            if (k < 0) return _float((m >> uint256(-k)) - UNIT, -128);
            return _float(m - (UNIT >> uint256(k)), k - 128);
        }
    }

    /// @notice The hyperbolic tangent: m / (m + 2) with m = e^2|a| - 1; above 1 - 2^-27.8 from 10 on.
    function tanh(uint256 a) internal pure returns (uint256) {
        unchecked {
            uint256 x = a & (SIGN - 1);
            if (x > INFINITY) return NAN;
            if (x < TWO_TO_MINUS_14) return _plusZero(a);
            if (x >= TEN) return (a & SIGN) | ONE;
            (int256 m, int256 k) = _exp(2 * _fixed(x));
            m = (m << uint256(k)) - UNIT;
            return (a & SIGN) | _float((m << 96) / (m + 2 * UNIT), -96);
        }
    }

    /// @notice 1 / (1 + e^-a).
    function sigmoid(uint256 a) internal pure returns (uint256) {
        unchecked {
            uint256 x = a & (SIGN - 1);
            if (x > INFINITY) return NAN;
            if (x < TWO_TO_MINUS_25) return HALF;
            if (x >= ONE_HUNDRED_TWENTY_EIGHT) return a == x ? ONE : 0;
            (int256 m, int256 k) = _exp(-_fixed(x));
            int256 divisor = UNIT + (m >> uint256(-k));
            if (a == x) return _float((int256(1) << 254) / divisor, -126);
            return _float(int256((uint256(m) << 126) / uint256(divisor)), k - 126);
        }
    }

    /// @notice log(1 + e^a): a + log(1 + e^-a) for a > 0, which is a within 2^-28 from 20 on.
    function softplus(uint256 a) internal pure returns (uint256) {
        unchecked {
            uint256 x = a & (SIGN - 1);
            if (x > INFINITY) return NAN;
            if (a == x && x >= TWENTY) return a;
            if (x >= ONE_HUNDRED_TWENTY_EIGHT) return 0;
            (int256 m, int256 k) = _exp(-_fixed(x));
            if (a == x) return _float(_fixed(x) + _log(uint256(UNIT + (m >> uint256(-k))), -128), -128);
            // log(1 + y) = 2 artanh(y / (2 + y)) with y = e^a; the quotient in units of 2^(k-126).
            uint256 quotient = (uint256(m) << 126) / uint256(2 * UNIT + (m >> uint256(-k)));
            uint256 square = ((quotient * quotient) >> 124) >> uint256(-2 * k);
            return _float(int256(quotient * _artanhOver(square)), k - 253);
        }
    }

    /// @notice The hyperbolic sine.
    function sinh(uint256 a) internal pure returns (uint256) {
        unchecked {
            uint256 x = a & (SIGN - 1);
            if (x > INFINITY) return NAN;
            if (x < TWO_TO_MINUS_13) return _plusZero(a);
            if (x >= ONE_HUNDRED_TWENTY_EIGHT) return (a & SIGN) | INFINITY;
            (int256 m, int256 k) = _exp(_fixed(x));
            (int256 n, int256 j) = _exp(-_fixed(x));
            return (a & SIGN) | _float(m - (n >> uint256(k - j)), k - 129);
        }
    }

    /// @notice The hyperbolic cosine.
    function cosh(uint256 a) internal pure returns (uint256) {
        unchecked {
            uint256 x = a & (SIGN - 1);
            if (x > INFINITY) return NAN;
            if (x < TWO_TO_MINUS_13) return ONE;
            if (x >= ONE_HUNDRED_TWENTY_EIGHT) return INFINITY;
            (int256 m, int256 k) = _exp(_fixed(x));
            (int256 n, int256 j) = _exp(-_fixed(x));
            return _float(m + (n >> uint256(k - j)), k - 129);
        }
    }

    // ---------------------------------------------------------------- logarithm

    /// @notice The natural logarithm: -infinity at 0, a NaN below.
    function log(uint256 a) internal pure returns (uint256) {
        unchecked {
            if (a & (SIGN - 1) == 0) return SIGN | INFINITY;
            if (a >= INFINITY) return a == INFINITY ? INFINITY : NAN;
            (uint256 m, int256 e) = _split(a);
            return _float(_log(m, e), -128);
        }
    }

    /// @notice log(1 + a): -infinity at -1, a NaN below. 1 + a is exact in units of 2^-54 below 2^100; from there on it counts as a.
    function log1p(uint256 a) internal pure returns (uint256) {
        unchecked {
            uint256 x = a & (SIGN - 1);
            if (x < TWO_TO_MINUS_30) return _plusZero(a);
            if (a == SIGN | ONE) return SIGN | INFINITY;
            if (x > INFINITY || a > SIGN | ONE) return NAN;
            if (a == INFINITY) return a;
            (uint256 m, int256 e) = _split(x);
            if (e >= 77) return _float(_log(m, e), -128);
            m <<= uint256(e + 54);
            return _float(_log(a == x ? (1 << 54) + m : (1 << 54) - m, -54), -128);
        }
    }

    /// @notice The inverse hyperbolic sine: log(|a| + sqrt(a^2 + 1)), which is log(2|a|) within 2^-130 from 2^64 on.
    function asinh(uint256 a) internal pure returns (uint256) {
        unchecked {
            uint256 x = a & (SIGN - 1);
            if (x > INFINITY) return NAN;
            if (x < TWO_TO_MINUS_13 || x == INFINITY) return _plusZero(a);
            (uint256 m, int256 e) = _split(x);
            if (x >= TWO_TO_64) return (a & SIGN) | _float(_log(m, e + 1), -128);
            m <<= uint256(e + 60);
            return (a & SIGN) | _float(_logWithRoot(m, m * m + (1 << 120)), -128);
        }
    }

    /// @notice The inverse hyperbolic cosine: log(a + sqrt(a^2 - 1)); a NaN below 1.
    function acosh(uint256 a) internal pure returns (uint256) {
        unchecked {
            if (a == INFINITY) return a;
            if (a > INFINITY || a < ONE) return NAN;
            (uint256 m, int256 e) = _split(a);
            if (a >= TWO_TO_64) return _float(_log(m, e + 1), -128);
            m <<= uint256(e + 60);
            return _float(_logWithRoot(m, m * m - (1 << 120)), -128);
        }
    }

    /// @notice The inverse hyperbolic tangent: half the logarithm of (1 + |a|) / (1 - |a|); an infinity at 1, a NaN beyond.
    function atanh(uint256 a) internal pure returns (uint256) {
        unchecked {
            uint256 x = a & (SIGN - 1);
            if (x > ONE) return NAN;
            if (x == ONE) return (a & SIGN) | INFINITY;
            if (x < TWO_TO_MINUS_13) return _plusZero(a);
            (uint256 m, int256 e) = _split(x);
            m <<= uint256(e + 54);
            return (a & SIGN) | _float(_log((1 << 54) + m, -54) - _log((1 << 54) - m, -54), -129);
        }
    }

    // ---------------------------------------------------------------- error function

    /// @notice The error function: 2 / sqrt(pi) x e^(-x^2) (1 + 2x^2/3 + (2x^2)^2/(3 5) + ...), all terms positive; from 4 on it is above
    /// 1 - 2^-25.9, and half a unit in the last place below 1 is 2^-25.
    function erf(uint256 a) internal pure returns (uint256) {
        unchecked {
            uint256 x = a & (SIGN - 1);
            if (x > INFINITY) return NAN;
            if (x >= FOUR) return (a & SIGN) | ONE;
            if (x == 0) return 0;
            // In units of 2^-120, so that the square fits a word.
            uint256 square = uint256(_fixed(x)) >> 8;
            square *= square;
            (int256 power, int256 k) = _exp(-int256(square >> 112));
            square >>= 139; // 2x^2 in units of 2^-100
            uint256 sum = 1 << 100;
            uint256 term = sum;
            for (uint256 n = 3; term != 0; n += 2) {
                term = (term * square) / (n << 100);
                sum += term;
            }
            (uint256 m, int256 e) = _split(x);
            sum = (uint256(power) * sum) >> 128;
            return (a & SIGN) | _float(int256(m * sum * TWO_OVER_SQRT_PI_100), e + k - 200);
        }
    }

    // ---------------------------------------------------------------- circular functions

    /// @notice The sine, for every finite argument.
    function sin(uint256 a) internal pure returns (uint256) {
        unchecked {
            uint256 x = a & (SIGN - 1);
            if (x >= INFINITY) return NAN;
            if (x < TWO_TO_MINUS_13) return _plusZero(a);
            (uint256 quadrant, int256 angle) = _angle(x);
            return (a & SIGN) ^ _float(_sineAt(quadrant, angle), -126);
        }
    }

    /// @notice The cosine, for every finite argument.
    function cos(uint256 a) internal pure returns (uint256) {
        unchecked {
            uint256 x = a & (SIGN - 1);
            if (x >= INFINITY) return NAN;
            if (x < TWO_TO_MINUS_13) return ONE;
            (uint256 quadrant, int256 angle) = _angle(x);
            return _float(_sineAt(quadrant + 1, angle), -126);
        }
    }

    /// @notice The tangent, for every finite argument.
    function tan(uint256 a) internal pure returns (uint256) {
        unchecked {
            uint256 x = a & (SIGN - 1);
            if (x >= INFINITY) return NAN;
            if (x < TWO_TO_MINUS_13) return _plusZero(a);
            (uint256 quadrant, int256 angle) = _angle(x);
            int256 quotient = (_sineAt(quadrant, angle) << 126) / _sineAt(quadrant + 1, angle);
            return (a & SIGN) ^ _float(quotient, -126);
        }
    }

    /// @notice The inverse tangent.
    function atan(uint256 a) internal pure returns (uint256) {
        unchecked {
            uint256 x = a & (SIGN - 1);
            if (x > INFINITY) return NAN;
            if (x < TWO_TO_MINUS_13) return _plusZero(a);
            // From 2^64 on it is pi / 2 within 2^-64, and that lies an eighth of a unit in the last place from a boundary.
            if (x >= TWO_TO_64) return (a & SIGN) | _float(HALF_PI_128, -128);
            (uint256 m, int256 e) = _split(x);
            return (a & SIGN) | _float(_atan2(m << uint256(e + 60), 1 << 60), -128);
        }
    }

    /// @notice The inverse sine; a NaN beyond 1.
    function asin(uint256 a) internal pure returns (uint256) {
        unchecked {
            uint256 x = a & (SIGN - 1);
            if (x > ONE) return NAN;
            if (x < TWO_TO_MINUS_13) return _plusZero(a);
            uint256 y = uint256(_fixed(x)) >> 8;
            return (a & SIGN) | _float(_atan2(y, Math.sqrt((1 << 240) - y * y)), -128);
        }
    }

    /// @notice The inverse cosine; a NaN beyond 1.
    function acos(uint256 a) internal pure returns (uint256) {
        unchecked {
            uint256 x = a & (SIGN - 1);
            if (x > ONE) return NAN;
            uint256 y = uint256(_fixed(x)) >> 8;
            int256 angle = _atan2(Math.sqrt((1 << 240) - y * y), y);
            return _float(a == x ? angle : 2 * HALF_PI_128 - angle, -128);
        }
    }

    // ---------------------------------------------------------------- series

    /// @notice e^x of a number in units of 2^-128, |x| < 2^7: e^x = m 2^(k-128) with m / 2^128 between 0.7 and 1.5, to 2^-121. For tables that are
    /// computed.
    function exponential(int256 x) internal pure returns (int256 m, int256 k) {
        return _exp(x);
    }

    /// @dev e^x = m 2^(k-128) with m / 2^128 between 0.7 and 1.5, for |x| < 2^7. Error of m: less than 2^6 units.
    function _exp(int256 x) private pure returns (int256 m, int256 k) {
        unchecked {
            k = ((x >> 64) * INVERSE_LN2_64 + UNIT / 2) >> 128;
            x = ((x << 64) - k * LN2_192) >> 64;
            m = UNIT;
            int256 term = UNIT;
            for (int256 i = 1; term != 0; ++i) {
                term = ((term * x) >> 128) / i;
                m += term;
            }
        }
    }

    /// @dev log(n 2^e) for n > 0: k log 2 + 2 artanh((f - 1) / (f + 1)) with f between the roots of 1/2 and 2. Error: less than 2^7 units.
    function _log(uint256 n, int256 e) private pure returns (int256) {
        unchecked {
            uint256 top = 255 - Exact.leadingZeros(n);
            n = top > 127 ? n >> (top - 127) : n << (127 - top);
            e += int256(top);
            int256 one = UNIT >> 1;
            if (n > SQRT2_127) {
                one = UNIT;
                ++e;
            }
            int256 s = ((int256(n) - one) << 128) / (int256(n) + one);
            int256 series = int256(_artanhOver(uint256((s * s) >> 128)));
            return ((s * series) >> 127) + ((e * LN2_192) >> 64);
        }
    }

    /// @dev log((x + sqrt(y)) 2^-60) for x in units of 2^-60 and y in units of 2^-120, the root to 127 bits.
    function _logWithRoot(uint256 x, uint256 y) private pure returns (int256) {
        unchecked {
            if (y == 0) return _log(x, -60);
            uint256 places = Exact.leadingZeros(y) >> 1;
            uint256 root = Math.sqrt(y << (2 * places));
            // Where y = x^2 - 1 is not 0 it is 2^98 or more, so that x takes no more than 140 bits here.
            return _log((x << places) + root, -60 - int256(places));
        }
    }

    /// @dev artanh(s) / s = 1 + s^2/3 + s^4/5 + ..., for s^2 up to 1/9.
    function _artanhOver(uint256 square) private pure returns (uint256 sum) {
        unchecked {
            sum = uint256(UNIT);
            uint256 power = sum;
            for (uint256 n = 3; power != 0; n += 2) {
                power = (power * square) >> 128;
                sum += power / n;
            }
        }
    }

    /// @dev The angle of the point (x, y) of the first quadrant, of coordinates below 2^125: the quotient's half angle is taken twice, then the
    /// series in t <= 0.2. Error: less than 2^7 units.
    function _atan2(uint256 y, uint256 x) private pure returns (int256) {
        unchecked {
            bool steep = y > x;
            uint256 t = steep ? (x << 128) / y : (y << 128) / x;
            t = _halfAngle(_halfAngle(t));
            int256 square = -int256((t * t) >> 128);
            int256 power = int256(t);
            int256 sum = power;
            for (int256 n = 3; power != 0; n += 2) {
                power = (power * square) / UNIT;
                sum += power / n;
            }
            return steep ? HALF_PI_128 - 4 * sum : 4 * sum;
        }
    }

    /// @dev The tangent of half the angle whose tangent is t <= 1: t / (1 + sqrt(1 + t^2)).
    function _halfAngle(uint256 t) private pure returns (uint256) {
        unchecked {
            // The root in units of 2^-127.
            uint256 root = Math.sqrt((1 << 254) + ((t >> 1) * (t >> 1)));
            return (t << 127) / ((1 << 127) + root);
        }
    }

    /// @dev x as a quadrant modulo 4 and an angle of at most pi / 4 from its axis, in units of 2^-126. x 2 / pi modulo 4 needs 2^224 units of 2^-222: 224 bits of
    /// 2 / pi, from the place on that the exponent of x names. Error: 2^24 of these units; no binary32 number
    /// but 0 is nearer than 2^-29.3 to a multiple of pi / 2 (16367173 2^72 is the nearest).
    function _angle(uint256 x) private pure returns (uint256 quadrant, int256 angle) {
        unchecked {
            (uint256 m, int256 e) = _split(x);
            uint256 places = uint256(e + 222);
            uint256 window = places <= 256
                ? TWO_OVER_PI_HIGH >> (256 - places)
                : (TWO_OVER_PI_HIGH << (places - 256)) | (TWO_OVER_PI_LOW >> (384 - places));
            uint256 turns = (m * (window & ((1 << 224) - 1))) & ((1 << 224) - 1);
            quadrant = (turns + (1 << 221)) >> 222;
            angle = int256(turns) - int256(quadrant << 222);
            angle = ((angle >> 96) * HALF_PI_128) >> 128;
        }
    }

    /// @dev The sine of an angle of at most pi / 4 that was turned by quadrants; both in units of 2^-126. Error: less than 2^6 units.
    function _sineAt(uint256 quadrant, int256 angle) private pure returns (int256 sum) {
        unchecked {
            int256 square = -((angle * angle) >> 126);
            int256 term = quadrant & 1 == 0 ? angle : UNIT >> 2;
            sum = term;
            for (int256 n = quadrant & 1 == 0 ? int256(2) : int256(1); term != 0; n += 2) {
                term = (term * square) / ((n * (n + 1)) << 126);
                sum += term;
            }
            if (quadrant & 2 != 0) sum = -sum;
        }
    }

    // ---------------------------------------------------------------- numbers

    /// @dev RN32(n 2^e), zeros positive.
    function _float(int256 n, int256 e) private pure returns (uint256) {
        return Exact.fromInteger(n, int64(e), Exact.BINARY32);
    }

    function _plusZero(uint256 a) private pure returns (uint256) {
        return a == SIGN ? 0 : a;
    }

    /// @dev A finite magnitude as m 2^e.
    function _split(uint256 x) private pure returns (uint256 m, int256 e) {
        unchecked {
            uint256 field = x >> 23;
            if (field == 0) return (x, -149);
            return ((x & 0x7fffff) | 0x800000, int256(field) - 150);
        }
    }

    /// @dev A number below 2^7 in units of 2^-128: exact from 2^-105 on.
    function _fixed(uint256 a) private pure returns (int256) {
        unchecked {
            (uint256 m, int256 e) = _split(a & (SIGN - 1));
            int256 n = int256(e < -128 ? m >> uint256(-128 - e) : m << uint256(e + 128));
            return a & SIGN == 0 ? n : -n;
        }
    }
}
