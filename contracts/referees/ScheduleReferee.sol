// SPDX-License-Identifier: MIT
pragma solidity ^0.8.31;

import {Grid, Merkle, Place, TensorType} from "../Merkle.sol";
import {Openings, StepOpening, TileEvidence, TileOpening} from "../Openings.sol";
import {Initial, Rule} from "../ops/Initial.sol";
import {Types} from "../ops/Types.sol";
import {Counts, LeafOpening, Programs, Value} from "../Programs.sol";
import {Case, IRecords, Referees, Refusal} from "../Referee.sol";
import {Row, Schedule, Schedules} from "../Schedules.sol";

/// @notice An element of an input of a step, and the sample from which the schedule takes it.
struct InputEvidence {
    StepOpening step;
    /// The leaf of the schedule.
    bytes schedule;
    /// Number of the input, which is that of the column.
    uint32 input;
    /// Row-major index of the element in the whole batch.
    uint64 element;
    TileOpening found;
    /// The leaf of the sample: the digests of its columns; with its way to the data set. Not looked at where an augmentation moved zero in.
    LeafOpening sample;
    /// The tile of the sample's column. Its way to a list is not looked at: the leaf is the list.
    TileOpening source;
}

/// @notice The number of a step as the step's last input has it.
struct NumberEvidence {
    StepOpening step;
    bytes schedule;
    TileOpening found;
}

/// @notice An element of a parameter before the first step, and the rule of that parameter.
struct StartEvidence {
    /// The first leaf of the run.
    StepOpening step;
    bytes schedule;
    uint32 parameter;
    uint64 element;
    TileOpening found;
    /// With its way to the rules that the schedule names.
    LeafOpening rule;
}

/// @notice A tensor among the inputs of a step, or in the state before the first one, of a form that the program does not give it.
struct WrongFormEvidence {
    StepOpening step;
    /// Number of the input, or of the parameter.
    uint32 index;
    LeafOpening leaf;
    TensorType form;
    /// Root of its tiles.
    bytes32 root;
    bytes32[] path;
}

