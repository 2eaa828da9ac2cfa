// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {MandateManager} from "../../src/MandateManager.sol";
import {OrderBook} from "../../src/OrderBook.sol";
import {OrderEscrow} from "../../src/OrderEscrow.sol";
import {TestDollar} from "../../src/TestDollar.sol";
import {EscrowTest} from "../support/EscrowTest.sol";
import {Wallet} from "../support/Wallet.sol";

contract CaptureTest is EscrowTest {
    Placed private placed;

    function setUp() public override {
        super.setUp();
        placed = _place(_granted(), 1);
    }

    function test_paysTheSeller_andReturnsTheRest(uint96 amount) public {
        amount %= PRICE + 1;
        _ship(placed);
        uint256 payerBefore = dollar.balanceOf(PAYER);
        vm.expectEmit(address(escrow));
        emit OrderEscrow.Captured(placed.id, amount);
        _capture(placed, amount);
        vm.assertEq(dollar.balanceOf(SELLER), amount);
        vm.assertEq(dollar.balanceOf(PAYER), payerBefore + PRICE - amount);
        _assertEnded(placed, OrderBook.State.Captured, amount, PRICE);
    }

    function test_returnsARestOfOneUnit() public {
        _ship(placed);
        uint256 payerBefore = dollar.balanceOf(PAYER);
        _capture(placed, PRICE - 1);
        vm.assertEq(dollar.balanceOf(PAYER), payerBefore + 1);
        _assertEnded(placed, OrderBook.State.Captured, PRICE - 1, PRICE);
    }

    function test_paysWithThePayersSignature() public {
        _ship(placed);
        _send(_claims(placed, PRICE, PAYER_KEY));
        _assertEnded(placed, OrderBook.State.Captured, PRICE, PRICE);
    }

    function test_paysSeveralOrders_inOneTransferPerTokenAndPayer() public {
        Placed memory second = _place(_mandate(), 2);
        TestDollar firstDollar = dollar;
        dollar = _newToken();
        _fund(PAYER, PRICE);
        Placed memory third = _place(_granted(), 1);
        vm.warp(START + 1 days);
        _sendShipment(placed);
        _sendShipment(second);
        _sendShipment(third);

        OrderEscrow.Claim[] memory claims = new OrderEscrow.Claim[](2);
        claims[0] = _parcel(placed, second);
        (claims[0].deliveries[0].amount, claims[0].deliveries[1].amount) = (PRICE - 1, PRICE - 2);
        _confirm(claims[0], DEVICE_KEY);
        claims[1] = _claims(third, PRICE - 4, DEVICE_KEY)[0];
        vm.expectEmit(address(firstDollar));
        emit IERC20.Transfer(address(escrow), PAYER, 3);
        vm.expectEmit(address(firstDollar));
        emit IERC20.Transfer(address(escrow), SELLER, 2 * PRICE - 3);
        vm.expectEmit(address(dollar));
        emit IERC20.Transfer(address(escrow), PAYER, 4);
        vm.expectEmit(address(dollar));
        emit IERC20.Transfer(address(escrow), SELLER, PRICE - 4);
        _send(claims);
        vm.assertEq(firstDollar.balanceOf(address(escrow)), 0);
        vm.assertEq(dollar.balanceOf(address(escrow)), 0);
        vm.assertEq(escrow.mandateState(placed.terms.mandateHash).openOrders, 0);
        vm.assertEq(escrow.mandateState(third.terms.mandateHash).openOrders, 0);
    }

    function test_paysOnce_forTwoMandatesOfOneToken() public {
        MandateManager.Mandate memory other = _mandate();
        other.salt = 2;
        _grant(other);
        Placed memory second = _place(other, 1);
        vm.warp(START + 1 days);
        _sendShipment(placed);
        _sendShipment(second);
        OrderEscrow.Claim[] memory claims = new OrderEscrow.Claim[](2);
        claims[0] = _claims(placed, PRICE, DEVICE_KEY)[0];
        claims[1] = _claims(second, PRICE, DEVICE_KEY)[0];
        vm.recordLogs();
        _send(claims);
        // Two captured, one transfer.
        vm.assertEq(vm.getRecordedLogs().length, 3);
        vm.assertEq(dollar.balanceOf(SELLER), 2 * PRICE);
    }

    function test_reverts_aboveWhatIsHeld() public {
        _ship(placed);
        OrderEscrow.Claim[] memory claims = _claims(placed, PRICE + 1, DEVICE_KEY);
        vm.expectRevert(abi.encodeWithSelector(OrderBook.OverHeld.selector, PRICE + 1, PRICE));
        _send(claims);
    }

    function test_skips_forAnyoneElse(address sender) public {
        vm.assume(sender != SELLER);
        _ship(placed);
        OrderEscrow.Claim[] memory claims = _claims(placed, PRICE, DEVICE_KEY);
        vm.expectEmit(address(escrow));
        emit OrderEscrow.Skipped(placed.id, sender, OrderBook.State.None);
        vm.prank(sender);
        escrow.capture(claims);
        _assertState(placed, OrderBook.State.Shipped);
    }

    function test_skips_otherTerms() public {
        _ship(placed);
        placed.terms.deviceKey = vm.addr(STRANGER_KEY);
        OrderEscrow.Claim[] memory claims = _claims(placed, PRICE, STRANGER_KEY);
        vm.expectEmit(address(escrow));
        emit OrderEscrow.Skipped(placed.id, SELLER, OrderBook.State.None);
        _send(claims);
        vm.assertEq(dollar.balanceOf(SELLER), 0);
    }

    function test_reverts_withAnotherSignature() public {
        _ship(placed);
        OrderEscrow.Claim[] memory claims = _claims(placed, PRICE, STRANGER_KEY);
        _assertWrongSignature(claims);
        (claims[0].r, claims[0].vs) = _signCompact(DEVICE_KEY, _cancellationDigest(placed));
        _assertWrongSignature(claims);
        (claims[0].r, claims[0].vs) = (0, 0);
        _assertWrongSignature(claims);
    }

    /// @dev A confirmation is ECDSA: a contract that pays leaves it to its device.
    function test_reverts_withTheSignatureOfAPayingContract_butTakesTheDevices() public {
        address wallet = address(new Wallet(vm.addr(STRANGER_KEY)));
        _fund(wallet, PRICE);
        MandateManager.Mandate memory mandate = _mandate();
        mandate.payer = wallet;
        _grant(mandate);
        placed = _place(mandate, 1);
        _ship(placed);
        OrderEscrow.Claim[] memory claims = _claims(placed, PRICE, STRANGER_KEY);
        _expectWrongSignature(wallet, _confirmationDigest(claims[0]));
        _send(claims);
        _capture(placed, PRICE);
        vm.assertEq(dollar.balanceOf(SELLER), PRICE);
    }

    function test_reverts_withAConfirmationOfAnotherAmountOrderOrShipment() public {
        _ship(placed);
        OrderEscrow.Claim[] memory claims = _claims(placed, PRICE - 1, DEVICE_KEY);
        claims[0].deliveries[0].amount = PRICE;
        _assertWrongSignature(claims);
        claims = _claims(placed, PRICE, DEVICE_KEY);
        claims[0].shipment = "another";
        _assertWrongSignature(claims);
        claims = _claims(placed, PRICE, DEVICE_KEY);
        claims[0].deliveries[0].authorizationId = _place(_mandate(), 2).id;
        _assertWrongSignature(claims);
    }

    function test_reverts_withAConfirmationOfAPartOfTheParcel() public {
        Placed memory second = _place(_mandate(), 2);
        _ship(placed);
        OrderEscrow.Claim[] memory claims = _claims(placed, PRICE, DEVICE_KEY);
        OrderEscrow.Claim memory parcel = _parcel(placed, second);
        (parcel.r, parcel.vs) = (claims[0].r, claims[0].vs);
        claims[0] = parcel;
        _assertWrongSignature(claims);
    }

    function test_skips_whatHasNotShipped() public {
        _assertSkipped(OrderBook.State.Authorized, PRICE);
        vm.assertEq(escrow.mandateState(placed.terms.mandateHash).openOrders, 1);
    }

    function test_skips_theSecondTime() public {
        _ship(placed);
        Placed memory second = _place(_mandate(), 2);
        _capture(placed, PRICE);
        _assertSkipped(OrderBook.State.Captured, PRICE);
        vm.assertEq(dollar.balanceOf(SELLER), PRICE);
        vm.assertEq(escrow.mandateState(second.terms.mandateHash).openOrders, 1);
    }

    function test_skips_theSecondTime_inOneParcel() public {
        _ship(placed);
        Placed memory second = _place(_mandate(), 2);
        OrderEscrow.Claim[] memory claims = new OrderEscrow.Claim[](1);
        claims[0] = _parcel(placed, placed);
        _confirm(claims[0], DEVICE_KEY);
        _send(claims);
        vm.assertEq(dollar.balanceOf(SELLER), PRICE);
        vm.assertEq(dollar.balanceOf(address(escrow)), PRICE);
        vm.assertEq(escrow.mandateState(second.terms.mandateHash).openOrders, 1);
    }

    function test_skips_oneOfAParcel_andPaysTheOther_whenItCan() public {
        Placed memory second = _place(_mandate(), 2);
        _ship(placed);
        OrderEscrow.Claim[] memory claims = new OrderEscrow.Claim[](1);
        claims[0] = _parcel(second, placed);
        _confirm(claims[0], DEVICE_KEY);
        vm.expectEmit(address(escrow));
        emit OrderEscrow.Skipped(second.id, SELLER, OrderBook.State.Authorized);
        vm.expectEmit(address(escrow));
        emit OrderEscrow.Captured(placed.id, PRICE);
        _send(claims);
        _sendShipment(second);
        _send(claims);
        vm.assertEq(dollar.balanceOf(SELLER), 2 * PRICE);
        vm.assertEq(escrow.mandateState(second.terms.mandateHash).openOrders, 0);
    }

    function test_skips_whatIsDisputed() public {
        _ship(placed);
        _dispute(placed);
        _assertSkipped(OrderBook.State.Disputed, PRICE);
    }

    function test_skips_whatWasReclaimed() public {
        _ship(placed);
        vm.warp(block.timestamp + 14 days + 1);
        escrow.reclaim(placed.terms, SELLER, placed.id);
        _assertSkipped(OrderBook.State.Reclaimed, 0);
    }

    function test_pays_untilSomebodyReclaims() public {
        Placed[3] memory orders = [placed, _place(_mandate(), 2), _place(_mandate(), 3)];
        vm.warp(START + 1 days);
        for (uint256 i = 0; i < 3; ++i) {
            _sendShipment(orders[i]);
        }
        for (uint256 i = 0; i < 3; ++i) {
            vm.warp(START + 15 days - 1 + i);
            _capture(orders[i], PRICE);
            vm.assertEq(dollar.balanceOf(SELLER), (i + 1) * PRICE);
        }
    }

    function _assertSkipped(OrderBook.State state, uint256 held) private {
        OrderEscrow.Claim[] memory claims = _claims(placed, PRICE, DEVICE_KEY);
        vm.expectEmit(address(escrow));
        emit OrderEscrow.Skipped(placed.id, SELLER, state);
        _send(claims);
        _assertState(placed, state);
        vm.assertEq(dollar.balanceOf(address(escrow)), held);
    }

    /// @dev A parcel with two orders of the same terms, not confirmed yet.
    function _parcel(Placed memory first, Placed memory second) private pure returns (OrderEscrow.Claim memory claim) {
        claim.terms = first.terms;
        claim.shipment = SHIPMENT;
        claim.deliveries = new OrderEscrow.Delivery[](2);
        claim.deliveries[0] = OrderEscrow.Delivery(first.id, first.amount);
        claim.deliveries[1] = OrderEscrow.Delivery(second.id, second.amount);
    }

    function _assertWrongSignature(OrderEscrow.Claim[] memory claims) private {
        _expectWrongSignature(PAYER, _confirmationDigest(claims[0]));
        _send(claims);
    }

    function _send(OrderEscrow.Claim[] memory claims) private {
        vm.prank(SELLER);
        escrow.capture(claims);
    }

    function _sendShipment(Placed memory order) private {
        OrderEscrow.Shipment[] memory shipments = _shipments(order);
        vm.prank(SELLER);
        escrow.ship(shipments);
    }
}
