// SPDX-License-Identifier: MIT
pragma solidity ^0.8.31;

import {Merkle} from "../Merkle.sol";
import {Value} from "../Programs.sol";
import {IndexMaps} from "./IndexMaps.sol";
import {Ops} from "./Ops.sol";
import {Types} from "./Types.sol";

/// @notice An element of a sum or product: its node, and the dims of the operands.
struct Summed {
    Value node;
    uint256 element;
    uint64[][] from;
}

/// @title Which elements are summed for one element, in which pieces, and which share a grid. See docs/numerics.md (sums on a grid) and
/// docs/formats.md (expansions).
/// @notice That node, dims and attributes fit each other is the program's to keep: where they do not, a call reverts or names some element.
library Groups {
    /// @notice Not an op that adds.
    error NotASum(uint256 op);
    /// @notice The expansion has no such piece, block or chunk.
    error NoSuchPiece(uint256 index);

    uint8 internal constant PRODUCT = 1;
    uint8 internal constant BLOCKS = 2;
    uint8 internal constant LINE = 3;

    /// @notice Most terms of a piece or chunk; a block has twice as many.
    uint256 internal constant TERMS = 512;
    uint256 internal constant BLOCK = 1024;
    /// @notice Grid bits of products and of blocks.
    uint256 internal constant PRODUCT_BITS = 22;
    uint256 internal constant BLOCK_BITS = 43;
    /// @dev Bits of a line's grid: at most so many, and with those of its count together no more than a significand has.
    uint256 private constant LINE_BITS = 51;
    uint256 private constant PRECISION = 53;

    /// @notice Elements `from + i * step` of an operand, i < count. Without members nobody shares the grid.
    struct Range {
        uint256 from;
        uint256 count;
        uint256 step;
    }

    /// @notice At most 512 terms of a product.
    struct Piece {
        uint256 length;
        /// Terms of its block that stand before it: a channel with more than 512 taps is cut.
        uint256 cut;
        Range left;
        Range right;
    }

    /// @notice A block of a sum: its level, the first place of that it sums, and how many.
    struct Block {
        uint256 level;
        uint256 from;
        uint256 count;
        /// Number of the first block of the level below.
        uint256 below;
    }

    // --- layout

    /// @notice What sort of expansion the op's elements have.
    function kindOf(Summed memory x) internal pure returns (uint8) {
        uint256 op = x.node.op;
        if (op == Ops.MAT_MUL || op == Ops.CONV) return PRODUCT;
        if (op == Ops.REDUCE_SUM) return Types.isFloat(x.node.dtype) ? BLOCKS : LINE;
        require(op == Ops.CUM_SUM || op == Ops.SCATTER_ADD, NotASum(op));
        return LINE;
    }

    /// @notice Leaves of the expansion; 0 where there is nothing to sum.
    function leavesOf(Summed memory x) internal pure returns (uint256) {
        uint8 kind = kindOf(x);
        if (kind == PRODUCT) return 4 * piecesOf(x);
        if (kind == BLOCKS) return 4 * blocksOf(_sliceOf(x));
        uint256 terms = termsOf(x);
        return terms == 0 ? 0 : 1 + 2 * _divideUp(terms, TERMS);
    }

    function _divideUp(uint256 a, uint256 b) private pure returns (uint256) {
        unchecked {
            return a / b + (a % b == 0 ? 0 : 1);
        }
    }

    function _min(uint256 a, uint256 b) private pure returns (uint256) {
        return a < b ? a : b;
    }

    // --- products

    /// @notice Pieces of a product.
    function piecesOf(Summed memory x) internal pure returns (uint256) {
        uint64[] memory left = x.from[0];
        if (x.node.op == Ops.MAT_MUL) return _divideUp(left[left.length - 1], TERMS);
        (uint256 channels, uint256 cuts) = _blockOf(_tail(x.from[1]));
        return _divideUp(x.from[1][1], channels) * cuts;
    }

    /// @notice A piece, the elements of either operand that share a grid with its terms.
    function pieceOf(Summed memory x, uint256 index) internal pure returns (Piece memory) {
        require(index < piecesOf(x), NoSuchPiece(index));
        return x.node.op == Ops.MAT_MUL ? _pieceOfMatrix(x, index) : _pieceOfWindow(x, index);
    }

    /// @notice The element of an operand in term i of a piece; `inside` is false in the padding of a convolution.
    function termOf(Summed memory x, uint256 index, uint256 side, uint256 i)
        internal
        pure
        returns (bool inside, uint256 element)
    {
        Piece memory piece = pieceOf(x, index);
        require(i < piece.length, NoSuchPiece(i));
        i += piece.cut;
        if (side == 1) return (true, piece.right.from + i * piece.right.step);
        if (x.node.op == Ops.MAT_MUL) return (true, piece.left.from + i);
        uint256 taps = _tail(x.from[1]);
        (inside, element) = _seenBy(x, i % taps);
        element += piece.left.from + i / taps * _tail(x.from[0]);
    }

    function _pieceOfMatrix(Summed memory x, uint256 index) private pure returns (Piece memory piece) {
        uint64[] memory dims = x.node.dims;
        (uint256 m, uint256 n) = (dims[dims.length - 2], dims[dims.length - 1]);
        uint256 k = x.from[0][x.from[0].length - 1];
        uint256 matrix = x.element / (m * n);
        uint256 row = _matrixOf(dims, x.from[0], matrix) * m + x.element / n % m;
        uint256 column = _matrixOf(dims, x.from[1], matrix) * k * n + x.element % n;
        uint256 first = index * TERMS;
        piece.length = _min(TERMS, k - first);
        piece.left = Range(row * k + first, piece.length, 1);
        piece.right = Range(column + first * n, piece.length, n);
    }

    /// @dev The matrix of an operand that broadcasts to one of the output.
    function _matrixOf(uint64[] memory dims, uint64[] memory from, uint256 matrix) private pure returns (uint256) {
        return IndexMaps.broadcast(_batch(dims), _batch(from), matrix);
    }

    function _batch(uint64[] memory dims) private pure returns (uint64[] memory batch) {
        batch = new uint64[](dims.length - 2);
        for (uint256 i = 0; i < batch.length; ++i) batch[i] = dims[i];
    }

    /// @dev Places of the spatial axes: of an input's plane, or of a kernel.
    function _tail(uint64[] memory dims) private pure returns (uint256 size) {
        size = 1;
        for (uint256 i = 2; i < dims.length; ++i) size *= dims[i];
    }

    /// @dev Channels of a block, and pieces into which the block is cut.
    function _blockOf(uint256 taps) private pure returns (uint256 channels, uint256 cuts) {
        return (taps > TERMS ? 1 : TERMS / taps, _divideUp(taps, TERMS));
    }

    function _pieceOfWindow(Summed memory x, uint256 index) private pure returns (Piece memory piece) {
        (uint256 area, uint256 taps) = (_tail(x.from[0]), _tail(x.from[1]));
        uint256 channels = x.from[1][1];
        (uint256 first, uint256 cuts) = _blockOf(taps);
        uint256 count = first;
        first *= index / cuts;
        count = _min(count, channels - first);
        piece.cut = index % cuts * TERMS;
        piece.length = _min(TERMS, count * taps - piece.cut);
        (uint256 plane, uint256 channel) = _planeOf(x);
        piece.left = Range((plane * channels + first) * area, _sees(x) ? count * area : 0, 1);
        piece.right = Range((channel * channels + first) * taps, count * taps, 1);
    }

    /// @dev The sample and group of the input that the element sees, as one number, and the element's own channel.
    function _planeOf(Summed memory x) private pure returns (uint256 plane, uint256 channel) {
        uint256 area = _tail(x.node.dims);
        uint256 channels = x.node.dims[1];
        uint256 groups = uint256(x.node.attributes[0]);
        channel = x.element / area % channels;
        plane = x.element / (area * channels) * groups + channel * groups / channels;
    }

    /// @dev Along one spatial axis: size of the kernel, first place of the window, not less the pad before, that pad, dilation. Attributes: group,
    /// strides, pads (those before every axis, then those behind), dilations.
    function _windowOf(Summed memory x, uint256 axis, uint256 place)
        private
        pure
        returns (uint256 kernel, uint256 first, uint256 before, uint256 dilation)
    {
        uint256 rank = x.node.dims.length - 2;
        int256[] memory attributes = x.node.attributes;
        kernel = x.from[1][2 + axis];
        first = place * uint256(attributes[2 + axis]);
        before = uint256(attributes[3 + rank + axis]);
        dilation = uint256(attributes[4 + 3 * rank + axis]);
    }

    /// @dev True where a tap of the element's window lies inside of the input.
    function _sees(Summed memory x) private pure returns (bool) {
        uint256 rest = x.element;
        for (uint256 axis = x.node.dims.length - 2; axis > 0; --axis) {
            uint256 size = x.node.dims[1 + axis];
            (uint256 kernel, uint256 first, uint256 before, uint256 dilation) = _windowOf(x, axis - 1, rest % size);
            rest /= size;
            uint256 tap = first >= before ? 0 : _divideUp(before - first, dilation);
            if (tap >= kernel || first + tap * dilation - before >= x.from[0][1 + axis]) return false;
        }
        return true;
    }

    /// @dev The place of a tap in a plane of the input.
    function _seenBy(Summed memory x, uint256 tap) private pure returns (bool inside, uint256 place) {
        uint256 rest = x.element;
        uint256 stride = 1;
        for (uint256 axis = x.node.dims.length - 2; axis > 0; --axis) {
            uint256 size = x.node.dims[1 + axis];
            (uint256 kernel, uint256 first, uint256 before, uint256 dilation) = _windowOf(x, axis - 1, rest % size);
            rest /= size;
            first += tap % kernel * dilation;
            tap /= kernel;
            size = x.from[0][1 + axis];
            if (first < before || first - before >= size) return (false, 0);
            place += (first - before) * stride;
            stride *= size;
        }
        return (true, place);
    }

    // --- blocks

    /// @dev Elements of the operand that are summed to one.
    function _sliceOf(Summed memory x) private pure returns (uint256) {
        return IndexMaps.reduced(x.from[0], uint256(x.node.attributes[0]));
    }

    /// @notice Blocks of all levels of a sum of so many.
    function blocksOf(uint256 length) internal pure returns (uint256 count) {
        if (length == 0) return 0;
        do {
            length = _divideUp(length, BLOCK);
            count += length;
        } while (length > 1);
    }

    /// @notice Where block number `index`, over all levels, stands.
    function blockOf(Summed memory x, uint256 index) internal pure returns (Block memory found) {
        uint256 length = _sliceOf(x);
        uint256 first = 0;
        while (true) {
            uint256 blocks = _divideUp(length, BLOCK);
            require(blocks != 0, NoSuchPiece(index));
            if (index < first + blocks) {
                found.from = (index - first) * BLOCK;
                found.count = _min(BLOCK, length - found.from);
                return found;
            }
            require(blocks > 1, NoSuchPiece(index));
            ++found.level;
            (found.below, first, length) = (first, first + blocks, blocks);
        }
    }

    /// @notice The operand's element at a place of the lowest level.
    function summandOf(Summed memory x, uint256 place) internal pure returns (uint256) {
        return x.element * _sliceOf(x) + place;
    }

    // --- lines

    /// @dev Length of the operand's line, and its updates.
    function _lineOf(Summed memory x) private pure returns (uint256 length, uint256 updates, uint256 inner) {
        uint256 axis = uint256(x.node.attributes[0]);
        IndexMaps.Around memory around = IndexMaps.aroundAxis(x.node.dims, axis);
        return (around.length, x.from[2][axis], around.inner);
    }

    /// @notice Terms of a line. Without updates a ScatterAdd copies, and has none.
    function termsOf(Summed memory x) internal pure returns (uint256) {
        uint256 op = x.node.op;
        if (op == Ops.REDUCE_SUM) return _sliceOf(x);
        if (op == Ops.CUM_SUM) return x.element % x.node.dims[x.node.dims.length - 1] + 1;
        (, uint256 updates,) = _lineOf(x);
        return updates == 0 ? 0 : 1 + updates;
    }

    /// @notice The operand and element of term i of a line. A term of operand 2 counts where the index at the same place is the element's.
    function lineTermOf(Summed memory x, uint256 i) internal pure returns (uint256 operand, uint256 element) {
        require(i < termsOf(x), NoSuchPiece(i));
        uint256 op = x.node.op;
        if (op == Ops.REDUCE_SUM) return (0, summandOf(x, i));
        if (op == Ops.CUM_SUM) return (0, x.element + i + 1 - termsOf(x));
        return i == 0 ? (0, x.element) : (2, _updateOf(x, i - 1));
    }

    function _updateOf(Summed memory x, uint256 i) private pure returns (uint256) {
        (uint256 length, uint256 updates, uint256 inner) = _lineOf(x);
        return (x.element / (length * inner) * updates + i) * inner + x.element % inner;
    }

    /// @notice The element's own place along the axis of a scatter.
    function placeOf(Summed memory x) internal pure returns (uint256) {
        return IndexMaps.coordinateOf(x.node.dims, uint256(x.node.attributes[0]), x.element);
    }

    /// @notice How many share the line's grid, and its bits. Integers have none.
    function lineGridOf(Summed memory x) internal pure returns (uint256 members, uint256 bits) {
        if (!Types.isFloat(x.node.dtype)) return (0, 0);
        uint256 count = x.node.dims[x.node.dims.length - 1];
        members = count;
        if (x.node.op == Ops.SCATTER_ADD) {
            (uint256 length, uint256 updates,) = _lineOf(x);
            (members, count) = (length + updates, 1 + updates);
        }
        uint256 carries = 0;
        while (uint256(1) << carries < count) ++carries;
        bits = _min(LINE_BITS, PRECISION - carries);
    }

    /// @notice The operand and element of a member of the line's grid: all old values, then all updates.
    function memberOf(Summed memory x, uint256 member) internal pure returns (uint256 operand, uint256 element) {
        uint256 length = x.node.dims[x.node.dims.length - 1];
        if (x.node.op == Ops.CUM_SUM) return (0, x.element - x.element % length + member);
        uint256 inner;
        (length,, inner) = _lineOf(x);
        if (member >= length) return (2, _updateOf(x, member - length));
        return (0, (x.element / (length * inner) * length + member) * inner + x.element % inner);
    }

    /// @notice Reverts unless the value has the element.
    function demandElement(Summed memory x) internal pure {
        uint256 size = IndexMaps.sizeOf(x.node.dims);
        require(x.element < size, Merkle.IndexOutOfRange(x.element, size));
    }
}
