// SPDX-License-Identifier: MIT
pragma solidity ^0.8.31;

import {Merkle, Place} from "../Merkle.sol";
import {Openings, StepOpening, TileOpening} from "../Openings.sol";
import {IEvaluator} from "../ops/Evaluator.sol";
import {IndexMaps} from "../ops/IndexMaps.sol";
import {Ops} from "../ops/Ops.sol";
import {Operation, Scalars} from "../ops/Scalars.sol";
import {Counts, LeafOpening, Programs, Value} from "../Programs.sol";
import {Case, IRecords, Referees} from "../Referee.sol";

/// @notice An element of a value that is computed, and what it is computed from.
struct ElementEvidence {
    StepOpening step;
    /// Number of the value, and its leaf of the program.
    uint32 value;
    LeafOpening leaf;
    /// Row-major index of the element.
    uint64 element;
    TileOpening output;
    /// Tiles of the operands' elements. Elementwise ops: of every operand, in their order. Where: of the condition and of what it selects. Gather
    /// and GatherElements: of the indices and of the data. Pad: of the data, or of the padding. ScatterAdd without updates: of the data. Other sums
    /// of nothing: none. All others: of the one operand.
    TileOpening[] operands;
    /// Concat: the leaves of the operands that stand before that one. Sums of nothing: that of the empty operand (ReduceSum: the only one;
    /// MatMul, Conv, ScatterAdd: the second). All others: none.
    LeafOpening[] before;
}

