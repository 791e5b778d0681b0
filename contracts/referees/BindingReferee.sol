// SPDX-License-Identifier: MIT
pragma solidity ^0.8.31;

import {Merkle, Place, StepLeaf, TensorType} from "../Merkle.sol";
import {Openings, StepOpening, TileEvidence} from "../Openings.sol";
import {Counts, EndsOpening, LeafOpening, Programs, Value} from "../Programs.sol";
import {Case, IRecords, Referees, Refusal} from "../Referee.sol";

/// @notice Two leaves of the run, one behind the other.
struct ChainEvidence {
    StepLeaf before;
    bytes32[] beforePath;
    StepLeaf next;
    bytes32[] nextPath;
}

/// @notice A digest in a list of a step, and the digest of the same tensor elsewhere.
struct DigestEvidence {
    StepOpening step;
    /// Which item: a parameter, an input, an output or a value by its number.
    uint256 index;
    /// The digest in the list that is looked at, and its way to the list's root.
    bytes32 found;
    bytes32[] foundPath;
    /// The digest among the values of the step.
    bytes32 expected;
    bytes32[] expectedPath;
    /// The leaf of the program that says which value it is: a carry, an output or a constant.
    LeafOpening leaf;
}

/// @notice A sized root, from the inside.
struct SizeEvidence {
    StepOpening step;
    uint64 size;
    bytes32 root;
}

/// @notice Steps of a trace beside each other.
struct TraceEvidence {
    StepOpening step;
    StepOpening next;
}

/// @notice A tensor of a form that the program does not give its value.
struct FormEvidence {
    StepOpening step;
    uint256 value;
    LeafOpening leaf;
    TensorType form;
    /// Root of its tiles.
    bytes32 root;
    bytes32[] path;
}

