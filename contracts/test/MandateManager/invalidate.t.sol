// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {MandateManager} from "../../src/MandateManager.sol";
import {OrderBook} from "../../src/OrderBook.sol";
import {OrderEscrow} from "../../src/OrderEscrow.sol";
import {EscrowTest} from "../support/EscrowTest.sol";

contract InvalidateTest is EscrowTest {
    MandateManager.Mandate private mandate;
    bytes32 private hash;

    function setUp() public override {
        super.setUp();
        mandate = _granted();
        hash = _mandateHash(mandate);
    }

    function test_makesAuthorizationsWorthless_upToItsNonce() public {
        vm.expectEmit(address(escrow));
        emit MandateManager.NoncesInvalidated(hash, 5);
        _invalidate(PAYER, 5, "");
        vm.assertEq(escrow.mandateState(hash).lastNonce, 5);
        for (uint256 nonce = 4; nonce <= 5; ++nonce) {
            _assertRefused(nonce, 5);
        }
        _place(mandate, 6);
    }

    /// @dev An order's nonce has 48 bits: above those, no order is left.
    function test_takesTheLargestNonceThatIsStored() public {
        _invalidate(PAYER, type(uint56).max, "");
        vm.assertEq(escrow.mandateState(hash).lastNonce, type(uint56).max);
        _assertRefused(type(uint48).max, type(uint56).max);
        uint256 tooLarge = uint256(type(uint56).max) + 1;
        vm.expectRevert(abi.encodeWithSelector(SafeCast.SafeCastOverflowedUintDowncast.selector, 56, tooLarge));
        _invalidate(PAYER, tooLarge, "");
        vm.assertTrue(escrow.mandateState(hash).status == MandateManager.MandateStatus.Granted);
    }

    function test_takesTheDevicesWord() public {
        _invalidate(DEVICE, 5, "");
        vm.assertEq(escrow.mandateState(hash).lastNonce, 5);
    }

    function test_takesASignatureOfDeviceOrPayer(address sender, bool device) public {
        _invalidate(sender, 5, _sign(device ? DEVICE_KEY : PAYER_KEY, _invalidationDigest(5)));
        vm.assertEq(escrow.mandateState(hash).lastNonce, 5);
    }

    function test_worksBeforeTheGrant() public {
        mandate.salt = 2;
        hash = _mandateHash(mandate);
        _invalidate(PAYER, 5, "");
        _grant(mandate);
        vm.assertEq(escrow.mandateState(hash).lastNonce, 5);
    }

    function test_leavesWhatIsPlaced() public {
        Placed memory placed = _place(mandate, 5);
        _invalidate(PAYER, 6, "");
        _assertState(placed, OrderBook.State.Authorized);
        MandateManager.MandateState memory counters = escrow.mandateState(hash);
        vm.assertEq(counters.lastNonce, 6);
        vm.assertEq(counters.openOrders, 1);
        vm.assertEq(counters.spent, PRICE);
    }

    function test_changesNothing_forANonceThatIsUsedUp(uint48 nonce) public {
        _place(mandate, 5);
        vm.recordLogs();
        _invalidate(PAYER, nonce % 6, "");
        vm.assertEq(vm.getRecordedLogs().length, 0);
        vm.assertEq(escrow.mandateState(hash).lastNonce, 5);
    }

    function test_reverts_withAnotherSignature(address sender) public {
        vm.assume(sender != PAYER && sender != DEVICE);
        bytes[3] memory signatures =
            [_sign(STRANGER_KEY, _invalidationDigest(5)), _sign(PAYER_KEY, _invalidationDigest(4)), bytes("")];
        for (uint256 i = 0; i < signatures.length; ++i) {
            _expectWrongSignature(PAYER, _invalidationDigest(5));
            _invalidate(sender, 5, signatures[i]);
        }
    }

    function _assertRefused(uint256 nonce, uint256 last) private {
        OrderEscrow.Section memory section = _section(mandate, _order(_authorization(mandate, nonce)));
        vm.expectEmit(address(escrow));
        emit OrderEscrow.Refused(0, abi.encodeWithSelector(MandateManager.NonceNotRising.selector, nonce, last));
        _authorize(section);
    }

    function _invalidate(address sender, uint256 nonce, bytes memory signature) private {
        vm.prank(sender);
        escrow.invalidate(mandate, nonce, signature);
    }

    function _invalidationDigest(uint48 nonce) private view returns (bytes32) {
        bytes32 typeHash = keccak256("Invalidation(bytes32 mandateHash,uint256 nonce)");
        return _digest(keccak256(abi.encode(typeHash, hash, nonce)));
    }
}
