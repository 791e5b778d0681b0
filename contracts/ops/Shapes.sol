// SPDX-License-Identifier: MIT
pragma solidity ^0.8.31;

import {TensorType} from "../Merkle.sol";
import {Ops} from "./Ops.sol";
import {Types} from "./Types.sol";

/// @title The type that an exact op gives, by the types of its operands and its attributes. See docs/ops.md.
/// @notice Attributes are words as in a program's leaf, a list behind its length, none beyond 2^53. Nothing here reverts: what an op does not
/// take, and what no value of a program may be (rank above 8, more than 2^40 elements), is not `ok`.
library Shapes {
    /// @notice Most dimensions, and most elements along one of them and in all, of a value.
    uint256 internal constant MAX_RANK = 8;
    uint256 internal constant MAX_ELEMENTS = 2 ** 40;
    /// @notice Integers up to here are numbers of every implementation.
    int256 internal constant MAX_SAFE = 2 ** 53 - 1;

    // Sets of element types, a bit for each ONNX number.
    uint256 private constant FLOATS = 1 << Types.FLOAT32 | 1 << Types.FLOAT64;
    uint256 private constant SIGNED = 1 << Types.INT8 | 1 << Types.INT16 | 1 << Types.INT32 | 1 << Types.INT64;
    uint256 private constant UNSIGNED = 1 << Types.UINT8 | 1 << Types.UINT16 | 1 << Types.UINT32 | 1 << Types.UINT64;
    uint256 private constant INTEGERS = SIGNED | UNSIGNED;
    uint256 private constant NUMBERS = FLOATS | INTEGERS;
    uint256 private constant BOOLS = 1 << Types.BOOL;
    uint256 private constant HALVES = 1 << Types.FLOAT16 | 1 << Types.BFLOAT16;
    uint256 private constant ALL = NUMBERS | BOOLS | HALVES;
    uint256 private constant SUMMABLE =
        FLOATS | 1 << Types.INT32 | 1 << Types.INT64 | 1 << Types.UINT32 | 1 << Types.UINT64;
    uint256 private constant FLOAT32_ONLY = 1 << Types.FLOAT32;

    // --- rows of the table

    /// @notice True for the numbers of element types that programs carry.
    function isType(uint256 dtype) internal pure returns (bool) {
        return dtype < 256 && ALL >> dtype & 1 == 1;
    }

    /// @notice Bytes of an element.
    function bytesOf(uint256 dtype) internal pure returns (uint256) {
        if (dtype == Types.INT64 || dtype == Types.UINT64 || dtype == Types.FLOAT64) return 8;
        if (dtype == Types.FLOAT32 || dtype == Types.INT32 || dtype == Types.UINT32) return 4;
        return dtype == Types.INT8 || dtype == Types.UINT8 || dtype == Types.BOOL ? 1 : 2;
    }

    /// @notice True for the numbers of exact ops.
    function isOp(uint256 op) internal pure returns (bool) {
        if (op <= Ops.FMOD) return op != 0;
        if (op <= Ops.ATANH) return op >= Ops.EXP;
        if (op <= Ops.CUM_SUM) return op == Ops.POW || (op >= Ops.MAT_MUL && op != 82);
        if (op <= Ops.TOP_K) return op >= Ops.REDUCE_MAX;
        return op >= Ops.RESHAPE && op <= Ops.SCATTER_ELEMENTS && op != 104;
    }

    /// @notice True for the ops that only referees decide whom the policy names.
    function isNamed(uint256 op) internal pure returns (bool) {
        return op == Ops.TOP_K;
    }

    /// @notice How many operands an op has; 0 for any number from 1 on.
    function operandsOf(uint256 op) internal pure returns (uint256) {
        if (op == Ops.CONCAT) return 0;
        if (op == Ops.WHERE || op == Ops.SCATTER_ADD || op == Ops.SCATTER_ELEMENTS) return 3;
        bool binary = op <= Ops.MOD || op == Ops.MAX || op == Ops.MIN || op == Ops.EQUAL || op == Ops.LESS;
        binary = binary || op == Ops.AND || op == Ops.OR || op == Ops.XOR || op == Ops.FMOD || op == Ops.POW;
        binary = binary || (op >= Ops.BITWISE_AND && op <= Ops.BIT_SHIFT) || op == Ops.MAT_MUL || op == Ops.CONV;
        binary = binary || op == Ops.GATHER || op == Ops.GATHER_ELEMENTS || op == Ops.PAD;
        return binary ? 2 : 1;
    }

    /// @notice How many attributes an op has, and which are lists: a bit for each.
    function attributesOf(uint256 op) internal pure returns (uint256 count, uint256 lists) {
        if (op == Ops.CONV) return (4, 14);
        if (op == Ops.MAX_POOL) return (4, 15);
        if (op == Ops.SLICE) return (3, 7);
        if (op == Ops.TOP_K) return (3, 0);
        if (op == Ops.RESHAPE || op == Ops.TRANSPOSE || op == Ops.EXPAND || op == Ops.PAD) return (1, 1);
        bool one = op == Ops.CAST || op == Ops.BIT_CAST || op == Ops.BIT_SHIFT || op == Ops.REDUCE_SUM;
        one = one || op == Ops.SCATTER_ADD || (op >= Ops.REDUCE_MAX && op <= Ops.ARG_MIN) || op == Ops.CONCAT;
        one = one || op == Ops.GATHER || op == Ops.GATHER_ELEMENTS || op == Ops.SCATTER_ELEMENTS;
        return (one ? 1 : 0, 0);
    }

    /// @notice True where words are the attributes of an op, all of them and nothing else.
    function areAttributes(uint256 op, int256[] memory words) internal pure returns (bool) {
        (uint256 count, uint256 lists) = attributesOf(op);
        uint256 place = 0;
        unchecked {
            for (uint256 i = 0; i < count; ++i) {
                if (place == words.length) return false;
                int256 length = words[place++];
                if (lists >> i & 1 == 0) continue;
                // casting to int256 and back is safe: both are lengths
                if (length < 0 || length > int256(words.length - place)) return false;
                place += uint256(length);
            }
        }
        return place == words.length;
    }

    /// @notice True where dims are those of a value.
    function isSize(int256[] memory dims) internal pure returns (bool) {
        if (dims.length > MAX_RANK) return false;
        uint256 size = 1;
        bool empty = false;
        unchecked {
            for (uint256 i = 0; i < dims.length; ++i) {
                // casting to uint256 is safe: not negative
                if (dims[i] < 0 || uint256(dims[i]) > MAX_ELEMENTS) return false;
                if (dims[i] == 0) empty = true;
                // At most 2^40 before, so at most 2^80 now.
                else if (size <= MAX_ELEMENTS) size *= uint256(dims[i]);
            }
        }
        return empty || size <= MAX_ELEMENTS;
    }

    /// @notice Elements of a type whose dims are those of a value.
    function sizeOf(uint64[] memory dims) internal pure returns (uint256 size) {
        if (isEmpty(dims)) return 0;
        size = 1;
        unchecked {
            for (uint256 i = 0; i < dims.length; ++i) size *= dims[i];
        }
    }

    /// @notice True for a type without elements.
    function isEmpty(uint64[] memory dims) internal pure returns (bool) {
        for (uint256 i = 0; i < dims.length; ++i) if (dims[i] == 0) return true;
        return false;
    }

    // --- inference

    /// @dev What an op gives: dims as they are found, looked at when all are there.
    struct Found {
        bool ok;
        uint256 dtype;
        int256[] dims;
    }

    /// @notice The type of the output. The op is one, its attributes are its own, and every operand is the type of a value.
    function infer(uint256 op, TensorType[] memory operands, int256[] memory words)
        internal
        pure
        returns (bool ok, TensorType memory output)
    {
        uint256 count = operandsOf(op);
        if (count == 0 ? operands.length == 0 : operands.length != count) return (false, output);
        Found memory found = _infer(op, operands, words);
        if (!found.ok || !isSize(found.dims)) return (false, output);
        // casting to uint8 is safe: a number of a type
        output.dtype = uint8(found.dtype);
        output.dims = new uint64[](found.dims.length);
        // casting to uint64 is safe: at most 2^40
        for (uint256 i = 0; i < found.dims.length; ++i) output.dims[i] = uint64(uint256(found.dims[i]));
        return (true, output);
    }

    function _infer(uint256 op, TensorType[] memory operands, int256[] memory words)
        private
        pure
        returns (Found memory)
    {
        if (op == Ops.WHERE) return _where(operands);
        if (op == Ops.CAST || op == Ops.BIT_CAST) return _cast(op, operands[0], words[0]);
        if (op < Ops.MAT_MUL) return _elementwise(op, operands, words);
        if (op == Ops.MAT_MUL) return _matMul(operands[0], operands[1]);
        if (op == Ops.CONV) return _conv(operands[0], operands[1], words);
        if (op == Ops.REDUCE_SUM || op == Ops.REDUCE_MAX || op == Ops.REDUCE_MIN) return _reduce(op, operands[0], words[0]);
        if (op == Ops.SCATTER_ADD || op == Ops.SCATTER_ELEMENTS) return _scatter(op, operands, words[0]);
        if (op == Ops.CUM_SUM) return _cumSum(operands[0]);
        if (op == Ops.MAX_POOL) return _maxPool(operands[0], words);
        if (op == Ops.ARG_MAX || op == Ops.ARG_MIN) return _place(operands[0], words[0]);
        if (op == Ops.TOP_K) return _topK(operands[0], words);
        return _moved(op, operands, words);
    }

    function _refused() private pure returns (Found memory found) {}

    function _found(uint256 dtype, int256[] memory dims) private pure returns (Found memory) {
        return Found(true, dtype, dims);
    }

    // --- elementwise

    /// @dev The element types that ops of one common type take.
    function _typesOf(uint256 op) private pure returns (uint256) {
        if (op >= Ops.EXP) return FLOAT32_ONLY;
        if (op == Ops.AND || op == Ops.OR || op == Ops.NOT || op == Ops.XOR) return BOOLS;
        if (op == Ops.EQUAL) return NUMBERS | BOOLS;
        if (op == Ops.MOD || (op >= Ops.BITWISE_AND && op <= Ops.BITWISE_XOR)) return INTEGERS;
        if (op == Ops.BIT_SHIFT) return UNSIGNED;
        if (op == Ops.NEG) return FLOATS | SIGNED;
        bool ofFloats = op == Ops.SQRT || op == Ops.FLOOR || op == Ops.CEIL || op == Ops.ROUND || op == Ops.RELU;
        return ofFloats || op == Ops.FMOD || op == Ops.IS_NAN ? FLOATS : NUMBERS;
    }

    function _elementwise(uint256 op, TensorType[] memory operands, int256[] memory words)
        private
        pure
        returns (Found memory)
    {
        if (op == Ops.BIT_SHIFT && words[0] != 0 && words[0] != 1) return _refused();
        if (!_areOf(_typesOf(op), operands)) return _refused();
        (bool ok, int256[] memory dims) = _broadcast(_dims(operands[0]), _dims(operands[operands.length - 1]));
        bool isPredicate = (op >= Ops.EQUAL && op <= Ops.XOR) || op == Ops.IS_NAN;
        return Found(ok, isPredicate ? Types.BOOL : operands[0].dtype, dims);
    }

    function _where(TensorType[] memory operands) private pure returns (Found memory) {
        if (operands[0].dtype != Types.BOOL || operands[1].dtype != operands[2].dtype) return _refused();
        (bool one, int256[] memory both) = _broadcast(_dims(operands[1]), _dims(operands[2]));
        if (!one) return _refused();
        (bool ok, int256[] memory dims) = _broadcast(_dims(operands[0]), both);
        return Found(ok, operands[1].dtype, dims);
    }

    function _cast(uint256 op, TensorType memory x, int256 to) private pure returns (Found memory) {
        // casting to uint256 is safe: not negative
        if (to < 0 || !isType(uint256(to))) return _refused();
        uint256 dtype = uint256(to);
        bool sameBits = x.dtype != Types.BOOL && dtype != Types.BOOL && bytesOf(x.dtype) == bytesOf(dtype);
        return op == Ops.CAST || sameBits ? _found(dtype, _dims(x)) : _refused();
    }

    // --- sums and products

    function _matMul(TensorType memory a, TensorType memory b) private pure returns (Found memory) {
        (uint256 m, uint256 n) = (a.dims.length, b.dims.length);
        if (!_isOf(FLOATS, a) || a.dtype != b.dtype || m < 2 || n < 2) return _refused();
        if (a.dims[m - 1] != b.dims[n - 2]) return _refused();
        (bool ok, int256[] memory batch) = _broadcast(_slice(_dims(a), 0, m - 2), _slice(_dims(b), 0, n - 2));
        if (!ok) return _refused();
        int256[] memory dims = _slice(batch, 0, batch.length + 2);
        (dims[batch.length], dims[batch.length + 1]) = (_dim(a, m - 2), _dim(b, n - 1));
        return _found(a.dtype, dims);
    }

    function _conv(TensorType memory x, TensorType memory w, int256[] memory words) private pure returns (Found memory) {
        if (!_isOf(FLOATS, x) || x.dtype != w.dtype) return _refused();
        if (x.dims.length < 3 || w.dims.length != x.dims.length) return _refused();
        uint256 rank = x.dims.length - 2;
        int256 groups = words[0];
        if (groups < 1 || _dim(x, 1) != _dim(w, 1) * groups || _dim(w, 0) % groups != 0) return _refused();
        (bool fits, int256[] memory strides, int256[] memory pads, int256[] memory dilations) =
            _windows(Ops.CONV, words, rank);
        if (!fits) return _refused();
        int256[] memory dims = _dims(x);
        dims[1] = _dim(w, 0);
        for (uint256 i = 0; i < rank; ++i) {
            int256 padded = dims[2 + i] + pads[i] + pads[rank + i];
            int256 reach = dilations[i] * (_dim(w, 2 + i) - 1) + 1;
            if (w.dims[2 + i] == 0 || padded > MAX_SAFE || reach > MAX_SAFE) return _refused();
            dims[2 + i] = _floorDiv(padded - reach, strides[i]) + 1;
        }
        return _found(x.dtype, dims);
    }

    function _maxPool(TensorType memory x, int256[] memory words) private pure returns (Found memory) {
        if (x.dtype != Types.FLOAT32 || x.dims.length < 3) return _refused();
        uint256 rank = x.dims.length - 2;
        int256[] memory kernel = _list(Ops.MAX_POOL, words, 0);
        (bool fits, int256[] memory strides, int256[] memory pads, int256[] memory dilations) =
            _windows(Ops.MAX_POOL, words, rank);
        if (!fits || kernel.length != rank) return _refused();
        int256[] memory dims = _dims(x);
        for (uint256 i = 0; i < rank; ++i) {
            int256 reach = dilations[i] * (kernel[i] - 1) + 1;
            if (kernel[i] < 1 || reach > MAX_SAFE || dims[2 + i] + 2 * reach > MAX_SAFE) return _refused();
            if (pads[i] >= reach || pads[rank + i] >= reach) return _refused();
            dims[2 + i] = _floorDiv(dims[2 + i] + pads[i] + pads[rank + i] - reach, strides[i]) + 1;
            if (dims[2 + i] < 1) return _refused();
        }
        return _found(x.dtype, dims);
    }

    /// @dev Strides, pads and dilations of a window; not `fits` where they are not of this rank.
    function _windows(uint256 op, int256[] memory words, uint256 rank)
        private
        pure
        returns (bool fits, int256[] memory strides, int256[] memory pads, int256[] memory dilations)
    {
        (strides, pads, dilations) = (_list(op, words, 1), _list(op, words, 2), _list(op, words, 3));
        fits = strides.length == rank && pads.length == 2 * rank && dilations.length == rank;
        fits = fits && _areAtLeast(strides, 1) && _areAtLeast(pads, 0) && _areAtLeast(dilations, 1);
    }

    function _reduce(uint256 op, TensorType memory x, int256 axes) private pure returns (Found memory) {
        if (!_isOf(op == Ops.REDUCE_SUM ? SUMMABLE : NUMBERS, x)) return _refused();
        // casting to int256 and back is safe: at most the rank
        if (axes < 0 || axes > int256(x.dims.length)) return _refused();
        return _found(x.dtype, _slice(_dims(x), 0, x.dims.length - uint256(axes)));
    }

    function _cumSum(TensorType memory x) private pure returns (Found memory) {
        return _isOf(SUMMABLE, x) && x.dims.length > 0 ? _found(x.dtype, _dims(x)) : _refused();
    }

    function _scatter(uint256 op, TensorType[] memory operands, int256 axis) private pure returns (Found memory) {
        TensorType memory data = operands[0];
        (uint64[] memory indices, uint64[] memory updates) = (operands[1].dims, operands[2].dims);
        if (op == Ops.SCATTER_ADD && !_isOf(NUMBERS, data)) return _refused();
        if (!_isAxis(axis, data) || indices.length != data.dims.length || updates.length != indices.length) return _refused();
        if (operands[1].dtype != Types.INT64 || operands[2].dtype != data.dtype) return _refused();
        for (uint256 i = 0; i < indices.length; ++i) {
            if (indices[i] != updates[i] || (i != uint256(axis) && indices[i] != data.dims[i])) return _refused();
        }
        if (data.dims[uint256(axis)] == 0 && !isEmpty(indices)) return _refused();
        return _found(data.dtype, _dims(data));
    }

    // --- order

    function _place(TensorType memory x, int256 axis) private pure returns (Found memory) {
        if (!_isOf(NUMBERS, x) || !_isAxis(axis, x) || x.dims[uint256(axis)] == 0) return _refused();
        int256[] memory dims = _dims(x);
        dims[uint256(axis)] = 1;
        return _found(Types.INT64, dims);
    }

    function _topK(TensorType memory x, int256[] memory words) private pure returns (Found memory) {
        (int256 axis, int256 k, int256 largest) = (words[0], words[1], words[2]);
        if (largest != 0 && largest != 1) return _refused();
        if (!_isOf(NUMBERS, x) || !_isAxis(axis, x) || k < 0 || k > _dim(x, uint256(axis))) return _refused();
        int256[] memory dims = _dims(x);
        dims[uint256(axis)] = k;
        return _found(Types.INT64, dims);
    }

    // --- movement

    function _moved(uint256 op, TensorType[] memory operands, int256[] memory words)
        private
        pure
        returns (Found memory)
    {
        TensorType memory x = operands[0];
        if (op == Ops.CONCAT) return _concat(operands, words[0]);
        if (op == Ops.GATHER) return _gather(x, operands[1], words[0]);
        if (op == Ops.GATHER_ELEMENTS) return _gatherElements(x, operands[1], words[0]);
        int256[] memory list = _list(op, words, 0);
        if (op == Ops.RESHAPE) return _reshape(x, list);
        if (op == Ops.TRANSPOSE) return _transpose(x, list);
        if (op == Ops.SLICE) return _cut(x, list, _list(op, words, 1), _list(op, words, 2));
        if (op == Ops.PAD) return _pad(x, operands[1], list);
        (bool ok, int256[] memory dims) = _broadcast(_dims(x), list);
        return Found(ok, x.dtype, dims);
    }

    function _reshape(TensorType memory x, int256[] memory shape) private pure returns (Found memory) {
        if (!isSize(shape)) return _refused();
        return _count(shape) == _count(_dims(x)) ? _found(x.dtype, shape) : _refused();
    }

    function _transpose(TensorType memory x, int256[] memory perm) private pure returns (Found memory) {
        uint256 seen = 0;
        if (perm.length != x.dims.length) return _refused();
        int256[] memory dims = new int256[](perm.length);
        for (uint256 i = 0; i < perm.length; ++i) {
            if (!_isAxis(perm[i], x) || seen >> uint256(perm[i]) & 1 == 1) return _refused();
            seen |= 1 << uint256(perm[i]);
            dims[i] = _dim(x, uint256(perm[i]));
        }
        return _found(x.dtype, dims);
    }

    function _cut(TensorType memory x, int256[] memory starts, int256[] memory ends, int256[] memory steps)
        private
        pure
        returns (Found memory)
    {
        uint256 rank = x.dims.length;
        if (starts.length != rank || ends.length != rank || steps.length != rank) return _refused();
        int256[] memory dims = new int256[](rank);
        for (uint256 i = 0; i < rank; ++i) {
            if (steps[i] == 0) return _refused();
            int256 size = -_floorDiv(starts[i] - ends[i], steps[i]);
            if (size <= 0) continue;
            int256 last = starts[i] + (size - 1) * steps[i];
            if (!_isBelow(starts[i], x.dims[i]) || !_isBelow(last, x.dims[i])) return _refused();
            dims[i] = size;
        }
        return _found(x.dtype, dims);
    }

    function _concat(TensorType[] memory operands, int256 axis) private pure returns (Found memory) {
        TensorType memory first = operands[0];
        if (!_isAxis(axis, first)) return _refused();
        int256[] memory dims = _dims(first);
        for (uint256 k = 1; k < operands.length; ++k) {
            TensorType memory next = operands[k];
            if (next.dtype != first.dtype || next.dims.length != first.dims.length) return _refused();
            for (uint256 i = 0; i < dims.length; ++i) {
                if (i == uint256(axis)) dims[i] += _dim(next, i);
                else if (next.dims[i] != first.dims[i]) return _refused();
            }
        }
        return _found(first.dtype, dims);
    }

    function _pad(TensorType memory x, TensorType memory value, int256[] memory pads) private pure returns (Found memory) {
        uint256 rank = x.dims.length;
        if (pads.length != 2 * rank || !_areAtLeast(pads, 0)) return _refused();
        if (value.dtype != x.dtype || value.dims.length != 0) return _refused();
        int256[] memory dims = _dims(x);
        for (uint256 i = 0; i < rank; ++i) dims[i] += pads[i] + pads[rank + i];
        return _found(x.dtype, dims);
    }

    function _gather(TensorType memory x, TensorType memory indices, int256 axis) private pure returns (Found memory) {
        if (indices.dtype != Types.INT64 || !_isAxis(axis, x)) return _refused();
        uint256 along = uint256(axis);
        if (x.dims[along] == 0 && !isEmpty(indices.dims)) return _refused();
        uint256 rank = indices.dims.length;
        int256[] memory dims = new int256[](x.dims.length + rank - 1);
        for (uint256 i = 0; i < dims.length; ++i) {
            if (i < along) dims[i] = _dim(x, i);
            else dims[i] = i < along + rank ? _dim(indices, i - along) : _dim(x, i + 1 - rank);
        }
        return _found(x.dtype, dims);
    }

    function _gatherElements(TensorType memory x, TensorType memory indices, int256 axis)
        private
        pure
        returns (Found memory)
    {
        if (indices.dtype != Types.INT64 || !_isAxis(axis, x) || indices.dims.length != x.dims.length) return _refused();
        for (uint256 i = 0; i < indices.dims.length; ++i) {
            if (i != uint256(axis) && indices.dims[i] > x.dims[i]) return _refused();
        }
        return _found(x.dtype, _dims(indices));
    }

    // --- parts

    /// @dev The common shape by multidirectional broadcasting.
    function _broadcast(int256[] memory a, int256[] memory b) private pure returns (bool, int256[] memory dims) {
        if (a.length < b.length) (a, b) = (b, a);
        dims = _slice(a, 0, a.length);
        uint256 offset = a.length - b.length;
        for (uint256 i = 0; i < b.length; ++i) {
            if (b[i] == 1) continue;
            if (a[offset + i] != 1 && a[offset + i] != b[i]) return (false, dims);
            dims[offset + i] = b[i];
        }
        return (true, dims);
    }

    function _isOf(uint256 types, TensorType memory x) private pure returns (bool) {
        return types >> x.dtype & 1 == 1;
    }

    /// @dev One element type for all, out of these.
    function _areOf(uint256 types, TensorType[] memory operands) private pure returns (bool) {
        for (uint256 i = 1; i < operands.length; ++i) if (operands[i].dtype != operands[0].dtype) return false;
        return _isOf(types, operands[0]);
    }

    function _isAxis(int256 axis, TensorType memory x) private pure returns (bool) {
        // casting to int256 is safe: a length
        return axis >= 0 && axis < int256(x.dims.length);
    }

    function _isBelow(int256 index, uint64 size) private pure returns (bool) {
        return index >= 0 && index < int256(uint256(size));
    }

    function _areAtLeast(int256[] memory values, int256 least) private pure returns (bool) {
        for (uint256 i = 0; i < values.length; ++i) if (values[i] < least) return false;
        return true;
    }

    /// @dev Elements, of dims that are those of a value.
    function _count(int256[] memory dims) private pure returns (int256 size) {
        for (uint256 i = 0; i < dims.length; ++i) if (dims[i] == 0) return 0;
        size = 1;
        for (uint256 i = 0; i < dims.length; ++i) size *= dims[i];
    }

    /// @dev a / b rounded down.
    function _floorDiv(int256 a, int256 b) private pure returns (int256 q) {
        q = a / b;
        if (a % b != 0 && (a < 0) != (b < 0)) --q;
    }

    function _dim(TensorType memory x, uint256 axis) private pure returns (int256) {
        return int256(uint256(x.dims[axis]));
    }

    function _dims(TensorType memory x) private pure returns (int256[] memory dims) {
        dims = new int256[](x.dims.length);
        for (uint256 i = 0; i < dims.length; ++i) dims[i] = _dim(x, i);
    }

    /// @dev A copy of `length` items, zeros behind the last one.
    function _slice(int256[] memory list, uint256 from, uint256 length) private pure returns (int256[] memory part) {
        part = new int256[](length);
        for (uint256 i = 0; i < length && from + i < list.length; ++i) part[i] = list[from + i];
    }

    /// @dev Attribute number `index`, a list.
    function _list(uint256 op, int256[] memory words, uint256 index) private pure returns (int256[] memory) {
        (, uint256 lists) = attributesOf(op);
        uint256 place = 0;
        for (uint256 i = 0; i < index; ++i) place += lists >> i & 1 == 1 ? 1 + uint256(words[place]) : 1;
        return _slice(words, place + 1, uint256(words[place]));
    }
}
