// SPDX-License-Identifier: MIT
pragma solidity ^0.8.31;

import {Elementary} from "../Elementary.sol";

/// @title Runs Elementary over long lists, for differential tests and for measuring gas. Functions have the numbers of their exact ops.
contract ElementaryHarness {
    error UnknownOperation(uint256 operation);

    /// @notice The function of every number, 4 bytes each; for each the result and the gas used, the search for the function included.
    function run(uint256 operation, bytes calldata operands) external view returns (bytes memory results) {
        results = new bytes(2 * operands.length);
        for (uint256 i = 0; i < operands.length / 4; ++i) {
            uint256 a = uint256(bytes32(operands[4 * i:])) >> 224;
            uint256 before = gasleft();
            uint256 result = _apply(operation, a);
            // Taken before the clock is read again, so that the work cannot be moved behind it.
            if (result >> 32 != 0) revert UnknownOperation(operation);
            uint256 used = before - gasleft();
            _store(results, i, (result << 32) | used);
        }
    }

    function _apply(uint256 operation, uint256 a) private pure returns (uint256) {
        if (operation == 50) return Elementary.exp(a);
        if (operation == 51) return Elementary.expm1(a);
        if (operation == 52) return Elementary.log(a);
        if (operation == 53) return Elementary.log1p(a);
        if (operation == 54) return Elementary.tanh(a);
        if (operation == 55) return Elementary.sigmoid(a);
        if (operation == 56) return Elementary.softplus(a);
        if (operation == 57) return Elementary.erf(a);
        if (operation == 58) return Elementary.sin(a);
        if (operation == 59) return Elementary.cos(a);
        if (operation == 60) return Elementary.tan(a);
        if (operation == 61) return Elementary.asin(a);
        if (operation == 62) return Elementary.acos(a);
        if (operation == 63) return Elementary.atan(a);
        if (operation == 64) return Elementary.sinh(a);
        if (operation == 65) return Elementary.cosh(a);
        if (operation == 66) return Elementary.asinh(a);
        if (operation == 67) return Elementary.acosh(a);
        if (operation == 68) return Elementary.atanh(a);
        revert UnknownOperation(operation);
    }

    /// @dev Writes 8 bytes and keeps the 24 before them: in the first word these are the end of the list's length.
    function _store(bytes memory list, uint256 i, uint256 value) private pure {
        assembly ("memory-safe") {
            let place := add(add(list, 8), mul(8, i))
            mstore(place, or(shl(64, shr(64, mload(place))), value))
        }
    }
}
