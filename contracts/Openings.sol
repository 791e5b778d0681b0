// SPDX-License-Identifier: MIT
pragma solidity ^0.8.31;

import {Grid, Merkle, Place, StepLeaf, TensorType} from "./Merkle.sol";
import {Counts, Programs} from "./Programs.sol";
import {Receipts} from "./Receipts.sol";
import {Case, IRecords, Referees} from "./Referee.sol";

/// @notice A step of a claimed run with its way to the claim.
struct StepOpening {
    /// Which step, from 0.
    uint64 step;
    /// The leaf of the run that holds it, and that leaf's way to the run root.
    StepLeaf leaf;
    bytes32[] path;
    /// Where its values stand: Openings.LEAF, TRACED or SEGMENT.
    uint8 by;
    /// TRACED: the step's own leaf, out of the trace on the chain. SEGMENT: its `values` alone count.
    StepLeaf inner;
    bytes32[] innerPath;
}

/// @notice A tile of a tensor with its way to the digest, and the digest's way to the list in which it stands.
struct TileOpening {
    TensorType form;
    bytes32[] path;
    bytes tile;
    bytes32[] tilePath;
}

/// @notice A tile, by its place among the tiles of a tensor, and the tensor by its place in a list of a step.
struct TileEvidence {
    StepOpening step;
    uint64 index;
    uint64 place;
    TileOpening tile;
}

/// @title Openings: elements of a claimed run, from the claim down.
/// @notice The form of a tensor comes with its opening: the digest binds it, so nothing but what the provider committed can be shown. That it is
/// the form that the program demands is a question of its own (BindingReferee, wrong form).
library Openings {
    error WrongStep(uint64 step);
    error NotTraced(uint64 leaf);
    error NoValues();
    error UnknownPlace(uint8 by);

    /// @notice The run's leaf is the step, and holds its values (an operator trace).
    uint8 internal constant LEAF = 0;
    /// @notice The provider committed the leaf's steps on the chain, each with its values.
    uint8 internal constant TRACED = 1;
    /// @notice The run's leaf holds a list of its steps' values (an operator trace of several steps to a leaf).
    uint8 internal constant SEGMENT = 2;

    /// @notice The identity of a case.
    function idOf(Case calldata c) internal pure returns (bytes32) {
        return Referees.idOf(Receipts.hash(c.job), c.provider);
    }

    /// @notice Reverts unless the leaf stands in the claimed run and holds the step.
    function verifyLeaf(Case calldata c, StepOpening calldata s) internal view {
        require(s.step < c.job.steps && s.leaf.index == s.step / c.job.commitEvery, WrongStep(s.step));
        Merkle.verifyStep(c.claim.run, s.leaf, Merkle.leavesOf(c.job.steps, c.job.commitEvery), s.path);
    }

    /// @notice How many steps a leaf of the run holds, and how many come before it in the run.
    function stepsOf(Case calldata c, uint64 leaf) internal pure returns (uint64 first, uint64 count) {
        first = leaf * c.job.commitEvery;
        uint64 rest = c.job.steps - first;
        count = rest < c.job.commitEvery ? rest : c.job.commitEvery;
    }

    /// @notice The sized root over the values of the step, as its provider committed it.
    function valuesOf(Case calldata c, StepOpening calldata s) internal view returns (bytes32 values) {
        verifyLeaf(c, s);
        if (s.by == LEAF) {
            require(c.job.commitEvery == 1, UnknownPlace(s.by));
            values = s.leaf.values;
        } else if (s.by == TRACED) {
            values = _traced(c, s).values;
        } else {
            require(s.by == SEGMENT && c.job.commitEvery > 1, UnknownPlace(s.by));
            (uint64 first, uint64 count) = stepsOf(c, s.leaf.index);
            bytes32 item = Merkle.hashItem(s.inner.values);
            Merkle.verifySized(
                s.leaf.values, Merkle.SEGMENT_VALUES, item, Place(s.step - first, count), s.innerPath
            );
            values = s.inner.values;
        }
        require(values != 0, NoValues());
    }

    /// @notice The step's own leaf, out of the trace that its provider committed on the chain.
    function tracedOf(Case calldata c, StepOpening calldata s) internal view returns (StepLeaf memory) {
        verifyLeaf(c, s);
        return _traced(c, s);
    }

    function _traced(Case calldata c, StepOpening calldata s) private view returns (StepLeaf memory) {
        bytes32 trace = IRecords(msg.sender).traceOf(idOf(c), s.leaf.index);
        require(trace != 0, NotTraced(s.leaf.index));
        (uint64 first, uint64 count) = stepsOf(c, s.leaf.index);
        // That the leaf states its own index is the trace's to keep: see BindingReferee.
        bytes32 leaf = Merkle.hashStep(s.inner);
        Merkle.verifySized(trace, Merkle.SEGMENT, leaf, Place(s.step - first, count), s.innerPath);
        return s.inner;
    }

    /// @notice The digest of a tensor, from one of its tiles.
    function digestOf(TileOpening calldata o, uint256 tile) internal view returns (bytes32) {
        return _digestOf(o, Merkle.gridOf(o.form), tile);
    }

    function _digestOf(TileOpening calldata o, Grid memory grid, uint256 tile) private view returns (bytes32) {
        (uint256 height, uint256 width) = Merkle.boxOf(grid, tile);
        uint256 size = height * width * grid.size;
        require(o.tile.length == size, Merkle.BadTile(size, o.tile.length));
        bytes32 root = Merkle.rootFromInclusion(Merkle.hashLeaf(o.tile), Place(tile, grid.count), o.tilePath);
        return Merkle.digestOf(o.form, root);
    }

    /// @notice FALSE_CLAIM where a tile of a tensor that stands in a sized list has another size than its form says: then its elements cannot be
    /// opened. @param size How many items the list has.
    function ruleTile(bytes32 list, uint8 kind, uint256 size, TileEvidence calldata e) internal view returns (bytes32) {
        TileOpening calldata o = e.tile;
        Grid memory grid = Merkle.gridOf(o.form);
        bytes32 root = Merkle.rootFromInclusion(Merkle.hashLeaf(o.tile), Place(e.place, grid.count), o.tilePath);
        verifyItem(list, kind, Place(e.index, size), Merkle.digestOf(o.form, root), o.path);
        (uint256 height, uint256 width) = Merkle.boxOf(grid, e.place);
        return Referees.demandApart(o.tile.length != height * width * grid.size);
    }

    /// @notice Reverts unless a digest stands in a sized list at this place.
    function verifyItem(bytes32 list, uint8 kind, Place memory place, bytes32 digest, bytes32[] calldata path)
        internal
        view
    {
        Merkle.verifySized(list, kind, Merkle.hashItem(digest), place, path);
    }

    /// @notice The bits of an element of the tensor that stands in a sized list at this place.
    function elementOf(bytes32 list, uint8 kind, Place memory place, TileOpening calldata o, uint256 element)
        internal
        view
        returns (uint256)
    {
        Grid memory grid = Merkle.gridOf(o.form);
        (uint256 tile, uint256 position) = Merkle.placeOf(grid, element);
        verifyItem(list, kind, place, _digestOf(o, grid, tile), o.path);
        return Merkle.bitsAt(o.tile, position, grid.size);
    }

    /// @notice The bits of an element of one value of a step.
    function valueElement(
        bytes32 values,
        Counts memory counts,
        uint256 value,
        TileOpening calldata o,
        uint256 element
    ) internal view returns (uint256) {
        return elementOf(values, Merkle.VALUES, Place(value, Programs.valuesOf(counts)), o, element);
    }
}
