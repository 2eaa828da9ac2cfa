// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {OrderBook} from "../../src/OrderBook.sol";
import {OrderEscrow} from "../../src/OrderEscrow.sol";
import {EscrowTest} from "../support/EscrowTest.sol";

contract ReclaimTest is EscrowTest {
    Placed private placed;

    function setUp() public override {
        super.setUp();
        placed = _place(_granted(), 1);
    }

    function test_returnsEverything_afterShipBy(address sender) public {
        uint256 before = dollar.balanceOf(PAYER);
        _assertTooEarly(_shipBy());
        vm.warp(_shipBy() + 1);
        vm.expectEmit(address(escrow));
        emit OrderEscrow.Reclaimed(placed.id, PRICE);
        vm.prank(sender);
        _reclaim();
        vm.assertEq(dollar.balanceOf(PAYER), before + PRICE);
        _assertEnded(placed, OrderBook.State.Reclaimed, 0, 0);
    }

    function test_returnsEverything_whenNobodyConfirmed_butGivesNothingBack(address sender) public {
        _ship(placed);
        _assertReturnsAfter(block.timestamp + 14 days, sender);
    }

    function test_returnsEverything_whenTheArbiterIsSilent_butGivesNothingBack(address sender) public {
        _ship(placed);
        vm.warp(block.timestamp + 14 days);
        _dispute(placed);
        _assertReturnsAfter(block.timestamp + 30 days, sender);
    }

    function test_closesOneOrderOnly() public {
        Placed memory unshipped = placed;
        _place(_mandate(), 2);
        placed = _place(_mandate(), 3);
        _ship(placed);
        vm.warp(block.timestamp + 14 days + 1);
        _reclaim();
        vm.assertEq(escrow.mandateState(placed.terms.mandateHash).openOrders, 2);
        placed = unshipped;
        _reclaim();
        vm.assertEq(escrow.mandateState(placed.terms.mandateHash).openOrders, 1);
    }

    function test_givesNothingBack_toALaterPeriod() public {
        vm.warp(START + PERIOD);
        _place(_mandate(), 2);
        _reclaim();
        vm.assertEq(escrow.spentNow(_mandate()), PRICE);
    }

    function test_reverts_theSecondTime() public {
        vm.warp(_shipBy() + 1);
        _reclaim();
        _expectWrongState(placed, OrderBook.State.Reclaimed, OrderBook.State.Authorized);
        _reclaim();
    }

    function test_reverts_forAnUnknownOrder() public {
        placed.id = "another";
        _expectWrongState(placed, OrderBook.State.None, OrderBook.State.Authorized);
        _reclaim();
    }

    function _assertReturnsAfter(uint256 deadline, address sender) private {
        uint256 before = dollar.balanceOf(PAYER);
        _assertTooEarly(deadline);
        vm.warp(deadline + 1);
        vm.prank(sender);
        _reclaim();
        vm.assertEq(dollar.balanceOf(PAYER), before + PRICE);
        _assertEnded(placed, OrderBook.State.Reclaimed, 0, PRICE);
    }

    function _assertTooEarly(uint256 deadline) private {
        for (uint256 timestamp = deadline - 1; timestamp <= deadline; ++timestamp) {
            vm.warp(timestamp);
            vm.expectRevert(abi.encodeWithSelector(OrderEscrow.TooEarlyToReclaim.selector, timestamp, deadline));
            _reclaim();
        }
    }

    function _reclaim() private {
        escrow.reclaim(placed.terms, SELLER, placed.id);
    }
}
