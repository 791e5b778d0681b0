// SPDX-License-Identifier: MIT
pragma solidity ^0.8.31;

import {Merkle, Place} from "../Merkle.sol";
import {Openings, StepOpening, TileOpening} from "../Openings.sol";
import {IndexMaps} from "../ops/IndexMaps.sol";
import {Ops} from "../ops/Ops.sol";
import {Types} from "../ops/Types.sol";
import {Counts, LeafOpening, Programs, Value} from "../Programs.sol";
import {Case, IRecords, Referees} from "../Referee.sol";

/// @notice An element of a value that is chosen among several, and what shows that the choice is wrong. What a function does not look at stays empty.
struct ChoiceEvidence {
    StepOpening step;
    /// Number of the value, and its leaf of the program.
    uint32 value;
    LeafOpening leaf;
    /// Row-major index of the element.
    uint64 element;
    TileOpening output;
    /// `empty`, `astray`, `size`: the leaf of the first operand; of a scatter that of its indices.
    LeafOpening operand;
    /// The one leaf of the element's expansion: abi.encode(uint64), the index of the chosen element of the operand; of a scatter the number of the
    /// update that stands, from 1, or 0 where none does.
    bytes witness;
    /// Another element of the operand (`place`: another place along the axis), or another update of a scatter.
    uint64 candidate;
    /// Tiles of the operands' elements, as each function says.
    TileOpening[] operands;
}

