// SPDX-License-Identifier: MIT
pragma solidity ^0.8.31;

import {Poseidon} from "../proofs/Poseidon.sol";

/// @title Poseidon over lists, for tests.
contract PoseidonHarness {
    /// @notice The hashes of pairs, and the gas that all of them took.
    function hashAll(uint256[2][] calldata pairs) external view returns (uint256[] memory hashes, uint256 gas) {
        hashes = new uint256[](pairs.length);
        gas = gasleft();
        for (uint256 i = 0; i < pairs.length; ++i) hashes[i] = Poseidon.hash(pairs[i][0], pairs[i][1]);
        gas -= gasleft();
    }

    function chain(uint256 start, uint256[] calldata elements) external pure returns (uint256) {
        return Poseidon.chain(start, elements);
    }
}
