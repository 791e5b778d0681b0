// SPDX-License-Identifier: MIT
pragma solidity ^0.8.31;

/// @title Seats of a quorum, drawn from candidates by randomness that came after the job. See docs/formats.md, seeds.
/// @notice The same stream and the same rule as off the chain: SHA-256(seed || label (2) || 0 (8) || 0 (4) || counter (8)), the first 8 bytes of
/// a block are one number, refused where it would make a low seat likelier.
library Draw {
    error BadCandidates();

    uint16 private constant LABEL = 1;
    uint256 private constant SPAN = 1 << 64;

    /// @notice The replicas that a beacon draws, ascending: without repeats, each candidate as likely as any other.
    function draw(bytes32 job, bytes32 beacon, address[] memory pool, uint256 seats)
        internal
        pure
        returns (address[] memory drawn)
    {
        uint256 left = pool.length;
        require(left >= seats, BadCandidates());
        for (uint256 i = 0; i < left; ++i) require(pool[i] > (i == 0 ? address(0) : pool[i - 1]), BadCandidates());
        bytes32 seed = sha256(abi.encodePacked("countersign seed", job, beacon));
        drawn = new address[](seats);
        uint256 counter = 0;
        for (uint256 i = 0; i < seats; ++i) {
            uint256 place;
            (place, counter) = _below(seed, left, counter);
            _insert(drawn, i, pool[place]);
            _remove(pool, place, left--);
        }
    }

    /// @dev The next uniform integer below the limit, and the counter behind it.
    function _below(bytes32 seed, uint256 limit, uint256 counter) private pure returns (uint256 value, uint256 next) {
        uint256 fair = SPAN - SPAN % limit;
        do {
            value = uint64(bytes8(sha256(abi.encodePacked(seed, LABEL, uint64(0), uint32(0), uint64(counter++)))));
        } while (value >= fair);
        return (value % limit, counter);
    }

    /// @dev Puts an account in its place among the first `count`, which ascend.
    function _insert(address[] memory list, uint256 count, address one) private pure {
        for (; count > 0 && list[count - 1] > one; --count) list[count] = list[count - 1];
        list[count] = one;
    }

    /// @dev Closes the gap at a place: later ones move up.
    function _remove(address[] memory list, uint256 place, uint256 count) private pure {
        assembly ("memory-safe") {
            let gap := add(add(list, 32), mul(place, 32))
            mcopy(gap, add(gap, 32), mul(32, sub(sub(count, place), 1)))
        }
    }
}
