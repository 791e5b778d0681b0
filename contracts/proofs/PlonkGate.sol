// SPDX-License-Identifier: MIT
pragma solidity ^0.8.31;

import {BadProofLength, IPublicVerifier, demandInField} from "./IPublicVerifier.sol";

/// @title A verifier as snarkjs writes it for one PLONK key.
interface IPlonkVerifier {
    function verifyProof(uint256[24] calldata proof, uint256[4] calldata publics) external view returns (bool);
}

/// @title Verifier of PLONK proofs by a contract that snarkjs wrote.
/// @notice The template of snarkjs 0.7.6 does not look whether public inputs are below the order of the field. It draws its challenges from the words
/// as they come, so that an honest proof shows one of them alone; but whoever writes a prover of its own could prove an input plus the order. This
/// refuses both.
contract PlonkGate is IPublicVerifier {
    error NoVerifier();

    uint256 private constant PROOF = 768;

    /// @notice What snarkjs wrote for the key.
    IPlonkVerifier public immutable VERIFIER;

    constructor(IPlonkVerifier verifier) {
        require(address(verifier).code.length > 0, NoVerifier());
        VERIFIER = verifier;
    }

    /// @inheritdoc IPublicVerifier
    function verifyProof(bytes calldata proof, uint256[4] calldata publics) external view returns (bool) {
        require(proof.length == PROOF, BadProofLength(PROOF, proof.length));
        // P3 (one name): a public input is below the order.
        demandInField(publics);
        uint256[24] calldata words;
        assembly ("memory-safe") {
            words := proof.offset
        }
        return VERIFIER.verifyProof(words, publics);
    }
}
