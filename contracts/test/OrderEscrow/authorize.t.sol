// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {MandateManager} from "../../src/MandateManager.sol";
import {OrderEscrow} from "../../src/OrderEscrow.sol";
import {EscrowTest} from "../support/EscrowTest.sol";

contract AuthorizeTest is EscrowTest {
    MandateManager.Mandate private mandate;

    function setUp() public override {
        super.setUp();
        mandate = _granted();
    }

    function test_placesAnOrder_andTakesItsFunds(address sender) public {
        OrderEscrow.Authorization memory authorization = _authorization(mandate, 1);
        OrderEscrow.Terms memory terms = _terms(mandate, authorization);
        OrderEscrow.Order memory order = _order(authorization);

        vm.expectEmit(address(escrow));
        emit OrderEscrow.Authorized(terms.authorizationId, terms.mandateHash, SELLER, PRICE, "quote");
        vm.prank(sender);
        escrow.authorize(_baskets(mandate, order));

        OrderEscrow.Record memory current = escrow.record(terms);
        vm.assertEq(uint256(current.state), uint256(OrderEscrow.State.Authorized));
        vm.assertEq(current.since, block.timestamp);
        vm.assertEq(current.remaining, PRICE);
        vm.assertEq(current.captured, 0);
        vm.assertEq(dollar.balanceOf(address(escrow)), PRICE);
        MandateManager.MandateState memory counters = escrow.mandateState(terms.mandateHash);
        vm.assertEq(counters.spent, PRICE);
        vm.assertEq(counters.openOrders, 1);
        vm.assertEq(counters.lastNonce, 1);
    }

    function test_keepsNothingUnderOtherTerms(uint8 field) public {
        OrderEscrow.Terms memory terms = _place(mandate, 1);
        uint256 offset = uint256(field) % 13 * 0x20;
        assembly ("memory-safe") {
            let word := add(terms, offset)
            mstore(word, xor(mload(word), 1))
        }
        _assertState(terms, OrderEscrow.State.None);
    }

    function test_takesOneBasketOfSeveralMandates_inOneTransfer() public {
        MandateManager.Mandate memory second = _mandate();
        second.salt = 2;
        second.deviceKey = vm.addr(STRANGER_KEY);
        _grant(second);
        OrderEscrow.Basket memory basket;
        basket.mandates = new MandateManager.Mandate[](2);
        basket.mandates[0] = mandate;
        basket.mandates[1] = second;
        basket.orders = new OrderEscrow.Order[](3);
        basket.orders[0] = _order(_authorization(mandate, 1));
        basket.orders[1] = _order(_authorization(second, 1));
        basket.orders[1].mandateIndex = 1;
        basket.orders[1].deviceSignature = _sign(STRANGER_KEY, escrow.authorizationId(_authorization(second, 1)));
        basket.orders[2] = _order(_authorization(mandate, 2));

        escrow.authorize(_baskets(basket));
        vm.assertEq(dollar.balanceOf(address(escrow)), 3 * PRICE);
        vm.assertEq(escrow.spentNow(mandate), 2 * PRICE);
        vm.assertEq(escrow.spentNow(second), PRICE);
    }

    function test_refusesOneBasket_whileOthersGoOn() public {
        OrderEscrow.Authorization memory authorization = _authorization(mandate, 1);
        OrderEscrow.Basket[] memory baskets = new OrderEscrow.Basket[](3);
        baskets[1] = _basket(mandate, _order(authorization));
        vm.expectEmit(address(escrow));
        emit OrderEscrow.Refused(0, abi.encodeWithSelector(OrderEscrow.EmptyBasket.selector));
        vm.expectEmit(address(escrow));
        emit OrderEscrow.Refused(2, abi.encodeWithSelector(OrderEscrow.EmptyBasket.selector));
        escrow.authorize(baskets);
        _assertState(_terms(mandate, authorization), OrderEscrow.State.Authorized);
    }

    function test_placesNothingOfABasket_whenOneOrderFails() public {
        OrderEscrow.Basket memory basket = _basket(mandate, _order(_authorization(mandate, 1)));
        OrderEscrow.Order memory first = basket.orders[0];
        basket.orders = new OrderEscrow.Order[](2);
        basket.orders[0] = first;
        basket.orders[1] = first;
        _assertRefused(basket, abi.encodeWithSelector(MandateManager.NonceNotRising.selector, 1, 1));
        vm.assertEq(escrow.spentNow(mandate), 0);
    }

    function test_refuses_whatThePayerCannotPay() public {
        vm.prank(PAYER);
        dollar.approve(address(escrow), PRICE - 1);
        bytes memory reason =
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, address(escrow), PRICE - 1, PRICE);
        _assertRefused(_authorization(mandate, 1), reason);
    }

    function test_refuses_aBasketWithoutMandatesOrOrders() public {
        OrderEscrow.Basket memory basket = _basket(mandate, _order(_authorization(mandate, 1)));
        bytes memory reason = abi.encodeWithSelector(OrderEscrow.EmptyBasket.selector);
        basket.orders = new OrderEscrow.Order[](0);
        _assertRefused(basket, reason);
        basket = _basket(mandate, _order(_authorization(mandate, 1)));
        basket.mandates = new MandateManager.Mandate[](0);
        _assertRefused(basket, reason);
    }

    function test_refuses_aBasketOfTwoPayers() public {
        MandateManager.Mandate memory other = mandate;
        other.payer = STRANGER;
        _assertMixed(other);
    }

    function test_refuses_aBasketOfTwoTokens() public {
        MandateManager.Mandate memory other = mandate;
        other.token = address(_newToken());
        _assertMixed(other);
    }

    function test_refuses_anotherSigner() public {
        OrderEscrow.Authorization memory authorization = _authorization(mandate, 1);
        bytes32 id = escrow.authorizationId(authorization);
        OrderEscrow.Order memory order = _order(authorization);
        bytes memory reason = abi.encodeWithSelector(MandateManager.WrongSignature.selector, DEVICE, id);
        bytes memory good = order.deviceSignature;
        bytes[4] memory signatures = [_sign(STRANGER_KEY, id), _sign(PAYER_KEY, id), _malleable(good), bytes("short")];
        for (uint256 i = 0; i < signatures.length; ++i) {
            order.deviceSignature = signatures[i];
            _assertRefused(_basket(mandate, order), reason);
        }
    }

    function test_refuses_anAuthorizationChangedAfterSigning(uint8 field) public {
        OrderEscrow.Authorization memory authorization = _authorization(mandate, 1);
        OrderEscrow.Order memory order = _order(authorization);
        uint256 offset = (uint256(field) % 8 + 1) * 0x20;
        assembly ("memory-safe") {
            let word := add(authorization, offset)
            mstore(word, xor(mload(word), 1))
        }
        order.authorization = authorization;
        bytes32 id = escrow.authorizationId(authorization);
        _assertRefused(
            _basket(mandate, order), abi.encodeWithSelector(MandateManager.WrongSignature.selector, DEVICE, id)
        );
    }

    function test_refuses_anAuthorizationOfAnotherMandate() public {
        OrderEscrow.Authorization memory authorization = _authorization(mandate, 1);
        bytes32 hash = authorization.mandateHash;
        authorization.mandateHash = "another";
        bytes memory reason = abi.encodeWithSelector(OrderEscrow.WrongMandate.selector, authorization.mandateHash, hash);
        _assertRefused(authorization, reason);
    }

    function test_refuses_aMandateThatIsNotGranted() public {
        mandate.salt = 2;
        _assertWrongStatus(MandateManager.MandateStatus.None);
    }

    function test_refuses_aMandateThatIsRevoked() public {
        vm.prank(PAYER);
        escrow.revoke(mandate);
        _assertWrongStatus(MandateManager.MandateStatus.Revoked);
    }

    function test_placesFromTheStartOn() public {
        vm.warp(START - 1);
        bytes memory reason = abi.encodeWithSelector(MandateManager.MandateNotStarted.selector, START - 1, START);
        _assertRefused(_authorization(mandate, 1), reason);
        vm.warp(START);
        _place(mandate, 1);
    }

    function test_placesUntilBeforeTheEnd() public {
        vm.warp(mandate.end - 1);
        _place(mandate, 1);
        for (uint48 timestamp = mandate.end; timestamp < mandate.end + 2; ++timestamp) {
            vm.warp(timestamp);
            bytes memory reason = abi.encodeWithSelector(MandateManager.MandateEnded.selector, timestamp, mandate.end);
            _assertRefusedAfter(_authorization(mandate, 2), reason, PRICE);
        }
    }

    function test_placesUntilBeforeValidBefore() public {
        OrderEscrow.Authorization memory authorization = _authorization(mandate, 1);
        for (uint48 timestamp = authorization.validBefore; timestamp < authorization.validBefore + 2; ++timestamp) {
            vm.warp(timestamp);
            bytes memory reason =
                abi.encodeWithSelector(OrderEscrow.AuthorizationExpired.selector, timestamp, authorization.validBefore);
            _assertRefused(authorization, reason);
        }
        vm.warp(authorization.validBefore - 1);
        _assertPlaced(authorization);
    }

    function test_leavesASecondToShipIn() public {
        OrderEscrow.Authorization memory authorization = _authorization(mandate, 1);
        uint48 coolingOffUntil = START + 1 days;
        for (authorization.shipBy = coolingOffUntil - 1; authorization.shipBy <= coolingOffUntil;) {
            bytes memory reason =
                abi.encodeWithSelector(OrderEscrow.ShipByTooSoon.selector, authorization.shipBy, coolingOffUntil);
            _assertRefused(authorization, reason);
            authorization.shipBy += 1;
        }
        _assertPlaced(authorization);
    }

    function test_takesARisingNonceOnly(uint48 last, uint48 next) public {
        vm.assume(last > 0);
        _place(mandate, last);
        OrderEscrow.Authorization memory authorization = _authorization(mandate, next);
        if (next > last) {
            _assertPlaced(authorization);
        } else {
            bytes memory reason = abi.encodeWithSelector(MandateManager.NonceNotRising.selector, next, last);
            _assertRefusedAfter(authorization, reason, PRICE);
        }
    }

    function test_refuses_nonceZero() public {
        bytes memory reason = abi.encodeWithSelector(MandateManager.NonceNotRising.selector, 0, 0);
        _assertRefused(_authorization(mandate, 0), reason);
    }

    function test_refuses_theSameAuthorizationAgain() public {
        OrderEscrow.Authorization memory authorization = _authorization(mandate, 1);
        _assertPlaced(authorization);
        bytes memory reason = abi.encodeWithSelector(MandateManager.NonceNotRising.selector, 1, 1);
        _assertRefusedAfter(authorization, reason, PRICE);
    }

    function test_refuses_aTotalOfNothing() public {
        OrderEscrow.Authorization memory authorization = _authorization(mandate, 1);
        authorization.total = 0;
        _assertRefused(authorization, abi.encodeWithSelector(MandateManager.MissingField.selector, "total"));
    }

    function test_takesUpToThePriceOfThePacks(uint32 quantity) public {
        quantity = quantity % 2 + 1;
        OrderEscrow.Authorization memory authorization = _authorization(mandate, 1);
        authorization.quantity = quantity;
        authorization.total = quantity * PRICE + 1;
        bytes memory reason =
            abi.encodeWithSelector(OrderEscrow.OverPrice.selector, authorization.total, quantity * PRICE);
        _assertRefused(authorization, reason);
        authorization.total = quantity * PRICE;
        _assertPlaced(authorization);
    }

    function test_takesUpToTheOrderCap() public {
        OrderEscrow.Authorization memory authorization = _authorization(mandate, 1);
        authorization.quantity = type(uint32).max;
        authorization.total = mandate.maxPerOrder + 1;
        bytes memory reason =
            abi.encodeWithSelector(MandateManager.OverOrderCap.selector, authorization.total, mandate.maxPerOrder);
        _assertRefused(authorization, reason);
        authorization.total = mandate.maxPerOrder;
        _assertPlaced(authorization);
    }

    function test_takesUpToTheAllowanceOfThePeriod() public {
        _placeOf(50e6, 1);
        OrderEscrow.Authorization memory authorization = _authorization(mandate, 2);
        authorization.quantity = 3;
        mandate.maxPerOrder = 50e6;
        _placeOf(49e6, 2);
        authorization = _authorization(mandate, 3);
        authorization.total = 1e6 + 1;
        bytes memory reason = abi.encodeWithSelector(MandateManager.OverAllowance.selector, ALLOWANCE + 1, ALLOWANCE);
        _assertRefusedAfter(authorization, reason, 99e6);
        vm.warp(START + PERIOD - 1);
        authorization.validBefore = START + PERIOD + 1;
        authorization.shipBy += PERIOD;
        _assertRefusedAfter(authorization, reason, 99e6);
        vm.warp(START + PERIOD);
        _assertPlaced(authorization);
    }

    function test_takesTheLastUnitOfTheAllowance() public {
        _placeOf(50e6, 1);
        _placeOf(50e6, 2);
        vm.assertEq(escrow.spentNow(mandate), ALLOWANCE);
    }

    function test_holdsTheLargestAmount() public {
        MandateManager.Mandate memory largest = mandate;
        largest.allowance = type(uint96).max;
        largest.maxPerOrder = type(uint96).max;
        largest.salt = 3;
        _grant(largest);
        dollar.mint(PAYER, type(uint96).max);
        OrderEscrow.Authorization memory authorization = _authorization(largest, 1);
        authorization.quantity = type(uint32).max;
        authorization.total = uint96(type(uint32).max) * PRICE;
        escrow.authorize(_baskets(largest, _order(authorization)));
        vm.assertEq(escrow.record(_terms(largest, authorization)).remaining, authorization.total);
    }

    function test_takesUpToTheOpenOrders() public {
        _placeOf(1e6, 1);
        _placeOf(1e6, 2);
        _placeOf(1e6, 3);
        bytes memory reason = abi.encodeWithSelector(MandateManager.TooManyOpenOrders.selector, 3, 3);
        _assertRefusedAfter(_authorization(mandate, 4), reason, 3e6);
    }

    function test_refuses_thePayerAndTheArbiterAsSeller() public {
        OrderEscrow.Authorization memory authorization = _authorization(mandate, 1);
        authorization.seller = PAYER;
        _assertRefused(authorization, abi.encodeWithSelector(OrderEscrow.WrongSeller.selector, PAYER));
        authorization.seller = ARBITER;
        _assertRefused(authorization, abi.encodeWithSelector(OrderEscrow.WrongSeller.selector, ARBITER));
    }

    function test_refuses_aSellerThatIsNotNamed(address seller) public {
        vm.assume(seller != SELLER && seller != PAYER && seller != ARBITER);
        OrderEscrow.Authorization memory authorization = _authorization(mandate, 1);
        authorization.seller = seller;
        _assertRefused(
            authorization, abi.encodeWithSelector(OrderEscrow.SellerNotInMandate.selector, seller, mandate.payeesRoot)
        );
    }

    function test_refuses_aProductThatWasNotSigned() public {
        OrderEscrow.Authorization memory authorization = _authorization(mandate, 1);
        OrderEscrow.Order memory order = _order(authorization);
        order.product.maxUnitPrice += 1;
        bytes memory reason = abi.encodeWithSelector(
            OrderEscrow.WrongProduct.selector, _productLeaf(order.product), authorization.productLeaf
        );
        _assertRefused(_basket(mandate, order), reason);
    }

    function test_refuses_aProductThatIsNotNamed() public {
        OrderEscrow.Product memory product = _product();
        product.gtin += 1;
        OrderEscrow.Authorization memory authorization = _authorization(mandate, 1);
        authorization.productLeaf = _productLeaf(product);
        OrderEscrow.Order memory order = _order(authorization);
        order.product = product;
        bytes memory reason = abi.encodeWithSelector(
            OrderEscrow.ProductNotInMandate.selector, authorization.productLeaf, mandate.productsRoot
        );
        _assertRefused(_basket(mandate, order), reason);
    }

    function test_reverts_whenABasketIsSentPastTheBatch(address sender) public {
        vm.assume(sender != address(escrow));
        OrderEscrow.Basket memory basket = _basket(mandate, _order(_authorization(mandate, 1)));
        vm.expectRevert(abi.encodeWithSelector(MandateManager.WrongCaller.selector, sender, address(escrow)));
        vm.prank(sender);
        escrow.authorizeBasket(basket);
    }

    function _placeOf(uint96 total, uint48 nonce) private {
        OrderEscrow.Authorization memory authorization = _authorization(mandate, nonce);
        authorization.quantity = 3;
        authorization.total = total;
        _assertPlaced(authorization);
    }

    function _assertPlaced(OrderEscrow.Authorization memory authorization) private {
        escrow.authorize(_baskets(mandate, _order(authorization)));
        _assertState(_terms(mandate, authorization), OrderEscrow.State.Authorized);
    }

    function _assertWrongStatus(MandateManager.MandateStatus status) private {
        bytes memory reason = abi.encodeWithSelector(
            MandateManager.WrongMandateStatus.selector,
            escrow.mandateHash(mandate),
            status,
            MandateManager.MandateStatus.Granted
        );
        _assertRefused(_authorization(mandate, 1), reason);
    }

    function _assertMixed(MandateManager.Mandate memory other) private {
        OrderEscrow.Basket memory basket;
        basket.mandates = new MandateManager.Mandate[](2);
        basket.mandates[0] = _mandate();
        basket.mandates[1] = other;
        basket.orders = new OrderEscrow.Order[](1);
        basket.orders[0] = _order(_authorization(_mandate(), 1));
        _assertRefused(basket, abi.encodeWithSelector(OrderEscrow.MixedBasket.selector, 1, other.payer, other.token));
    }

    function _assertRefused(OrderEscrow.Authorization memory authorization, bytes memory reason) private {
        _assertRefusedAfter(authorization, reason, 0);
    }

    function _assertRefused(OrderEscrow.Basket memory basket, bytes memory reason) private {
        _assertRefusedAfter(basket, reason, 0);
    }

    function _assertRefusedAfter(OrderEscrow.Authorization memory authorization, bytes memory reason, uint256 held)
        private
    {
        _assertRefusedAfter(_basket(mandate, _order(authorization)), reason, held);
    }

    /// @dev The refusal is reported with its reason, and the escrow still holds what it held.
    function _assertRefusedAfter(OrderEscrow.Basket memory basket, bytes memory reason, uint256 held) private {
        vm.expectEmit(address(escrow));
        emit OrderEscrow.Refused(0, reason);
        escrow.authorize(_baskets(basket));
        vm.assertEq(dollar.balanceOf(address(escrow)), held);
    }
}
