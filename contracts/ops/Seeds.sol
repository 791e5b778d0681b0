// SPDX-License-Identifier: MIT
pragma solidity ^0.8.31;

/// @title Seeded streams and the order of samples, as docs/formats.md (seeds) defines them: everybody draws the same numbers, and one alone can be checked.
library Seeds {
    error BadLimit(uint256 limit);
    error NoSuchIndex(uint256 index, uint256 count);

    uint16 internal constant ORDER = 2;
    uint16 internal constant WEIGHTS = 3;
    uint16 internal constant AUGMENTATION = 4;

    /// @dev Rounds of the shuffle: SHUFFLE_ROUND_COUNT of the Ethereum consensus specification.
    uint256 private constant ROUNDS = 90;

    /// @notice A stream of a seed, and how many of its blocks were used.
    struct Stream {
        bytes32 seed;
        uint16 label;
        uint64 step;
        uint32 value;
        uint64 counter;
    }

    /// @notice The seed of a job that waits for no beacon.
    function seedOf(bytes32 job) internal pure returns (bytes32) {
        return sha256(abi.encodePacked("countersign seed", job));
    }

    /// @notice One block of a stream.
    function blockOf(Stream memory s, uint64 counter) internal pure returns (bytes32) {
        return sha256(abi.encodePacked(s.seed, s.label, s.step, s.value, counter));
    }

    /// @notice The uniform 24-bit integer of one element: blocks hold eight words of 32 bits, of which the upper 24 count.
    function integer24(Stream memory s, uint64 element) internal pure returns (uint256) {
        uint256 word = uint256(blockOf(s, element / 8)) >> (224 - 32 * (element % 8));
        return (word >> 8) & 0xffffff;
    }

    /// @notice The next uniform integer below a limit: the first 8 bytes of a block, unless they would make a low result likelier.
    function next(Stream memory s, uint256 limit) internal pure returns (uint256 value) {
        require(limit != 0 && limit <= type(uint64).max, BadLimit(limit));
        uint256 fair = (1 << 64) - (1 << 64) % limit;
        do value = uint256(blockOf(s, s.counter++)) >> 192;
        while (value >= fair);
        return value % limit;
    }

    /// @notice Where the shuffle sends an index: the sample at a position of an epoch. Cost: 180 hashes, about 60,000 gas.
    function shuffled(uint256 index, bytes32 seed, uint256 count) internal view returns (uint256) {
        require(index < count, NoSuchIndex(index, count));
        unchecked {
            for (uint256 round = 0; round < ROUNDS; ++round) {
                uint256 pivot = _littleEndian64(_hash(seed, round, 0, 33)) % count;
                uint256 flip = (pivot + count - index) % count;
                uint256 position = index > flip ? index : flip;
                uint256 source = uint256(_hash(seed, round, position / 256, 37));
                uint256 octet = (source >> (248 - 8 * ((position % 256) / 8))) & 0xff;
                if ((octet >> (position % 8)) & 1 == 1) index = flip;
            }
        }
        return index;
    }

    /// @dev SHA-256 of seed, round (1 byte) and window (4 bytes, little-endian), or of the first `length` bytes of that.
    function _hash(bytes32 seed, uint256 round, uint256 window, uint256 length) private view returns (bytes32 hash) {
        assembly ("memory-safe") {
            mstore(0, seed)
            mstore8(32, round)
            mstore8(33, window)
            mstore8(34, shr(8, window))
            mstore8(35, shr(16, window))
            mstore8(36, shr(24, window))
            let done := staticcall(gas(), 2, 0, length, 0, 32)
            if iszero(and(done, eq(returndatasize(), 32))) { revert(0, 0) }
            hash := mload(0)
        }
    }

    function _littleEndian64(bytes32 hash) private pure returns (uint256 value) {
        unchecked {
            uint256 word = uint256(hash) >> 192;
            for (uint256 i = 0; i < 8; ++i) value |= ((word >> (8 * i)) & 0xff) << (56 - 8 * i);
        }
    }
}
