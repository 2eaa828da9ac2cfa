// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {MandateManager} from "../../src/MandateManager.sol";
import {OrderEscrow} from "../../src/OrderEscrow.sol";
import {EscrowTest} from "../support/EscrowTest.sol";

contract ShipTest is EscrowTest {
    OrderEscrow.Terms private terms;

    function setUp() public override {
        super.setUp();
        terms = _place(_granted(), 1);
    }

    function test_ships() public {
        vm.warp(START + 2 days);
        vm.expectEmit(address(escrow));
        emit OrderEscrow.Shipped(terms.authorizationId, SHIPMENT);
        _send();
        OrderEscrow.Record memory current = escrow.record(terms);
        vm.assertEq(uint256(current.state), uint256(OrderEscrow.State.Shipped));
        vm.assertEq(current.since, START + 2 days);
        vm.assertEq(current.remaining, PRICE);
        vm.assertEq(current.captured, 0);
    }

    function test_ships_fromTheEndOfCoolingOffOn() public {
        vm.warp(START + 1 days - 1);
        vm.expectRevert(abi.encodeWithSelector(OrderEscrow.CoolingOff.selector, START + 1 days - 1, START + 1 days));
        _send();
        vm.warp(START + 1 days);
        _send();
        _assertState(terms, OrderEscrow.State.Shipped);
    }

    function test_ships_untilShipBy() public {
        vm.warp(terms.shipBy + 1);
        vm.expectRevert(abi.encodeWithSelector(OrderEscrow.ShipByPassed.selector, terms.shipBy + 1, terms.shipBy));
        _send();
        vm.warp(terms.shipBy);
        _send();
        _assertState(terms, OrderEscrow.State.Shipped);
    }

    function test_reverts_forAnyoneElse(address sender) public {
        vm.assume(sender != SELLER);
        vm.warp(START + 2 days);
        vm.expectRevert(abi.encodeWithSelector(MandateManager.WrongCaller.selector, sender, SELLER));
        vm.prank(sender);
        escrow.ship(_shipments(terms));
    }

    function test_skips_whatWasCancelled_andShipsTheRest() public {
        OrderEscrow.Terms memory second = _place(_mandate(), 2);
        vm.prank(PAYER);
        escrow.cancel(terms, "");
        OrderEscrow.Shipment[] memory shipments = new OrderEscrow.Shipment[](2);
        shipments[0] = OrderEscrow.Shipment(terms, SHIPMENT);
        shipments[1] = OrderEscrow.Shipment(second, SHIPMENT);
        vm.warp(START + 2 days);
        vm.expectEmit(address(escrow));
        emit OrderEscrow.Skipped(terms.authorizationId, OrderEscrow.State.Cancelled);
        vm.expectEmit(address(escrow));
        emit OrderEscrow.Shipped(second.authorizationId, SHIPMENT);
        vm.prank(SELLER);
        escrow.ship(shipments);
        _assertState(terms, OrderEscrow.State.Cancelled);
        _assertState(second, OrderEscrow.State.Shipped);
    }

    function test_skips_theSecondTime() public {
        _ship(terms);
        vm.warp(START + 3 days);
        vm.expectEmit(address(escrow));
        emit OrderEscrow.Skipped(terms.authorizationId, OrderEscrow.State.Shipped);
        _send();
        vm.assertEq(escrow.record(terms).since, START + 1 days);
    }

    function test_skips_unknownTerms() public {
        terms.amount += 1;
        vm.expectEmit(address(escrow));
        emit OrderEscrow.Skipped(terms.authorizationId, OrderEscrow.State.None);
        _send();
    }

    function _send() private {
        vm.prank(SELLER);
        escrow.ship(_shipments(terms));
    }
}
