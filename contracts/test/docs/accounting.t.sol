// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Disputes} from "../../src/Disputes.sol";
import {Households} from "../../src/Households.sol";
import {MandateManager} from "../../src/MandateManager.sol";
import {OrderBook} from "../../src/OrderBook.sol";
import {OrderEscrow} from "../../src/OrderEscrow.sol";
import {EscrowTest} from "../support/EscrowTest.sol";

/// @dev The examples of docs/accounting.md, in its order; a comment above each step is a row of its table.
contract AccountingTest is EscrowTest {
    MandateManager.Mandate private _a;
    MandateManager.Mandate private _b;
    uint48 private _nonce;

    function setUp() public override {
        super.setUp();
        _a = _mandate();
        _a.maxPerOrder = 50e6;
        _a.maxOpenOrders = 4;
        _grant(_a);
    }

    function test_periodCap() public {
        // | 2 | authorize 40 | 40 |
        _onDay(2);
        _buy(_a, 40);
        _assertSpent(40);
        // | 3 | authorize 50 | 90 |
        _onDay(3);
        _buy(_a, 50);
        _assertSpent(90);
        // | 4 | authorize 11: refused, OverAllowance(101, 100) | 90 |
        _onDay(4);
        _assertRefused(_a, 11, abi.encodeWithSelector(MandateManager.OverAllowance.selector, 101e6, 100e6));
        _assertSpent(90);
        // | 4 | authorize 10 | 100 |
        _buy(_a, 10);
        _assertSpent(100);
        // | 30 | the next period begins | 0 |
        _onDay(30);
        _assertSpent(0);
        vm.warp(block.timestamp - 1);
        _assertSpent(100);
    }

    function test_giveBack() public {
        // | 2 | authorize 50 and 40 | 90 |
        _onDay(2);
        _buy(_a, 50);
        Placed memory cancelled = _buy(_a, 40);
        _assertSpent(90);
        // | 3 | cancel the 40 | 50 |
        _onDay(3);
        _cancel(cancelled);
        _assertSpent(50);
        // | 3 | authorize 30 and 20 | 100 |
        Placed memory declined = _buy(_a, 30);
        Placed memory late = _buy(_a, 20);
        _assertSpent(100);
        // | 4 | the seller declines the 30 | 70 |
        _onDay(4);
        vm.prank(SELLER);
        escrow.decline(declined.terms, declined.id);
        _assertSpent(70);
        // | 11 | the seller let ship-by pass: reclaim the 20 | 50 |
        _onDay(11);
        escrow.reclaim(late.terms, SELLER, late.id);
        _assertSpent(50);
    }

    function test_periodChange() public {
        // | 29 | authorize 50 | 50 |
        _onDay(29);
        Placed memory old = _buy(_a, 50);
        _assertSpent(50);
        // | 30 | the next period begins | 0 |
        _onDay(30);
        _assertSpent(0);
        // | 31 | authorize 40 | 40 |
        _onDay(31);
        _buy(_a, 40);
        _assertSpent(40);
        // | 32 | cancel the 50 of day 29 | 40 |
        _onDay(32);
        _cancel(old);
        _assertSpent(40);
    }

    function test_border() public {
        // | 29 | authorize 50 and 50 | 100 |
        _onDay(29);
        _buy(_a, 50);
        _buy(_a, 50);
        _assertSpent(100);
        // | 30 | authorize 50 and 50 | 100 |
        _onDay(30);
        _buy(_a, 50);
        _buy(_a, 50);
        _assertSpent(100);
        _assertHeld(200);
    }

    function test_household() public {
        _formHousehold();
        // | 11 | A authorizes 50 and 50 | 100 | 0 | 100 |
        _onDay(11);
        _buy(_a, 50);
        _buy(_a, 50);
        _assertSpent(100, 0, 100);
        // | 12 | B authorizes 50 | 100 | 50 | 150 |
        _onDay(12);
        _buy(_b, 50);
        _assertSpent(100, 50, 150);
        // | 13 | B authorizes 1: refused, OverHouseholdAllowance(151, 150) | 100 | 50 | 150 |
        _onDay(13);
        _assertRefused(_b, 1, abi.encodeWithSelector(Households.OverHouseholdAllowance.selector, 151e6, 150e6));
        _assertSpent(100, 50, 150);
        // | 30 | the mandates' next period begins, the household's goes on | 0 | 0 | 150 |
        _onDay(30);
        _assertSpent(0, 0, 150);
        // | 40 | the household's next period begins | 0 | 0 | 0 |
        _onDay(40);
        _assertSpent(0, 0, 0);
        vm.warp(block.timestamp - 1);
        _assertSpent(0, 0, 150);
    }

    function test_householdGiveBack() public {
        _formHousehold();
        // | 29 | A authorizes 50 and 40 | 90 | 0 | 90 |
        _onDay(29);
        Placed memory first = _buy(_a, 50);
        Placed memory second = _buy(_a, 40);
        _assertSpent(90, 0, 90);
        // | 31 | cancel the 50: only the household's period still runs | 0 | 0 | 40 |
        _onDay(31);
        _cancel(first);
        _assertSpent(0, 0, 40);
        // | 41 | cancel the 40: neither runs | 0 | 0 | 0 |
        _onDay(41);
        _cancel(second);
        _assertSpent(0, 0, 0);
    }

    function test_householdChange() public {
        _formHousehold();
        // | 12 | A authorizes 50 | 50 | 0 | 50 |
        _onDay(12);
        _buy(_a, 50);
        _assertSpent(50, 0, 50);
        // | 13 | set 60 per 7 days: holds from day 40 | 50 | 0 | 50 |
        _onDay(13);
        vm.expectEmit(address(escrow));
        emit Households.HouseholdSet(PAYER, address(dollar), HOUSEHOLD, 60e6, 7 days, START + 40 days);
        _setHousehold(60e6, 7 days);
        _assertSpent(50, 0, 50);
        // | 14 | A authorizes 50: the cap is still 150 | 100 | 0 | 100 |
        _onDay(14);
        _buy(_a, 50);
        _assertSpent(100, 0, 100);
        // | 40 | A authorizes 50 | 50 | 0 | 50 |
        _onDay(40);
        _buy(_a, 50);
        _assertSpent(50, 0, 50);
        // | 41 | B authorizes 11: refused, OverHouseholdAllowance(61, 60) | 50 | 0 | 50 |
        _onDay(41);
        _assertRefused(_b, 11, abi.encodeWithSelector(Households.OverHouseholdAllowance.selector, 61e6, 60e6));
        _assertSpent(50, 0, 50);
        // | 47 | B authorizes 11 in the household's next seven days | 50 | 11 | 11 |
        _onDay(47);
        _buy(_b, 11);
        _assertSpent(50, 11, 11);
    }

    function test_openOrders() public {
        // | 2 | authorize 10, 11, 12 and 13 | 46 | 4 |
        _onDay(2);
        Placed memory first = _buy(_a, 10);
        Placed memory second = _buy(_a, 11);
        _buy(_a, 12);
        _buy(_a, 13);
        _assertOpen(46, 4);
        // | 2 | authorize 14: refused, TooManyOpenOrders(5, 4) | 46 | 4 |
        _assertRefused(_a, 14, abi.encodeWithSelector(MandateManager.TooManyOpenOrders.selector, 5, 4));
        _assertOpen(46, 4);
        // | 3 | the 10 ships | 46 | 4 |
        _onDay(3);
        _send(first);
        _assertOpen(46, 4);
        // | 4 | the 10 is captured | 46 | 3 |
        _onDay(4);
        _capture(first, 10e6);
        _assertOpen(46, 3);
        // | 4 | authorize 14 | 60 | 4 |
        _buy(_a, 14);
        _assertOpen(60, 4);
        // | 5 | cancel the 11 | 49 | 3 |
        _onDay(5);
        _cancel(second);
        _assertOpen(49, 3);
    }

    function test_coolingOff() public {
        // | 2 | authorize 50 and 40 | 90 | 90 |
        _onDay(2);
        Placed memory first = _buy(_a, 50);
        Placed memory second = _buy(_a, 40);
        _assertMoney(90, 90, 0);
        // | 3 | a second earlier, shipping the 50 is refused: CoolingOff | 90 | 90 |
        _onDay(3);
        vm.warp(block.timestamp - 1);
        vm.expectRevert(
            abi.encodeWithSelector(OrderEscrow.CoolingOff.selector, block.timestamp, uint256(START) + 3 days)
        );
        _send(first);
        _assertMoney(90, 90, 0);
        // | 3 | the 50 ships | 90 | 90 |
        _onDay(3);
        _send(first);
        _assertMoney(90, 90, 0);
        // | 3 | cancelling the 50 is refused: WrongState | 90 | 90 |
        _expectWrongState(first, OrderBook.State.Shipped, OrderBook.State.Authorized);
        _cancel(first);
        _assertMoney(90, 90, 0);
        // | 4 | cancel the 40, which has not shipped | 50 | 50 |
        _onDay(4);
        _cancel(second);
        _assertMoney(50, 50, 0);
    }

    function test_partialCapture() public {
        Placed memory placed = _authorizeAndShip50();
        // | 5 | capture 30 with a confirmation for 30; 20 go back | 50 | 0 | 30 |
        _onDay(5);
        uint256 before = dollar.balanceOf(PAYER);
        _capture(placed, 30e6);
        _assertMoney(50, 0, 30);
        vm.assertEq(dollar.balanceOf(PAYER) - before, 20e6);
    }

    function test_refund() public {
        Placed memory placed = _authorizeAndShip50();
        // | 5 | capture 50 | 50 | 0 | 50 |
        _onDay(5);
        _capture(placed, 50e6);
        _assertMoney(50, 0, 50);
        vm.prank(SELLER);
        dollar.approve(address(escrow), type(uint256).max);
        // | 6 | refund 20 | 50 | 0 | 30 |
        _onDay(6);
        _refund(placed, 20);
        _assertMoney(50, 0, 30);
        // | 35 | refund 31: refused, OverRefund(31, 30) | 0 | 0 | 30 |
        _onDay(35);
        vm.expectRevert(abi.encodeWithSelector(OrderEscrow.OverRefund.selector, 31e6, 30e6));
        _refund(placed, 31);
        _assertMoney(0, 0, 30);
        // | 35 | refund 30, in the last second for it | 0 | 0 | 0 |
        _refund(placed, 30);
        _assertMoney(0, 0, 0);
    }

    function test_unconfirmed() public {
        Placed memory placed = _authorizeAndShip50();
        // | 17 | reclaim: refused, TooEarlyToReclaim; the 14 days end with this second | 50 | 50 | 0 |
        _onDay(17);
        vm.expectRevert(
            abi.encodeWithSelector(OrderEscrow.TooEarlyToReclaim.selector, block.timestamp, uint256(START) + 17 days)
        );
        escrow.reclaim(placed.terms, SELLER, placed.id);
        _assertMoney(50, 50, 0);
        // | 18 | anyone reclaims; 50 go back | 50 | 0 | 0 |
        _onDay(18);
        vm.prank(STRANGER);
        escrow.reclaim(placed.terms, SELLER, placed.id);
        _assertMoney(50, 0, 0);
    }

    function test_dispute() public {
        Placed memory placed = _authorizeAndShip50();
        // | 5 | the payer disputes | 50 | 50 | 0 |
        _onDay(5);
        _dispute(placed);
        _assertMoney(50, 50, 0);
        // | 20 | the arbiter decides 20 for the seller; 30 go back | 50 | 0 | 20 |
        _onDay(20);
        vm.expectEmit(address(escrow));
        emit Disputes.Decided(placed.id, 20e6, 30e6);
        vm.prank(ARBITER);
        escrow.decide(placed.terms, SELLER, placed.id, 20e6);
        _assertMoney(50, 0, 20);
    }

    function test_basket() public {
        _onDay(2);
        OrderEscrow.Section memory section = _section(_a, 3);
        section.orders[0] = _orderOf(_a, 50);
        section.orders[1] = _orderOf(_a, 40);
        // | 2 | one basket with 50, 40 and 20: refused, OverAllowance(110, 100) | 0 | 0 |
        section.orders[2] = _orderOf(_a, 20);
        vm.expectEmit(address(escrow));
        emit OrderEscrow.Refused(0, abi.encodeWithSelector(MandateManager.OverAllowance.selector, 110e6, 100e6));
        _authorize(section);
        _assertMoney(0, 0, 0);
        // | 2 | one basket with 50, 40 and 10 | 100 | 100 |
        section.orders[2] = _orderOf(_a, 10);
        _authorize(section);
        _assertMoney(100, 100, 0);
    }

    /// @dev Both mandates in a household of 150 per 30 days that begins on day 10.
    function _formHousehold() private {
        _onDay(10);
        _setHousehold(150e6, 30 days);
        _a.household = HOUSEHOLD;
        _grant(_a);
        _b = _a;
        _b.salt += 1;
        _grant(_b);
    }

    function _authorizeAndShip50() private returns (Placed memory placed) {
        // | 2 | authorize 50 | 50 | 50 | 0 |
        _onDay(2);
        placed = _buy(_a, 50);
        _assertMoney(50, 50, 0);
        // | 3 | ship | 50 | 50 | 0 |
        _onDay(3);
        _send(placed);
        _assertMoney(50, 50, 0);
    }

    function _onDay(uint256 day) private {
        vm.warp(START + day * 1 days);
    }

    function _buy(MandateManager.Mandate memory mandate, uint96 dollars) private returns (Placed memory) {
        return _place(mandate, _authorizationOf(mandate, dollars));
    }

    function _assertRefused(MandateManager.Mandate memory mandate, uint96 dollars, bytes memory reason) private {
        OrderEscrow.Section memory section = _section(mandate, _orderOf(mandate, dollars));
        vm.expectEmit(address(escrow));
        emit OrderEscrow.Refused(0, reason);
        _authorize(section);
    }

    function _orderOf(MandateManager.Mandate memory mandate, uint96 dollars)
        private
        returns (OrderEscrow.Order memory)
    {
        return _order(_authorizationOf(mandate, dollars));
    }

    function _authorizationOf(MandateManager.Mandate memory mandate, uint96 dollars)
        private
        returns (OrderEscrow.Authorization memory authorization)
    {
        authorization = _authorization(mandate, ++_nonce);
        authorization.quantity = 3;
        authorization.total = dollars * 1e6;
    }

    function _send(Placed memory placed) private {
        vm.prank(SELLER);
        escrow.ship(_shipments(placed));
    }

    function _cancel(Placed memory placed) private {
        vm.prank(PAYER);
        escrow.cancel(placed.terms, SELLER, placed.id, "");
    }

    function _refund(Placed memory placed, uint96 dollars) private {
        vm.prank(SELLER);
        escrow.refund(placed.terms, placed.id, dollars * 1e6);
    }

    function _assertSpent(uint96 dollars) private view {
        vm.assertEq(escrow.spentNow(_a), dollars * 1e6);
    }

    function _assertSpent(uint96 a, uint96 b, uint96 household) private view {
        _assertSpent(a);
        vm.assertEq(escrow.spentNow(_b), b * 1e6);
        (,, uint256 spent) = escrow.householdState(PAYER, address(dollar), HOUSEHOLD);
        vm.assertEq(spent, household * 1e6);
    }

    function _assertOpen(uint96 spent, uint16 open) private view {
        _assertSpent(spent);
        vm.assertEq(escrow.mandateState(_mandateHash(_a)).openOrders, open);
    }

    function _assertMoney(uint96 spent, uint96 held, uint96 sellerHas) private view {
        _assertSpent(spent);
        _assertHeld(held);
        vm.assertEq(dollar.balanceOf(SELLER), sellerHas * 1e6);
    }

    function _assertHeld(uint96 dollars) private view {
        vm.assertEq(dollar.balanceOf(address(escrow)), dollars * 1e6);
    }
}
