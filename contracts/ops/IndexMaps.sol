// SPDX-License-Identifier: MIT
pragma solidity ^0.8.31;

import {Merkle} from "../Merkle.sol";

/// @title Which element of an operand an element of the output comes from, and which elements form a group. See docs/ops.md.
/// @notice Elements are row-major indices. `dims` are the output's, `from` the operand's; attributes are the words of the program's leaf, a list
/// behind its length. That they fit each other is the program's to keep: where they do not, a call reverts or names some element.
library IndexMaps {
    /// @notice The operand has another rank than the op needs.
    error BadRank(uint256 rank);
    /// @notice An index outside of its axis: the run is refused at such an element.
    error IndexOutOfAxis(uint256 index, uint256 size);
    /// @notice The element comes from another operand than the one that was opened.
    error OtherOperand();

    /// @notice A tensor seen as outer x length x inner around an axis.
    struct Around {
        uint256 length;
        uint256 inner;
    }

    // --- maps

    /// @notice Multidirectional broadcasting: the axes are aligned at the last one, and an axis of 1 repeats its one place.
    function broadcast(uint64[] memory dims, uint64[] memory from, uint256 element)
        internal
        pure
        returns (uint256 index)
    {
        require(from.length <= dims.length, BadRank(from.length));
        // From the last axis to the first of the operand. Without the checks of bounds, which cost 4,700 gas for two operands of rank 8.
        assembly ("memory-safe") {
            let stride := 1
            let dim := add(dims, shl(5, mload(dims)))
            for { let own := add(from, shl(5, mload(from))) } gt(own, from) { own := sub(own, 32) } {
                if iszero(eq(mload(own), 1)) { index := add(index, mul(mod(element, mload(dim)), stride)) }
                element := div(element, mload(dim))
                stride := mul(stride, mload(own))
                dim := sub(dim, 32)
            }
        }
    }

    /// @notice Transpose: axis i of the output is axis perm[i] of the operand.
    function transpose(uint64[] memory dims, int256[] memory perm, uint256 element)
        internal
        pure
        returns (uint256 index)
    {
        uint256 rank = dims.length;
        uint256[] memory sizes = new uint256[](rank);
        uint256[] memory coordinates = new uint256[](rank);
        for (uint256 i = rank; i > 0; --i) {
            uint256 axis = uint256(perm[i]);
            sizes[axis] = dims[i - 1];
            coordinates[axis] = element % dims[i - 1];
            element /= dims[i - 1];
        }
        for (uint256 axis = 0; axis < rank; ++axis) index = index * sizes[axis] + coordinates[axis];
    }

    /// @notice Slice: from starts[i] on in steps of steps[i]. Attributes: starts, ends, steps.
    function slice(uint64[] memory dims, uint64[] memory from, int256[] memory attributes, uint256 element)
        internal
        pure
        returns (uint256)
    {
        uint256 rank = dims.length;
        require(from.length == rank, BadRank(from.length));
        int256 index = 0;
        int256 stride = 1;
        for (uint256 i = rank; i > 0; --i) {
            // The starts stand at 1, the steps behind both other lists and three lengths; casting a coordinate to int256 is safe
            index += (attributes[i] + int256(element % dims[i - 1]) * attributes[2 * rank + 2 + i]) * stride;
            element /= dims[i - 1];
            stride *= int256(uint256(from[i - 1]));
        }
        return uint256(index);
    }

    /// @notice Pad: the place in the operand, where the element lies inside. Attribute: counts before every axis, then behind.
    function pad(uint64[] memory dims, int256[] memory pads, uint256 element)
        internal
        pure
        returns (bool inside, uint256 index)
    {
        uint256 rank = dims.length;
        uint256 stride = 1;
        inside = true;
        for (uint256 i = rank; i > 0; --i) {
            uint256 before = uint256(pads[i]);
            uint256 own = dims[i - 1] - before - uint256(pads[rank + i]);
            uint256 coordinate = element % dims[i - 1];
            element /= dims[i - 1];
            if (coordinate < before || coordinate - before >= own) return (false, 0);
            index += (coordinate - before) * stride;
            stride *= own;
        }
    }

    /// @notice Gather: which index decides, and what must be known of the operand to use it.
    function gatherIndex(uint64[] memory dims, uint64[] memory from, uint256 axis, uint256 element)
        internal
        pure
        returns (uint256 position)
    {
        Around memory around = aroundAxis(from, axis);
        uint256 rank = dims.length + 1 - from.length;
        uint256 indices = 1;
        for (uint256 i = 0; i < rank; ++i) indices *= dims[axis + i];
        return element / around.inner % indices;
    }

    /// @notice Gather: the element of the operand, once the index is known.
    function gather(
        uint64[] memory dims,
        uint64[] memory from,
        uint256 axis,
        uint256 element,
        uint256 index
    ) internal pure returns (uint256) {
        Around memory around = aroundAxis(from, axis);
        require(index < around.length, IndexOutOfAxis(index, around.length));
        uint256 rank = dims.length + 1 - from.length;
        uint256 plane = around.inner;
        for (uint256 i = 0; i < rank; ++i) plane *= dims[axis + i];
        return (element / plane * around.length + index) * around.inner + element % around.inner;
    }

    /// @notice GatherElements: the element of the operand, the coordinate along the axis being the index.
    function gatherElements(
        uint64[] memory dims,
        uint64[] memory from,
        uint256 axis,
        uint256 element,
        uint256 index
    ) internal pure returns (uint256 source) {
        require(from.length == dims.length && axis < from.length, BadRank(from.length));
        require(index < from[axis], IndexOutOfAxis(index, from[axis]));
        uint256 stride = 1;
        for (uint256 i = dims.length; i > 0; --i) {
            source += (i - 1 == axis ? index : element % dims[i - 1]) * stride;
            element /= dims[i - 1];
            stride *= from[i - 1];
        }
    }

    /// @notice Concat: the element of the operand that begins at place `offset` of the axis.
    function concat(
        uint64[] memory dims,
        uint64[] memory from,
        uint256 axis,
        uint256 element,
        uint256 offset
    ) internal pure returns (uint256) {
        Around memory own = aroundAxis(from, axis);
        uint256 coordinate = element / own.inner % dims[axis];
        require(coordinate >= offset && coordinate - offset < own.length, OtherOperand());
        uint256 outer = element / (own.inner * dims[axis]);
        return (outer * own.length + coordinate - offset) * own.inner + element % own.inner;
    }

    // --- groups

    /// @notice A tensor around an axis.
    function aroundAxis(uint64[] memory dims, uint256 axis) internal pure returns (Around memory around) {
        require(axis < dims.length, BadRank(dims.length));
        around = Around(dims[axis], 1);
        for (uint256 i = axis + 1; i < dims.length; ++i) around.inner *= dims[i];
    }

    /// @notice How many elements a reduction over the last `axes` axes takes for one.
    function reduced(uint64[] memory from, uint256 axes) internal pure returns (uint256 length) {
        require(axes <= from.length, BadRank(from.length));
        length = 1;
        for (uint256 i = from.length - axes; i < from.length; ++i) length *= from[i];
    }

    /// @notice Along one axis of a pooling, by its place `i` among the spatial ones: window, stride, pad before and dilation. Attributes: kernel,
    /// strides, pads (those before every axis, then those behind), dilations.
    function _windowOf(int256[] memory attributes, uint256 rank, uint256 i)
        private
        pure
        returns (uint256 kernel, uint256 stride, uint256 before, uint256 dilation)
    {
        kernel = uint256(attributes[1 + i]);
        stride = uint256(attributes[2 + rank + i]);
        before = uint256(attributes[3 + 2 * rank + i]);
        dilation = uint256(attributes[4 + 4 * rank + i]);
    }

    /// @notice True where no tap of the element's window lies inside of the operand.
    function isEmptyWindow(uint64[] memory dims, uint64[] memory from, int256[] memory attributes, uint256 element)
        internal
        pure
        returns (bool)
    {
        uint256 rank = dims.length - 2;
        for (uint256 i = rank; i > 0; --i) {
            (uint256 kernel, uint256 stride, uint256 before, uint256 dilation) = _windowOf(attributes, rank, i - 1);
            uint256 first = element % dims[i + 1] * stride;
            element /= dims[i + 1];
            // The first tap that is not before the operand.
            uint256 tap = first >= before ? 0 : (before - first + dilation - 1) / dilation;
            if (tap >= kernel || first + tap * dilation - before >= from[i + 1]) return true;
        }
        return false;
    }

    /// @notice True where an element of the operand is looked at by a tap of the output element's window.
    function isInWindow(
        uint64[] memory dims,
        uint64[] memory from,
        int256[] memory attributes,
        uint256 element,
        uint256 candidate
    ) internal pure returns (bool) {
        uint256 rank = dims.length - 2;
        for (uint256 i = rank; i > 0; --i) {
            (uint256 kernel, uint256 stride, uint256 before, uint256 dilation) = _windowOf(attributes, rank, i - 1);
            uint256 first = element % dims[i + 1] * stride;
            uint256 place = candidate % from[i + 1] + before;
            element /= dims[i + 1];
            candidate /= from[i + 1];
            if (place < first || (place - first) % dilation != 0 || (place - first) / dilation >= kernel) return false;
        }
        // Sample and channel.
        return element == candidate;
    }

    /// @notice True where update number `update` of a scatter along an axis, whatever its index, is in the element's line.
    function isInLine(
        uint64[] memory dims,
        uint64[] memory updates,
        uint256 axis,
        uint256 element,
        uint256 update
    ) internal pure returns (bool) {
        Around memory around = aroundAxis(dims, axis);
        uint256 plane = updates[axis] * around.inner;
        return plane != 0 && update / plane == element / (around.length * around.inner)
            && update % around.inner == element % around.inner;
    }

    /// @notice The element's coordinate along an axis.
    function coordinateOf(uint64[] memory dims, uint256 axis, uint256 element) internal pure returns (uint256) {
        Around memory around = aroundAxis(dims, axis);
        return element / around.inner % around.length;
    }

    /// @notice Elements of a tensor.
    function sizeOf(uint64[] memory dims) internal pure returns (uint256 size) {
        size = 1;
        for (uint256 i = 0; i < dims.length; ++i) size *= dims[i];
    }

    /// @notice Reverts unless a tensor has an element of this number.
    function demandElement(uint64[] memory dims, uint256 element) internal pure {
        uint256 size = sizeOf(dims);
        require(element < size, Merkle.IndexOutOfRange(element, size));
    }
}
