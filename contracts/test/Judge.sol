// SPDX-License-Identifier: MIT
pragma solidity ^0.8.31;

import {IDispute, ISettlement, Terms} from "../ISettlement.sol";
import {Claim, Job} from "../Receipts.sol";

/// @title A dispute contract for tests that rules what it is told, and a verifier of proofs that are the context itself.
contract Judge is IDispute {
    mapping(bytes32 id => uint256) public live;
    mapping(bytes32 program => uint8) private _described;

    function setLive(bytes32 id, uint256 games) external {
        live[id] = games;
    }

    /// @param how 0 unknown, 1 known, 2 with an op for named referees
    function describe(bytes32 program, uint8 how) external {
        _described[program] = how;
    }

    function described(bytes32 program) external view returns (bool known, bool named) {
        return (_described[program] > 0, _described[program] == 2);
    }

    function refute(ISettlement settlement, bytes32 id, Terms calldata terms) external returns (uint256) {
        return settlement.refute(id, terms);
    }

    function reward(ISettlement settlement, bytes32 id, address challenger, Terms calldata terms) external {
        settlement.reward(id, challenger, terms);
    }

    function voidJob(ISettlement settlement, bytes32 job, Terms calldata terms) external {
        settlement.voidJob(job, terms);
    }

    function verify(Job calldata, Claim calldata, bytes32 context, bytes calldata proof) external pure returns (bool) {
        require(proof.length == 32, "not a proof");
        return context == bytes32(proof);
    }
}