/// @title One element of a value follows from one element of each operand, and is another one. See docs/disputes.md.
contract ElementReferee {
    error WrongForm();
    error WrongEvidence();
    /// @notice Decided by other functions or another referee.
    error NotDecidedHere(uint256 op);

    /// @notice Arithmetic, which would not fit in here.
    IEvaluator public immutable EVALUATOR;

    /// @dev The node and where the values of its step stand.
    struct Known {
        bytes32 values;
        uint256 count;
        uint256 element;
        Value node;
    }

    constructor(IEvaluator evaluator) {
        EVALUATOR = evaluator;
    }

    /// @notice The element is not what follows from the operands.
    function element(Case calldata c, ElementEvidence calldata e) external view returns (bytes32) {
        Counts memory counts = IRecords(msg.sender).countsOf(c.job.program);
        Known memory known;
        known.values = Openings.valuesOf(c, e.step);
        known.count = Programs.valuesOf(counts);
        known.element = e.element;
        known.node = Programs.openNode(c.job.program, counts, e.value, e.leaf);
        require(Programs.isOf(known.node, e.output.form.dtype, e.output.form.dims), WrongForm());
        uint256 found = _bits(known, e.value, e.output, e.element);
        uint256 op = known.node.op;
        if (op == Ops.CONCAT) return Referees.demandApart(found != _concat(c.job.program, counts, known, e));
        if (_isSum(op)) return Referees.demandApart(found != _sumOfNothing(c.job.program, counts, known, e));
        require(e.before.length == 0, WrongEvidence());
        bool elementwise = Scalars.isElementwise(op);
        return Referees.demandApart(found != (elementwise ? _computed(known, e.operands) : _moved(known, e.operands)));
    }

    // --- computed

    function _computed(Known memory known, TileOpening[] calldata operands) private view returns (uint256) {
        Value memory node = known.node;
        bool binary = Scalars.isBinary(node.op);
        _demandCount(operands, binary ? 2 : 1);
        Operation memory operation = Operation({
            op: node.op,
            dtype: operands[0].form.dtype,
            target: node.dtype,
            attribute: node.attributes.length == 0 ? int256(0) : node.attributes[0],
            a: _broadcast(known, 0, operands[0]),
            b: binary ? _broadcast(known, 1, operands[1]) : 0
        });
        return EVALUATOR.evaluate(operation);
    }

    // --- copied

    function _moved(Known memory known, TileOpening[] calldata operands) private view returns (uint256) {
        uint256 op = known.node.op;
        if (op == Ops.WHERE) return _where(known, operands);
        if (op == Ops.GATHER || op == Ops.GATHER_ELEMENTS) return _gather(known, operands);
        _demandCount(operands, 1);
        TileOpening calldata operand = operands[0];
        if (op == Ops.EXPAND) return _broadcast(known, 0, operand);
        (uint64[] memory dims, int256[] memory attributes) = (known.node.dims, known.node.attributes);
        if (op == Ops.PAD) {
            (bool inside, uint256 place) = IndexMaps.pad(dims, attributes, known.element);
            return _operand(known, inside ? 0 : 1, operand, place);
        }
        return _operand(known, 0, operand, _sourceOf(op, known, operand.form.dims));
    }

    function _sourceOf(uint256 op, Known memory known, uint64[] memory from) private pure returns (uint256) {
        (uint64[] memory dims, int256[] memory attributes) = (known.node.dims, known.node.attributes);
        if (op == Ops.RESHAPE) return known.element;
        if (op == Ops.TRANSPOSE) return IndexMaps.transpose(dims, attributes, known.element);
        if (op == Ops.SLICE) return IndexMaps.slice(dims, from, attributes, known.element);
        revert NotDecidedHere(op);
    }

    function _where(Known memory known, TileOpening[] calldata operands) private view returns (uint256) {
        _demandCount(operands, 2);
        bool first = _broadcast(known, 0, operands[0]) == 1;
        return _broadcast(known, first ? 1 : 2, operands[1]);
    }

    function _gather(Known memory known, TileOpening[] calldata operands) private view returns (uint256) {
        _demandCount(operands, 2);
        (uint64[] memory dims, uint64[] memory from) = (known.node.dims, operands[1].form.dims);
        uint256 axis = uint256(known.node.attributes[0]);
        bool lines = known.node.op == Ops.GATHER;
        uint256 position = lines ? IndexMaps.gatherIndex(dims, from, axis, known.element) : known.element;
        uint256 index = _operand(known, 1, operands[0], position);
        uint256 place = lines
            ? IndexMaps.gather(dims, from, axis, known.element, index)
            : IndexMaps.gatherElements(dims, from, axis, known.element, index);
        return _operand(known, 0, operands[1], place);
    }

    function _concat(bytes32 program, Counts memory counts, Known memory known, ElementEvidence calldata e)
        private
        view
        returns (uint256)
    {
        _demandCount(e.operands, 1);
        Value memory node = known.node;
        uint256 axis = uint256(node.attributes[0]);
        uint256 offset = 0;
        for (uint256 i = 0; i < e.before.length; ++i) {
            offset += Programs.openValue(program, counts, _numberOf(node, i), e.before[i]).dims[axis];
        }
        uint256 place = IndexMaps.concat(node.dims, e.operands[0].form.dims, axis, known.element, offset);
        return _operand(known, e.before.length, e.operands[0], place);
    }

    // --- sums of nothing, which have no expansion

    function _isSum(uint256 op) private pure returns (bool) {
        return op == Ops.MAT_MUL || op == Ops.CONV || op == Ops.REDUCE_SUM || op == Ops.SCATTER_ADD;
    }

    /// @dev +0; of a ScatterAdd without updates the data's element. As the element exists, the operand is empty along the axes of the sum.
    function _sumOfNothing(bytes32 program, Counts memory counts, Known memory known, ElementEvidence calldata e)
        private
        view
        returns (uint256)
    {
        uint256 op = known.node.op;
        require(e.before.length == 1, WrongEvidence());
        uint256 number = _numberOf(known.node, op == Ops.REDUCE_SUM ? 0 : 1);
        uint256 size = IndexMaps.sizeOf(Programs.openValue(program, counts, number, e.before[0]).dims);
        require(size == 0, NotDecidedHere(op));
        _demandCount(e.operands, op == Ops.SCATTER_ADD ? 1 : 0);
        return op == Ops.SCATTER_ADD ? _operand(known, 0, e.operands[0], e.element) : 0;
    }

    // --- parts

    function _broadcast(Known memory known, uint256 index, TileOpening calldata operand) private view returns (uint256) {
        uint256 place = IndexMaps.broadcast(known.node.dims, operand.form.dims, known.element);
        return _operand(known, index, operand, place);
    }

    /// @dev The bits of an element of operand number `index`.
    function _operand(Known memory known, uint256 index, TileOpening calldata operand, uint256 place)
        private
        view
        returns (uint256)
    {
        return _bits(known, _numberOf(known.node, index), operand, place);
    }

    function _bits(Known memory known, uint256 value, TileOpening calldata tile, uint256 place)
        private
        view
        returns (uint256)
    {
        return Openings.elementOf(known.values, Merkle.VALUES, Place(value, known.count), tile, place);
    }

    function _numberOf(Value memory node, uint256 index) private pure returns (uint256) {
        require(index < node.operands.length, WrongEvidence());
        return node.operands[index];
    }

    function _demandCount(TileOpening[] calldata operands, uint256 count) private pure {
        require(operands.length == count, WrongEvidence());
    }
}
