// SPDX-License-Identifier: MIT
pragma solidity ^0.8.31;

import {IndexMaps} from "../ops/IndexMaps.sol";
import {Ops} from "../ops/Ops.sol";

/// @title Runs IndexMaps over whole tensors, for differential tests.
contract IndexMapsHarness {
    uint256 private constant NONE = type(uint256).max;

    error UnknownMap(uint256 op);

    /// @notice Where every element comes from; NONE for padding and other operands. `extra`: of Gather and GatherElements the indices; of Concat the
    /// place at which the operand begins.
    function sources(
        uint256 op,
        uint64[] memory dims,
        uint64[] memory from,
        int256[] memory attributes,
        uint256[] memory extra
    ) external view returns (uint256[] memory found) {
        found = new uint256[](IndexMaps.sizeOf(dims));
        for (uint256 i = 0; i < found.length; ++i) found[i] = _source(op, dims, from, attributes, extra, i);
    }

    function _source(
        uint256 op,
        uint64[] memory dims,
        uint64[] memory from,
        int256[] memory attributes,
        uint256[] memory extra,
        uint256 element
    ) private view returns (uint256) {
        if (op == Ops.EXPAND) return IndexMaps.broadcast(dims, from, element);
        if (op == Ops.TRANSPOSE) return IndexMaps.transpose(dims, attributes, element);
        if (op == Ops.SLICE) return IndexMaps.slice(dims, from, attributes, element);
        if (op == Ops.PAD) {
            (bool inside, uint256 index) = IndexMaps.pad(dims, attributes, element);
            return inside ? index : NONE;
        }
        uint256 axis = uint256(attributes[0]);
        if (op == Ops.GATHER) {
            uint256 index = extra[IndexMaps.gatherIndex(dims, from, axis, element)];
            return IndexMaps.gather(dims, from, axis, element, index);
        }
        if (op == Ops.GATHER_ELEMENTS) return IndexMaps.gatherElements(dims, from, axis, element, extra[element]);
        require(op == Ops.CONCAT, UnknownMap(op));
        try this.concat(dims, from, axis, element, extra[0]) returns (uint256 index) {
            return index;
        } catch {
            return NONE;
        }
    }

    function concat(uint64[] memory dims, uint64[] memory from, uint256 axis, uint256 element, uint256 offset)
        external
        pure
        returns (uint256)
    {
        return IndexMaps.concat(dims, from, axis, element, offset);
    }

    /// @notice For every element of a pooling: 1 for each element of the operand that its window holds; and whether it holds none.
    function windows(uint64[] memory dims, uint64[] memory from, int256[] memory attributes)
        external
        pure
        returns (bytes memory inside, bytes memory isEmpty)
    {
        (uint256 count, uint256 size) = (IndexMaps.sizeOf(dims), IndexMaps.sizeOf(from));
        (inside, isEmpty) = (new bytes(count * size), new bytes(count));
        for (uint256 i = 0; i < count; ++i) {
            if (IndexMaps.isEmptyWindow(dims, from, attributes, i)) isEmpty[i] = 0x01;
            for (uint256 j = 0; j < size; ++j) {
                if (IndexMaps.isInWindow(dims, from, attributes, i, j)) inside[i * size + j] = 0x01;
            }
        }
    }
}
