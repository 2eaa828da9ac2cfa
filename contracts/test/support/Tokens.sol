// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {TestDollar} from "../../src/TestDollar.sol";

/// @dev Keeps a fee of one unit of each transfer.
contract FeeToken is TestDollar {
    function _update(address from, address to, uint256 value) internal override {
        super._update(from, to, from == address(0) ? value : value - 1);
    }
}

/// @dev Refuses transfers to accounts on its list, as the common dollar tokens do.
contract BlockingToken is TestDollar {
    error Blocked(address account);

    mapping(address account => bool) public isBlocked;

    function setBlocked(address account, bool blocked) external {
        isBlocked[account] = blocked;
    }

    function _update(address from, address to, uint256 value) internal override {
        if (isBlocked[to]) revert Blocked(to);
        super._update(from, to, value);
    }
}

/// @dev Calls back in the middle of a transfer and passes on how that call failed.
contract ReentrantToken is TestDollar {
    address private _target;
    bytes private _data;

    function callDuringTransfer(address target, bytes calldata data) external {
        _target = target;
        _data = data;
    }

    function _update(address from, address to, uint256 value) internal override {
        super._update(from, to, value);
        if (_target == address(0)) return;
        (bool ok, bytes memory result) = _target.call(_data);
        if (ok) return;
        assembly ("memory-safe") {
            revert(add(result, 0x20), mload(result))
        }
    }
}
