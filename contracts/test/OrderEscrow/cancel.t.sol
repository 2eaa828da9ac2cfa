// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {MandateManager} from "../../src/MandateManager.sol";
import {OrderBook} from "../../src/OrderBook.sol";
import {OrderEscrow} from "../../src/OrderEscrow.sol";
import {EscrowTest} from "../support/EscrowTest.sol";
import {Wallet} from "../support/Wallet.sol";

contract CancelTest is EscrowTest {
    Placed private placed;

    function setUp() public override {
        super.setUp();
        placed = _place(_granted(), 1);
    }

    function test_returnsEverything_forThePayer() public {
        uint256 before = dollar.balanceOf(PAYER);
        vm.expectEmit(address(escrow));
        emit OrderEscrow.Cancelled(placed.id, PRICE);
        _cancel();
        vm.assertEq(dollar.balanceOf(PAYER), before + PRICE);
        _assertEnded(placed, OrderBook.State.Cancelled, 0, 0);
    }

    function test_returnsEverything_forTheDevice() public {
        _cancelBy(DEVICE, "");
        _assertEnded(placed, OrderBook.State.Cancelled, 0, 0);
    }

    function test_returnsEverything_withTheDevicesSignature(address sender) public {
        _cancelBy(sender, _sign(DEVICE_KEY, _cancellationDigest(placed)));
        _assertEnded(placed, OrderBook.State.Cancelled, 0, 0);
    }

    function test_returnsEverything_withThePayersSignature(address sender) public {
        _cancelBy(sender, _sign(PAYER_KEY, _cancellationDigest(placed)));
        _assertEnded(placed, OrderBook.State.Cancelled, 0, 0);
    }

    function test_returnsEverything_withTheSignatureOfAPayingContract() public {
        address wallet = address(new Wallet(vm.addr(STRANGER_KEY)));
        _fund(wallet, PRICE);
        MandateManager.Mandate memory mandate = _mandate();
        mandate.payer = wallet;
        _grant(mandate);
        placed = _place(mandate, 1);
        _cancelBy(STRANGER, _sign(STRANGER_KEY, _cancellationDigest(placed)));
        vm.assertEq(dollar.balanceOf(wallet), PRICE);
    }

    /// @dev No deadline is the buyer's: neither the end of cooling off nor ship-by ends the right.
    function test_returnsEverything_atAnyTime() public {
        uint256[7] memory times = [
            uint256(START),
            START + 1 days - 1,
            START + 1 days,
            START + 1 days + 1,
            _shipBy() - 1,
            _shipBy(),
            _shipBy() + 1
        ];
        _cancel();
        OrderEscrow.Authorization memory authorization = _authorization(_mandate(), 1);
        for (uint256 i = 0; i < times.length; ++i) {
            vm.warp(START);
            authorization.nonce += 1;
            placed = _place(_mandate(), authorization);
            vm.warp(times[i]);
            _cancel();
            _assertEnded(placed, OrderBook.State.Cancelled, 0, 0);
        }
    }

    function test_reverts_withAnotherSignature(address sender) public {
        vm.assume(sender != PAYER && sender != DEVICE);
        bytes32 digest = _cancellationDigest(placed);
        bytes[4] memory signatures = [
            _sign(STRANGER_KEY, digest),
            _malleable(_sign(DEVICE_KEY, digest)),
            _sign(DEVICE_KEY, _disputeDigest(placed)),
            bytes("short")
        ];
        for (uint256 i = 0; i < signatures.length; ++i) {
            _expectWrongSignature(PAYER, digest);
            _cancelBy(sender, signatures[i]);
        }
    }

    function test_reverts_forTheSeller() public {
        _expectWrongSignature(PAYER, _cancellationDigest(placed));
        _cancelBy(SELLER, "");
    }

    function test_reverts_withTheCancellationOfAnotherOrder() public {
        Placed memory second = _place(_mandate(), 2);
        _expectWrongSignature(PAYER, _cancellationDigest(placed));
        _cancelBy(STRANGER, _sign(DEVICE_KEY, _cancellationDigest(second)));
    }

    function test_reverts_onceShipped() public {
        _ship(placed);
        _expectWrongState(placed, OrderBook.State.Shipped, OrderBook.State.Authorized);
        _cancel();
    }

    function test_reverts_theSecondTime() public {
        _cancel();
        _expectWrongState(placed, OrderBook.State.Cancelled, OrderBook.State.Authorized);
        _cancel();
    }

    function test_reverts_forUnknownTerms() public {
        placed.terms.household += 1;
        _expectWrongState(placed, OrderBook.State.None, OrderBook.State.Authorized);
        _cancel();
    }

    function test_givesBack_onlyItsOwnAmount() public {
        Placed memory second = _place(_mandate(), 2);
        _cancel();
        MandateManager.MandateState memory counters = escrow.mandateState(placed.terms.mandateHash);
        vm.assertEq(counters.spent, PRICE);
        vm.assertEq(counters.openOrders, 1);
        vm.assertEq(counters.lastNonce, 2);
        _assertState(second, OrderBook.State.Authorized);
    }

    function test_givesBack_inTheLastSecondOfThePeriod() public {
        _place(_mandate(), 2);
        vm.warp(START + PERIOD - 1);
        _cancel();
        vm.assertEq(escrow.spentNow(_mandate()), PRICE);
    }

    /// @dev What an order of the last second before a period had counted is not given back to it.
    function test_givesBack_whatThePeriodItselfHasCounted() public {
        vm.warp(START + PERIOD - 1);
        Placed memory before = _place(_mandate(), 2);
        vm.warp(START + PERIOD);
        Placed memory first = _place(_mandate(), 3);
        placed = before;
        _cancel();
        vm.assertEq(escrow.spentNow(_mandate()), PRICE);
        vm.warp(START + PERIOD + 1);
        Placed memory afterwards = _place(_mandate(), 4);
        placed = first;
        _cancel();
        vm.assertEq(escrow.spentNow(_mandate()), PRICE);
        placed = afterwards;
        _cancel();
        vm.assertEq(escrow.spentNow(_mandate()), 0);
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
        _cancelBy(PAYER, "");
    }

    function _cancelBy(address sender, bytes memory signature) private {
        vm.prank(sender);
        escrow.cancel(placed.terms, SELLER, placed.id, signature);
    }
}
