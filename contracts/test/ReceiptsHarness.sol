// SPDX-License-Identifier: MIT
pragma solidity ^0.8.31;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Batch} from "./Batch.sol";
import {Claim, Job, Policy, Receipt, Receipts, Reveal, Seal, Verdict} from "../Receipts.sol";

/// @title The functions of Receipts, to be called from outside; those that check signatures under the domain of this contract.
contract ReceiptsHarness is Batch, EIP712("Countersign", "1") {
    function domain() public view returns (bytes32) {
        return _domainSeparatorV4();
    }

    function separator(uint256 chainId, address verifyingContract) external pure returns (bytes32) {
        return Receipts.separator(chainId, verifyingContract);
    }

    function hashPolicy(Policy calldata value) external pure returns (bytes32) {
        return Receipts.hash(value);
    }

    function hashJob(Job calldata value) external pure returns (bytes32) {
        return Receipts.hash(value);
    }

    function hashClaim(Claim calldata value) external pure returns (bytes32) {
        return Receipts.hash(value);
    }

    function hashReceipt(Receipt calldata value) external pure returns (bytes32) {
        return Receipts.hash(value);
    }

    function hashSeal(Seal calldata value) external pure returns (bytes32) {
        return Receipts.hash(value);
    }

    function hashVerdict(Verdict calldata value) external pure returns (bytes32) {
        return Receipts.hash(value);
    }

    function commitmentOf(bytes32 claim, address provider, bytes32 salt) external pure returns (bytes32) {
        return Receipts.commitmentOf(claim, provider, salt);
    }

    function sealSetOf(Seal[] calldata list) external view returns (bytes32) {
        return Receipts.sealSetOf(list);
    }

    function verifySignature(bytes32 under, bytes32 structHash, address signer, bytes calldata signature)
        external
        view
    {
        Receipts.verifySignature(under, structHash, signer, signature);
    }

    function verifyJob(Job calldata job, Policy calldata policy, bytes calldata signature)
        external
        view
        returns (bytes32)
    {
        return Receipts.verifyJob(domain(), job, policy, signature);
    }

    function verifyReceipt(bytes32 job, Receipt calldata receipt, bytes calldata signature)
        external
        view
        returns (bytes32)
    {
        return Receipts.verifyReceipt(domain(), job, receipt, signature);
    }

    function verifyQuorum(
        Job calldata job,
        Policy calldata policy,
        address[] calldata drawn,
        Seal[] calldata list,
        Reveal[] calldata reveals
    ) external view returns (bytes32) {
        return Receipts.verifyQuorum(domain(), job, policy, drawn, list, reveals);
    }

    function verifyVerdict(Policy calldata policy, bytes32 receipt, Verdict calldata verdict, bytes calldata signature)
        external
        view
        returns (uint8)
    {
        return Receipts.verifyVerdict(domain(), policy, receipt, verdict, signature);
    }
}
