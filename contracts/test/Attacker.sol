// SPDX-License-Identifier: MIT
pragma solidity ^0.8.31;

/// @title An account of code for tests: does what it is told, and when coins come calls somebody again or refuses them.
contract Attacker {
    bool private _refuses;
    address private _callee;
    bytes private _call;
    bool public went;
    bytes public answer;

    function refuse(bool refuses) external {
        _refuses = refuses;
    }

    function callOnReceipt(address callee, bytes calldata data) external {
        (_callee, _call) = (callee, data);
    }

    /// @notice Calls from this account, with what comes along.
    function run(address callee, bytes calldata data) external payable returns (bytes memory) {
        (bool done, bytes memory found) = callee.call{value: msg.value}(data);
        if (!done) {
            assembly {
                revert(add(found, 32), mload(found))
            }
        }
        return found;
    }

    receive() external payable {
        require(!_refuses, "no coins");
        if (_callee != address(0)) (went, answer) = _callee.call(_call);
    }
}
