// SPDX-License-Identifier: MIT
pragma solidity ^0.8.31;

/// @notice Which stream of a seed, as its blocks have it: label (2 bytes) || step (8) || value (4), at the upper end of a word.
type Stream is uint256;

/// @notice A stream that is read from its beginning.
struct Reader {
    bytes32 seed;
    Stream stream;
    /// The next block.
    uint64 counter;
}

/// @title Seeded streams and the shuffle of an epoch: the same bits as off the chain. See docs/formats.md, seeds.
/// @notice Everything is found alone: one block, one 24-bit integer, the sample at one position.
library Seeds {
    /// @notice A position that is not below the count, or a count above 2^40.
    error NotInShuffle(uint256 index, uint256 count);
    error EmptyRange();

    uint16 internal constant ORDER = 2;
    uint16 internal constant WEIGHTS = 3;
    uint16 internal constant AUGMENTATION = 4;

    uint256 private constant SPAN = 1 << 64;
    /// SHUFFLE_ROUND_COUNT of the mainnet preset of Ethereum's consensus specifications.
    uint256 private constant ROUNDS = 90;
    uint256 private constant MAX_COUNT = 2 ** 40;

    /// @notice The seed of a job whose schedule names no beacon.
    function seedOf(bytes32 job) internal pure returns (bytes32) {
        return sha256(abi.encodePacked("countersign seed", job));
    }

    /// @notice The stream of a label; step and value are 0 where the label does not use them.
    function streamOf(uint16 label, uint64 step, uint32 value) internal pure returns (Stream) {
        return Stream.wrap(uint256(label) << 240 | uint256(step) << 176 | uint256(value) << 144);
    }

    /// @notice A block: SHA-256(seed || stream || counter (8)), 54 bytes.
    function blockOf(bytes32 seed, Stream stream, uint64 counter) internal view returns (bytes32) {
        return _hash(seed, Stream.unwrap(stream) | uint256(counter) << 80, 54);
    }

    /// @notice The uniform 24-bit integer of one element: the upper bits of a 32-bit word, eight of which a block holds.
    function integer24(bytes32 seed, Stream stream, uint64 element) internal view returns (uint256) {
        unchecked {
            return uint256(blockOf(seed, stream, element / 8)) << (element % 8 * 32) >> 232;
        }
    }

    /// @notice The next uniform integer below a limit: every one exactly as likely as the others. The first 8 bytes of a block are one number,
    /// refused where it would make a low one likelier.
    function below(Reader memory reader, uint64 limit) internal view returns (uint256 value) {
        require(limit != 0, EmptyRange());
        uint256 fair = SPAN - SPAN % limit;
        do {
            value = uint256(blockOf(reader.seed, reader.stream, reader.counter++)) >> 192;
        } while (value >= fair);
        return value % limit;
    }

    /// @notice Where the shuffle of `count` indices sends an index: compute_shuffled_index of Ethereum's consensus specifications, phase 0.
    /// @dev Two hashes a round, whatever the count.
    function shuffled(uint256 index, uint256 count, bytes32 seed) internal view returns (uint256) {
        require(index < count && count <= MAX_COUNT, NotInShuffle(index, count));
        unchecked {
            for (uint256 round = 0; round < ROUNDS; ++round) {
                uint256 pivot = _swapped(uint256(_hash(seed, round << 248, 33)) >> 192) % count;
                uint256 flip = (pivot + count - index) % count;
                uint256 position = index > flip ? index : flip;
                // Round, then the window of 256 positions in 4 bytes, little-endian.
                bytes32 source = _hash(seed, round << 248 | _swapped(position / 256) >> 32 << 216, 37);
                if (uint8(source[position % 256 / 8]) >> (position % 8) & 1 == 1) index = flip;
            }
        }
        return index;
    }

    /// @dev The 8 bytes of an integer in the other order.
    function _swapped(uint256 x) private pure returns (uint256) {
        unchecked {
            x = (x & 0x00ff00ff00ff00ff) << 8 | (x >> 8 & 0x00ff00ff00ff00ff);
            x = (x & 0x0000ffff0000ffff) << 16 | (x >> 16 & 0x0000ffff0000ffff);
            return (x & 0xffffffff) << 32 | x >> 32;
        }
    }

    /// @dev SHA-256 of the first `size` bytes of two words, at most 64.
    function _hash(bytes32 first, uint256 second, uint256 size) private view returns (bytes32 hash) {
        assembly ("memory-safe") {
            mstore(0, first)
            mstore(32, second)
            let done := staticcall(gas(), 2, 0, size, 0, 32)
            if iszero(and(done, eq(returndatasize(), 32))) { revert(0, 0) }
            hash := mload(0)
        }
    }
}
