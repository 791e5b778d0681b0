// SPDX-License-Identifier: MIT
pragma solidity ^0.8.31;

/// @title Many questions to many contracts in one, for tests that look at everything after every transaction.
contract Reader {
    struct Ask {
        address to;
        /// Empty for the coins that the account holds.
        bytes data;
    }

    /// @notice What each question gives; nothing where it reverts.
    function each(Ask[] calldata asks) external view returns (bytes[] memory answers) {
        answers = new bytes[](asks.length);
        for (uint256 i = 0; i < asks.length; ++i) {
            if (asks[i].data.length == 0) {
                answers[i] = abi.encode(asks[i].to.balance);
                continue;
            }
            (bool done, bytes memory data) = asks[i].to.staticcall(asks[i].data);
            if (done) answers[i] = data;
        }
    }
}
