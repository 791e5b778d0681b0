// SPDX-License-Identifier: MIT
pragma solidity ^0.8.31;

import {Counts} from "../Programs.sol";
import {IRecords, Refusal} from "../Referee.sol";
import {Batch} from "./Batch.sol";

/// @title What referees ask their caller for, as a test sets it; calls to referees are forwarded.
contract RecordsHarness is IRecords, Batch {
    mapping(bytes32 program => Counts) private _counts;
    mapping(bytes32 id => mapping(uint64 leaf => bytes32)) private _traces;
    mapping(bytes32 id => mapping(bytes32 key => bytes32)) private _expansions;
    mapping(bytes32 id => Refusal) private _refusals;

    /// @notice The domain of statements that are signed for the settlement.
    bytes32 public domainSeparator;

    function setDomain(bytes32 domain) external {
        domainSeparator = domain;
    }

    function setCounts(bytes32 program, Counts calldata counts) external {
        _counts[program] = counts;
    }

    function setTrace(bytes32 id, uint64 leaf, bytes32 trace) external {
        _traces[id][leaf] = trace;
    }

    function setExpansion(bytes32 id, bytes32 key, bytes32 expansion) external {
        _expansions[id][key] = expansion;
    }

    function setRefusal(bytes32 id, Refusal calldata refusal) external {
        _refusals[id] = refusal;
    }

    /// @notice What a referee rules, asked by this contract; its error where it has none.
    function rule(address referee, bytes calldata call) external view returns (bytes32) {
        (bool done, bytes memory data) = referee.staticcall(call);
        if (done) return abi.decode(data, (bytes32));
        assembly ("memory-safe") {
            revert(add(data, 32), mload(data))
        }
    }

    function countsOf(bytes32 program) external view returns (Counts memory) {
        return _counts[program];
    }

    function traceOf(bytes32 id, uint64 leaf) external view returns (bytes32) {
        return _traces[id][leaf];
    }

    function expansionOf(bytes32 id, bytes32 key) external view returns (bytes32) {
        return _expansions[id][key];
    }

    function refusalOf(bytes32 id) external view returns (Refusal memory) {
        return _refusals[id];
    }
}