/// @title Faults of binding: two places of a provider's commitments that ought to hold the same and do not. See docs/disputes.md.
/// @notice Nothing is computed here but hashes: each function opens both places and compares.
contract BindingReferee {
    error BehindRefusal();
    error Carried(uint256 parameter);
    error UnknownList(uint8 kind);

    uint8 private constant NAN_RESULT = 4;

    // --- the claim and its leaves

    /// @notice The first leaf does not start from the state that the job names. Jobs whose schedule draws the state name none.
    function startState(Case calldata c, StepOpening calldata e) external view returns (bytes32) {
        Openings.verifyLeaf(c, e);
        return Referees.demandApart(
            e.leaf.index == 0 && c.job.initialState != 0 && e.leaf.stateBefore != c.job.initialState
        );
    }

    /// @notice A leaf does not start from the state that the leaf before it left.
    function chain(Case calldata c, ChainEvidence calldata e) external view returns (bytes32) {
        uint256 leaves = Merkle.leavesOf(c.job.steps, c.job.commitEvery);
        Merkle.verifyStep(c.claim.run, e.before, leaves, e.beforePath);
        Merkle.verifyStep(c.claim.run, e.next, leaves, e.nextPath);
        require(!_isBehindRefusal(c, e.next.index), BehindRefusal());
        return Referees.demandApart(
            uint256(e.before.index) + 1 == e.next.index && e.before.stateAfter != e.next.stateBefore
        );
    }

    /// @notice The claim's final state is not the one that the last leaf left; of a refused run, the leaf that the refused step ends.
    function finalState(Case calldata c, StepOpening calldata e) external view returns (bytes32) {
        Openings.verifyLeaf(c, e);
        return Referees.demandApart(_isLast(c, e.leaf.index) && e.leaf.stateAfter != c.claim.finalState);
    }

    /// @notice The claim's outputs are not those of the last step.
    function outputs(Case calldata c, StepOpening calldata e) external view returns (bytes32) {
        Openings.verifyLeaf(c, e);
        require(!_refusal(c).refused, BehindRefusal());
        bytes32 found = e.leaf.outputs;
        if (c.job.commitEvery > 1) {
            (uint64 first, uint64 count) = Openings.stepsOf(c, e.leaf.index);
            bytes32 item = Merkle.hashItem(e.inner.outputs);
            Place memory place = Place(c.job.steps - 1 - first, count);
            Merkle.verifySized(e.leaf.outputs, Merkle.SEGMENT_OUTPUTS, item, place, e.innerPath);
            found = e.inner.outputs;
        }
        return Referees.demandApart(_isLastLeaf(c, e.leaf.index) && found != c.claim.outputs);
    }

    /// @notice A leaf of the run stands at another place than its own index says.
    function misplaced(Case calldata c, StepLeaf calldata leaf, uint64 place, bytes32[] calldata path)
        external
        view
        returns (bytes32)
    {
        uint256 leaves = Merkle.leavesOf(c.job.steps, c.job.commitEvery);
        Merkle.verifySized(c.claim.run, Merkle.RUN, Merkle.hashStep(leaf), Place(place, leaves), path);
        return Referees.demandApart(leaf.index != place);
    }

    /// @notice A leaf holds values although the job asks for none, or none although it does.
    function operatorTrace(Case calldata c, StepOpening calldata e) external view returns (bytes32) {
        Openings.verifyLeaf(c, e);
        Refusal memory refusal = _refusal(c);
        (uint64 first,) = Openings.stepsOf(c, e.leaf.index);
        // The refused step has none, nor has what is behind it.
        bool hasValues = c.job.operatorTrace && !(refusal.refused && first >= refusal.step);
        return Referees.demandApart(hasValues ? e.leaf.values == 0 : e.leaf.values != 0);
    }

    /// @notice A leaf has nothing where its states, inputs or outputs ought to be, which only leaves behind a refusal have.
    function missing(Case calldata c, StepOpening calldata e) external view returns (bytes32) {
        Openings.verifyLeaf(c, e);
        require(!_isBehindRefusal(c, e.leaf.index), BehindRefusal());
        // A segment in which the run is refused ends in no state, unless the refused step is its last one.
        bool noEnd = e.leaf.stateAfter == 0 && !_isCut(c, e.leaf.index);
        return Referees.demandApart(noEnd || e.leaf.stateBefore == 0 || e.leaf.inputs == 0 || e.leaf.outputs == 0);
    }

    /// @notice A value of a step is missing although the step was computed so far.
    function missingValue(Case calldata c, DigestEvidence calldata e) external view returns (bytes32) {
        bytes32 values = Openings.valuesOf(c, e.step);
        Refusal memory refusal = _refusal(c);
        // A NaN in a result is looked for behind all nodes, so nothing is missing then.
        bool stopped = refusal.refused && refusal.reason != NAN_RESULT && e.step.step == refusal.step;
        bool excused = stopped && e.index >= refusal.node;
        require(!excused && !_isBehindRefusedStep(c, e.step.step), BehindRefusal());
        uint256 size = Programs.valuesOf(_counts(c));
        Openings.verifyItem(values, Merkle.VALUES, Place(e.index, size), e.found, e.foundPath);
        return Referees.demandApart(e.found == 0);
    }

    // --- sizes

    /// @notice The run has another number of leaves than the job's steps make.
    function runSize(Case calldata c, uint64 size, bytes32 root) external pure returns (bytes32) {
        require(c.claim.run == Merkle.sizedRoot(Merkle.RUN, size, root), Referees.NoFault());
        return Referees.demandApart(size != Merkle.leavesOf(c.job.steps, c.job.commitEvery));
    }

    /// @notice A list of a leaf has another number of items than the program, or the leaf, has. `kind` is that of the list.
    function listSize(Case calldata c, uint8 kind, SizeEvidence calldata e) external view returns (bytes32) {
        Openings.verifyLeaf(c, e.step);
        StepLeaf calldata leaf = e.step.leaf;
        bytes32 sized = Merkle.sizedRoot(kind, e.size, e.root);
        bool single = c.job.commitEvery == 1;
        (, uint64 count) = Openings.stepsOf(c, leaf.index);
        Counts memory counts = _counts(c);
        if (kind == Merkle.STATE) {
            require(sized == leaf.stateBefore || sized == leaf.stateAfter, Referees.NoFault());
            return Referees.demandApart(e.size != counts.parameters);
        }
        if (kind == (single ? Merkle.INPUTS : Merkle.SEGMENT_INPUTS)) {
            require(sized == leaf.inputs, Referees.NoFault());
            return Referees.demandApart(e.size != (single ? counts.inputs : count));
        }
        if (kind == (single ? Merkle.VALUES : Merkle.SEGMENT_VALUES)) {
            require(sized == leaf.values, Referees.NoFault());
            return Referees.demandApart(e.size != (single ? Programs.valuesOf(counts) : count));
        }
        require(kind == (single ? Merkle.OUTPUTS : Merkle.SEGMENT_OUTPUTS), UnknownList(kind));
        require(sized == leaf.outputs, Referees.NoFault());
        return Referees.demandApart(e.size != (single ? counts.outputs : count));
    }

    /// @notice A list of one step of a trace has another number of items than the program has.
    function tracedSize(Case calldata c, uint8 kind, SizeEvidence calldata e) external view returns (bytes32) {
        StepLeaf memory step = Openings.tracedOf(c, e.step);
        bytes32 sized = Merkle.sizedRoot(kind, e.size, e.root);
        Counts memory counts = _counts(c);
        if (kind == Merkle.STATE) {
            require(sized == step.stateBefore || sized == step.stateAfter, Referees.NoFault());
            return Referees.demandApart(e.size != counts.parameters);
        }
        if (kind == Merkle.VALUES) {
            require(sized == step.values, Referees.NoFault());
            return Referees.demandApart(e.size != Programs.valuesOf(counts));
        }
        if (kind == Merkle.INPUTS) {
            require(sized == step.inputs, Referees.NoFault());
            return Referees.demandApart(e.size != counts.inputs);
        }
        require(kind == Merkle.OUTPUTS, UnknownList(kind));
        require(sized == step.outputs, Referees.NoFault());
        return Referees.demandApart(e.size != counts.outputs);
    }

    // --- values against the other lists of the step

    /// @notice A parameter among the values is not the one of the state before the step.
    function parameter(Case calldata c, DigestEvidence calldata e) external view returns (bytes32) {
        Counts memory counts = _counts(c);
        (bytes32 values, bytes32 state,,) = _listsOf(c, e.step);
        Openings.verifyItem(state, Merkle.STATE, Place(e.index, counts.parameters), e.found, e.foundPath);
        return _againstValue(counts, values, e.index, e);
    }

    /// @notice An input among the values is not the one of the step's inputs.
    function input(Case calldata c, DigestEvidence calldata e) external view returns (bytes32) {
        Counts memory counts = _counts(c);
        (bytes32 values,, bytes32 inputs,) = _listsOf(c, e.step);
        Openings.verifyItem(inputs, Merkle.INPUTS, Place(e.index, counts.inputs), e.found, e.foundPath);
        return _againstValue(counts, values, uint256(counts.parameters) + e.index, e);
    }

    /// @notice A constant among the values is not the program's.
    function constantValue(Case calldata c, DigestEvidence calldata e) external view returns (bytes32) {
        Counts memory counts = _counts(c);
        bytes32 values = Openings.valuesOf(c, e.step);
        Value memory value = Programs.openValue(c.job.program, counts, e.index, e.leaf);
        require(value.kind == Programs.CONSTANT, Referees.NoFault());
        Openings.verifyItem(values, Merkle.VALUES, Place(e.index, Programs.valuesOf(counts)), e.expected, e.expectedPath);
        return Referees.demandApart(e.expected != value.content);
    }

    /// @notice An output of the step is not the value that it ought to be. The leaf is the program's output number `index`.
    function output(Case calldata c, DigestEvidence calldata e) external view returns (bytes32) {
        Counts memory counts = _counts(c);
        (bytes32 values,,, StepLeaf memory step) = _listsOf(c, e.step);
        require(!_isRefusedOrBehind(c, e.step.step), BehindRefusal());
        Openings.verifyItem(step.outputs, Merkle.OUTPUTS, Place(e.index, counts.outputs), e.found, e.foundPath);
        return _againstValue(counts, values, Programs.openOutput(c.job.program, counts, e.index, e.leaf), e);
    }

    /// @notice A parameter after the step is not the value that a carry gives it. The leaf is the program's carry number `index`.
    function carried(Case calldata c, DigestEvidence calldata e) external view returns (bytes32) {
        Counts memory counts = _counts(c);
        (bytes32 values,,, StepLeaf memory step) = _listsOf(c, e.step);
        require(!_isRefusedOrBehind(c, e.step.step), BehindRefusal());
        (uint256 target, uint256 value) = Programs.openCarry(c.job.program, counts, e.index, e.leaf);
        Openings.verifyItem(step.stateAfter, Merkle.STATE, Place(target, counts.parameters), e.found, e.foundPath);
        return _againstValue(counts, values, value, e);
    }

    /// @notice A parameter that no carry changes is not what it was before the step. All carries are opened.
    function kept(Case calldata c, DigestEvidence calldata e, EndsOpening calldata ends)
        external
        view
        returns (bytes32)
    {
        Counts memory counts = _counts(c);
        (bytes32 values,,, StepLeaf memory step) = _listsOf(c, e.step);
        require(!_isRefusedOrBehind(c, e.step.step), BehindRefusal());
        Programs.verifyEnds(c.job.program, counts, ends);
        for (uint256 i = 0; i < counts.carries; ++i) {
            (uint256 target,) = Programs.carryAt(ends.carries, i);
            require(target != e.index, Carried(target));
        }
        Openings.verifyItem(step.stateAfter, Merkle.STATE, Place(e.index, counts.parameters), e.found, e.foundPath);
        return _againstValue(counts, values, e.index, e);
    }

    /// @notice A value is a tensor of another form than the program gives it.
    function form(Case calldata c, FormEvidence calldata e) external view returns (bytes32) {
        Counts memory counts = _counts(c);
        bytes32 values = Openings.valuesOf(c, e.step);
        Value memory value = Programs.openValue(c.job.program, counts, e.value, e.leaf);
        bytes32 digest = Merkle.digestOf(e.form, e.root);
        Openings.verifyItem(values, Merkle.VALUES, Place(e.value, Programs.valuesOf(counts)), digest, e.path);
        return Referees.demandApart(!_isOf(e.form, value));
    }

    /// @notice A tile of a value has another size than its form says.
    function tile(Case calldata c, TileEvidence calldata e) external view returns (bytes32) {
        return Openings.ruleTile(Openings.valuesOf(c, e.step), Merkle.VALUES, Programs.valuesOf(_counts(c)), e);
    }

    // --- traces

    /// @notice A traced step does not say what its leaf of the run says about it: index, states at the ends, inputs, values, outputs.
    function tracedEnds(Case calldata c, StepOpening calldata e) external view returns (bytes32) {
        StepLeaf memory step = Openings.tracedOf(c, e);
        (uint64 first, uint64 count) = Openings.stepsOf(c, e.leaf.index);
        if (step.index != e.step) return Referees.FALSE_CLAIM;
        if (e.step == first && step.stateBefore != e.leaf.stateBefore) return Referees.FALSE_CLAIM;
        bool last = e.step == first + count - 1;
        if (last && step.stateAfter != e.leaf.stateAfter) return Referees.FALSE_CLAIM;
        bool hasHole = step.values == 0 || _hasHole(step);
        if (hasHole && !_isBehindRefusedStep(c, e.step)) return Referees.FALSE_CLAIM;
        if (c.job.commitEvery > 1) revert Referees.NoFault();
        bool valuesDiffer = e.leaf.values != 0 && step.values != e.leaf.values;
        return Referees.demandApart(
            step.inputs != e.leaf.inputs || step.outputs != e.leaf.outputs || valuesDiffer
        );
    }

    /// @notice A traced step's inputs, values or outputs are not those in the list of its leaf (several steps to a leaf). `kind` is the list's;
    /// `listed` stands in it.
    function tracedList(Case calldata c, uint8 kind, StepOpening calldata e, bytes32 listed, bytes32[] calldata path)
        external
        view
        returns (bytes32)
    {
        StepLeaf memory step = Openings.tracedOf(c, e);
        (uint64 first, uint64 count) = Openings.stepsOf(c, e.leaf.index);
        bool isInputs = kind == Merkle.SEGMENT_INPUTS;
        bool isValues = kind == Merkle.SEGMENT_VALUES;
        require(isInputs || isValues || kind == Merkle.SEGMENT_OUTPUTS, UnknownList(kind));
        bytes32 list = isInputs ? e.leaf.inputs : isValues ? e.leaf.values : e.leaf.outputs;
        Merkle.verifySized(list, kind, Merkle.hashItem(listed), Place(e.step - first, count), path);
        // A refused step lists no values, and its trace has some.
        bytes32 values = _isRefusedOrBehind(c, e.step) ? bytes32(0) : step.values;
        return Referees.demandApart(listed != (isInputs ? step.inputs : isValues ? values : step.outputs));
    }

    /// @notice A traced step does not start from the state that the traced step before it left.
    function tracedChain(Case calldata c, TraceEvidence calldata e) external view returns (bytes32) {
        StepLeaf memory before = Openings.tracedOf(c, e.step);
        StepLeaf memory next = Openings.tracedOf(c, e.next);
        require(!_isBehindRefusedStep(c, e.next.step), BehindRefusal());
        return Referees.demandApart(e.step.step + 1 == e.next.step && before.stateAfter != next.stateBefore);
    }

    // --- parts

    /// @dev Values, state before and inputs of a step, and the step itself where its own leaf is there.
    function _listsOf(Case calldata c, StepOpening calldata s)
        private
        view
        returns (bytes32 values, bytes32 state, bytes32 inputs, StepLeaf memory step)
    {
        values = Openings.valuesOf(c, s);
        require(s.by != Openings.SEGMENT, Openings.UnknownPlace(s.by));
        step = s.by == Openings.TRACED ? s.inner : s.leaf;
        return (values, step.stateBefore, step.inputs, step);
    }

    function _hasHole(StepLeaf memory leaf) private pure returns (bool) {
        return leaf.stateBefore == 0 || leaf.inputs == 0 || leaf.stateAfter == 0 || leaf.outputs == 0;
    }

    function _againstValue(Counts memory counts, bytes32 values, uint256 value, DigestEvidence calldata e)
        private
        view
        returns (bytes32)
    {
        Openings.verifyItem(values, Merkle.VALUES, Place(value, Programs.valuesOf(counts)), e.expected, e.expectedPath);
        return Referees.demandApart(e.found != e.expected);
    }

    function _isOf(TensorType calldata found, Value memory value) private pure returns (bool) {
        return found.dtype == value.dtype
            && keccak256(abi.encodePacked(found.dims)) == keccak256(abi.encodePacked(value.dims));
    }

    function _counts(Case calldata c) private view returns (Counts memory) {
        return IRecords(msg.sender).countsOf(c.job.program);
    }

    function _refusal(Case calldata c) private view returns (Refusal memory) {
        return IRecords(msg.sender).refusalOf(Openings.idOf(c));
    }

    function _isLastLeaf(Case calldata c, uint64 leaf) private pure returns (bool) {
        return uint256(leaf) + 1 == Merkle.leavesOf(c.job.steps, c.job.commitEvery);
    }

    /// @dev The leaf whose end is the claim's final state.
    function _isLast(Case calldata c, uint64 leaf) private view returns (bool) {
        Refusal memory refusal = _refusal(c);
        if (!refusal.refused) return _isLastLeaf(c, leaf);
        return leaf == refusal.step / c.job.commitEvery && !_isCut(c, leaf);
    }

    /// @dev A leaf with steps behind the refused one.
    function _isCut(Case calldata c, uint64 leaf) private view returns (bool) {
        Refusal memory refusal = _refusal(c);
        (uint64 first, uint64 count) = Openings.stepsOf(c, leaf);
        return refusal.refused && first <= refusal.step && refusal.step + 1 < first + count;
    }

    function _isBehindRefusal(Case calldata c, uint64 leaf) private view returns (bool) {
        Refusal memory refusal = _refusal(c);
        return refusal.refused && leaf > refusal.step / c.job.commitEvery;
    }

    function _isBehindRefusedStep(Case calldata c, uint64 step) private view returns (bool) {
        Refusal memory refusal = _refusal(c);
        return refusal.refused && step > refusal.step;
    }

    function _isRefusedOrBehind(Case calldata c, uint64 step) private view returns (bool) {
        Refusal memory refusal = _refusal(c);
        return refusal.refused && step >= refusal.step;
    }
}
