// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {OrderBook} from "../../src/OrderBook.sol";
import {TestDollar} from "../../src/TestDollar.sol";
import {EscrowTest} from "../support/EscrowTest.sol";
import {BlockingToken} from "../support/Tokens.sol";

contract WithdrawTest is EscrowTest {
    function _newToken() internal override returns (TestDollar) {
        return new BlockingToken();
    }

    function test_keepsARefusedTransferAsCredit_andSendsItLater() public {
        Placed memory placed = _place(_granted(), 1);
        uint256 before = dollar.balanceOf(PAYER);
        _setBlocked(PAYER, true);
        vm.expectEmit(address(escrow));
        emit OrderBook.Credited(address(dollar), PAYER, PRICE);
        vm.prank(PAYER);
        escrow.cancel(placed.terms, SELLER, placed.id, "");
        _assertState(placed, OrderBook.State.Cancelled);
        vm.assertEq(escrow.credit(address(dollar), PAYER), PRICE);
        vm.assertEq(dollar.balanceOf(address(escrow)), PRICE);

        vm.expectRevert(abi.encodeWithSelector(BlockingToken.Blocked.selector, PAYER));
        _withdraw(PAYER);

        _setBlocked(PAYER, false);
        vm.expectEmit(address(escrow));
        emit OrderBook.Withdrawn(address(dollar), PAYER, PRICE);
        _withdraw(PAYER);
        vm.assertEq(dollar.balanceOf(PAYER), before + PRICE);
        vm.assertEq(escrow.credit(address(dollar), PAYER), 0);
        vm.assertEq(dollar.balanceOf(address(escrow)), 0);
    }

    function test_paysTheSeller_whenThePayerIsBlocked() public {
        Placed memory placed = _place(_granted(), 1);
        _ship(placed);
        _setBlocked(PAYER, true);
        _capture(placed, PRICE - 5);
        vm.assertEq(dollar.balanceOf(SELLER), PRICE - 5);
        vm.assertEq(escrow.credit(address(dollar), PAYER), 5);
    }

    function test_paysThePayer_whenTheSellerIsBlocked() public {
        Placed memory placed = _place(_granted(), 1);
        _ship(placed);
        _setBlocked(SELLER, true);
        uint256 before = dollar.balanceOf(PAYER);
        _capture(placed, PRICE - 5);
        vm.assertEq(dollar.balanceOf(PAYER), before + 5);
        vm.assertEq(escrow.credit(address(dollar), SELLER), PRICE - 5);
    }

    function test_sendsACreditOfOneUnit_once() public {
        Placed memory placed = _place(_granted(), 1);
        _ship(placed);
        _setBlocked(PAYER, true);
        _capture(placed, PRICE - 1);
        _setBlocked(PAYER, false);
        uint256 before = dollar.balanceOf(PAYER);
        _withdraw(PAYER);
        vm.assertEq(dollar.balanceOf(PAYER), before + 1);
        vm.expectRevert(abi.encodeWithSelector(OrderBook.NoCredit.selector, address(dollar), PAYER));
        _withdraw(PAYER);
    }

    function test_addsCreditsUp() public {
        Placed memory first = _place(_granted(), 1);
        Placed memory second = _place(_mandate(), 2);
        _setBlocked(PAYER, true);
        vm.prank(SELLER);
        escrow.decline(first.terms, first.id);
        vm.prank(SELLER);
        escrow.decline(second.terms, second.id);
        vm.assertEq(escrow.credit(address(dollar), PAYER), 2 * PRICE);
    }

    /// @dev What a token was asked for earlier in a transaction counts no more after a withdrawal.
    function test_leavesRoomForOrders_inTheSameTransaction() public {
        Placed memory first = _place(_granted(), 1);
        _setBlocked(PAYER, true);
        vm.prank(SELLER);
        escrow.decline(first.terms, first.id);
        _setBlocked(PAYER, false);
        _place(_mandate(), 2);
        _withdraw(PAYER);
        _place(_mandate(), 3);
        vm.assertEq(dollar.balanceOf(address(escrow)), 2 * PRICE);
    }

    function test_leavesRoomForOrders_whenItTookAll() public {
        Placed memory first = _place(_granted(), 1);
        _setBlocked(PAYER, true);
        vm.prank(SELLER);
        escrow.decline(first.terms, first.id);
        _setBlocked(PAYER, false);
        _withdraw(PAYER);
        _place(_mandate(), 2);
        vm.assertEq(dollar.balanceOf(address(escrow)), PRICE);
    }

    function test_reverts_withoutCredit(address account) public {
        vm.expectRevert(abi.encodeWithSelector(OrderBook.NoCredit.selector, address(dollar), account));
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
