// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {MandateManager} from "../../src/MandateManager.sol";
import {OrderEscrow} from "../../src/OrderEscrow.sol";
import {TestDollar} from "../../src/TestDollar.sol";
import {EscrowTest} from "../support/EscrowTest.sol";
import {Wallet} from "../support/Wallet.sol";

contract CaptureTest is EscrowTest {
    OrderEscrow.Terms private terms;

    function setUp() public override {
        super.setUp();
        terms = _place(_granted(), 1);
    }

    function test_paysTheSeller_andReturnsTheRest(uint96 amount) public {
        amount %= PRICE + 1;
        _ship(terms);
        uint256 payerBefore = dollar.balanceOf(PAYER);
        OrderEscrow.Capture memory item = _capture(terms, amount, DEVICE_KEY);
        vm.expectEmit(address(escrow));
        emit OrderEscrow.Captured(terms.authorizationId, SHIPMENT, amount, PRICE - amount);
        _send(item);
        vm.assertEq(dollar.balanceOf(SELLER), amount);
        vm.assertEq(dollar.balanceOf(PAYER), payerBefore + PRICE - amount);
        _assertEnded(terms, OrderEscrow.State.Captured, amount, PRICE);
    }

    function test_paysWithThePayersSignature() public {
        _ship(terms);
        _send(_capture(terms, PRICE, PAYER_KEY));
        _assertEnded(terms, OrderEscrow.State.Captured, PRICE, PRICE);
    }

    function test_paysWithTheSignatureOfAPayingContract() public {
        Wallet wallet = new Wallet(vm.addr(STRANGER_KEY));
        wallet.approve(dollar, address(escrow));
        dollar.mint(address(wallet), PRICE);
        MandateManager.Mandate memory mandate = _mandate();
        mandate.payer = address(wallet);
        _grant(mandate);
        OrderEscrow.Terms memory contractsTerms = _place(mandate, 1);
        _ship(contractsTerms);
        _send(_capture(contractsTerms, PRICE, STRANGER_KEY));
        vm.assertEq(dollar.balanceOf(SELLER), PRICE);
    }

    function test_paysSeveralOrders_inOneTransferPerToken() public {
        OrderEscrow.Terms memory second = _place(_mandate(), 2);
        dollar = _newToken();
        dollar.mint(PAYER, PRICE);
        vm.prank(PAYER);
        dollar.approve(address(escrow), PRICE);
        OrderEscrow.Terms memory other = _place(_granted(), 1);
        vm.warp(START + 1 days);
        OrderEscrow.Capture[] memory captures = new OrderEscrow.Capture[](3);
        OrderEscrow.Terms[3] memory all = [terms, second, other];
        for (uint256 i = 0; i < 3; ++i) {
            vm.prank(SELLER);
            escrow.ship(_shipments(all[i]));
            captures[i] = _capture(all[i], PRICE - 1, DEVICE_KEY);
        }
        vm.prank(SELLER);
        escrow.capture(captures);
        vm.assertEq(_dollarOf(terms).balanceOf(SELLER), 2 * (PRICE - 1));
        vm.assertEq(dollar.balanceOf(SELLER), PRICE - 1);
        vm.assertEq(_dollarOf(terms).balanceOf(address(escrow)), 0);
        vm.assertEq(dollar.balanceOf(address(escrow)), 0);
    }

    function test_reverts_aboveWhatIsHeld() public {
        _ship(terms);
        OrderEscrow.Capture memory item = _capture(terms, PRICE + 1, DEVICE_KEY);
        vm.expectRevert(abi.encodeWithSelector(OrderEscrow.OverCapture.selector, PRICE + 1, PRICE));
        _send(item);
    }

    function test_reverts_forAnyoneElse(address sender) public {
        vm.assume(sender != SELLER);
        _ship(terms);
        OrderEscrow.Capture memory item = _capture(terms, PRICE, DEVICE_KEY);
        vm.expectRevert(abi.encodeWithSelector(MandateManager.WrongCaller.selector, sender, SELLER));
        vm.prank(sender);
        escrow.capture(_captures(item));
    }

    function test_reverts_withAnotherSignature() public {
        _ship(terms);
        bytes32 digest = _confirmationDigest(terms, PRICE);
        OrderEscrow.Capture memory item = _capture(terms, PRICE, STRANGER_KEY);
        bytes[4] memory signatures = [
            item.signature,
            _malleable(_sign(DEVICE_KEY, digest)),
            _sign(DEVICE_KEY, _cancellationDigest(terms)),
            bytes("")
        ];
        for (uint256 i = 0; i < signatures.length; ++i) {
            item.signature = signatures[i];
            vm.expectRevert(abi.encodeWithSelector(MandateManager.WrongSignature.selector, PAYER, digest));
            _send(item);
        }
    }

    function test_reverts_withAConfirmationOfAnotherAmount() public {
        _ship(terms);
        OrderEscrow.Capture memory item = _capture(terms, PRICE - 1, DEVICE_KEY);
        item.amount = PRICE;
        bytes32 digest = _confirmationDigest(terms, PRICE);
        vm.expectRevert(abi.encodeWithSelector(MandateManager.WrongSignature.selector, PAYER, digest));
        _send(item);
    }

    function test_reverts_withAConfirmationOfAnotherOrder() public {
        OrderEscrow.Terms memory second = _place(_mandate(), 2);
        _ship(second);
        OrderEscrow.Capture memory item = _capture(terms, PRICE, DEVICE_KEY);
        item.terms = second;
        bytes32 digest = _confirmationDigest(second, PRICE);
        vm.expectRevert(abi.encodeWithSelector(MandateManager.WrongSignature.selector, PAYER, digest));
        _send(item);
    }

    function test_skips_whatHasNotShipped() public {
        _assertSkipped(OrderEscrow.State.Authorized, PRICE);
    }

    function test_skips_theSecondTime() public {
        _ship(terms);
        _send(_capture(terms, PRICE, DEVICE_KEY));
        _assertSkipped(OrderEscrow.State.Captured, 0);
        vm.assertEq(dollar.balanceOf(SELLER), PRICE);
        vm.assertEq(escrow.mandateState(terms.mandateHash).openOrders, 0);
    }

    function test_skips_whatWasReclaimed() public {
        _ship(terms);
        vm.warp(block.timestamp + 14 days + 1);
        escrow.reclaim(terms);
        _assertSkipped(OrderEscrow.State.Reclaimed, 0);
    }

    function test_pays_afterTheDeadline_whenNobodyReclaimed() public {
        _ship(terms);
        vm.warp(block.timestamp + 15 days);
        _send(_capture(terms, PRICE, DEVICE_KEY));
        vm.assertEq(dollar.balanceOf(SELLER), PRICE);
    }

    function _assertSkipped(OrderEscrow.State state, uint256 held) private {
        OrderEscrow.Capture memory item = _capture(terms, PRICE, DEVICE_KEY);
        vm.expectEmit(address(escrow));
        emit OrderEscrow.Skipped(terms.authorizationId, state);
        _send(item);
        _assertState(terms, state);
        vm.assertEq(dollar.balanceOf(address(escrow)), held);
    }

    function _send(OrderEscrow.Capture memory item) private {
        vm.prank(SELLER);
        escrow.capture(_captures(item));
    }

    function _dollarOf(OrderEscrow.Terms memory of_) private pure returns (TestDollar) {
        return TestDollar(of_.token);
    }
}
