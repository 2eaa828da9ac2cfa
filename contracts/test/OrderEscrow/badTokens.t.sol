// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Disputes} from "../../src/Disputes.sol";
import {MandateManager} from "../../src/MandateManager.sol";
import {OrderBook} from "../../src/OrderBook.sol";
import {OrderEscrow} from "../../src/OrderEscrow.sol";
import {TestDollar} from "../../src/TestDollar.sol";
import {EscrowTest} from "../support/EscrowTest.sol";
import {BonusToken, FeeToken, LyingToken, PickyFeeToken, QuietToken, ReentrantToken} from "../support/Tokens.sol";

contract FeeTokenTest is EscrowTest {
    function _newToken() internal override returns (TestDollar) {
        return new FeeToken();
    }

    /// @dev What the escrow already holds must not make up for what does not arrive.
    function test_refuses_aTokenThatTakesAFee() public {
        dollar.mint(address(escrow), 5 * PRICE);
        MandateManager.Mandate memory mandate = _granted();
        OrderEscrow.Section memory section = _section(mandate, _order(_authorization(mandate, 1)));
        vm.expectEmit(address(escrow));
        emit OrderEscrow.Refused(0, abi.encodeWithSelector(OrderBook.ShortTransfer.selector, PRICE - 1, PRICE));
        _authorize(section);
        vm.assertEq(dollar.balanceOf(address(escrow)), 5 * PRICE);
    }
}

contract BonusTokenTest is EscrowTest {
    function _newToken() internal override returns (TestDollar) {
        return new BonusToken();
    }

    /// @dev What comes by itself belongs to nobody; the order is what was signed.
    function test_takesATokenThatBringsMore() public {
        Placed memory placed = _place(_granted(), 1);
        vm.assertEq(dollar.balanceOf(address(escrow)), PRICE + 1);
        vm.assertEq(_record(placed).amount, PRICE);
    }
}

contract SecondFeeTokenTest is EscrowTest {
    function _newToken() internal override returns (TestDollar) {
        return new PickyFeeToken();
    }

    /// @dev What one payer's basket brought must not make up for what another's does not.
    function test_refuses_theBasketThatPaidTheFee() public {
        address poor = vm.addr(STRANGER_KEY);
        _fund(poor, PRICE);
        PickyFeeToken(address(dollar)).chargeFrom(poor);
        MandateManager.Mandate[2] memory mandates = [_mandate(), _mandate()];
        mandates[1].payer = poor;
        bytes[] memory baskets = new bytes[](3);
        for (uint256 i = 0; i < 2; ++i) {
            _grant(mandates[i]);
            baskets[i] = _basket(_section(mandates[i], _order(_authorization(mandates[i], 1))));
        }
        baskets[2] = _basket(_section(mandates[0], _order(_authorization(mandates[0], 2))));
        vm.expectEmit(address(escrow));
        emit OrderEscrow.Refused(1, abi.encodeWithSelector(OrderBook.ShortTransfer.selector, PRICE - 1, PRICE));
        escrow.authorizeBatch(baskets);
        vm.assertEq(dollar.balanceOf(address(escrow)), 2 * PRICE);
        vm.assertEq(dollar.balanceOf(poor), PRICE);
    }
}

contract LyingTokenTest is EscrowTest {
    function _newToken() internal override returns (TestDollar) {
        return new LyingToken();
    }

    function test_refuses_aTransferThatDoesNotHappen() public {
        MandateManager.Mandate memory mandate = _granted();
        OrderEscrow.Section memory section = _section(mandate, _order(_authorization(mandate, 1)));
        LyingToken(address(dollar)).lieFrom(address(0));
        vm.expectEmit(address(escrow));
        emit OrderEscrow.Refused(
            0, abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, address(dollar))
        );
        _authorize(section);
    }

    function test_keepsACredit_whenAPaymentDoesNotHappen() public {
        Placed memory placed = _place(_granted(), 1);
        LyingToken(address(dollar)).lieFrom(address(escrow));
        vm.prank(PAYER);
        escrow.cancel(placed.terms, SELLER, placed.id, "");
        vm.assertEq(escrow.credit(address(dollar), PAYER), PRICE);
        vm.expectRevert(abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, address(dollar)));
        vm.prank(PAYER);
        escrow.withdraw(address(dollar));
    }
}

