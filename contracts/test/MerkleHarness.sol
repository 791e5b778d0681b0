// SPDX-License-Identifier: MIT
pragma solidity ^0.8.31;

import {Batch} from "./Batch.sol";
import {Grid, Merkle, Place, StepLeaf, TensorType} from "../Merkle.sol";
import {Payment, Payments} from "../Payments.sol";

/// @title The functions of Merkle and Payments, to be called from outside.
contract MerkleHarness is Batch {
    function hashLeaf(bytes calldata data) external view returns (bytes32) {
        return Merkle.hashLeaf(data);
    }

    function hashItem(bytes32 item) external pure returns (bytes32) {
        return Merkle.hashItem(item);
    }

    function sizedRoot(uint8 kind, uint256 size, bytes32 root) external pure returns (bytes32) {
        return Merkle.sizedRoot(kind, size, root);
    }

    function kinds() external pure returns (uint8[16] memory) {
        return [
            Merkle.STATE,
            Merkle.INPUTS,
            Merkle.OUTPUTS,
            Merkle.VALUES,
            Merkle.RUN,
            Merkle.PROGRAM,
            Merkle.DATASET,
            Merkle.SCHEDULE,
            Merkle.SEALS,
            Merkle.SEGMENT,
            Merkle.SEGMENT_INPUTS,
            Merkle.SEGMENT_OUTPUTS,
            Merkle.SEGMENT_VALUES,
            Merkle.RUN_INPUTS,
            Merkle.INITIAL,
            Merkle.EXPANSION
        ];
    }

    function verifyInclusion(bytes32 root, bytes32 leaf, Place calldata place, bytes32[] calldata path) external view {
        Merkle.verifyInclusion(root, leaf, place, path);
    }

    function verifySized(bytes32 root, uint8 kind, bytes32 leaf, Place calldata place, bytes32[] calldata path)
        external
        view
    {
        Merkle.verifySized(root, kind, leaf, place, path);
    }

    function verifyConsistency(bytes32 earlier, uint256 size, bytes32 later, uint256 total, bytes32[] calldata path)
        external
        view
    {
        Merkle.verifyConsistency(earlier, size, later, total, path);
    }

    function foldChildren(bytes32[] calldata hashes, uint256 size) external view returns (bytes32 node, uint256 run) {
        return (Merkle.foldChildren(hashes, size), Merkle.childRun(size));
    }

    function gridOf(TensorType calldata form) external pure returns (Grid memory) {
        return Merkle.gridOf(form);
    }

    function placeOf(TensorType calldata form, uint256 element) external pure returns (uint256 tile, uint256 position) {
        return Merkle.placeOf(Merkle.gridOf(form), element);
    }

    function digestOf(TensorType calldata form, bytes32 root) external pure returns (bytes32) {
        return Merkle.digestOf(form, root);
    }

    function privateDigestOf(TensorType calldata form, bytes32 root, bytes32 blind) external pure returns (bytes32) {
        return Merkle.privateDigestOf(form, root, blind);
    }

    function verifyTile(
        bytes32 tensor,
        TensorType calldata form,
        uint256 index,
        bytes calldata data,
        bytes32[] calldata path
    ) external view {
        Merkle.verifyTile(tensor, form, index, data, path);
    }

    function openElement(
        bytes32 tensor,
        TensorType calldata form,
        uint256 index,
        bytes calldata data,
        bytes32[] calldata path
    ) external view returns (uint256) {
        return Merkle.openElement(tensor, form, index, data, path);
    }

    function verifyStep(bytes32 run, StepLeaf calldata leaf, uint64 steps, uint64 commitEvery, bytes32[] calldata path)
        external
        view
    {
        Merkle.verifyStep(run, leaf, Merkle.leavesOf(steps, commitEvery), path);
    }

    function hashStep(StepLeaf calldata leaf) external pure returns (bytes32) {
        return Merkle.hashStep(leaf);
    }

    function hashPayment(Payment calldata payment) external pure returns (bytes32) {
        return Payments.hash(payment);
    }

    function verifyPayment(bytes32 root, Payment calldata form, bytes32[] calldata path) external pure {
        Payments.verify(root, form, path);
    }
}
