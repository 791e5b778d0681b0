// SPDX-License-Identifier: MIT
pragma solidity ^0.8.31;

// Order of the scalar field of BN254 (EIP-196), in which circuits compute.
uint256 constant FIELD_ORDER = 21888242871839275222246405745257275088548364400416034343698204186575808495617;

/// @notice A public input is not below the order of the field: another name of the same element.
error NotInField(uint256 index);
/// @notice A proof of another length.
error BadProofLength(uint256 expected, uint256 found);

/// @title Verifier of proofs about the public inputs of one circuit: statement, rootIn, rootOut, context (docs/zk.md).
interface IPublicVerifier {
    /// @notice True where the proof shows the public inputs. Reverts by name where it is no proof at all, and where a public input is not below the
    /// order of the field.
    function verifyProof(bytes calldata proof, uint256[4] calldata publics) external view returns (bool);
}

/// @dev Reverts unless all are below the order: else an input and the same plus the order would be two inputs with one proof.
function demandInField(uint256[4] calldata publics) pure {
    require(publics[0] < FIELD_ORDER, NotInField(0));
    require(publics[1] < FIELD_ORDER, NotInField(1));
    require(publics[2] < FIELD_ORDER, NotInField(2));
    require(publics[3] < FIELD_ORDER, NotInField(3));
}
