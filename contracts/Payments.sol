// SPDX-License-Identifier: MIT
pragma solidity ^0.8.31;

import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";

/// @notice One payment of a settlement.
struct Payment {
    bytes32 job;
    address provider;
    bytes32 claim;
    uint256 amount;
}

/// @title Settlement trees: Keccak-256, sorted pairs, leaves hashed twice. See docs/formats.md.
/// @notice The tree commits no position: who pays marks what was paid by (job, provider).
library Payments {
    error NotInSettlement();

    function hash(Payment memory payment) internal pure returns (bytes32) {
        return keccak256(bytes.concat(keccak256(abi.encode(payment))));
    }

    /// @notice Reverts unless the payment stands under the root.
    function verify(bytes32 root, Payment memory payment, bytes32[] calldata path) internal pure {
        require(MerkleProof.verifyCalldata(path, root, hash(payment)), NotInSettlement());
    }
}
