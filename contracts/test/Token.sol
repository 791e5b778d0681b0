// SPDX-License-Identifier: MIT
pragma solidity ^0.8.31;

/// @title A token for tests, good or bad.
contract Token {
    enum Manner {
        Good,
        /// Keeps a hundredth of every transfer.
        Fee,
        /// Transfers nothing, and says so.
        False,
        /// Transfers, and returns nothing.
        Silent,
        /// Reverts.
        Reverts,
        /// Transfers nothing, and says that it did.
        Liar,
        /// Calls somebody in the middle of a transfer.
        Calls,
        /// Lets the receiver's balance fall.
        Shrinks
    }

    Manner public manner;
    address private _callee;
    bytes private _call;
    /// @notice Whether the call in the middle came through, and what it reverted with.
    bool public went;
    bytes public answer;

    mapping(address => uint256) public balanceOf;
    mapping(address => mapping(address => uint256)) public allowance;

    function mint(address to, uint256 amount) external {
        balanceOf[to] += amount;
    }

    function behave(Manner how) external {
        manner = how;
    }

    function callInTransfer(address callee, bytes calldata data) external {
        (manner, _callee, _call) = (Manner.Calls, callee, data);
    }

    function approve(address spender, uint256 amount) external returns (bool) {
        allowance[msg.sender][spender] = amount;
        return true;
    }

    function transfer(address to, uint256 amount) external returns (bool) {
        return _move(msg.sender, to, amount);
    }

    function transferFrom(address from, address to, uint256 amount) external returns (bool) {
        allowance[from][msg.sender] -= amount;
        return _move(from, to, amount);
    }

    function _move(address from, address to, uint256 amount) private returns (bool) {
        if (manner == Manner.Reverts) revert("no");
        if (manner == Manner.False) return false;
        if (manner == Manner.Liar) return true;
        balanceOf[from] -= amount;
        balanceOf[to] += manner == Manner.Fee ? amount - amount / 100 : amount;
        if (manner == Manner.Shrinks) balanceOf[to] = 0;
        if (manner == Manner.Calls) (went, answer) = _callee.call(_call);
        if (manner == Manner.Silent) {
            assembly {
                return(0, 0)
            }
        }
        return true;
    }
}
