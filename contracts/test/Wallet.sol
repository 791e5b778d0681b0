// SPDX-License-Identifier: MIT
pragma solidity ^0.8.31;

/// @title A wallet for tests of ERC-1271, good or bad: it signs only what it was told.
contract Wallet {
    enum Manner {
        Good,
        Reverts,
        Burns,
        WrongWord,
        Dirty,
        Short,
        Long,
        Huge
    }

    bytes4 private constant MAGIC = 0x1626ba7e;
    Manner private immutable _manner;
    bytes32 private immutable _digest;

    constructor(Manner manner, bytes32 digest) {
        (_manner, _digest) = (manner, digest);
    }

    function isValidSignature(bytes32 digest, bytes calldata) external view returns (bytes4) {
        if (_manner == Manner.Reverts) revert("no");
        if (_manner == Manner.Burns) while (true) {}
        if (_manner == Manner.WrongWord || digest != _digest) return 0xffffffff;
        if (_manner == Manner.Good) return MAGIC;
        uint256 length = _manner == Manner.Short ? 4 : _manner == Manner.Long ? 64 : _manner == Manner.Huge ? 50_000 : 32;
        uint256 dirt = _manner == Manner.Dirty ? 1 : 0;
        assembly {
            mstore(0, or(shl(224, 0x1626ba7e), dirt))
            return(0, length)
        }
    }
}
