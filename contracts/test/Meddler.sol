// SPDX-License-Identifier: MIT
pragma solidity ^0.8.31;

import {Case, Referees} from "../Referee.sol";

/// @title A referee for tests that calls somebody in the middle of its ruling.
contract Meddler {
    /// @notice False claim where the call came to nothing, and no ruling at all where it came through.
    function meddle(Case calldata, address to, bytes calldata data) external returns (bytes32) {
        (bool done,) = to.call(data);
        return done ? bytes32(0) : Referees.FALSE_CLAIM;
    }
}
