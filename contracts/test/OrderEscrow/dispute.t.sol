// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Disputes} from "../../src/Disputes.sol";
import {OrderBook} from "../../src/OrderBook.sol";
import {EscrowTest} from "../support/EscrowTest.sol";

contract DisputeTest is EscrowTest {
    Placed private placed;

    function setUp() public override {
        super.setUp();
        placed = _place(_granted(), 1);
    }

    function test_freezesTheOrder_forEitherSide(uint8 who) public {
        address sender = [PAYER, DEVICE, SELLER][who % 3];
        _ship(placed);
        vm.warp(block.timestamp + 1 days);
        vm.expectEmit(address(escrow));
        emit Disputes.Disputed(placed.id, sender);
        _disputeBy(sender, "");
        OrderBook.Record memory current = _record(placed);
        vm.assertEq(uint256(current.state), uint256(OrderBook.State.Disputed));
        vm.assertEq(current.since, block.timestamp);
        vm.assertEq(current.amount, PRICE);
        vm.assertEq(dollar.balanceOf(address(escrow)), PRICE);
        vm.assertEq(escrow.mandateState(placed.terms.mandateHash).openOrders, 1);
    }

    function test_takesASignatureOfTheBuyersSide(address sender, bool device) public {
        _ship(placed);
        _disputeBy(sender, _sign(device ? DEVICE_KEY : PAYER_KEY, _disputeDigest(placed)));
        _assertState(placed, OrderBook.State.Disputed);
    }

    function test_disputes_untilFourteenDaysAfterShipping() public {
        Placed memory second = _place(_mandate(), 2);
        _ship(placed);
        vm.prank(SELLER);
        escrow.ship(_shipments(second));
        uint256 deadline = block.timestamp + 14 days;
        vm.warp(deadline + 1);
        vm.expectRevert(abi.encodeWithSelector(Disputes.TooLateToDispute.selector, deadline + 1, deadline));
        _disputeBy(PAYER, "");
        for (uint256 timestamp = deadline - 1; timestamp <= deadline; ++timestamp) {
            vm.warp(timestamp);
            _disputeBy(PAYER, "");
            _assertState(placed, OrderBook.State.Disputed);
            placed = second;
        }
    }

    function test_reverts_withAnotherSignature(address sender) public {
        vm.assume(sender != PAYER && sender != DEVICE && sender != SELLER);
        _ship(placed);
        bytes32 digest = _disputeDigest(placed);
        bytes[3] memory signatures =
            [_sign(STRANGER_KEY, digest), _sign(DEVICE_KEY, _cancellationDigest(placed)), bytes("")];
        for (uint256 i = 0; i < signatures.length; ++i) {
            _expectWrongSignature(PAYER, digest);
            _disputeBy(sender, signatures[i]);
        }
    }

    function test_reverts_beforeItShips() public {
        _expectWrongState(placed, OrderBook.State.Authorized, OrderBook.State.Shipped);
        _disputeBy(PAYER, "");
    }

    function test_reverts_onceCaptured_orDisputed() public {
        _ship(placed);
        _disputeBy(PAYER, "");
        _expectWrongState(placed, OrderBook.State.Disputed, OrderBook.State.Shipped);
        _disputeBy(SELLER, "");
        placed = _place(_mandate(), 2);
        _ship(placed);
        _capture(placed, PRICE);
        _expectWrongState(placed, OrderBook.State.Captured, OrderBook.State.Shipped);
        _disputeBy(PAYER, "");
    }

    function _disputeBy(address sender, bytes memory signature) private {
        vm.prank(sender);
        escrow.dispute(placed.terms, SELLER, placed.id, signature);
    }
}
