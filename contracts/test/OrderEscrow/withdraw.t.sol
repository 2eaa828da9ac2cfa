// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {OrderEscrow} from "../../src/OrderEscrow.sol";
import {TestDollar} from "../../src/TestDollar.sol";
import {EscrowTest} from "../support/EscrowTest.sol";
import {BlockingToken} from "../support/Tokens.sol";

contract WithdrawTest is EscrowTest {
    function _newToken() internal override returns (TestDollar) {
        return new BlockingToken();
    }

    function test_keepsARefusedTransferAsCredit_andSendsItLater() public {
        OrderEscrow.Terms memory terms = _place(_granted(), 1);
        uint256 before = dollar.balanceOf(PAYER);
        _setBlocked(PAYER, true);
        vm.expectEmit(address(escrow));
        emit OrderEscrow.Credited(address(dollar), PAYER, PRICE);
        vm.prank(PAYER);
        escrow.cancel(terms, "");
        _assertState(terms, OrderEscrow.State.Cancelled);
        vm.assertEq(escrow.credit(address(dollar), PAYER), PRICE);
        vm.assertEq(dollar.balanceOf(address(escrow)), PRICE);

        vm.expectRevert(abi.encodeWithSelector(BlockingToken.Blocked.selector, PAYER));
        _withdraw(PAYER);

        _setBlocked(PAYER, false);
        vm.expectEmit(address(escrow));
        emit OrderEscrow.Withdrawn(address(dollar), PAYER, PRICE);
        _withdraw(PAYER);
        vm.assertEq(dollar.balanceOf(PAYER), before + PRICE);
        vm.assertEq(escrow.credit(address(dollar), PAYER), 0);
        vm.assertEq(dollar.balanceOf(address(escrow)), 0);
    }

    function test_paysTheSeller_whenThePayerIsBlocked() public {
        OrderEscrow.Terms memory terms = _place(_granted(), 1);
        _ship(terms);
        _setBlocked(PAYER, true);
        OrderEscrow.Capture memory item = _capture(terms, PRICE - 5, DEVICE_KEY);
        vm.prank(SELLER);
        escrow.capture(_captures(item));
        vm.assertEq(dollar.balanceOf(SELLER), PRICE - 5);
        vm.assertEq(escrow.credit(address(dollar), PAYER), 5);
    }

    function test_addsCreditsUp() public {
        OrderEscrow.Terms memory first = _place(_granted(), 1);
        OrderEscrow.Terms memory second = _place(_mandate(), 2);
        _setBlocked(PAYER, true);
        vm.prank(SELLER);
        escrow.decline(first);
        vm.prank(SELLER);
        escrow.decline(second);
        vm.assertEq(escrow.credit(address(dollar), PAYER), 2 * PRICE);
    }

    function test_reverts_withoutCredit(address account) public {
        vm.expectRevert(abi.encodeWithSelector(OrderEscrow.NoCredit.selector, address(dollar), account));
        _withdraw(account);
    }

    function _withdraw(address account) private {
        vm.prank(account);
        escrow.withdraw(address(dollar));
    }

    function _setBlocked(address account, bool blocked) private {
        BlockingToken(address(dollar)).setBlocked(account, blocked);
    }
}
