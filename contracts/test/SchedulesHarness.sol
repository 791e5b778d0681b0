// SPDX-License-Identifier: MIT
pragma solidity ^0.8.31;

import {Initial} from "../ops/Initial.sol";
import {Reader, Seeds} from "../ops/Seeds.sol";
import {Schedule, Schedules} from "../Schedules.sol";
import {Batch} from "./Batch.sol";

/// @title Seeds, Initial and Schedules as calls, one function each.
contract SchedulesHarness is Batch {
    function seedOf(bytes32 job) external pure returns (bytes32) {
        return Seeds.seedOf(job);
    }

    function blockOf(bytes32 seed, uint16 label, uint64 step, uint32 value, uint64 counter)
        external
        view
        returns (bytes32)
    {
        return Seeds.blockOf(seed, Seeds.streamOf(label, step, value), counter);
    }

    function integer24(bytes32 seed, uint16 label, uint64 step, uint32 value, uint64 element)
        external
        view
        returns (uint256)
    {
        return Seeds.integer24(seed, Seeds.streamOf(label, step, value), element);
    }

    function below(bytes32 seed, uint16 label, uint64 step, uint32 value, uint64[] calldata limits)
        external
        view
        returns (uint256[] memory integers)
    {
        Reader memory reader = Reader(seed, Seeds.streamOf(label, step, value), 0);
        integers = new uint256[](limits.length);
        for (uint256 i = 0; i < limits.length; ++i) integers[i] = Seeds.below(reader, limits[i]);
    }

    function shuffled(uint256[] calldata indices, uint256 count, bytes32 seed)
        external
        view
        returns (uint256[] memory found)
    {
        found = new uint256[](indices.length);
        for (uint256 i = 0; i < indices.length; ++i) found[i] = Seeds.shuffled(indices[i], count, seed);
    }

    function weights(bytes calldata rule, uint8 dtype, bytes32 seed, uint32 parameter, uint64[] calldata elements)
        external
        view
        returns (uint256[] memory bits)
    {
        bits = new uint256[](elements.length);
        for (uint256 i = 0; i < elements.length; ++i) {
            bits[i] = Initial.elementOf(Initial.decode(rule), dtype, seed, parameter, elements[i]);
        }
    }

    function decode(bytes calldata leaf) external pure returns (Schedule memory) {
        return Schedules.decode(leaf);
    }

    function gasOfShuffle(uint256 index, uint256 count, bytes32 seed) external view returns (uint256 used) {
        used = gasleft();
        Seeds.shuffled(index, count, seed);
        used -= gasleft();
    }
}
