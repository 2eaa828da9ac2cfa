// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {Households} from "../../src/Households.sol";
import {OrderBook} from "../../src/OrderBook.sol";
import {OrderEscrow} from "../../src/OrderEscrow.sol";
import {EscrowTest} from "../support/EscrowTest.sol";

contract RefundTest is EscrowTest {
    Placed private placed;
    uint256 private deadline;

    function setUp() public override {
        super.setUp();
        placed = _place(_granted(), 1);
        _ship(placed);
        _capture(placed, PRICE - 5);
        deadline = block.timestamp + 30 days;
        vm.prank(SELLER);
        dollar.approve(address(escrow), type(uint256).max);
    }

    function test_returnsAPart_andTheRestLater(uint96 amount) public {
        amount = amount % (PRICE - 6) + 1;
        uint256 payerBefore = dollar.balanceOf(PAYER);
        uint256 capturedAt = block.timestamp;
        vm.warp(capturedAt + 1 days);
        vm.expectEmit(address(escrow));
        emit OrderEscrow.Refunded(placed.id, amount);
        _refund(amount);
        vm.assertEq(dollar.balanceOf(PAYER), payerBefore + amount);
        vm.assertEq(dollar.balanceOf(SELLER), PRICE - 5 - amount);
        vm.assertEq(_record(placed).amount, PRICE - 5 - amount);
        vm.assertEq(_record(placed).since, capturedAt);

        _refund(PRICE - 5 - amount);
        vm.assertEq(dollar.balanceOf(SELLER), 0);
        vm.assertEq(_record(placed).amount, 0);
        _assertState(placed, OrderBook.State.Captured);
        vm.assertEq(escrow.spentNow(_mandate()), PRICE);
        vm.assertEq(escrow.mandateState(placed.terms.mandateHash).openOrders, 0);
    }

    function test_reverts_aboveWhatWasCaptured() public {
        vm.expectRevert(abi.encodeWithSelector(OrderEscrow.OverRefund.selector, PRICE - 4, PRICE - 5));
        _refund(PRICE - 4);
        _refund(PRICE - 6);
        vm.expectRevert(abi.encodeWithSelector(OrderEscrow.OverRefund.selector, 2, 1));
        _refund(2);
        _refund(1);
        vm.expectRevert(abi.encodeWithSelector(OrderEscrow.OverRefund.selector, 1, 0));
        _refund(1);
    }

    function test_returns_untilTheDeadline() public {
        vm.warp(deadline + 1);
        vm.expectRevert(abi.encodeWithSelector(OrderEscrow.TooLateToRefund.selector, deadline + 1, deadline));
        _refund(1);
        for (uint256 timestamp = deadline - 1; timestamp <= deadline; ++timestamp) {
            vm.warp(timestamp);
            _refund(1);
        }
        vm.assertEq(_record(placed).amount, PRICE - 7);
    }

    function test_returnsAllAtOnce() public {
        _refund(PRICE - 5);
        vm.assertEq(_record(placed).amount, 0);
    }

    function test_reverts_forNothing() public {
        vm.expectRevert(abi.encodeWithSelector(Households.MissingField.selector, "amount"));
        _refund(0);
    }

    function test_reverts_whenTheSellerHasNotAllowedIt() public {
        vm.prank(SELLER);
        dollar.approve(address(escrow), 4);
        vm.expectRevert(abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, address(escrow), 4, 5));
        _refund(5);
    }

    function test_reverts_beforeCapture() public {
        placed = _place(_mandate(), 2);
        _expectWrongState(placed, OrderBook.State.Authorized, OrderBook.State.Captured);
        _refund(1);
    }

    function test_reverts_forAnyoneElse(address sender) public {
        vm.assume(sender != SELLER);
        _expectWrongState(placed, OrderBook.State.None, OrderBook.State.Captured);
        vm.prank(sender);
        escrow.refund(placed.terms, placed.id, 1);
    }

    function _refund(uint96 amount) private {
        vm.prank(SELLER);
        escrow.refund(placed.terms, placed.id, amount);
    }
}
