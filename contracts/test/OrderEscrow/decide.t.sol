// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Disputes} from "../../src/Disputes.sol";
import {MandateManager} from "../../src/MandateManager.sol";
import {OrderBook} from "../../src/OrderBook.sol";
import {EscrowTest} from "../support/EscrowTest.sol";

contract DecideTest is EscrowTest {
    Placed private placed;

    function setUp() public override {
        super.setUp();
        placed = _place(_granted(), 1);
        _ship(placed);
    }

    function test_splitsBetweenSellerAndPayer(uint96 toSeller) public {
        toSeller %= PRICE + 1;
        _dispute(placed);
        uint256 payerBefore = dollar.balanceOf(PAYER);
        vm.warp(block.timestamp + 1 days);
        vm.expectEmit(address(escrow));
        emit Disputes.Decided(placed.id, toSeller, PRICE - toSeller);
        _decide(ARBITER, toSeller);
        vm.assertEq(dollar.balanceOf(SELLER), toSeller);
        vm.assertEq(dollar.balanceOf(PAYER), payerBefore + PRICE - toSeller);
        _assertEnded(placed, OrderBook.State.Decided, toSeller, PRICE);
    }

    function test_givesAllToEither() public {
        _dispute(placed);
        _decide(ARBITER, PRICE);
        _assertEnded(placed, OrderBook.State.Decided, PRICE, PRICE);
        vm.assertEq(dollar.balanceOf(SELLER), PRICE);
        placed = _place(_mandate(), 2);
        _ship(placed);
        _dispute(placed);
        _decide(ARBITER, 0);
        _assertEnded(placed, OrderBook.State.Decided, 0, 2 * PRICE);
        vm.assertEq(dollar.balanceOf(SELLER), PRICE);
    }

    function test_leavesThePayerOneUnit() public {
        _dispute(placed);
        uint256 payerBefore = dollar.balanceOf(PAYER);
        _decide(ARBITER, PRICE - 1);
        _assertEnded(placed, OrderBook.State.Decided, PRICE - 1, PRICE);
        vm.assertEq(dollar.balanceOf(PAYER), payerBefore + 1);
    }

    function test_closesOneOrderOnly() public {
        _place(_mandate(), 2);
        _dispute(placed);
        _decide(ARBITER, 1);
        vm.assertEq(escrow.mandateState(placed.terms.mandateHash).openOrders, 1);
    }

    function test_decides_untilThirtyDaysAfterTheDispute() public {
        Placed memory second = _place(_mandate(), 2);
        _ship(second);
        _dispute(placed);
        _dispute(second);
        uint256 deadline = block.timestamp + 30 days;
        vm.warp(deadline + 1);
        vm.expectRevert(abi.encodeWithSelector(Disputes.TooLateToDecide.selector, deadline + 1, deadline));
        _decide(ARBITER, 1);
        for (uint256 timestamp = deadline - 1; timestamp <= deadline; ++timestamp) {
            vm.warp(timestamp);
            _decide(ARBITER, 1);
            _assertState(placed, OrderBook.State.Decided);
            placed = second;
        }
    }

    function test_reverts_aboveWhatIsHeld() public {
        _dispute(placed);
        vm.expectRevert(abi.encodeWithSelector(OrderBook.OverHeld.selector, PRICE + 1, PRICE));
        _decide(ARBITER, PRICE + 1);
    }

    function test_reverts_forAnyoneElse(address sender) public {
        vm.assume(sender != ARBITER);
        _dispute(placed);
        _expectWrongCaller(sender, ARBITER);
        _decide(sender, 1);
    }

    function test_reverts_forAll_whenNobodyWasNamed() public {
        MandateManager.Mandate memory mandate = _mandate();
        mandate.arbiter = address(0);
        _grant(mandate);
        placed = _place(mandate, 1);
        _ship(placed);
        _dispute(placed);
        _expectWrongCaller(ARBITER, address(0));
        _decide(ARBITER, 1);
    }

    function test_reverts_withoutADispute() public {
        _expectWrongState(placed, OrderBook.State.Shipped, OrderBook.State.Disputed);
        _decide(ARBITER, 1);
    }

    function test_reverts_theSecondTime() public {
        _dispute(placed);
        _decide(ARBITER, 1);
        _expectWrongState(placed, OrderBook.State.Decided, OrderBook.State.Disputed);
        _decide(ARBITER, 1);
    }

    function _decide(address sender, uint96 toSeller) private {
        vm.prank(sender);
        escrow.decide(placed.terms, SELLER, placed.id, toSeller);
    }
}
