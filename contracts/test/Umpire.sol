// SPDX-License-Identifier: MIT
pragma solidity ^0.8.31;

import {ISettlement} from "../ISettlement.sol";
import {Counts} from "../Programs.sol";
import {Receipts} from "../Receipts.sol";
import {Case, IRecords, Referees, Refusal} from "../Referee.sol";

/// @notice What a dispute ought to know about a claim.
struct Known {
    uint64 leaf;
    bytes32 trace;
    bytes32 key;
    bytes32 expansion;
    bytes32 counts;
    bytes32 refusal;
    bytes32 domain;
}

/// @title A referee for tests that rules what it is told.
contract Umpire {
    error Refused(uint256 nonce);

    /// @notice Rules as the evidence says; another nonce is another proof.
    function rule(Case calldata, bytes32 ruling, uint256) external pure returns (bytes32) {
        return ruling;
    }

    function refuse(Case calldata, uint256 nonce) external pure returns (bytes32) {
        revert Refused(nonce);
    }

    function talk(Case calldata) external pure returns (bytes32, bytes32) {
        return (Referees.FALSE_CLAIM, Referees.FALSE_CLAIM);
    }

    /// @notice False claim where the caller knows exactly this.
    function recorded(Case calldata c, Known calldata e) external view returns (bytes32) {
        IRecords records = IRecords(msg.sender);
        bytes32 id = Referees.idOf(Receipts.hash(c.job), c.provider);
        Counts memory counts = records.countsOf(c.job.program);
        Refusal memory refusal = records.refusalOf(id);
        bool same = records.traceOf(id, e.leaf) == e.trace && records.expansionOf(id, e.key) == e.expansion
            && keccak256(abi.encode(counts)) == e.counts && keccak256(abi.encode(refusal)) == e.refusal
            && ISettlement(msg.sender).domainSeparator() == e.domain;
        return Referees.demandApart(same);
    }
}