contract QuietTokenTest is EscrowTest {
    function _newToken() internal override returns (TestDollar) {
        return TestDollar(address(new QuietToken()));
    }

    function test_takesATokenThatAnswersNothing() public {
        Placed memory placed = _place(_granted(), 1);
        _ship(placed);
        _capture(placed, PRICE - 5);
        vm.assertEq(dollar.balanceOf(SELLER), PRICE - 5);
        _assertEnded(placed, OrderBook.State.Captured, PRICE - 5, PRICE);
    }
}

contract NoTokenTest is EscrowTest {
    function test_refuses_anAddressWithoutCode() public {
        MandateManager.Mandate memory mandate = _mandate();
        mandate.token = STRANGER;
        _grant(mandate);
        OrderEscrow.Section memory section = _section(mandate, _order(_authorization(mandate, 1)));
        vm.expectEmit(address(escrow));
        emit OrderEscrow.Refused(0, "");
        _authorize(section);
    }
}

contract ReentrantTokenTest is EscrowTest {
    function _newToken() internal override returns (TestDollar) {
        return new ReentrantToken();
    }

    /// @dev Every verb that moves money, called from within the transfer of an authorization.
    function test_refuses_toBeEnteredAgain() public {
        MandateManager.Mandate memory mandate = _granted();
        Placed memory it = _place(mandate, 1);
        bytes[12] memory calls = [
            abi.encodeCall(escrow.authorize, (new OrderEscrow.Section[](0))),
            abi.encodeCall(escrow.authorizeBatch, (new bytes[](0))),
            abi.encodeCall(escrow.ship, (_shipments(it))),
            abi.encodeCall(escrow.capture, (_claims(it, PRICE, DEVICE_KEY))),
            abi.encodeCall(escrow.cancel, (it.terms, SELLER, it.id, _sign(DEVICE_KEY, _cancellationDigest(it)))),
            abi.encodeCall(escrow.decline, (it.terms, it.id)),
            abi.encodeCall(escrow.reclaim, (it.terms, SELLER, it.id)),
            abi.encodeCall(escrow.refund, (it.terms, it.id, 1)),
            abi.encodeCall(escrow.dispute, (it.terms, SELLER, it.id, "")),
            abi.encodeCall(escrow.settle, (it.terms, SELLER, it.id, Disputes.Settlement(0, START), "", "")),
            abi.encodeCall(escrow.decide, (it.terms, SELLER, it.id, 0)),
            abi.encodeCall(escrow.withdraw, (address(dollar)))
        ];
        OrderEscrow.Section memory section = _section(mandate, _order(_authorization(mandate, 2)));
        for (uint256 i = 0; i < calls.length; ++i) {
            ReentrantToken(address(dollar)).callDuringTransfer(address(escrow), calls[i]);
            vm.expectEmit(address(escrow));
            emit OrderEscrow.Refused(
                0, abi.encodeWithSelector(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector)
            );
            _authorize(section);
        }
        _assertState(it, OrderBook.State.Authorized);
    }

    function test_refuses_toBeEnteredAgain_fromOneBasket() public {
        MandateManager.Mandate memory mandate = _granted();
        OrderEscrow.Section[] memory basket = new OrderEscrow.Section[](1);
        basket[0] = _section(mandate, _order(_authorization(mandate, 1)));
        bytes memory call = abi.encodeCall(escrow.authorizeBatch, (new bytes[](0)));
        ReentrantToken(address(dollar)).callDuringTransfer(address(escrow), call);
        vm.expectRevert(abi.encodeWithSelector(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector));
        escrow.authorize(basket);
    }

    /// @dev One verb at a time moves money; the other is called from within its transfer.
    function test_keepsACredit_whenTheTokenEntersAgainFromAPayment() public {
        Placed memory placed = _place(_granted(), 1);
        ReentrantToken(address(dollar))
            .callDuringTransfer(address(escrow), abi.encodeCall(escrow.withdraw, (address(dollar))));
        vm.prank(PAYER);
        escrow.cancel(placed.terms, SELLER, placed.id, "");
        vm.assertEq(escrow.credit(address(dollar), PAYER), PRICE);
    }
}
