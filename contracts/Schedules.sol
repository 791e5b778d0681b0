// SPDX-License-Identifier: MIT
pragma solidity ^0.8.31;

import {Merkle} from "./Merkle.sol";
import {Reader, Seeds} from "./ops/Seeds.sol";
import {Receipts} from "./Receipts.sol";
import {Case} from "./Referee.sol";

/// @notice A sample is moved within its own frame.
struct Augmentation {
    uint8 kind;
    uint8 column;
    uint32 most;
}

/// @notice Which samples each step of a run takes, and where its weights start. See docs/formats.md, schedules.
struct Schedule {
    bytes32 dataset;
    uint64 samples;
    uint64 batchSize;
    uint8 order;
    bytes32 beacon;
    uint8 start;
    bytes32 startRoot;
    Augmentation[] augmentations;
}

/// @notice A row of the batch of a step.
struct Row {
    uint64 step;
    uint32 index;
}

/// @title Schedules: the leaf that stands as `inputs` in the job of a training run.
library Schedules {
    error BadSchedule();
    /// @notice The seed waits for a beacon, and nobody here knows what that gave.
    error BeaconNotKnown(bytes32 beacon);
    /// @notice An augmented column has no height and width.
    error NoFrame();

    uint8 internal constant COMMITTED = 0;
    uint8 internal constant SHUFFLED = 1;
    uint8 internal constant CHECKPOINT = 0;
    uint8 internal constant SEED = 1;
    uint8 internal constant SHIFT = 0;
    uint8 internal constant FLIP = 1;

    uint16 private constant VERSION = 1;
    /// The one rule for what is left at the end of an epoch.
    uint8 private constant DROPPED = 0;
    uint256 private constant MAX_SAMPLES = 2 ** 40;
    uint256 private constant MAX_BATCH = 2 ** 20;
    uint256 private constant MAX_AUGMENTATIONS = 16;
    uint256 private constant MAX_COLUMNS = 64;
    uint256 private constant MAX_BYTES = 8192;

    /// @notice The schedule of a job. Reverts for jobs that name none: the kind of their inputs is another.
    function open(Case calldata c, bytes calldata leaf) internal view returns (Schedule memory) {
        bytes32 found = Merkle.sizedRoot(Merkle.SCHEDULE, 1, Merkle.hashLeaf(leaf));
        require(found == c.job.inputs, Merkle.RootMismatch(c.job.inputs, found));
        return decode(leaf);
    }

    /// @notice A schedule from its leaf, which has one encoding.
    function decode(bytes calldata leaf) internal pure returns (Schedule memory s) {
        require(leaf.length <= MAX_BYTES, BadSchedule());
        uint16 version;
        uint8 last;
        (version, s.dataset, s.samples, s.batchSize, last, s.order, s.beacon, s.start, s.startRoot, s.augmentations) =
            abi.decode(
                leaf, (uint16, bytes32, uint64, uint64, uint8, uint8, bytes32, uint8, bytes32, Augmentation[])
            );
        bytes memory again = abi.encode(
            version, s.dataset, s.samples, s.batchSize, last, s.order, s.beacon, s.start, s.startRoot, s.augmentations
        );
        require(keccak256(again) == keccak256(leaf) && version == VERSION && last == DROPPED, BadSchedule());
        require(s.samples <= MAX_SAMPLES && s.batchSize != 0 && s.batchSize <= MAX_BATCH, BadSchedule());
        require(s.batchSize <= s.samples && s.order <= SHUFFLED && s.start <= SEED, BadSchedule());
        require(s.augmentations.length <= MAX_AUGMENTATIONS, BadSchedule());
        for (uint256 i = 0; i < s.augmentations.length; ++i) _check(s.augmentations[i]);
    }

    function _check(Augmentation memory one) private pure {
        bool inRange = one.kind == FLIP ? one.most == 0 : one.most != 0 && one.most < 2 ** 31;
        require(one.kind <= FLIP && one.column < MAX_COLUMNS && inRange, BadSchedule());
    }

    /// @notice The seed of a job with this schedule.
    function seedOf(Schedule memory s, Case calldata c) internal pure returns (bytes32) {
        require(s.beacon == 0, BeaconNotKnown(s.beacon));
        return Seeds.seedOf(Receipts.hash(c.job));
    }

    /// @notice The sample that stands in a row. A schedule that takes samples as committed needs no seed.
    function sampleOf(Schedule memory s, Case calldata c, Row memory row) internal view returns (uint256) {
        uint64 steps = s.samples / s.batchSize;
        uint256 position = uint256(row.step % steps) * s.batchSize + row.index;
        if (s.order == COMMITTED) return position;
        bytes32 seed = Seeds.blockOf(seedOf(s, c), Seeds.streamOf(Seeds.ORDER, row.step / steps, 0), 0);
        return Seeds.shuffled(position, s.samples, seed);
    }

    /// @notice Which element of a sample's column stands at `element` after the augmentations; none where zero moved in. `dims` are those of the
    /// batch. A column that is not augmented needs no seed.
    function sourceOf(
        Schedule memory s,
        Case calldata c,
        Row memory row,
        uint256 column,
        uint64[] calldata dims,
        uint256 element
    ) internal view returns (bool some, uint256 source) {
        if (!_moves(s, column)) return (true, element);
        require(dims.length >= 3, NoFrame());
        (uint256 height, uint256 width) = (dims[dims.length - 2], dims[dims.length - 1]);
        int256[2][] memory moves = _movesOf(s, c, row);
        // casting to int256 is safe: dims are below 2^53
        (int256 y, int256 x) = (int256(element / width % height), int256(element % width));
        // Undone from the last one on.
        for (uint256 i = moves.length; i > 0; --i) {
            if (s.augmentations[i - 1].column != column) continue;
            if (s.augmentations[i - 1].kind == FLIP) {
                if (moves[i - 1][0] == 1) x = int256(width) - 1 - x;
            } else {
                (y, x) = (y - moves[i - 1][0], x - moves[i - 1][1]);
                if (y < 0 || x < 0 || y >= int256(height) || x >= int256(width)) return (false, 0);
            }
        }
        // casting to uint256 is safe: both are inside of the frame
        return (true, element - element % (height * width) + uint256(y) * width + uint256(x));
    }

    function _moves(Schedule memory s, uint256 column) private pure returns (bool) {
        for (uint256 i = 0; i < s.augmentations.length; ++i) if (s.augmentations[i].column == column) return true;
        return false;
    }

    /// @dev What one row draws for all its augmentations, in their order: a shift down and right, a flip whether.
    function _movesOf(Schedule memory s, Case calldata c, Row memory row)
        private
        view
        returns (int256[2][] memory moves)
    {
        Reader memory reader = Reader(seedOf(s, c), Seeds.streamOf(Seeds.AUGMENTATION, row.step, row.index), 0);
        moves = new int256[2][](s.augmentations.length);
        for (uint256 i = 0; i < moves.length; ++i) {
            Augmentation memory one = s.augmentations[i];
            if (one.kind == FLIP) {
                moves[i][0] = int256(Seeds.below(reader, 2));
                continue;
            }
            int256 most = int256(uint256(one.most));
            moves[i][0] = int256(Seeds.below(reader, 2 * uint64(one.most) + 1)) - most;
            moves[i][1] = int256(Seeds.below(reader, 2 * uint64(one.most) + 1)) - most;
        }
    }
}