/// @title Faults of beginnings: inputs that neither the schedule draws nor the job names, a first state that is not the seed's. See docs/disputes.md.
/// @notice A schedule that names a beacon is decided as far as no seed is needed; the rest reverts with BeaconNotKnown.
contract ScheduleReferee {
    error BehindRefusal();
    /// @notice The tensor is no batch of such samples, no number of a step.
    error WrongForm();
    /// @notice The data set has other columns than the program takes, or not this one.
    error NoColumn(uint256 column);
    error NotFirstLeaf(uint64 leaf);
    /// @notice The run starts from the other thing.
    error OtherStart(uint8 start);

    // --- inputs that a schedule draws

    /// @notice An element of an input is not that of the sample which the schedule takes there.
    function input(Case calldata c, InputEvidence calldata e) external view returns (bytes32) {
        Schedule memory schedule = Schedules.open(c, e.schedule);
        Counts memory counts = _counts(c);
        Place memory place = Place(e.input, counts.inputs);
        uint256 found = Openings.elementOf(_inputsOf(c, e.step), Merkle.INPUTS, place, e.found, e.element);
        return Referees.demandApart(found != _drawn(c, e, schedule, counts));
    }

    /// @dev The element that the schedule puts there.
    function _drawn(Case calldata c, InputEvidence calldata e, Schedule memory schedule, Counts memory counts)
        private
        view
        returns (uint256)
    {
        uint64[] calldata dims = e.found.form.dims;
        require(dims.length != 0 && dims[0] == schedule.batchSize, WrongForm());
        uint256 size = 1;
        for (uint256 i = 1; i < dims.length; ++i) size *= dims[i];
        // casting to uint32 is safe: the element is inside of the batch, which has at most 2^20 rows
        Row memory row = Row(e.step.step, uint32(e.element / size));
        (bool some, uint256 source) = Schedules.sourceOf(schedule, c, row, e.input, dims, e.element % size);
        if (!some) return 0;
        bytes32 digest = _columnOf(c, e, schedule, counts, row);
        require(_isSampleOf(e.source.form, e.found.form), WrongForm());
        (bytes32 found, uint256 bits) = _open(e.source, source);
        require(found == digest, Merkle.RootMismatch(digest, found));
        return bits;
    }

    /// @dev The digest of the column in the sample that stands in this row.
    function _columnOf(
        Case calldata c,
        InputEvidence calldata e,
        Schedule memory schedule,
        Counts memory counts,
        Row memory row
    ) private view returns (bytes32) {
        uint256 columns = e.sample.leaf.length / 32;
        // The number of the step may stand behind the columns.
        bool fits = columns * 32 == e.sample.leaf.length && (columns == counts.inputs || columns + 1 == counts.inputs);
        require(fits && e.input < columns, NoColumn(e.input));
        Place memory place = Place(Schedules.sampleOf(schedule, c, row), schedule.samples);
        Merkle.verifySized(schedule.dataset, Merkle.DATASET, Merkle.hashLeaf(e.sample.leaf), place, e.sample.path);
        return bytes32(e.sample.leaf[32 * uint256(e.input):]);
    }

    /// @dev The digest to which a tile leads, and the bits of an element in it.
    function _open(TileOpening calldata o, uint256 element) private view returns (bytes32 digest, uint256 bits) {
        Grid memory grid = Merkle.gridOf(o.form);
        (uint256 tile, uint256 position) = Merkle.placeOf(grid, element);
        digest = Openings.digestOf(o, tile);
        bits = Merkle.bitsAt(o.tile, position, grid.size);
    }

    /// @dev One sample less the first axis of the batch.
    function _isSampleOf(TensorType calldata sample, TensorType calldata batch) private pure returns (bool) {
        return sample.dtype == batch.dtype
            && keccak256(abi.encodePacked(sample.dims)) == keccak256(abi.encodePacked(batch.dims[1:]));
    }

    /// @notice The last input of a step is not its number, where the program takes that.
    /// @dev A column has the batch on its first axis, so an integer of rank 0 is the number and nothing else.
    function stepNumber(Case calldata c, NumberEvidence calldata e) external view returns (bytes32) {
        Schedules.open(c, e.schedule);
        uint256 inputs = _counts(c).inputs;
        require(inputs != 0 && e.found.form.dtype == Types.INT64 && e.found.form.dims.length == 0, WrongForm());
        Place memory place = Place(inputs - 1, inputs);
        uint256 found = Openings.elementOf(_inputsOf(c, e.step), Merkle.INPUTS, place, e.found, 0);
        return Referees.demandApart(found != e.step.step);
    }

    // --- inputs that the job names

    /// @notice The inputs of a step are not those that the job names. The kind of their root tells them from a schedule. `item`: of a job of one
    /// step the root of the tree over its inputs' digests; of several the sized root of the step's inputs, with its way to the job's.
    function jobInputs(Case calldata c, StepOpening calldata s, bytes32 item, bytes32[] calldata path)
        external
        view
        returns (bytes32)
    {
        bytes32 found = _inputsOf(c, s);
        // Steps behind a refused one have no inputs.
        Refusal memory refusal = IRecords(msg.sender).refusalOf(Openings.idOf(c));
        require(!refusal.refused || s.step <= refusal.step, BehindRefusal());
        if (c.job.steps > 1) {
            Openings.verifyItem(c.job.inputs, Merkle.RUN_INPUTS, Place(s.step, c.job.steps), item, path);
            return Referees.demandApart(found != item);
        }
        bytes32 named = Merkle.sizedRoot(Merkle.INPUTS, _counts(c).inputs, item);
        require(named == c.job.inputs, Merkle.RootMismatch(c.job.inputs, named));
        return Referees.demandApart(found != named);
    }

    /// @notice An input of a step is a tensor of another form than the program takes.
    function inputForm(Case calldata c, WrongFormEvidence calldata e) external view returns (bytes32) {
        Counts memory counts = _counts(c);
        bytes32 digest = Merkle.digestOf(e.form, e.root);
        Openings.verifyItem(_inputsOf(c, e.step), Merkle.INPUTS, Place(e.index, counts.inputs), digest, e.path);
        uint256 value = uint256(counts.parameters) + e.index;
        return _againstForm(e.form, Programs.openValue(c.job.program, counts, value, e.leaf));
    }

    /// @notice A tile of an input has another size than its form says.
    function inputTile(Case calldata c, TileEvidence calldata e) external view returns (bytes32) {
        return Openings.ruleTile(_inputsOf(c, e.step), Merkle.INPUTS, _counts(c).inputs, e);
    }

    // --- the first state

    /// @notice An element of a parameter before the first step is not what its rule and the seed give.
    function start(Case calldata c, StartEvidence calldata e) external view returns (bytes32) {
        Schedule memory schedule = Schedules.open(c, e.schedule);
        require(schedule.start == Schedules.SEED && c.job.initialState == 0, OtherStart(schedule.start));
        Place memory place = Place(e.parameter, _counts(c).parameters);
        uint256 found = Openings.elementOf(_firstState(c, e.step), Merkle.STATE, place, e.found, e.element);
        Merkle.verifySized(schedule.startRoot, Merkle.INITIAL, Merkle.hashLeaf(e.rule.leaf), place, e.rule.path);
        Rule memory rule = Initial.decode(e.rule.leaf);
        bytes32 seed = Schedules.seedOf(schedule, c);
        uint256 drawn = Initial.elementOf(rule, e.found.form.dtype, seed, e.parameter, e.element);
        return Referees.demandApart(found != drawn);
    }

    /// @notice A parameter before the first step is a tensor of another form than the program gives it.
    function startForm(Case calldata c, WrongFormEvidence calldata e) external view returns (bytes32) {
        Counts memory counts = _counts(c);
        bytes32 digest = Merkle.digestOf(e.form, e.root);
        Openings.verifyItem(_firstState(c, e.step), Merkle.STATE, Place(e.index, counts.parameters), digest, e.path);
        return _againstForm(e.form, Programs.openValue(c.job.program, counts, e.index, e.leaf));
    }

    /// @notice A tile of a parameter before the first step has another size than its form says.
    function startTile(Case calldata c, TileEvidence calldata e) external view returns (bytes32) {
        return Openings.ruleTile(_firstState(c, e.step), Merkle.STATE, _counts(c).parameters, e);
    }

    // --- parts

    function _firstState(Case calldata c, StepOpening calldata s) private view returns (bytes32) {
        Openings.verifyLeaf(c, s);
        require(s.leaf.index == 0, NotFirstLeaf(s.leaf.index));
        return s.leaf.stateBefore;
    }

    /// @dev The sized root of a step's inputs, as its provider committed it.
    function _inputsOf(Case calldata c, StepOpening calldata s) private view returns (bytes32) {
        if (s.by == Openings.TRACED) return Openings.tracedOf(c, s).inputs;
        Openings.verifyLeaf(c, s);
        if (s.by == Openings.LEAF) {
            require(c.job.commitEvery == 1, Openings.UnknownPlace(s.by));
            return s.leaf.inputs;
        }
        require(s.by == Openings.SEGMENT && c.job.commitEvery > 1, Openings.UnknownPlace(s.by));
        (uint64 first, uint64 count) = Openings.stepsOf(c, s.leaf.index);
        Place memory place = Place(s.step - first, count);
        Openings.verifyItem(s.leaf.inputs, Merkle.SEGMENT_INPUTS, place, s.inner.inputs, s.innerPath);
        return s.inner.inputs;
    }

    function _againstForm(TensorType calldata form, Value memory value) private pure returns (bytes32) {
        bool same = form.dtype == value.dtype
            && keccak256(abi.encodePacked(form.dims)) == keccak256(abi.encodePacked(value.dims));
        return Referees.demandApart(!same);
    }

    function _counts(Case calldata c) private view returns (Counts memory) {
        return IRecords(msg.sender).countsOf(c.job.program);
    }
}
