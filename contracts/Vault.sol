// SPDX-License-Identifier: MIT
pragma solidity ^0.8.31;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

/// @title Custody with pull payments: what is owed is credited, and everybody fetches its own, so that nobody's failure stops another.
/// @notice Token zero is the chain's own coin. A token that keeps a fee, or gives less than it says, is refused when it comes in.
abstract contract Vault is ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    /// @notice What an account may withdraw.
    mapping(address token => mapping(address account => uint256 amount)) public balanceOf;

    event Credited(address indexed token, address indexed account, uint256 amount);
    event Withdrawn(address indexed token, address indexed account, address to, uint256 amount);

    error WrongValue(uint256 expected, uint256 found);
    error WrongDeposit(uint256 expected, uint256 found);
    error NotAToken(address token);
    error ZeroReceiver();
    error NothingToWithdraw();
    error TransferFailed(address to);

    /// @notice Fetches all that the sender is owed in one token.
    function withdraw(address token) external returns (uint256 amount) {
        return withdrawTo(token, msg.sender);
    }

    /// @notice The same, sent to another account: for a sender that cannot receive.
    function withdrawTo(address token, address to) public nonReentrant returns (uint256 amount) {
        require(to != address(0), ZeroReceiver());
        amount = balanceOf[token][msg.sender];
        require(amount > 0, NothingToWithdraw());
        // V1 (paid once): the balance is gone before the money leaves.
        balanceOf[token][msg.sender] = 0;
        emit Withdrawn(token, msg.sender, to, amount);
        _send(token, to, amount);
    }

    /// @dev V2 (money in): exactly this much has come in when this returns; only what was received counts, not what a token says.
    function _receive(address token, uint256 amount) internal {
        uint256 value = token == address(0) ? amount : 0;
        require(msg.value == value, WrongValue(value, msg.value));
        if (token == address(0) || amount == 0) return;
        require(token.code.length > 0, NotAToken(token));
        uint256 before = IERC20(token).balanceOf(address(this));
        IERC20(token).safeTransferFrom(msg.sender, address(this), amount);
        uint256 later = IERC20(token).balanceOf(address(this));
        uint256 found = later > before ? later - before : 0;
        require(found == amount, WrongDeposit(amount, found));
    }

    /// @dev V3 (money out): only after all state was written; the receiver's answer is not read.
    function _send(address token, address to, uint256 amount) internal {
        if (token != address(0)) return IERC20(token).safeTransfer(to, amount);
        bool done;
        assembly ("memory-safe") {
            done := call(gas(), to, amount, 0, 0, 0, 0)
        }
        require(done, TransferFailed(to));
    }

    /// @dev V4 (pull): owing cannot fail, whoever is owed.
    function _credit(address token, address account, uint256 amount) internal {
        if (amount == 0) return;
        balanceOf[token][account] += amount;
        emit Credited(token, account, amount);
    }
}
