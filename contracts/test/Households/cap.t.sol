// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Households} from "../../src/Households.sol";
import {MandateManager} from "../../src/MandateManager.sol";
import {OrderBook} from "../../src/OrderBook.sol";
import {OrderEscrow} from "../../src/OrderEscrow.sol";
import {EscrowTest} from "../support/EscrowTest.sol";

/// @dev Two mandates that share a cap; its periods begin ten days after theirs.
contract HouseholdCapTest is EscrowTest {
    uint256 private constant HOUSEHOLD_START = START + 10 days;

    MandateManager.Mandate private first;
    MandateManager.Mandate private second;

    function setUp() public override {
        super.setUp();
        vm.warp(HOUSEHOLD_START);
        _setHousehold(2 * PRICE, PERIOD);
        first = _mandate();
        first.household = HOUSEHOLD;
        _grant(first);
        second = first;
        second.salt = 2;
        _grant(second);
    }

    function test_countsTheOrdersOfAllMembers() public {
        _place(first, 1);
        _assertSpent(PRICE);
        _place(second, 1);
        _assertSpent(2 * PRICE);
        _assertRefused(first, 2, 2 * PRICE + 1, 2 * PRICE);
        vm.assertEq(escrow.spentNow(first), PRICE);
        vm.assertEq(escrow.spentNow(second), PRICE);
    }

    function test_takesTheLastUnitOfTheCap() public {
        _place(first, 1);
        OrderEscrow.Authorization memory authorization = _authorization(second, 1);
        authorization.total = PRICE - 1;
        _place(second, authorization);
        _assertSpent(2 * PRICE - 1);
        _place(second, _cheap(second, 2));
        _assertSpent(2 * PRICE);
        _assertRefused(second, 3, 2 * PRICE + 1, 2 * PRICE);
    }

    function test_countsSeveralMembers_inOneBasket() public {
        OrderEscrow.Section[] memory sections = new OrderEscrow.Section[](2);
        sections[0] = _section(first, 2);
        sections[0].orders[0] = _order(_authorization(first, 1));
        sections[0].orders[1] = _order(_authorization(first, 2));
        sections[1] = _section(second, _order(_cheap(second, 1)));
        bytes memory reason =
            abi.encodeWithSelector(Households.OverHouseholdAllowance.selector, 2 * PRICE + 1, 2 * PRICE);
        vm.expectEmit(address(escrow));
        emit OrderEscrow.Refused(0, reason);
        escrow.authorizeBatch(_baskets(_basket(sections)));
        _assertSpent(0);
    }

    function test_beginsAnew_withTheHouseholdsPeriod() public {
        _place(first, 1);
        _place(first, 2);
        vm.warp(HOUSEHOLD_START + PERIOD - 1);
        _assertRefused(second, 1, 2 * PRICE + 1, 2 * PRICE);
        vm.warp(HOUSEHOLD_START + PERIOD);
        _assertSpent(0);
        _place(second, 1);
        _assertSpent(PRICE);
        vm.warp(HOUSEHOLD_START + PERIOD + 1);
        _place(second, 2);
        _assertRefused(second, 3, 2 * PRICE + 1, 2 * PRICE);
    }

    function test_capsByTheChange_onceItHolds() public {
        _setHousehold(PRICE, 1 days);
        _place(first, 1);
        vm.warp(HOUSEHOLD_START + PERIOD - 1);
        _place(first, 2);
        vm.warp(HOUSEHOLD_START + PERIOD);
        _place(second, 1);
        _assertRefused(first, 3, PRICE + 1, PRICE);
        vm.warp(HOUSEHOLD_START + PERIOD + 1);
        _assertRefused(first, 3, PRICE + 1, PRICE);
        vm.warp(HOUSEHOLD_START + PERIOD + 1 days);
        _place(first, 3);
        _assertSpent(PRICE);
    }

    function test_givesBack_inItsOwnPeriod() public {
        vm.warp(START + PERIOD - 1);
        Placed memory placed = _place(first, 1);
        _place(second, 1);
        vm.warp(HOUSEHOLD_START + PERIOD - 1);
        _cancel(placed);
        _assertSpent(PRICE);
        vm.assertEq(escrow.spentNow(first), 0);
        vm.assertEq(escrow.mandateState(placed.terms.mandateHash).spent, 0);
    }

    function test_givesNothingBack_toALaterPeriod() public {
        Placed memory placed = _place(first, 1);
        vm.warp(HOUSEHOLD_START + PERIOD);
        _place(second, 1);
        _cancel(placed);
        _assertSpent(PRICE);
    }

    /// @dev What an order of the last second before a period had counted is not given back to it.
    function test_givesBack_whatThePeriodItselfHasCounted() public {
        vm.warp(HOUSEHOLD_START + PERIOD - 1);
        Placed memory before = _place(first, 1);
        vm.warp(HOUSEHOLD_START + PERIOD);
        Placed memory inFirst = _place(first, 2);
        _cancel(before);
        _assertSpent(PRICE);
        vm.warp(HOUSEHOLD_START + PERIOD + 1);
        Placed memory afterwards = _place(second, 1);
        _cancel(inFirst);
        _assertSpent(PRICE);
        _cancel(afterwards);
        _assertSpent(0);
    }

    function test_givesNothingBack_acrossAChange() public {
        vm.warp(HOUSEHOLD_START + PERIOD - 1);
        Placed memory placed = _place(first, 1);
        _setHousehold(PRICE, 2 * PERIOD);
        vm.warp(HOUSEHOLD_START + PERIOD);
        _place(second, 1);
        _cancel(placed);
        _assertSpent(PRICE);
    }

    function test_givesBack_inTheFirstSecondsOfAChange() public {
        _setHousehold(2 * PRICE, 1 days);
        vm.warp(HOUSEHOLD_START + PERIOD);
        Placed memory placed = _place(first, 1);
        _place(second, 1);
        _cancel(placed);
        _assertSpent(PRICE);
        vm.warp(HOUSEHOLD_START + PERIOD + 1);
        placed = _place(first, 2);
        _assertSpent(2 * PRICE);
        _cancel(placed);
        _assertSpent(PRICE);
    }

    function test_letsAMandateWithoutAHouseholdAlone() public {
        _place(first, 1);
        _place(first, 2);
        Placed memory placed = _place(_granted(), 1);
        _assertSpent(2 * PRICE);
        _cancel(placed);
        _assertSpent(2 * PRICE);
    }

    function _cancel(Placed memory placed) private {
        vm.prank(PAYER);
        escrow.cancel(placed.terms, SELLER, placed.id, "");
        _assertState(placed, OrderBook.State.Cancelled);
    }

    /// @dev An order of the smallest unit.
    function _cheap(MandateManager.Mandate memory mandate, uint48 nonce)
        private
        view
        returns (OrderEscrow.Authorization memory authorization)
    {
        authorization = _authorization(mandate, nonce);
        authorization.total = 1;
    }

    function _assertRefused(MandateManager.Mandate memory mandate, uint48 nonce, uint256 spent, uint96 cap) private {
        OrderEscrow.Section memory section = _section(mandate, _order(_cheap(mandate, nonce)));
        vm.expectEmit(address(escrow));
        emit OrderEscrow.Refused(0, abi.encodeWithSelector(Households.OverHouseholdAllowance.selector, spent, cap));
        _authorize(section);
    }

    function _assertSpent(uint96 expected) private view {
        (,, uint256 spent) = escrow.householdState(PAYER, address(dollar), HOUSEHOLD);
        vm.assertEq(spent, expected);
    }
}