/// @title Faults of ops that choose one element among several: maxima and their places, and scatters where the last update stands.
/// @notice That no element is better is shown by showing one: a claim about all of them needs no loop. See docs/disputes.md.
/// Comparisons beside a NaN are false: where a NaN enters such an op the run is to be refused, which is the matter of another referee.
contract ChoiceReferee {
    error WrongForm();
    error WrongEvidence();
    error NotExpanded();
    /// @notice The candidate is not among the elements that the output element is chosen from.
    error OtherGroup(uint256 candidate);
    /// @notice Decided by other functions or another referee.
    error NotDecidedHere(uint256 op);

    /// @dev The node and where the values of its step stand.
    struct Known {
        bytes32 values;
        uint256 count;
        Value node;
        /// Bits of the output element.
        uint256 found;
    }

    // --- without an expansion

    /// @notice ReduceMax, ReduceMin, MaxPool: an element of the group is better than the output element. Operands: the candidate's tile.
    function better(Case calldata c, ChoiceEvidence calldata e) external view returns (bytes32) {
        Known memory known = _open(c, e);
        _demandInGroup(known.node, _tile(e, 0).form.dims, e);
        uint256 bits = _operand(known, 0, _tile(e, 0), e.candidate);
        return Referees.demandApart(_isBetter(known.node.op, known.node.dtype, bits, known.found));
    }

    /// @notice ReduceMax, ReduceMin, MaxPool: there is nothing to choose from, and the output element is not what the op then gives.
    function empty(Case calldata c, ChoiceEvidence calldata e) external view returns (bytes32) {
        Known memory known = _open(c, e);
        require(_isMaximum(known.node.op), NotDecidedHere(known.node.op));
        require(_isEmpty(known.node, _operandLeaf(c, known.node, e).dims, e.element), Referees.NoFault());
        uint8 dtype = known.node.dtype;
        uint256 right = known.node.op == Ops.REDUCE_MIN ? Types.highest(dtype) : Types.lowest(dtype);
        return Referees.demandApart(known.found != right);
    }

    /// @notice ArgMax, ArgMin: the output is no place of the axis, or another place is better, or as good and lower. Operands: the tile of
    /// the element at the other place, and, if the output is a place, of the element there.
    function place(Case calldata c, ChoiceEvidence calldata e) external view returns (bytes32) {
        Known memory known = _open(c, e);
        uint256 op = known.node.op;
        require(op == Ops.ARG_MAX || op == Ops.ARG_MIN, NotDecidedHere(op));
        IndexMaps.Around memory around =
            IndexMaps.aroundAxis(_tile(e, 0).form.dims, uint256(known.node.attributes[0]));
        require(e.candidate < around.length, OtherGroup(e.candidate));
        uint256 first = e.element / around.inner * around.length * around.inner + e.element % around.inner;
        uint8 dtype = _tile(e, 0).form.dtype;
        uint256 other = _operand(known, 0, _tile(e, 0), first + e.candidate * around.inner);
        if (known.found >= around.length) return Referees.FALSE_CLAIM;
        uint256 own = _operand(known, 0, _tile(e, 1), first + known.found * around.inner);
        bool before = e.candidate < known.found && Types.equal(dtype, own, other);
        return Referees.demandApart(before || _isBetter(op, dtype, other, own));
    }

    // --- with the witness that the provider named

    /// @notice The output element is not what the witness names. Operands: ReduceMax, ReduceMin, MaxPool: the tile of the element that it
    /// names. ScatterElements: the tile of the data's element where it names no update, else those of its index and of the update: an
    /// update whose index is another is no right witness either.
    function chosen(Case calldata c, ChoiceEvidence calldata e) external view returns (bytes32) {
        Known memory known = _open(c, e);
        uint256 witness = _witness(c, e);
        if (known.node.op == Ops.SCATTER_ELEMENTS) return Referees.demandApart(_isOtherUpdate(known, e, witness));
        require(_isMaximum(known.node.op), NotDecidedHere(known.node.op));
        // An honest provider has no witness there.
        require(!_isEmpty(known.node, _tile(e, 0).form.dims, e.element), Referees.NoFault());
        uint256 bits = _operand(known, 0, _tile(e, 0), witness);
        return Referees.demandApart(known.found != Types.plusZero(known.node.dtype, bits));
    }

    /// @notice ReduceMax, ReduceMin, MaxPool: an element before the witness is as good as the output element. Operands: the candidate's tile.
    function lower(Case calldata c, ChoiceEvidence calldata e) external view returns (bytes32) {
        Known memory known = _open(c, e);
        uint256 witness = _witness(c, e);
        _demandInGroup(known.node, _tile(e, 0).form.dims, e);
        uint256 bits = _operand(known, 0, _tile(e, 0), e.candidate);
        bool same = Types.equal(known.node.dtype, bits, known.found);
        return Referees.demandApart(same && e.candidate < witness);
    }

    /// @notice ScatterElements: an update behind the one that the witness names has the element's index. Operands: the tile of its index.
    function later(Case calldata c, ChoiceEvidence calldata e) external view returns (bytes32) {
        Known memory known = _open(c, e);
        require(known.node.op == Ops.SCATTER_ELEMENTS, NotDecidedHere(known.node.op));
        uint256 witness = _witness(c, e);
        require(e.candidate >= witness, Referees.NoFault());
        return Referees.demandApart(_isHit(known, _tile(e, 0), e.element, e.candidate));
    }

    /// @notice The witness is no number, or no element that the output element could be chosen from. No tiles are looked at.
    function astray(Case calldata c, ChoiceEvidence calldata e) external view returns (bytes32) {
        Value memory node = _node(c, e);
        uint64[] memory from = _demandChoice(c, node, e);
        _demandWitness(c, e);
        if (!_isWitness(e.witness)) return Referees.FALSE_CLAIM;
        uint256 witness = abi.decode(e.witness, (uint64));
        if (node.op != Ops.SCATTER_ELEMENTS) return Referees.demandApart(!_isInGroup(node, from, e.element, witness));
        require(witness != 0, Referees.NoFault());
        uint256 axis = uint256(node.attributes[0]);
        return Referees.demandApart(
            witness > IndexMaps.sizeOf(from) || !IndexMaps.isInLine(node.dims, from, axis, e.element, witness - 1)
        );
    }

    /// @notice The expansion has another number of leaves than one: `leaves` of them, with this root. No tiles are looked at.
    function size(Case calldata c, ChoiceEvidence calldata e, uint64 leaves, bytes32 root)
        external
        view
        returns (bytes32)
    {
        _demandChoice(c, _node(c, e), e);
        require(_expansion(c, e) == Merkle.sizedRoot(Merkle.EXPANSION, leaves, root), Referees.NoFault());
        return Referees.demandApart(leaves != 1);
    }

    // --- groups

    function _isMaximum(uint256 op) private pure returns (bool) {
        return op == Ops.REDUCE_MAX || op == Ops.REDUCE_MIN || op == Ops.MAX_POOL;
    }

    /// @dev True where a is better than b.
    function _isBetter(uint256 op, uint8 dtype, uint256 a, uint256 b) private pure returns (bool) {
        bool smallest = op == Ops.REDUCE_MIN || op == Ops.ARG_MIN;
        return smallest ? Types.less(dtype, a, b) : Types.less(dtype, b, a);
    }

    function _isEmpty(Value memory node, uint64[] memory from, uint256 element) private pure returns (bool) {
        if (node.op == Ops.MAX_POOL) return IndexMaps.isEmptyWindow(node.dims, from, node.attributes, element);
        return IndexMaps.reduced(from, uint256(node.attributes[0])) == 0;
    }

    function _isInGroup(Value memory node, uint64[] memory from, uint256 element, uint256 candidate)
        private
        pure
        returns (bool)
    {
        if (node.op == Ops.MAX_POOL) {
            return IndexMaps.isInWindow(node.dims, from, node.attributes, element, candidate);
        }
        require(_isMaximum(node.op), NotDecidedHere(node.op));
        uint256 length = IndexMaps.reduced(from, uint256(node.attributes[0]));
        return length != 0 && candidate / length == element;
    }

    function _demandInGroup(Value memory node, uint64[] memory from, ChoiceEvidence calldata e) private pure {
        require(_isInGroup(node, from, e.element, e.candidate), OtherGroup(e.candidate));
    }

    // --- scatters

    function _isOtherUpdate(Known memory known, ChoiceEvidence calldata e, uint256 witness) private view returns (bool) {
        if (witness == 0) return known.found != _operand(known, 0, _tile(e, 0), e.element);
        if (!_isHit(known, _tile(e, 0), e.element, witness - 1)) return true;
        return known.found != _operand(known, 2, _tile(e, 1), witness - 1);
    }

    /// @dev True where an update's index is the element's.
    function _isHit(Known memory known, TileOpening calldata indices, uint256 element, uint256 update)
        private
        view
        returns (bool)
    {
        (Value memory node, uint64[] memory from) = (known.node, indices.form.dims);
        uint256 axis = uint256(node.attributes[0]);
        uint256 index = _operand(known, 1, indices, update);
        return IndexMaps.isInLine(node.dims, from, axis, element, update)
            && index == IndexMaps.coordinateOf(node.dims, axis, element);
    }

    // --- openings

    function _open(Case calldata c, ChoiceEvidence calldata e) private view returns (Known memory known) {
        Counts memory counts = IRecords(msg.sender).countsOf(c.job.program);
        known.values = Openings.valuesOf(c, e.step);
        known.count = Programs.valuesOf(counts);
        known.node = Programs.openNode(c.job.program, counts, e.value, e.leaf);
        require(Programs.isOf(known.node, e.output.form.dtype, e.output.form.dims), WrongForm());
        known.found = _bits(known, e.value, e.output, e.element);
    }

    function _node(Case calldata c, ChoiceEvidence calldata e) private view returns (Value memory node) {
        node = Programs.openNode(c.job.program, IRecords(msg.sender).countsOf(c.job.program), e.value, e.leaf);
        uint256 elements = IndexMaps.sizeOf(node.dims);
        require(e.element < elements, Merkle.IndexOutOfRange(e.element, elements));
    }

    /// @dev Dims of the operand that the witness is about. Reverts where the element has no witness.
    function _demandChoice(Case calldata c, Value memory node, ChoiceEvidence calldata e)
        private
        view
        returns (uint64[] memory from)
    {
        from = _operandLeaf(c, node, e).dims;
        if (node.op == Ops.SCATTER_ELEMENTS) return from;
        require(_isMaximum(node.op), NotDecidedHere(node.op));
        require(!_isEmpty(node, from, e.element), Referees.NoFault());
    }

    function _operandLeaf(Case calldata c, Value memory node, ChoiceEvidence calldata e)
        private
        view
        returns (Value memory)
    {
        Counts memory counts = IRecords(msg.sender).countsOf(c.job.program);
        uint256 index = node.op == Ops.SCATTER_ELEMENTS ? 1 : 0;
        return Programs.openValue(c.job.program, counts, _numberOf(node, index), e.operand);
    }

    function _expansion(Case calldata c, ChoiceEvidence calldata e) private view returns (bytes32 expansion) {
        bytes32 key = Referees.expansionKey(e.step.step, e.value, e.element);
        expansion = IRecords(msg.sender).expansionOf(Openings.idOf(c), key);
        require(expansion != 0, NotExpanded());
    }

    function _demandWitness(Case calldata c, ChoiceEvidence calldata e) private view {
        (bytes32 expected, bytes32 found) =
            (_expansion(c, e), Merkle.sizedRoot(Merkle.EXPANSION, 1, Merkle.hashLeaf(e.witness)));
        require(expected == found, Merkle.RootMismatch(expected, found));
    }

    function _witness(Case calldata c, ChoiceEvidence calldata e) private view returns (uint256) {
        _demandWitness(c, e);
        require(_isWitness(e.witness), WrongEvidence());
        return abi.decode(e.witness, (uint64));
    }

    function _isWitness(bytes calldata witness) private pure returns (bool) {
        return witness.length == 32 && uint256(bytes32(witness)) <= type(uint64).max;
    }

    function _operand(Known memory known, uint256 index, TileOpening calldata operand, uint256 element)
        private
        view
        returns (uint256)
    {
        return _bits(known, _numberOf(known.node, index), operand, element);
    }

    function _bits(Known memory known, uint256 value, TileOpening calldata tile, uint256 element)
        private
        view
        returns (uint256)
    {
        return Openings.elementOf(known.values, Merkle.VALUES, Place(value, known.count), tile, element);
    }

    function _tile(ChoiceEvidence calldata e, uint256 index) private pure returns (TileOpening calldata) {
        require(index < e.operands.length, WrongEvidence());
        return e.operands[index];
    }

    function _numberOf(Value memory node, uint256 index) private pure returns (uint256) {
        require(index < node.operands.length, WrongEvidence());
        return node.operands[index];
    }
}
