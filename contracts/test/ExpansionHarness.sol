// SPDX-License-Identifier: MIT
pragma solidity ^0.8.31;

import {Counts} from "../Programs.sol";
import {RecordsHarness} from "./RecordsHarness.sol";

/// @title Many expansions of one element, each with a referee's ruling about it.
contract ExpansionHarness is RecordsHarness {
    struct Trial {
        bytes32 id;
        bytes32 key;
        bytes32 expansion;
        address referee;
        bytes call;
    }

    /// @notice What is ruled, one after the other, once its expansion is committed. Called without a transaction, it leaves nothing behind.
    function tryEach(bytes32 program, Counts calldata counts, Trial[] calldata trials)
        external
        returns (Outcome[] memory outcomes)
    {
        this.setCounts(program, counts);
        outcomes = new Outcome[](trials.length);
        for (uint256 i = 0; i < trials.length; ++i) {
            Trial calldata trial = trials[i];
            this.setExpansion(trial.id, trial.key, trial.expansion);
            (outcomes[i].done, outcomes[i].data) = trial.referee.staticcall(trial.call);
        }
    }
}
