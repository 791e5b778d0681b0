// SPDX-License-Identifier: MIT
pragma solidity ^0.8.31;

import {Exact, Format} from "../Exact.sol";
import {Merkle, Place, StepLeaf, TensorType} from "../Merkle.sol";
import {Seeds} from "../ops/Seeds.sol";
import {Types} from "../ops/Types.sol";
import {Openings, StepOpening, TileOpening} from "../Openings.sol";
import {Counts} from "../Programs.sol";
import {Receipts} from "../Receipts.sol";
import {Case, IRecords, Referees} from "../Referee.sol";

/// @notice A move of samples: 0 a shift by up to `most` rows and columns, 1 a flip of left and right.
struct Augmentation {
    uint8 kind;
    uint8 column;
    uint32 most;
}

/// @notice What a job trains on, and where it starts. See docs/formats.md, schedules.
struct Schedule {
    uint16 version;
    bytes32 dataset;
    uint64 samples;
    uint64 batchSize;
    uint8 last;
    uint8 order;
    bytes32 beacon;
    uint8 start;
    bytes32 startRoot;
    Augmentation[] augmentations;
}

/// @notice An element of an input, and the sample from which it comes.
struct SampleEvidence {
    StepOpening step;
    /// The leaf that the job names.
    bytes schedule;
    uint64 column;
    /// Of the input, row-major.
    uint64 element;
    TileOpening input;
    /// The digests of the sample's columns, and the sample's way to the data set.
    bytes32[] digests;
    bytes32[] samplePath;
    /// The sample's column: its form, the tile that holds the element, and its way to the root of the tiles.
    TensorType form;
    bytes tile;
    bytes32[] tilePath;
}

/// @notice An element of a parameter before the first step, and its rule.
struct StartEvidence {
    StepOpening step;
    bytes schedule;
    uint64 parameter;
    uint64 element;
    TileOpening tile;
    bytes rule;
    bytes32[] rulePath;
}

