// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {MandateManager} from "../../src/MandateManager.sol";
import {OrderBook} from "../../src/OrderBook.sol";
import {OrderEscrow} from "../../src/OrderEscrow.sol";
import {EscrowTest} from "../support/EscrowTest.sol";

contract ShipTest is EscrowTest {
    Placed private placed;

    function setUp() public override {
        super.setUp();
        placed = _place(_granted(), 1);
    }

    function test_ships() public {
        vm.warp(START + 2 days);
        vm.expectEmit(address(escrow));
        emit OrderEscrow.Shipped(placed.id, SHIPMENT);
        _send();
        OrderBook.Record memory current = _record(placed);
        vm.assertEq(uint256(current.state), uint256(OrderBook.State.Shipped));
        vm.assertEq(current.since, START + 2 days);
        vm.assertEq(current.shipBy, _shipBy());
        vm.assertEq(current.coolingOffSeconds, 1 days);
        vm.assertEq(current.amount, PRICE);
        vm.assertEq(dollar.balanceOf(address(escrow)), PRICE);
        vm.assertEq(escrow.mandateState(placed.terms.mandateHash).openOrders, 1);
    }

    function test_ships_fromTheEndOfCoolingOffOn() public {
        vm.warp(START + 1 days - 1);
        vm.expectRevert(abi.encodeWithSelector(OrderEscrow.CoolingOff.selector, START + 1 days - 1, START + 1 days));
        _send();
        Placed memory second = _place(_mandate(), 2);
        vm.warp(START + 1 days);
        _send();
        _assertState(placed, OrderBook.State.Shipped);
        placed = second;
        vm.expectRevert(abi.encodeWithSelector(OrderEscrow.CoolingOff.selector, START + 1 days, START + 2 days - 1));
        _send();
        vm.warp(START + 2 days);
        _send();
        _assertState(placed, OrderBook.State.Shipped);
    }

    function test_ships_inTheSameSecond_withoutCoolingOff() public {
        MandateManager.Mandate memory mandate = _mandate();
        mandate.coolingOffSeconds = 0;
        _grant(mandate);
        placed = _place(mandate, 1);
        _send();
        _assertState(placed, OrderBook.State.Shipped);
    }

    function test_ships_untilShipBy() public {
        Placed memory second = _place(_mandate(), 2);
        vm.warp(_shipBy() + 1);
        vm.expectRevert(abi.encodeWithSelector(OrderEscrow.ShipByPassed.selector, _shipBy() + 1, _shipBy()));
        _send();
        for (uint256 timestamp = _shipBy() - 1; timestamp <= _shipBy(); ++timestamp) {
            vm.warp(timestamp);
            _send();
            _assertState(placed, OrderBook.State.Shipped);
            placed = second;
        }
    }

    /// @dev The sender is the seller whose order is looked up: nobody else has one of this id.
    function test_skips_forAnyoneElse(address sender) public {
        vm.assume(sender != SELLER);
        vm.warp(START + 2 days);
        vm.expectEmit(address(escrow));
        emit OrderEscrow.Skipped(placed.id, sender, OrderBook.State.None);
        vm.prank(sender);
        escrow.ship(_shipments(placed));
        _assertState(placed, OrderBook.State.Authorized);
    }

    function test_skips_whatWasCancelled_andShipsTheRest() public {
        Placed memory second = _place(_mandate(), 2);
        vm.prank(PAYER);
        escrow.cancel(placed.terms, SELLER, placed.id, "");
        Placed memory third = _place(_mandate(), 3);
        OrderEscrow.Shipment[] memory shipments = new OrderEscrow.Shipment[](2);
        shipments[0] = OrderEscrow.Shipment(_termsHash(placed), SHIPMENT, new bytes32[](2));
        shipments[0].authorizationIds[0] = placed.id;
        shipments[0].authorizationIds[1] = second.id;
        shipments[1] = _shipments(third)[0];
        shipments[1].shipment = "another parcel";
        vm.warp(START + 2 days);
        vm.expectEmit(address(escrow));
        emit OrderEscrow.Skipped(placed.id, SELLER, OrderBook.State.Cancelled);
        vm.expectEmit(address(escrow));
        emit OrderEscrow.Shipped(second.id, SHIPMENT);
        vm.expectEmit(address(escrow));
        emit OrderEscrow.Shipped(third.id, "another parcel");
        vm.prank(SELLER);
        escrow.ship(shipments);
        _assertState(placed, OrderBook.State.Cancelled);
        _assertState(second, OrderBook.State.Shipped);
        _assertState(third, OrderBook.State.Shipped);
    }

    function test_skips_theSecondTime() public {
        _ship(placed);
        vm.warp(START + 3 days);
        vm.expectEmit(address(escrow));
        emit OrderEscrow.Skipped(placed.id, SELLER, OrderBook.State.Shipped);
        _send();
        vm.assertEq(_record(placed).since, START + 1 days);
    }

    function _send() private {
        OrderEscrow.Shipment[] memory shipments = _shipments(placed);
        vm.prank(SELLER);
        escrow.ship(shipments);
    }
}
