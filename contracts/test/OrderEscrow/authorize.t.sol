// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {MandateManager} from "../../src/MandateManager.sol";
import {OrderBook} from "../../src/OrderBook.sol";
import {OrderEscrow} from "../../src/OrderEscrow.sol";
import {EscrowTest} from "../support/EscrowTest.sol";

/// @dev One basket on its own; authorizeBatch.t.sol has what a basket is refused for.
contract AuthorizeTest is EscrowTest {
    MandateManager.Mandate private mandate;

    function setUp() public override {
        super.setUp();
        mandate = _granted();
    }

    function test_placesAnOrder_andTakesItsFunds(address sender) public {
        OrderEscrow.Authorization memory authorization = _authorization(mandate, 1);
        bytes32 id = _authorizationId(authorization);
        OrderEscrow.Section[] memory basket = _sections(_order(authorization));
        vm.expectEmit(address(escrow));
        emit OrderEscrow.Authorized(id, _mandateHash(mandate), SELLER, PRICE, "quote");
        vm.prank(sender);
        escrow.authorize(basket);
        _assertState(Placed(_terms(mandate), id, PRICE), OrderBook.State.Authorized);
        vm.assertEq(dollar.balanceOf(address(escrow)), PRICE);
        vm.assertEq(escrow.spentNow(mandate), PRICE);
    }

    function test_reverts_withTheReason() public {
        OrderEscrow.Section[] memory basket = _sections(_order(_authorization(mandate, 0)));
        vm.expectRevert(abi.encodeWithSelector(MandateManager.NonceNotRising.selector, 0, 0));
        escrow.authorize(basket);
        vm.expectRevert(abi.encodeWithSelector(OrderEscrow.EmptyBasket.selector));
        escrow.authorize(new OrderEscrow.Section[](0));
    }

    function _sections(OrderEscrow.Order memory order) private view returns (OrderEscrow.Section[] memory sections) {
        sections = new OrderEscrow.Section[](1);
        sections[0] = _section(mandate, order);
    }
}
