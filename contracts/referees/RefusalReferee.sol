// SPDX-License-Identifier: MIT
pragma solidity ^0.8.31;

import {Exact} from "../Exact.sol";
import {Merkle, StepLeaf} from "../Merkle.sol";
import {IndexMaps} from "../ops/IndexMaps.sol";
import {Ops} from "../ops/Ops.sol";
import {Shapes} from "../ops/Shapes.sol";
import {Types} from "../ops/Types.sol";
import {Openings, StepOpening, TileOpening} from "../Openings.sol";
import {Counts, EndsOpening, LeafOpening, Programs, Value} from "../Programs.sol";
import {Case, IRecords, Referees, Refusal} from "../Referee.sol";

/// @notice A place at which a run may be refused, and the element that decides it.
struct FaultPointEvidence {
    StepOpening step;
    /// Number of the value whose op has the fault point; for NAN_RESULT of the result itself.
    uint32 value;
    LeafOpening leaf;
    /// Of the operand that is looked at: of ZERO_DIVISOR of the output.
    uint64 element;
    uint8 reason;
    /// The tile of the element that is looked at.
    TileOpening tile;
    /// INDEX_OUT_OF_RANGE: the leaf of the data, whose axis it is. NAN_RESULT: the leaf of the output or carry that makes the value a result.
    LeafOpening other;
    /// NAN_RESULT: which output or carry.
    uint32 index;
    bool isCarry;
}

