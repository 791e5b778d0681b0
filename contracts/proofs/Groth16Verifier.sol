// SPDX-License-Identifier: MIT
pragma solidity ^0.8.31;

import {BadProofLength, IPublicVerifier, demandInField} from "./IPublicVerifier.sol";

/// @notice A verification key: points as EIP-196 and EIP-197 take them, so that of an element of the larger field the imaginary part comes first.
struct Groth16Key {
    uint256[2] alpha;
    uint256[4] beta;
    uint256[4] gamma;
    uint256[4] delta;
    /// Five points: a constant, and one for each public input.
    uint256[10] ic;
}

/// @title Verifier of Groth16 proofs over BN254 under one key, which is fixed when it is deployed.
/// @notice A proof is 256 bytes: A, B, C as EIP-197 takes them. Groth, "On the Size of Pairing-Based Non-interactive Arguments" (ePrint 2016/260):
/// e(A, B) = e(alpha, beta) e(ic, gamma) e(C, delta), where ic is the first of the key's points and the others times the public inputs.
/// @dev Proofs may be made anew by whoever has one, with the same public inputs: nothing must ever hang on their bytes.
contract Groth16Verifier is IPublicVerifier {
    /// @notice gamma and delta are one point or opposite ones: nobody contributed to the key, and whoever wants to makes proofs of anything.
    error ForgeableKey();
    /// @notice A point of the key is none of the curve, or the zero point, which would bind nothing.
    error BadKey();
    /// @notice A point of the proof is none of the curve or of the group.
    error BadPoint();

    /// @dev Order of the field of coordinates (EIP-196).
    uint256 private constant Q = 21888242871839275222246405745257275088696311157297823662689037894645226208583;
    uint256 private constant PROOF = 256;

    uint256 private immutable ALPHA_X;
    uint256 private immutable ALPHA_Y;
    uint256 private immutable BETA_XI;
    uint256 private immutable BETA_X;
    uint256 private immutable BETA_YI;
    uint256 private immutable BETA_Y;
    uint256 private immutable GAMMA_XI;
    uint256 private immutable GAMMA_X;
    uint256 private immutable GAMMA_YI;
    uint256 private immutable GAMMA_Y;
    uint256 private immutable DELTA_XI;
    uint256 private immutable DELTA_X;
    uint256 private immutable DELTA_YI;
    uint256 private immutable DELTA_Y;
    uint256 private immutable IC0_X;
    uint256 private immutable IC0_Y;
    uint256 private immutable IC1_X;
    uint256 private immutable IC1_Y;
    uint256 private immutable IC2_X;
    uint256 private immutable IC2_Y;
    uint256 private immutable IC3_X;
    uint256 private immutable IC3_Y;
    uint256 private immutable IC4_X;
    uint256 private immutable IC4_Y;

    constructor(Groth16Key memory own) {
        // P1 (set up): under a key to which nobody contributed, A = alpha, B = beta, C = -ic is a proof of anything.
        require(own.gamma[0] != own.delta[0] || own.gamma[1] != own.delta[1], ForgeableKey());
        _demandSound(own);
        (ALPHA_X, ALPHA_Y) = (own.alpha[0], own.alpha[1]);
        (BETA_XI, BETA_X, BETA_YI, BETA_Y) = (own.beta[0], own.beta[1], own.beta[2], own.beta[3]);
        (GAMMA_XI, GAMMA_X, GAMMA_YI, GAMMA_Y) = (own.gamma[0], own.gamma[1], own.gamma[2], own.gamma[3]);
        (DELTA_XI, DELTA_X, DELTA_YI, DELTA_Y) = (own.delta[0], own.delta[1], own.delta[2], own.delta[3]);
        (IC0_X, IC0_Y, IC1_X, IC1_Y) = (own.ic[0], own.ic[1], own.ic[2], own.ic[3]);
        (IC2_X, IC2_Y, IC3_X, IC3_Y) = (own.ic[4], own.ic[5], own.ic[6], own.ic[7]);
        (IC4_X, IC4_Y) = (own.ic[8], own.ic[9]);
    }

    /// @dev Every point lies on its curve and in its group, and none that has to bind something is zero.
    function _demandSound(Groth16Key memory own) private view {
        uint256[4][3] memory seconds_ = [own.beta, own.gamma, own.delta];
        _demandPair(own.alpha[0], own.alpha[1], own.beta);
        for (uint256 i = 0; i < 3; ++i) require(!_isZero(seconds_[i]), BadKey());
        _demandPair(own.ic[0], own.ic[1], own.gamma);
        _demandPair(own.ic[0], own.ic[1], own.delta);
        for (uint256 i = 1; i < 5; ++i) {
            // P2 (bound): a public input whose point is zero could be any number.
            require(own.ic[2 * i] != 0 || own.ic[2 * i + 1] != 0, BadKey());
            _demandPair(own.ic[2 * i], own.ic[2 * i + 1], own.gamma);
        }
        require(own.alpha[0] != 0 || own.alpha[1] != 0, BadKey());
    }

    function _isZero(uint256[4] memory point) private pure returns (bool) {
        return point[0] | point[1] | point[2] | point[3] == 0;
    }

    /// @dev The precompile for pairings takes nothing but points of the two groups.
    function _demandPair(uint256 x, uint256 y, uint256[4] memory second) private view {
        (bool taken,) = address(8).staticcall(abi.encode(x, y, second));
        require(taken, BadKey());
    }

    /// @notice The key.
    function key() external view returns (Groth16Key memory) {
        return Groth16Key({
            alpha: [ALPHA_X, ALPHA_Y],
            beta: [BETA_XI, BETA_X, BETA_YI, BETA_Y],
            gamma: [GAMMA_XI, GAMMA_X, GAMMA_YI, GAMMA_Y],
            delta: [DELTA_XI, DELTA_X, DELTA_YI, DELTA_Y],
            ic: [IC0_X, IC0_Y, IC1_X, IC1_Y, IC2_X, IC2_Y, IC3_X, IC3_Y, IC4_X, IC4_Y]
        });
    }

    /// @inheritdoc IPublicVerifier
    function verifyProof(bytes calldata proof, uint256[4] calldata publics) external view returns (bool) {
        require(proof.length == PROOF, BadProofLength(PROOF, proof.length));
        // P3 (one name): a public input is below the order.
        demandInField(publics);
        uint256[8] calldata words;
        assembly ("memory-safe") {
            words := proof.offset
        }
        // The precompile refuses coordinates that are not below Q; this one it does not see.
        require(words[1] < Q, BadPoint());
        (uint256 x, uint256 y) = _sum(publics);
        uint256[24] memory pairs;
        // -A: the zero point is its own opposite.
        (pairs[0], pairs[1]) = (words[0], words[1] == 0 ? 0 : Q - words[1]);
        (pairs[2], pairs[3], pairs[4], pairs[5]) = (words[2], words[3], words[4], words[5]);
        (pairs[6], pairs[7]) = (ALPHA_X, ALPHA_Y);
        (pairs[8], pairs[9], pairs[10], pairs[11]) = (BETA_XI, BETA_X, BETA_YI, BETA_Y);
        (pairs[12], pairs[13]) = (x, y);
        (pairs[14], pairs[15], pairs[16], pairs[17]) = (GAMMA_XI, GAMMA_X, GAMMA_YI, GAMMA_Y);
        (pairs[18], pairs[19]) = (words[6], words[7]);
        (pairs[20], pairs[21], pairs[22], pairs[23]) = (DELTA_XI, DELTA_X, DELTA_YI, DELTA_Y);
        return _isOne(pairs);
    }

    /// @dev The first point of the key plus the others times the public inputs.
    function _sum(uint256[4] calldata publics) private view returns (uint256, uint256) {
        uint256[4] memory sum;
        (sum[0], sum[1]) = (IC0_X, IC0_Y);
        _addProduct(sum, IC1_X, IC1_Y, publics[0]);
        _addProduct(sum, IC2_X, IC2_Y, publics[1]);
        _addProduct(sum, IC3_X, IC3_Y, publics[2]);
        _addProduct(sum, IC4_X, IC4_Y, publics[3]);
        return (sum[0], sum[1]);
    }

    /// @dev The first two words plus the point times the scalar, by the precompiles (EIP-196).
    function _addProduct(uint256[4] memory sum, uint256 x, uint256 y, uint256 scalar) private view {
        bool done;
        assembly ("memory-safe") {
            let at := mload(0x40)
            mstore(at, x)
            mstore(add(at, 32), y)
            mstore(add(at, 64), scalar)
            done := staticcall(gas(), 7, at, 96, add(sum, 64), 64)
            done := and(done, staticcall(gas(), 6, sum, 128, sum, 64))
        }
        require(done, BadKey());
    }

    /// @dev True where the product of the four pairings is one (EIP-197).
    function _isOne(uint256[24] memory pairs) private view returns (bool isOne) {
        bool done;
        assembly ("memory-safe") {
            done := staticcall(gas(), 8, pairs, 768, 0, 32)
            isOne := eq(mload(0), 1)
        }
        require(done, BadPoint());
    }
}
