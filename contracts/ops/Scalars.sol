// SPDX-License-Identifier: MIT
pragma solidity ^0.8.31;

import {Elementary} from "../Elementary.sol";
import {Exact, Format} from "../Exact.sol";
import {Ops} from "./Ops.sol";
import {Powers} from "./Powers.sol";
import {Types} from "./Types.sol";

/// @notice An elementwise op on one element of each operand.
struct Operation {
    uint16 op;
    /// Type of the operands, and of the result.
    uint8 dtype;
    uint8 target;
    /// The op's one attribute, 0 where it has none.
    int256 attribute;
    uint256 a;
    /// 0 where there is one operand.
    uint256 b;
}

/// @title One element of every elementwise and elementary exact op, but of Where, which copies. See docs/numerics.md, elementwise operations.
/// @notice Types that a row of the op table does not have revert: a program with them is ill-formed, and its job void.
library Scalars {
    /// @notice Not an op of one element of each operand.
    error NotElementwise(uint256 op);
    /// @notice The run is refused at such an element, whatever it holds.
    error ZeroDivisor();

    /// @notice True for the ops that this library decides.
    function isElementwise(uint256 op) internal pure returns (bool) {
        return op != 0 && op != Ops.WHERE && (op <= Ops.FMOD || (op >= Ops.EXP && op <= Ops.ATANH) || op == Ops.POW);
    }

    /// @notice True where such an op has two operands.
    function isBinary(uint256 op) internal pure returns (bool) {
        if (op <= Ops.MOD || op == Ops.POW) return true;
        if (op >= Ops.MAX && op <= Ops.OR) return op != Ops.RELU;
        return op == Ops.XOR || (op >= Ops.BITWISE_AND && op <= Ops.FMOD);
    }

    /// @notice The bits of the one right result.
    function evaluate(Operation memory o) internal pure returns (uint256) {
        if (o.op == Ops.CAST) return cast(o.dtype, o.target, o.a);
        if (o.op == Ops.BIT_CAST) return bitCast(o.dtype, o.target, o.a);
        if (o.dtype == Types.BOOL) return _logical(o.op, o.a, o.b);
        if (o.op >= Ops.EXP) {
            require(o.dtype == Types.FLOAT32, Types.UnsupportedType(o.dtype));
            return _elementary(o.op, o.a, o.b);
        }
        if (o.op >= Ops.BITWISE_AND && o.op <= Ops.BIT_SHIFT) return _bits(o);
        require(!Types.isHalf(o.dtype), Types.UnsupportedType(o.dtype));
        if (o.op == Ops.EQUAL) return _bit(Types.equal(o.dtype, o.a, o.b));
        if (o.op == Ops.LESS) return _bit(Types.less(o.dtype, o.a, o.b));
        if (Types.isFloat(o.dtype)) return _float(o.op, o.a, o.b, Types.formatOf(o.dtype));
        return Types.fromInteger(
            o.dtype, _integer(o.op, Types.toInteger(o.dtype, o.a), Types.toInteger(o.dtype, o.b))
        );
    }

    function _float(uint256 op, uint256 a, uint256 b, Format format) private pure returns (uint256) {
        if (op == Ops.ADD) return Exact.add(a, b, format);
        if (op == Ops.SUB) return Exact.sub(a, b, format);
        if (op == Ops.MUL) return Exact.mul(a, b, format);
        if (op == Ops.DIV) return Exact.div(a, b, format);
        if (op == Ops.SQRT) return Exact.sqrt(a, format);
        if (op == Ops.NEG) return Exact.neg(a, format);
        if (op == Ops.ABS) return Exact.abs(a, format);
        if (op == Ops.FLOOR) return Exact.floor(a, format);
        if (op == Ops.CEIL) return Exact.ceil(a, format);
        if (op == Ops.ROUND) return Exact.round(a, format);
        if (op == Ops.SIGN) return Exact.signum(a, format);
        if (op == Ops.MAX) return Exact.max(a, b, format);
        if (op == Ops.MIN) return Exact.min(a, b, format);
        if (op == Ops.RELU) return Exact.relu(a, format);
        if (op == Ops.FMOD) return Exact.fmod(a, b, format);
        if (op == Ops.IS_NAN) return _bit(Exact.isNaN(a, format));
        revert NotElementwise(op);
    }

    /// @dev Exact, or right in its low bits, so that keeping these wraps.
    function _integer(uint256 op, int256 a, int256 b) private pure returns (int256) {
        unchecked {
            if (op == Ops.ADD) return a + b;
            if (op == Ops.SUB) return a - b;
            if (op == Ops.MUL) return a * b;
            if (op == Ops.DIV || op == Ops.MOD) {
                require(b != 0, ZeroDivisor());
                if (op == Ops.DIV) return a / b;
                int256 rest = a % b;
                return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
            }
            if (op == Ops.NEG) return -a;
            if (op == Ops.ABS) return a < 0 ? -a : a;
            if (op == Ops.SIGN) return a > 0 ? int256(1) : a < 0 ? int256(-1) : int256(0);
            if (op == Ops.MAX) return a > b ? a : b;
            if (op == Ops.MIN) return a < b ? a : b;
        }
        revert NotElementwise(op);
    }

    function _logical(uint256 op, uint256 a, uint256 b) private pure returns (uint256) {
        if (op == Ops.EQUAL) return _bit(a == b);
        if (op == Ops.AND) return _bit(a == 1 && b == 1);
        if (op == Ops.OR) return _bit(a == 1 || b == 1);
        if (op == Ops.NOT) return _bit(a == 0);
        if (op == Ops.XOR) return _bit(a != b);
        revert NotElementwise(op);
    }

    function _bits(Operation memory o) private pure returns (uint256) {
        (uint256 width,) = Types.integerOf(o.dtype);
        if (o.op == Ops.BITWISE_AND) return o.a & o.b;
        if (o.op == Ops.BITWISE_OR) return o.a | o.b;
        if (o.op == Ops.BITWISE_XOR) return o.a ^ o.b;
        if (o.b >= width) return 0;
        return o.attribute == 1 ? o.a >> o.b : (o.a << o.b) & ((1 << width) - 1);
    }

    function _elementary(uint256 op, uint256 a, uint256 b) private pure returns (uint256) {
        if (op == Ops.EXP) return Elementary.exp(a);
        if (op == Ops.EXPM1) return Elementary.expm1(a);
        if (op == Ops.LOG) return Elementary.log(a);
        if (op == Ops.LOG1P) return Elementary.log1p(a);
        if (op == Ops.TANH) return Elementary.tanh(a);
        if (op == Ops.SIGMOID) return Elementary.sigmoid(a);
        if (op == Ops.SOFTPLUS) return Elementary.softplus(a);
        if (op == Ops.ERF) return Elementary.erf(a);
        if (op == Ops.SIN) return Elementary.sin(a);
        if (op == Ops.COS) return Elementary.cos(a);
        if (op == Ops.TAN) return Elementary.tan(a);
        if (op == Ops.ASIN) return Elementary.asin(a);
        if (op == Ops.ACOS) return Elementary.acos(a);
        if (op == Ops.ATAN) return Elementary.atan(a);
        if (op == Ops.SINH) return Elementary.sinh(a);
        if (op == Ops.COSH) return Elementary.cosh(a);
        if (op == Ops.ASINH) return Elementary.asinh(a);
        if (op == Ops.ACOSH) return Elementary.acosh(a);
        if (op == Ops.ATANH) return Elementary.atanh(a);
        if (op == Ops.POW) return Powers.pow(a, b);
        revert NotElementwise(op);
    }

    /// @notice Conversion of a value (docs/numerics.md, casts). Reverts for a NaN that becomes an integer: the run is refused there.
    function cast(uint256 from, uint256 to, uint256 a) internal pure returns (uint256) {
        if (Types.isFloat(from)) {
            Format format = Types.formatOf(from);
            if (to == Types.BOOL) return _bit(Exact.isNonZero(a, format));
            if (Types.isFloat(to)) return Exact.convert(a, format, Types.formatOf(to));
            (uint256 width, bool signed) = Types.integerOf(to);
            return Types.fromInteger(to, Exact.toInteger(a, format, width, signed));
        }
        int256 value = Types.toInteger(from, a);
        if (to == Types.BOOL) return _bit(value != 0);
        if (Types.isFloat(to)) return Exact.fromInteger(value, 0, Types.formatOf(to));
        return Types.fromInteger(to, value);
    }

    /// @notice The same bits, every NaN being canonical before and behind.
    function bitCast(uint256 from, uint256 to, uint256 a) internal pure returns (uint256) {
        return _canonical(to, _canonical(from, a));
    }

    function _canonical(uint256 dtype, uint256 a) private pure returns (uint256) {
        if (!Types.isFloat(dtype)) return a;
        Format format = Types.formatOf(dtype);
        return Exact.isNaN(a, format) ? format.quietNaN() : a;
    }

    function _bit(bool condition) private pure returns (uint256 bit) {
        assembly ("memory-safe") {
            bit := condition
        }
    }
}
