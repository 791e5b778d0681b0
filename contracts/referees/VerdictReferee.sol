// SPDX-License-Identifier: MIT
pragma solidity ^0.8.31;

import {Programs} from "../Programs.sol";
import {Policy, Receipt, Receipts, Verdict} from "../Receipts.sol";
import {Case, IRecords, Referees} from "../Referee.sol";

/// @notice What a dispute says about the statements that are signed for its settlement.
interface IStatements {
    /// @notice The EIP-712 domain of the settlement.
    function domainSeparator() external view returns (bytes32);
}

/// @title Ops that no contract decides: a referee whom the policy names says that the claim is false.
/// @notice Only for programs whose header says that they have such an op. What this shows is the word of an account that the requester
/// named and the provider accepted by taking the job, nothing more.
contract VerdictReferee {
    error NoNamedReferee();
    error NotRefuted();

    /// @notice A referee of the policy signed that this receipt is refuted.
    function verdict(
        Case calldata c,
        Policy calldata policy,
        Receipt calldata receipt,
        Verdict calldata said,
        bytes calldata signature
    ) external view returns (bytes32) {
        uint32 flags = IRecords(msg.sender).countsOf(c.job.program).flags;
        require(flags & Programs.FLAG_NAMED_REFEREE != 0, NoNamedReferee());
        require(c.job.policy == Receipts.hash(policy), Receipts.WrongPolicy());
        bool isThis = receipt.provider == c.provider && Receipts.hash(receipt.claim) == Receipts.hash(c.claim);
        require(isThis, Receipts.WrongJob());
        bytes32 domain = IStatements(msg.sender).domainSeparator();
        uint8 outcome = Receipts.verifyVerdict(domain, policy, Receipts.hash(receipt), said, signature);
        require(outcome == Receipts.REFUTED, NotRefuted());
        return Referees.FALSE_CLAIM;
    }
}
