// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {MandateManager} from "../../src/MandateManager.sol";
import {OrderEscrow} from "../../src/OrderEscrow.sol";
import {EscrowTest} from "../support/EscrowTest.sol";

contract CancelTest is EscrowTest {
    OrderEscrow.Terms private terms;

    function setUp() public override {
        super.setUp();
        terms = _place(_granted(), 1);
    }

    function test_returnsEverything_forThePayer() public {
        uint256 before = dollar.balanceOf(PAYER);
        vm.expectEmit(address(escrow));
        emit OrderEscrow.Cancelled(terms.authorizationId, PRICE);
        _cancel();
        vm.assertEq(dollar.balanceOf(PAYER), before + PRICE);
        _assertEnded(terms, OrderEscrow.State.Cancelled, 0, 0);
    }

    function test_returnsEverything_forTheDevice() public {
        vm.prank(DEVICE);
        escrow.cancel(terms, "");
        _assertEnded(terms, OrderEscrow.State.Cancelled, 0, 0);
    }

    function test_returnsEverything_withTheDevicesSignature(address sender) public {
        _cancelBy(sender, _sign(DEVICE_KEY, _cancellationDigest(terms)));
        _assertEnded(terms, OrderEscrow.State.Cancelled, 0, 0);
    }

    function test_returnsEverything_withThePayersSignature(address sender) public {
        _cancelBy(sender, _sign(PAYER_KEY, _cancellationDigest(terms)));
        _assertEnded(terms, OrderEscrow.State.Cancelled, 0, 0);
    }

    function test_returnsEverything_evenAfterShipBy() public {
        vm.warp(terms.shipBy + 1);
        _cancel();
        _assertEnded(terms, OrderEscrow.State.Cancelled, 0, 0);
    }

    function test_reverts_withAnotherSignature(address sender) public {
        vm.assume(sender != PAYER && sender != DEVICE);
        bytes32 digest = _cancellationDigest(terms);
        bytes memory signature = _sign(STRANGER_KEY, digest);
        vm.expectRevert(abi.encodeWithSelector(MandateManager.WrongSignature.selector, PAYER, digest));
        _cancelBy(sender, signature);
    }

    function test_reverts_forTheSeller() public {
        bytes32 digest = _cancellationDigest(terms);
        vm.expectRevert(abi.encodeWithSelector(MandateManager.WrongSignature.selector, PAYER, digest));
        _cancelBy(SELLER, "");
    }

    function test_reverts_withTheCancellationOfAnotherOrder() public {
        OrderEscrow.Terms memory second = _place(_mandate(), 2);
        bytes memory signature = _sign(DEVICE_KEY, _cancellationDigest(second));
        bytes32 digest = _cancellationDigest(terms);
        vm.expectRevert(abi.encodeWithSelector(MandateManager.WrongSignature.selector, PAYER, digest));
        _cancelBy(STRANGER, signature);
    }

    function test_reverts_onceShipped() public {
        _ship(terms);
        _expectWrongState(OrderEscrow.State.Shipped);
        _cancel();
    }

    function test_reverts_theSecondTime() public {
        _cancel();
        _expectWrongState(OrderEscrow.State.Cancelled);
        _cancel();
    }

    function test_reverts_forUnknownTerms() public {
        terms.amount += 1;
        _expectWrongState(OrderEscrow.State.None);
        _cancel();
    }

    function test_givesBack_onlyItsOwnAmount() public {
        OrderEscrow.Terms memory second = _place(_mandate(), 2);
        _cancel();
        MandateManager.MandateState memory counters = escrow.mandateState(terms.mandateHash);
        vm.assertEq(counters.spent, PRICE);
        vm.assertEq(counters.openOrders, 1);
        vm.assertEq(counters.lastNonce, 2);
        _assertState(second, OrderEscrow.State.Authorized);
    }

    function test_givesBack_inTheLastSecondOfThePeriod() public {
        _place(_mandate(), 2);
        vm.warp(START + PERIOD - 1);
        _cancel();
        vm.assertEq(escrow.spentNow(_mandate()), PRICE);
    }

    function test_givesNothingBack_toALaterPeriod() public {
        vm.warp(START + PERIOD);
        _place(_mandate(), 2);
        _cancel();
        vm.assertEq(escrow.spentNow(_mandate()), PRICE);
    }

    function test_givesNothingBack_toALaterPeriodThatHasNotSpentYet() public {
        vm.warp(START + PERIOD);
        _cancel();
        vm.assertEq(escrow.spentNow(_mandate()), 0);
    }

    function _cancel() private {
        vm.prank(PAYER);
        escrow.cancel(terms, "");
    }

    function _cancelBy(address sender, bytes memory signature) private {
        vm.prank(sender);
        escrow.cancel(terms, signature);
    }

    function _expectWrongState(OrderEscrow.State actual) private {
        vm.expectRevert(
            abi.encodeWithSelector(
                OrderEscrow.WrongState.selector, terms.authorizationId, actual, OrderEscrow.State.Authorized
            )
        );
    }
}
