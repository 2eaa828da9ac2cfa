// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Disputes} from "../../src/Disputes.sol";
import {MandateManager} from "../../src/MandateManager.sol";
import {OrderBook} from "../../src/OrderBook.sol";
import {OrderEscrow} from "../../src/OrderEscrow.sol";
import {EscrowTest} from "../support/EscrowTest.sol";
import {Wallet} from "../support/Wallet.sol";

/// @dev A seller that can sign.
contract SettleTest is EscrowTest {
    uint256 private constant SHOP_KEY = 0x5409;

    address private shop = vm.addr(SHOP_KEY);
    MandateManager.Mandate private mandate;
    Placed private placed;
    uint48 private validBefore;

    function setUp() public override {
        super.setUp();
        placed = _placeAt(shop, PAYER);
        validBefore = START + 60 days;
    }

    function test_splitsAsBothSign(address sender, uint96 toSeller) public {
        vm.assume(sender != PAYER && sender != shop);
        toSeller %= PRICE + 1;
        uint256 payerBefore = dollar.balanceOf(PAYER);
        vm.expectEmit(address(escrow));
        emit Disputes.Settled(placed.id, toSeller, PRICE - toSeller);
        _settle(sender, toSeller, _signed(PAYER_KEY, toSeller), _signed(SHOP_KEY, toSeller));
        vm.assertEq(dollar.balanceOf(shop), toSeller);
        vm.assertEq(dollar.balanceOf(PAYER), payerBefore + PRICE - toSeller);
        _assertSettled(toSeller);
    }

    function test_needsNoSignatureOfTheSender() public {
        _settle(PAYER, 1, "", _signed(SHOP_KEY, 1));
        _assertSettled(1);
        placed = _placeAgain(2);
        _settle(shop, 2, _signed(PAYER_KEY, 2), "");
        _assertSettled(2);
    }

    function test_givesAllToTheSeller_orAllButOneUnit() public {
        _settle(PAYER, PRICE, "", _signed(SHOP_KEY, PRICE));
        _assertSettled(PRICE);
        vm.assertEq(dollar.balanceOf(shop), PRICE);
        placed = _placeAgain(2);
        _settle(PAYER, PRICE - 1, "", _signed(SHOP_KEY, PRICE - 1));
        _assertSettled(PRICE - 1);
        vm.assertEq(dollar.balanceOf(shop), 2 * PRICE - 1);
    }

    function test_settles_whatHasShipped_orIsDisputed() public {
        _shipFrom(shop);
        _settle(PAYER, 1, "", _signed(SHOP_KEY, 1));
        _assertSettled(1);
        placed = _placeAgain(2);
        _shipFrom(shop);
        vm.prank(PAYER);
        escrow.dispute(placed.terms, shop, placed.id, "");
        vm.warp(block.timestamp + 31 days);
        _settle(PAYER, 1, "", _signed(SHOP_KEY, 1));
        _assertSettled(1);
    }

    function test_givesNothingBack_andClosesOneOrderOnly() public {
        _placeAgain(2);
        _settle(PAYER, 0, "", _signed(SHOP_KEY, 0));
        vm.assertEq(escrow.spentNow(mandate), 2 * PRICE);
        vm.assertEq(escrow.mandateState(placed.terms.mandateHash).openOrders, 1);
    }

    function test_takesSignaturesOfContracts() public {
        address payer = address(new Wallet(vm.addr(PAYER_KEY)));
        shop = address(new Wallet(vm.addr(SHOP_KEY)));
        _fund(payer, PRICE);
        placed = _placeAt(shop, payer);
        _settle(STRANGER, 1, _signed(PAYER_KEY, 1), _signed(SHOP_KEY, 1));
        vm.assertEq(dollar.balanceOf(shop), 1);
        vm.assertEq(dollar.balanceOf(payer), PRICE - 1);
    }

    function test_settles_untilBeforeValidBefore() public {
        for (uint256 timestamp = validBefore; timestamp < validBefore + 2; ++timestamp) {
            vm.warp(timestamp);
            bytes memory signature = _signed(SHOP_KEY, 1);
            vm.expectRevert(abi.encodeWithSelector(Disputes.SettlementExpired.selector, timestamp, validBefore));
            _settle(PAYER, 1, "", signature);
        }
        vm.warp(validBefore - 1);
        _settle(PAYER, 1, "", _signed(SHOP_KEY, 1));
        _assertSettled(1);
    }

    function test_reverts_withoutThePayersSignature() public {
        bytes[4] memory signatures =
            [_signed(DEVICE_KEY, 1), _signed(PAYER_KEY, 2), _malleable(_signed(PAYER_KEY, 1)), bytes("")];
        for (uint256 i = 0; i < signatures.length; ++i) {
            _expectWrongSignature(PAYER, _settlementDigest(1));
            _settle(shop, 1, signatures[i], "");
        }
        _expectWrongSignature(PAYER, _settlementDigest(1));
        _settle(DEVICE, 1, "", _signed(SHOP_KEY, 1));
    }

    function test_reverts_withoutTheSellersSignature() public {
        bytes[3] memory signatures = [_signed(STRANGER_KEY, 1), _signed(SHOP_KEY, 2), bytes("")];
        for (uint256 i = 0; i < signatures.length; ++i) {
            _expectWrongSignature(shop, _settlementDigest(1));
            _settle(PAYER, 1, "", signatures[i]);
        }
    }

    function test_reverts_withSignaturesForAnotherTime() public {
        bytes memory signature = _signed(SHOP_KEY, 1);
        validBefore += 1;
        _expectWrongSignature(shop, _settlementDigest(1));
        _settle(PAYER, 1, "", signature);
    }

    function test_reverts_withASettlementOfAnotherOrder() public {
        bytes memory signature = _signed(SHOP_KEY, 1);
        placed = _placeAgain(2);
        _expectWrongSignature(shop, _settlementDigest(1));
        _settle(PAYER, 1, "", signature);
    }

    function test_reverts_aboveWhatIsHeld() public {
        bytes memory signature = _signed(SHOP_KEY, PRICE + 1);
        vm.expectRevert(abi.encodeWithSelector(OrderBook.OverHeld.selector, PRICE + 1, PRICE));
        _settle(PAYER, PRICE + 1, "", signature);
    }

    function test_reverts_theSecondTime() public {
        bytes memory signature = _signed(SHOP_KEY, 1);
        _settle(PAYER, 1, "", signature);
        _expectWrongState(placed, OrderBook.State.Settled, OrderBook.State.Disputed);
        _settle(PAYER, 1, "", signature);
    }

    /// @dev An order of `seller`, under a mandate of `payer` that names that one.
    function _placeAt(address seller, address payer) private returns (Placed memory) {
        mandate = _mandate();
        mandate.payer = payer;
        mandate.offersRoot = _rootOf(_offerOf(seller));
        _grant(mandate);
        return _placeAgain(1);
    }

    function _placeAgain(uint48 nonce) private returns (Placed memory) {
        OrderEscrow.Authorization memory authorization = _authorization(mandate, nonce);
        (authorization.seller, authorization.offerLeaf) = (shop, _offerLeaf(_offerOf(shop)));
        OrderEscrow.Section memory section = _section(mandate, _order(authorization));
        section.offer = _offerOf(shop);
        _authorize(section);
        return Placed(_terms(mandate), _authorizationId(authorization), PRICE);
    }

    function _shipFrom(address seller) private {
        vm.warp(block.timestamp + 1 days);
        OrderEscrow.Shipment[] memory shipments = _shipments(placed);
        vm.prank(seller);
        escrow.ship(shipments);
    }

    function _settle(address sender, uint96 toSeller, bytes memory payers, bytes memory sellers) private {
        Disputes.Settlement memory settlement = Disputes.Settlement(toSeller, validBefore);
        vm.prank(sender);
        escrow.settle(placed.terms, shop, placed.id, settlement, payers, sellers);
    }

    function _signed(uint256 key, uint96 toSeller) private view returns (bytes memory) {
        return _sign(key, _settlementDigest(toSeller));
    }

    function _settlementDigest(uint96 toSeller) private view returns (bytes32) {
        bytes32 typeHash = keccak256("Settlement(bytes32 authorizationId,uint256 toSeller,uint256 validBefore)");
        return _digest(keccak256(abi.encode(typeHash, placed.id, toSeller, validBefore)));
    }

    function _assertSettled(uint96 toSeller) private view {
        OrderBook.Record memory current = escrow.record(_termsHash(placed), shop, placed.id);
        vm.assertEq(uint256(current.state), uint256(OrderBook.State.Settled));
        vm.assertEq(current.since, block.timestamp);
        vm.assertEq(current.amount, toSeller);
        vm.assertEq(dollar.balanceOf(address(escrow)), 0);
    }
}