/// @title Refusals: a run is refused at its first fault point, in the order step, node, element (docs/numerics.md), there and nowhere else.
contract RefusalReferee {
    error NotRefused();
    error WrongPlace();
    error NoFaultPoint(uint256 op);
    error OutOfRange(uint256 element);

    uint8 private constant NAN = 1;
    uint8 private constant ZERO_DIVISOR = 2;
    uint8 private constant INDEX_OUT_OF_RANGE = 3;
    uint8 private constant NAN_RESULT = 4;

    /// @notice The run meets a fault point, and the claim is of no refused run, or of one that was refused later.
    function meets(Case calldata c, FaultPointEvidence calldata e) external view returns (bytes32) {
        Refusal memory declared = _declared(c);
        bool isEarlier = !declared.refused || _isBefore(Refusal(true, e.step.step, e.value, e.element, e.reason), declared);
        require(isEarlier, WrongPlace());
        return Referees.demandApart(_isFault(c, e));
    }

    /// @notice The claim is of a run that was refused at a place where nothing is wrong.
    function unmet(Case calldata c, FaultPointEvidence calldata e) external view returns (bytes32) {
        _demandDeclaredAt(c, e);
        return Referees.demandApart(!_isFault(c, e));
    }

    /// @notice The same where there is no such place: no such value, no op that can be refused for this reason, or no such element.
    function nowhere(Case calldata c, LeafOpening calldata leaf, LeafOpening calldata operand)
        external
        view
        returns (bytes32)
    {
        Refusal memory declared = _declared(c);
        require(declared.refused, NotRefused());
        Counts memory counts = _counts(c);
        if (declared.node >= Programs.valuesOf(counts)) return Referees.FALSE_CLAIM;
        if (declared.reason == 0 || declared.reason > NAN_RESULT) return Referees.FALSE_CLAIM;
        Value memory value = Programs.openValue(c.job.program, counts, declared.node, leaf);
        if (declared.reason == NAN_RESULT || declared.reason == ZERO_DIVISOR) {
            bool possible = declared.reason == NAN_RESULT || _operandOf(value, declared.reason) != NONE;
            return Referees.demandApart(!possible || declared.element >= Shapes.sizeOf(value.dims));
        }
        uint256 index = _operandOf(value, declared.reason);
        if (index == NONE) return Referees.FALSE_CLAIM;
        Value memory looked = Programs.openValue(c.job.program, counts, value.operands[index], operand);
        return Referees.demandApart(declared.element >= Shapes.sizeOf(looked.dims));
    }

    /// @notice The claim says that a NaN stands in a result, in a value that is none. All outputs and carries are opened.
    function noResult(Case calldata c, EndsOpening calldata ends) external view returns (bytes32) {
        Refusal memory declared = _declared(c);
        require(declared.refused && declared.reason == NAN_RESULT, NotRefused());
        Counts memory counts = _counts(c);
        require(ends.outputs.length != 0 || counts.outputs == 0, WrongPlace());
        Programs.verifyEnds(c.job.program, counts, ends);
        for (uint256 i = 0; i < counts.outputs; ++i) {
            require(Programs.outputAt(ends.outputs, i) != declared.node, Referees.NoFault());
        }
        for (uint256 i = 0; i < counts.carries; ++i) {
            (, uint256 value) = Programs.carryAt(ends.carries, i);
            require(value != declared.node, Referees.NoFault());
        }
        return Referees.FALSE_CLAIM;
    }

    /// @notice The claim's outputs are the record of a refusal that its provider did not declare.
    function undeclared(Case calldata c, Refusal calldata shown) external view returns (bytes32) {
        require(!_declared(c).refused, Referees.NoFault());
        return Referees.demandApart(c.claim.outputs == _recordOf(shown));
    }

    /// @notice The outputs of a step are the record of a refusal, and the claim declares none of this step.
    function recorded(Case calldata c, StepOpening calldata s, Refusal calldata shown) external view returns (bytes32) {
        Refusal memory declared = _declared(c);
        bool isTraced = s.by == Openings.TRACED;
        require(isTraced || c.job.commitEvery == 1, WrongPlace());
        require(!declared.refused || declared.step != s.step, Referees.NoFault());
        if (!isTraced) Openings.verifyLeaf(c, s);
        bytes32 outputs = isTraced ? Openings.tracedOf(c, s).outputs : s.leaf.outputs;
        return Referees.demandApart(outputs == _recordOf(shown));
    }

    /// @notice A refused run is not committed as one: the refused step leaves its state as it was, and the claim's final state is that one; its
    /// outputs are the record; behind it is nothing.
    function form(Case calldata c, StepOpening calldata s) external view returns (bytes32) {
        Refusal memory declared = _declared(c);
        require(declared.refused, NotRefused());
        bool isTraced = s.by == Openings.TRACED;
        if (!isTraced) Openings.verifyLeaf(c, s);
        StepLeaf memory step = isTraced ? Openings.tracedOf(c, s) : s.leaf;
        uint64 commitEvery = isTraced ? 1 : c.job.commitEvery;
        uint64 place = isTraced ? s.step : s.leaf.index;
        uint64 refused = declared.step / commitEvery;
        if (place > refused) {
            return Referees.demandApart(
                step.stateBefore | step.inputs | step.values | step.stateAfter | step.outputs != 0
            );
        }
        // A leaf of several steps says nothing about one of them: its trace does.
        require(place == refused && commitEvery == 1, Referees.NoFault());
        bool holdsValues = !isTraced && step.values != 0;
        return Referees.demandApart(
            holdsValues || step.outputs != c.claim.outputs || step.stateAfter != step.stateBefore
                || step.stateBefore != c.claim.finalState
        );
    }

    // --- parts

    uint256 private constant NONE = type(uint256).max;

    function _recordOf(Refusal calldata shown) private pure returns (bytes32) {
        bytes memory words = abi.encode(shown.step, shown.node, shown.element, shown.reason);
        return sha256(bytes.concat(bytes1(0x04), words));
    }

    /// @dev The position of the operand at which an op looks for this reason; NONE where it does not.
    function _operandOf(Value memory node, uint8 reason) private pure returns (uint256) {
        if (node.kind != Programs.NODE) return NONE;
        uint256 op = node.op;
        if (reason == NAN) {
            bool isChoice = op == Ops.REDUCE_MAX || op == Ops.REDUCE_MIN || op == Ops.MAX_POOL || op == Ops.ARG_MAX
                || op == Ops.ARG_MIN || op == Ops.TOP_K;
            bool isCast = op == Ops.CAST && !Types.isFloat(node.dtype) && node.dtype != Types.BOOL;
            return isChoice || isCast ? 0 : NONE;
        }
        if (reason == ZERO_DIVISOR) {
            bool divides = op == Ops.DIV || op == Ops.MOD;
            return divides && !Types.isFloat(node.dtype) ? 1 : NONE;
        }
        bool isIndexed = op == Ops.GATHER || op == Ops.GATHER_ELEMENTS || op == Ops.SCATTER_ELEMENTS || op == Ops.SCATTER_ADD;
        return reason == INDEX_OUT_OF_RANGE && isIndexed ? 1 : NONE;
    }

    function _isFault(Case calldata c, FaultPointEvidence calldata e) private view returns (bool) {
        Counts memory counts = _counts(c);
        bytes32 values = Openings.valuesOf(c, e.step);
        if (e.reason == NAN_RESULT) {
            _demandResult(c, counts, e);
            return _isNaN(e, Openings.valueElement(values, counts, e.value, e.tile, e.element));
        }
        Value memory node = Programs.openNode(c.job.program, counts, e.value, e.leaf);
        uint256 index = _operandOf(node, e.reason);
        require(index != NONE, NoFaultPoint(node.op));
        uint256 element = e.element;
        if (e.reason == ZERO_DIVISOR) {
            require(element < Shapes.sizeOf(node.dims), OutOfRange(element));
            element = IndexMaps.broadcast(node.dims, e.tile.form.dims, element);
        }
        uint256 bits = Openings.valueElement(values, counts, node.operands[index], e.tile, element);
        if (e.reason == NAN) return _isNaN(e, bits);
        if (e.reason == ZERO_DIVISOR) return bits == 0;
        Value memory data = Programs.openValue(c.job.program, counts, node.operands[0], e.other);
        // A negative index is above every size, too.
        return bits >= data.dims[uint256(node.attributes[0])];
    }

    function _isNaN(FaultPointEvidence calldata e, uint256 bits) private pure returns (bool) {
        uint8 dtype = e.tile.form.dtype;
        return Types.isFloat(dtype) && Exact.isNaN(bits, Types.formatOf(dtype));
    }

    function _demandResult(Case calldata c, Counts memory counts, FaultPointEvidence calldata e) private view {
        uint256 value;
        if (e.isCarry) (, value) = Programs.openCarry(c.job.program, counts, e.index, e.other);
        else value = Programs.openOutput(c.job.program, counts, e.index, e.other);
        require(value == e.value, WrongPlace());
    }

    function _demandDeclaredAt(Case calldata c, FaultPointEvidence calldata e) private view {
        Refusal memory declared = _declared(c);
        require(declared.refused, NotRefused());
        bool isThere = declared.step == e.step.step && declared.node == e.value && declared.element == e.element
            && declared.reason == e.reason;
        require(isThere, WrongPlace());
    }

    /// @dev In the order step, node, element; a NaN in a result is looked for behind all nodes.
    function _isBefore(Refusal memory a, Refusal memory b) private pure returns (bool) {
        return _order(a) < _order(b);
    }

    function _order(Refusal memory r) private pure returns (uint256) {
        uint256 behind = r.reason == NAN_RESULT ? 1 : 0;
        return uint256(r.step) << 128 | behind << 96 | uint256(r.node) << 64 | r.element;
    }

    function _counts(Case calldata c) private view returns (Counts memory) {
        return IRecords(msg.sender).countsOf(c.job.program);
    }

    function _declared(Case calldata c) private view returns (Refusal memory) {
        return IRecords(msg.sender).refusalOf(Openings.idOf(c));
    }
}
