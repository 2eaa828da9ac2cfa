// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {TestDollar} from "../../src/TestDollar.sol";

/// @dev Keeps a fee of one unit of each transfer.
contract FeeToken is TestDollar {
    function _update(address from, address to, uint256 value) internal override {
        super._update(from, to, from == address(0) ? value : value - 1);
    }
}

/// @dev Adds a unit to each transfer.
contract BonusToken is TestDollar {
    function _update(address from, address to, uint256 value) internal override {
        super._update(from, to, value);
        if (from != address(0)) super._update(address(0), to, 1);
    }
}

/// @dev Keeps a fee of one unit of what one account sends.
contract PickyFeeToken is TestDollar {
    address private _charged;

    function chargeFrom(address account) external {
        _charged = account;
    }

    function _update(address from, address to, uint256 value) internal override {
        super._update(from, to, from == _charged && from != address(0) ? value - 1 : value);
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

/// @dev Says false and does nothing, for transfers that one account asks for; 0 means all.
contract LyingToken is TestDollar {
    bool private _lies;
    address private _sender;

    function lieFrom(address sender) external {
        (_lies, _sender) = (true, sender);
    }

    function transfer(address to, uint256 value) public override returns (bool) {
        return _isLie() ? false : super.transfer(to, value);
    }

    function transferFrom(address from, address to, uint256 value) public override returns (bool) {
        return _isLie() ? false : super.transferFrom(from, to, value);
    }

    function _isLie() private view returns (bool) {
        return _lies && (_sender == address(0) || _sender == msg.sender);
    }
}

/// @dev Moves tokens and answers nothing, as some old ones do.
contract QuietToken {
    mapping(address account => uint256) public balanceOf;
    mapping(address owner => mapping(address spender => uint256)) public allowance;

    function mint(address account, uint256 amount) external {
        balanceOf[account] += amount;
    }

    function approve(address spender, uint256 value) external returns (bool) {
        allowance[msg.sender][spender] = value;
        return true;
    }

    function transfer(address to, uint256 value) external {
        balanceOf[msg.sender] -= value;
        balanceOf[to] += value;
    }

    function transferFrom(address from, address to, uint256 value) external {
        allowance[from][msg.sender] -= value;
        balanceOf[from] -= value;
        balanceOf[to] += value;
    }
}