/// @title Inputs that the job does not give, and a first state that does not follow from its seed.
/// @notice A schedule that waits for a beacon is not decided here: what the beacon gave is not on the chain.
contract ScheduleReferee {
    error WrongSchedule();
    error BeaconNotKnown(bytes32 beacon);
    error NotFromSeed();
    error WrongForm();
    error WrongColumn(uint256 column);
    error BadRule();

    uint16 private constant VERSION = 1;
    uint8 private constant SHUFFLED = 1;
    uint8 private constant FROM_SEED = 1;
    uint8 private constant SHIFT = 0;
    uint256 private constant NOTHING = type(uint256).max;

    // --- jobs without a schedule

    /// @notice The inputs of a step are not those that the job names. `item`: of a job of one step the root of the list of its inputs, of several
    /// the sized root of the step's inputs in the job's list, and its way there.
    function jobInputs(Case calldata c, StepOpening calldata s, bytes32 item, bytes32[] calldata path)
        external
        view
        returns (bytes32)
    {
        bytes32 found = _inputsOf(c, s);
        if (c.job.steps == 1) {
            uint32 inputs = _counts(c).inputs;
            require(c.job.inputs == Merkle.sizedRoot(Merkle.INPUTS, inputs, item), WrongSchedule());
            return Referees.demandApart(found != c.job.inputs);
        }
        Merkle.verifySized(c.job.inputs, Merkle.RUN_INPUTS, Merkle.hashItem(item), Place(s.step, c.job.steps), path);
        return Referees.demandApart(found != item);
    }

    // --- jobs with a schedule

    /// @notice An element of an input is not that of the sample which the schedule draws.
    function sample(Case calldata c, SampleEvidence calldata e) external view returns (bytes32) {
        Schedule memory schedule = _scheduleOf(c, e.schedule);
        bytes32 seed = _seedOf(c, schedule);
        uint256 found = _inputElement(c, e.step, e.column, e.element, e.input);
        require(e.column < e.digests.length, WrongColumn(e.column));
        uint256 rowSize = _demandForms(e.input.form, e.form);
        uint256 row = e.element / rowSize;
        require(row < schedule.batchSize, WrongForm());
        _demandSample(schedule, _drawn(schedule, seed, e.step.step, row), e);
        uint256 from = _moved(schedule, Draw(seed, e.step.step, uint32(row), e.column), e.form.dims, e.element % rowSize);
        return Referees.demandApart(found != (from == NOTHING ? 0 : _sampleElement(e, from)));
    }

    /// @notice The number of the step, which a program may take behind the columns, is another one.
    function stepNumber(Case calldata c, StepOpening calldata s, bytes calldata schedule, TileOpening calldata input)
        external
        view
        returns (bytes32)
    {
        _scheduleOf(c, schedule);
        // A column has the batch for its first axis, so an integer without axes is no column.
        require(input.form.dtype == Types.INT64 && input.form.dims.length == 0, WrongForm());
        return Referees.demandApart(_inputElement(c, s, _counts(c).inputs - 1, 0, input) != s.step);
    }

    /// @notice An element of the state before the first step is not what the seed and the parameter's rule give.
    function start(Case calldata c, StartEvidence calldata e) external view returns (bytes32) {
        Schedule memory schedule = _scheduleOf(c, e.schedule);
        require(schedule.start == FROM_SEED && c.job.initialState == 0, NotFromSeed());
        bytes32 seed = _seedOf(c, schedule);
        Openings.verifyLeaf(c, e.step);
        require(e.step.leaf.index == 0, Openings.WrongStep(e.step.step));
        Place memory place = Place(e.parameter, _counts(c).parameters);
        bytes32 state = e.step.leaf.stateBefore;
        uint256 found = Openings.elementOf(state, Merkle.STATE, place, e.tile, e.element);
        Merkle.verifySized(schedule.startRoot, Merkle.INITIAL, Merkle.hashLeaf(e.rule), place, e.rulePath);
        Seeds.Stream memory stream = Seeds.Stream(seed, Seeds.WEIGHTS, 0, uint32(e.parameter), 0);
        return Referees.demandApart(found != _initial(e.rule, e.tile.form.dtype, stream, e.element));
    }

    // --- samples

    function _scheduleOf(Case calldata c, bytes calldata leaf) private view returns (Schedule memory s) {
        require(c.job.inputs == Merkle.sizedRoot(Merkle.SCHEDULE, 1, Merkle.hashLeaf(leaf)), WrongSchedule());
        (
            s.version,
            s.dataset,
            s.samples,
            s.batchSize,
            s.last,
            s.order,
            s.beacon,
            s.start,
            s.startRoot,
            s.augmentations
        ) = abi.decode(
            leaf, (uint16, bytes32, uint64, uint64, uint8, uint8, bytes32, uint8, bytes32, Augmentation[])
        );
        bool isSound = s.version == VERSION && s.last == 0 && s.order <= SHUFFLED && s.start <= FROM_SEED;
        require(isSound && s.batchSize != 0 && s.batchSize <= s.samples, WrongSchedule());
    }

    function _seedOf(Case calldata c, Schedule memory schedule) private pure returns (bytes32) {
        require(schedule.beacon == 0, BeaconNotKnown(schedule.beacon));
        return Seeds.seedOf(Receipts.hash(c.job));
    }

    /// @dev The sample that stands in a row of the batch of a step.
    function _drawn(Schedule memory schedule, bytes32 seed, uint64 step, uint256 row) private view returns (uint256) {
        uint64 steps = schedule.samples / schedule.batchSize;
        uint256 position = uint256(step % steps) * schedule.batchSize + row;
        if (schedule.order != SHUFFLED) return position;
        Seeds.Stream memory stream = Seeds.Stream(seed, Seeds.ORDER, step / steps, 0, 0);
        return Seeds.shuffled(position, Seeds.blockOf(stream, 0), schedule.samples);
    }

    /// @dev An input is a batch of the sample's form. Elements of one row.
    function _demandForms(TensorType calldata input, TensorType calldata form) private pure returns (uint256 rowSize) {
        uint256 rank = form.dims.length;
        require(input.dtype == form.dtype && input.dims.length == rank + 1, WrongForm());
        rowSize = 1;
        for (uint256 i = 0; i < rank; ++i) {
            require(input.dims[i + 1] == form.dims[i], WrongForm());
            rowSize *= form.dims[i];
        }
    }

    function _demandSample(Schedule memory schedule, uint256 index, SampleEvidence calldata e) private view {
        bytes32 leaf = sha256(bytes.concat(bytes1(0x00), abi.encodePacked(e.digests)));
        Merkle.verifySized(schedule.dataset, Merkle.DATASET, leaf, Place(index, schedule.samples), e.samplePath);
    }

    function _sampleElement(SampleEvidence calldata e, uint256 element) private view returns (uint256) {
        return Merkle.openElement(e.digests[e.column], e.form, element, e.tile, e.tilePath);
    }

    /// @dev Which row of which step.
    struct Draw {
        bytes32 seed;
        uint64 step;
        uint32 row;
        uint64 column;
    }

    /// @dev The element of the sample that stands at a place after all moves; NOTHING where a shift left the frame empty. Integers are drawn in the
    /// order of the moves, and the way back goes through them from the last one.
    function _moved(Schedule memory schedule, Draw memory d, uint64[] memory dims, uint256 element)
        private
        pure
        returns (uint256)
    {
        Augmentation[] memory moves = schedule.augmentations;
        if (moves.length == 0) return element;
        (int256[] memory down, int256[] memory right) = _draws(moves, d);
        uint256 rank = dims.length;
        for (uint256 i = moves.length; i > 0; --i) {
            if (moves[i - 1].column != d.column) continue;
            require(rank >= 2, WrongForm());
            (int256 height, int256 width) = (int256(uint256(dims[rank - 2])), int256(uint256(dims[rank - 1])));
            int256 y = int256(element) / width % height;
            int256 x = int256(element) % width;
            int256 plane = int256(element) - y * width - x;
            if (moves[i - 1].kind == SHIFT) (y, x) = (y - down[i - 1], x - right[i - 1]);
            else if (right[i - 1] == 1) x = width - 1 - x;
            if (y < 0 || x < 0 || y >= height || x >= width) return NOTHING;
            // casting is safe: inside of the frame
            element = uint256(plane + y * width + x);
        }
        return element;
    }

    /// @dev Of a shift down and right, of a flip whether it flips.
    function _draws(Augmentation[] memory moves, Draw memory d)
        private
        pure
        returns (int256[] memory down, int256[] memory right)
    {
        Seeds.Stream memory stream = Seeds.Stream(d.seed, Seeds.AUGMENTATION, d.step, d.row, 0);
        (down, right) = (new int256[](moves.length), new int256[](moves.length));
        for (uint256 i = 0; i < moves.length; ++i) {
            if (moves[i].kind != SHIFT) {
                right[i] = int256(Seeds.next(stream, 2));
                continue;
            }
            uint256 span = 2 * uint256(moves[i].most) + 1;
            down[i] = int256(Seeds.next(stream, span)) - int256(uint256(moves[i].most));
            right[i] = int256(Seeds.next(stream, span)) - int256(uint256(moves[i].most));
        }
    }

    // --- first values

    /// @dev The bits of an element by its rule: 0 zeros, 1 ones, 2 uniform within sqrt(gain / fan).
    function _initial(bytes calldata rule, uint8 dtype, Seeds.Stream memory stream, uint64 element)
        private
        pure
        returns (uint256)
    {
        require(rule.length == 96, BadRule());
        (uint8 kind, uint32 gain, uint32 fan) = abi.decode(rule, (uint8, uint32, uint32));
        if (kind == 0) return 0;
        if (kind == 1) return Types.isFloat(dtype) ? Exact.fromInteger(1, 0, Types.formatOf(dtype)) : 1;
        require(kind == 2 && gain != 0 && fan != 0, BadRule());
        require(dtype == Types.FLOAT32 || dtype == Types.FLOAT64, BadRule());
        Format format = Types.formatOf(dtype);
        uint256 bound = Exact.div(_whole(gain), _whole(fan), Exact.BINARY64);
        bound = Exact.convert(Exact.sqrt(bound, Exact.BINARY64), Exact.BINARY64, format);
        int256 odd = 2 * int256(Seeds.integer24(stream, element)) + 1 - (1 << 24);
        return Exact.mul(Exact.fromInteger(odd, -24, format), bound, format);
    }

    function _whole(uint32 n) private pure returns (uint256) {
        return Exact.fromInteger(int256(uint256(n)), 0, Exact.BINARY64);
    }

    // --- openings

    function _inputElement(
        Case calldata c,
        StepOpening calldata s,
        uint64 index,
        uint64 element,
        TileOpening calldata input
    ) private view returns (uint256) {
        Place memory place = Place(index, _counts(c).inputs);
        return Openings.elementOf(_inputsOf(c, s), Merkle.INPUTS, place, input, element);
    }

    /// @dev The sized root over the inputs of a step: in its leaf, in its trace, or in the leaf's list of its steps' inputs.
    function _inputsOf(Case calldata c, StepOpening calldata s) private view returns (bytes32) {
        if (s.by == Openings.TRACED) return Openings.tracedOf(c, s).inputs;
        Openings.verifyLeaf(c, s);
        if (c.job.commitEvery == 1) return s.leaf.inputs;
        (uint64 first, uint64 count) = Openings.stepsOf(c, s.leaf.index);
        StepLeaf calldata inner = s.inner;
        bytes32 item = Merkle.hashItem(inner.inputs);
        Merkle.verifySized(s.leaf.inputs, Merkle.SEGMENT_INPUTS, item, Place(s.step - first, count), s.innerPath);
        return inner.inputs;
    }

    function _counts(Case calldata c) private view returns (Counts memory) {
        return IRecords(msg.sender).countsOf(c.job.program);
    }
}
