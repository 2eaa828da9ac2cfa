// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {Hashes} from "@openzeppelin/contracts/utils/cryptography/Hashes.sol";
import {Households} from "../../src/Households.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {MandateManager} from "../../src/MandateManager.sol";
import {OrderBook} from "../../src/OrderBook.sol";
import {OrderEscrow} from "../../src/OrderEscrow.sol";
import {EscrowTest} from "../support/EscrowTest.sol";

contract AuthorizeBatchTest is EscrowTest {
    MandateManager.Mandate private mandate;

    function setUp() public override {
        super.setUp();
        mandate = _granted();
    }

    function test_placesAnOrder_andTakesItsFunds(address sender) public {
        OrderEscrow.Authorization memory authorization = _authorization(mandate, 1);
        bytes32 id = _authorizationId(authorization);
        vm.assertEq(escrow.authorizationDigest(authorization), id);
        bytes[] memory baskets = _baskets(_basket(_section(mandate, _order(authorization))));
        vm.expectEmit(address(escrow));
        emit OrderEscrow.Authorized(id, _mandateHash(mandate), SELLER, PRICE, "quote");
        vm.prank(sender);
        escrow.authorizeBatch(baskets);

        Placed memory placed = Placed(_terms(mandate), id, PRICE);
        vm.assertEq(escrow.termsHash(placed.terms), _termsHash(placed));
        OrderBook.Record memory current = _record(placed);
        vm.assertEq(uint256(current.state), uint256(OrderBook.State.Authorized));
        vm.assertEq(current.since, START);
        vm.assertEq(current.shipBy, _shipBy());
        vm.assertEq(current.coolingOffSeconds, 1 days);
        vm.assertEq(current.amount, PRICE);
        vm.assertEq(dollar.balanceOf(address(escrow)), PRICE);
        MandateManager.MandateState memory counters = escrow.mandateState(_mandateHash(mandate));
        vm.assertTrue(counters.status == MandateManager.MandateStatus.Granted);
        vm.assertEq(counters.spent, PRICE);
        vm.assertEq(counters.openOrders, 1);
        vm.assertEq(counters.lastNonce, 1);
    }

    function test_keepsNothingUnderOtherNames(uint8 field) public {
        Placed memory placed = _place(mandate, 1);
        MandateManager.Terms memory terms = placed.terms;
        uint256 offset = uint256(field) % 6 * 0x20;
        assembly ("memory-safe") {
            let word := add(terms, offset)
            mstore(word, xor(mload(word), 1))
        }
        _assertState(placed, OrderBook.State.None);
        terms = _terms(mandate);
        bytes32 hash = keccak256(abi.encode(terms));
        vm.assertTrue(escrow.record(hash, STRANGER, placed.id).state == OrderBook.State.None);
        vm.assertTrue(escrow.record(hash, SELLER, "another").state == OrderBook.State.None);
    }

    function test_takesOneBasketOfSeveralMandates_inOneTransfer() public {
        MandateManager.Mandate memory second = _mandate();
        second.salt = 2;
        second.deviceKey = vm.addr(STRANGER_KEY);
        _grant(second);
        OrderEscrow.Section[] memory sections = new OrderEscrow.Section[](2);
        sections[0] = _section(mandate, 2);
        sections[0].orders[0] = _order(_authorization(mandate, 1));
        sections[0].orders[1] = _order(_authorization(mandate, 2));
        OrderEscrow.Authorization memory authorization = _authorization(second, 1);
        OrderEscrow.Order memory order = _order(authorization);
        (order.r, order.vs) = _signCompact(STRANGER_KEY, _authorizationId(authorization));
        sections[1] = _section(second, order);

        vm.expectEmit(address(dollar));
        emit IERC20.Transfer(PAYER, address(escrow), 3 * PRICE);
        escrow.authorizeBatch(_baskets(_basket(sections)));
        vm.assertEq(dollar.balanceOf(address(escrow)), 3 * PRICE);
        vm.assertEq(escrow.spentNow(mandate), 2 * PRICE);
        vm.assertEq(escrow.spentNow(second), PRICE);
    }

    function test_takesOneMandate_inTwoSectionsAsWell() public {
        OrderEscrow.Section[] memory sections = new OrderEscrow.Section[](2);
        sections[0] = _section(mandate, _order(_authorization(mandate, 1)));
        sections[1] = _section(mandate, _order(_authorization(mandate, 2)));
        escrow.authorizeBatch(_baskets(_basket(sections)));
        vm.assertEq(escrow.spentNow(mandate), 2 * PRICE);
        vm.assertEq(escrow.mandateState(_mandateHash(mandate)).openOrders, 2);
    }

    function test_takesSeveralSellersAndProducts_ofOneMandate() public {
        OrderEscrow.Offer memory cheap = _offer();
        (cheap.seller, cheap.maxUnitPrice) = (STRANGER, 1e6);
        bytes32[2] memory leaves = [_offerLeaf(_offer()), _offerLeaf(cheap)];
        mandate.offersRoot = Hashes.commutativeKeccak256(leaves[0], leaves[1]);
        _grant(mandate);

        OrderEscrow.Section[] memory sections = new OrderEscrow.Section[](2);
        OrderEscrow.Authorization memory first = _authorization(mandate, 1);
        sections[0] = _section(mandate, _order(first));
        sections[0].proof[0] = leaves[1];
        OrderEscrow.Authorization memory second = _authorization(mandate, 2);
        (second.seller, second.offerLeaf, second.total) = (STRANGER, leaves[1], 1e6 + 1);
        sections[1] = _section(mandate, _order(second));
        sections[1].offer = cheap;
        sections[1].proof[0] = leaves[0];
        _assertRefused(_basket(sections), abi.encodeWithSelector(OrderEscrow.OverPrice.selector, 1e6 + 1, 1e6), 0);

        second.total = 1e6;
        sections[1].orders[0] = _order(second);
        escrow.authorizeBatch(_baskets(_basket(sections)));
        _assertState(Placed(_terms(mandate), _authorizationId(first), PRICE), OrderBook.State.Authorized);
        bytes32 hash = keccak256(abi.encode(_terms(mandate)));
        vm.assertEq(escrow.record(hash, STRANGER, _authorizationId(second)).amount, 1e6);
        vm.assertEq(dollar.balanceOf(address(escrow)), PRICE + 1e6);
        vm.assertEq(escrow.spentNow(mandate), PRICE + 1e6);
    }

    function test_refusesOneBasket_whileOthersGoOn() public {
        OrderEscrow.Authorization memory authorization = _authorization(mandate, 1);
        bytes[] memory baskets = new bytes[](3);
        baskets[0] = _basket(new OrderEscrow.Section[](0));
        baskets[1] = _basket(_section(mandate, _order(authorization)));
        baskets[2] = baskets[0];
        vm.expectEmit(address(escrow));
        emit OrderEscrow.Refused(0, abi.encodeWithSelector(OrderEscrow.EmptyBasket.selector));
        vm.expectEmit(address(escrow));
        emit OrderEscrow.Refused(2, abi.encodeWithSelector(OrderEscrow.EmptyBasket.selector));
        escrow.authorizeBatch(baskets);
        _assertState(Placed(_terms(mandate), _authorizationId(authorization), PRICE), OrderBook.State.Authorized);
    }

    function test_refuses_whatIsNotABasket_whileOthersGoOn() public {
        bytes[] memory baskets = new bytes[](4);
        baskets[0] = abi.encodeCall(escrow.withdraw, (address(dollar)));
        baskets[1] = abi.encode(0x20);
        baskets[3] = _basket(_section(mandate, _order(_authorization(mandate, 1))));
        for (uint256 i = 0; i < 3; ++i) {
            vm.expectEmit(address(escrow));
            emit OrderEscrow.Refused(i, "");
        }
        escrow.authorizeBatch(baskets);
        vm.assertEq(escrow.spentNow(mandate), PRICE);
    }

    function test_placesNothingOfABasket_whenOneOrderFails() public {
        OrderEscrow.Section memory section = _section(mandate, 2);
        section.orders[0] = _order(_authorization(mandate, 1));
        section.orders[1] = section.orders[0];
        _assertRefused(section, abi.encodeWithSelector(MandateManager.NonceNotRising.selector, 1, 1));
        vm.assertEq(escrow.spentNow(mandate), 0);
    }

    function test_countsNoncesOverAllSectionsOfAMandate() public {
        OrderEscrow.Section[] memory sections = new OrderEscrow.Section[](2);
        sections[0] = _section(mandate, _order(_authorization(mandate, 2)));
        sections[1] = _section(mandate, _order(_authorization(mandate, 1)));
        _assertRefused(_basket(sections), abi.encodeWithSelector(MandateManager.NonceNotRising.selector, 1, 2), 0);
        (sections[0], sections[1]) = (sections[1], sections[0]);
        escrow.authorizeBatch(_baskets(_basket(sections)));
        vm.assertEq(escrow.spentNow(mandate), 2 * PRICE);
    }

    function test_refuses_whatThePayerCannotPay() public {
        vm.prank(PAYER);
        dollar.approve(address(escrow), PRICE - 1);
        bytes memory reason =
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, address(escrow), PRICE - 1, PRICE);
        _assertRefused(_authorization(mandate, 1), reason);
    }

    function test_refuses_aBasketWithoutSectionsOrOrders() public {
        bytes memory reason = abi.encodeWithSelector(OrderEscrow.EmptyBasket.selector);
        _assertRefused(_section(mandate, 0), reason);
        _assertRefused(_basket(new OrderEscrow.Section[](0)), reason, 0);
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
        bytes32 id = _authorizationId(authorization);
        OrderEscrow.Order memory order = _order(authorization);
        bytes memory reason = abi.encodeWithSelector(MandateManager.WrongSignature.selector, DEVICE, id);
        uint256[2] memory keys = [STRANGER_KEY, PAYER_KEY];
        for (uint256 i = 0; i < keys.length; ++i) {
            (order.r, order.vs) = _signCompact(keys[i], id);
            _assertRefused(_section(mandate, order), reason);
        }
        (order.r, order.vs) = (0, 0);
        _assertRefused(_section(mandate, order), reason);
    }

    function test_refuses_aSignatureForAnotherChainOrContract() public {
        OrderEscrow.Authorization memory authorization = _authorization(mandate, 1);
        OrderEscrow.Order memory order = _order(authorization);
        bytes memory reason =
            abi.encodeWithSelector(MandateManager.WrongSignature.selector, DEVICE, _authorizationId(authorization));
        for (uint256 i = 0; i < 2; ++i) {
            address verifier = i == 0 ? STRANGER : address(escrow);
            (order.r, order.vs) =
                _signCompact(DEVICE_KEY, _authorizationIdOf(authorization, block.chainid + i, verifier));
            _assertRefused(_section(mandate, order), reason);
        }
    }

    function test_refuses_anAuthorizationChangedAfterSigning(uint8 field) public {
        OrderEscrow.Authorization memory authorization = _authorization(mandate, 1);
        OrderEscrow.Order memory order = _order(authorization);
        field = field % 6;
        if (field == 0) authorization.quantity = 2;
        if (field == 1) authorization.total = PRICE - 1;
        if (field == 2) authorization.quoteHash = order.quoteHash = "another";
        if (field == 3) authorization.shipBy += 1;
        if (field == 4) authorization.validBefore += 1;
        if (field == 5) authorization.nonce = 2;
        order.numbers = _numbers(authorization);
        bytes memory reason =
            abi.encodeWithSelector(MandateManager.WrongSignature.selector, DEVICE, _authorizationId(authorization));
        _assertRefused(_section(mandate, order), reason);
    }

    function test_refuses_anAuthorizationOfAnotherMandate() public {
        OrderEscrow.Order memory order = _order(_authorization(mandate, 1));
        MandateManager.Mandate memory other = mandate;
        other.salt = 2;
        _grant(other);
        bytes memory reason = abi.encodeWithSelector(
            MandateManager.WrongSignature.selector, DEVICE, _authorizationId(_authorization(other, 1))
        );
        _assertRefused(_section(other, order), reason);
    }

    function test_refuses_anotherSellerOrOfferThanWasSigned() public {
        OrderEscrow.Authorization memory authorization = _authorization(mandate, 1);
        authorization.seller = STRANGER;
        bytes memory reason = abi.encodeWithSelector(
            MandateManager.WrongSignature.selector, DEVICE, _authorizationId(_authorization(mandate, 1))
        );
        _assertRefused(authorization, reason);
        authorization = _authorization(mandate, 1);
        authorization.offerLeaf = OTHER_LEAF;
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
        for (uint256 nonce = 1; nonce <= 2; ++nonce) {
            vm.warp(START + nonce - 1);
            _place(mandate, nonce);
        }
    }

    function test_placesUntilBeforeTheEnd() public {
        vm.warp(mandate.end - 1);
        _place(mandate, 1);
        for (uint256 timestamp = mandate.end; timestamp < mandate.end + 2; ++timestamp) {
            vm.warp(timestamp);
            bytes memory reason = abi.encodeWithSelector(MandateManager.MandateEnded.selector, timestamp, mandate.end);
            _assertRefusedAfter(_authorization(mandate, 2), reason, PRICE);
        }
    }

    function test_placesUntilBeforeValidBefore() public {
        OrderEscrow.Authorization memory authorization = _authorization(mandate, 1);
        for (uint256 timestamp = authorization.validBefore; timestamp < authorization.validBefore + 2; ++timestamp) {
            vm.warp(timestamp);
            bytes memory reason =
                abi.encodeWithSelector(OrderEscrow.AuthorizationExpired.selector, timestamp, authorization.validBefore);
            _assertRefused(authorization, reason);
        }
        vm.warp(authorization.validBefore - 1);
        _place(mandate, authorization);
    }

    function test_leavesASecondToShipIn() public {
        OrderEscrow.Authorization memory authorization = _authorization(mandate, 1);
        uint256 coolingOffUntil = START + 1 days;
        for (authorization.shipBy = coolingOffUntil - 1; authorization.shipBy <= coolingOffUntil;) {
            bytes memory reason =
                abi.encodeWithSelector(OrderEscrow.ShipByTooSoon.selector, authorization.shipBy, coolingOffUntil);
            _assertRefused(authorization, reason);
            authorization.shipBy += 1;
        }
        _place(mandate, authorization);
    }

    function test_takesARisingNonceOnly(uint48 last, uint48 next) public {
        vm.assume(last > 0);
        _place(mandate, last);
        OrderEscrow.Authorization memory authorization = _authorization(mandate, next);
        if (next > last) {
            _place(mandate, authorization);
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
        _place(mandate, authorization);
        bytes memory reason = abi.encodeWithSelector(MandateManager.NonceNotRising.selector, 1, 1);
        _assertRefusedAfter(authorization, reason, PRICE);
    }

    function test_refuses_aTotalOfNothing() public {
        OrderEscrow.Authorization memory authorization = _authorization(mandate, 1);
        authorization.total = 0;
        _assertRefused(authorization, abi.encodeWithSelector(Households.MissingField.selector, "total"));
        authorization.total = 1;
        _place(mandate, authorization);
        vm.assertEq(escrow.spentNow(mandate), 1);
    }

    function test_refuses_noPacks() public {
        OrderEscrow.Authorization memory authorization = _authorization(mandate, 1);
        (authorization.quantity, authorization.total) = (0, 1);
        _assertRefused(authorization, abi.encodeWithSelector(OrderEscrow.OverPrice.selector, 1, 0));
    }

    function test_takesUpToThePriceOfThePacks(uint32 quantity) public {
        quantity = quantity % 2 + 1;
        OrderEscrow.Authorization memory authorization = _authorization(mandate, 1);
        authorization.quantity = quantity;
        authorization.total = quantity * PRICE + 1;
        bytes memory reason =
            abi.encodeWithSelector(OrderEscrow.OverPrice.selector, authorization.total, quantity * PRICE);
        _assertRefused(authorization, reason);
        for (authorization.total = quantity * PRICE - 1; authorization.total <= quantity * PRICE;) {
            _place(mandate, authorization);
            authorization.total += 1;
            authorization.nonce += 1;
        }
    }

    function test_takesUpToTheOrderCap() public {
        OrderEscrow.Authorization memory authorization = _authorization(mandate, 1);
        authorization.quantity = type(uint32).max;
        authorization.total = mandate.maxPerOrder + 1;
        bytes memory reason =
            abi.encodeWithSelector(MandateManager.OverOrderCap.selector, authorization.total, mandate.maxPerOrder);
        _assertRefused(authorization, reason);
        _placeOf(mandate.maxPerOrder - 1, 1);
        _placeOf(mandate.maxPerOrder, 2);
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
        _place(mandate, authorization);
    }

    function test_countsAnew_fromThePeriodsFirstSecondOn() public {
        _placeOf(50e6, 1);
        for (uint256 nonce = 2; nonce <= 3; ++nonce) {
            vm.warp(START + PERIOD + nonce - 2);
            _placeOf(50e6, nonce);
            vm.assertEq(escrow.spentNow(mandate), (nonce - 1) * 50e6);
        }
    }

    function test_takesTheLastUnitOfTheAllowance() public {
        _placeOf(50e6, 1);
        _placeOf(50e6 - 1, 2);
        vm.assertEq(escrow.spentNow(mandate), ALLOWANCE - 1);
        _placeOf(1, 3);
        vm.assertEq(escrow.spentNow(mandate), ALLOWANCE);
    }

    function test_takesUpToTheOpenOrders() public {
        _placeOf(1e6, 1);
        _placeOf(1e6, 2);
        _placeOf(1e6, 3);
        bytes memory reason = abi.encodeWithSelector(MandateManager.TooManyOpenOrders.selector, 4, 3);
        _assertRefusedAfter(_authorization(mandate, 4), reason, 3e6);
    }

    function test_takesUpToTheOpenOrders_inOneSection() public {
        bytes memory reason = abi.encodeWithSelector(MandateManager.TooManyOpenOrders.selector, 4, 3);
        _assertRefused(_cheapSection(4), reason);
        _authorize(_cheapSection(3));
        vm.assertEq(escrow.mandateState(_mandateHash(mandate)).openOrders, 3);
    }

    function test_refuses_aPartyAsSeller() public {
        address[3] memory parties = [PAYER, DEVICE, ARBITER];
        for (uint256 i = 0; i < parties.length; ++i) {
            _assertRefusedSeller(parties[i], abi.encodeWithSelector(OrderEscrow.WrongSeller.selector, parties[i]));
        }
    }

    function test_refuses_anOfferThatIsNotNamed(uint8 field) public {
        OrderEscrow.Section memory section = _section(mandate, _order(_authorization(mandate, 1)));
        OrderEscrow.Offer memory offer = section.offer;
        uint256 offset = uint256(field) % 3 * 0x20;
        assembly ("memory-safe") {
            let word := add(offer, offset)
            mstore(word, xor(mload(word), 1))
        }
        bytes memory reason =
            abi.encodeWithSelector(OrderEscrow.OfferNotInMandate.selector, _offerLeaf(offer), mandate.offersRoot);
        _assertRefused(section, reason);
    }

    function test_refuses_aSellerThatIsNotNamed(address seller) public {
        vm.assume(seller != SELLER && seller != PAYER && seller != DEVICE && seller != ARBITER);
        OrderEscrow.Offer memory offer = _offer();
        offer.seller = seller;
        bytes memory reason =
            abi.encodeWithSelector(OrderEscrow.OfferNotInMandate.selector, _offerLeaf(offer), mandate.offersRoot);
        _assertRefusedSeller(seller, reason);
    }

    /// @dev What else was hashed once may not stand in for an offer: its leaf has a word of its own and two hashes.
    function test_refuses_aLeafThatWasHashedOnce() public {
        OrderEscrow.Offer memory it = _offer();
        bytes memory encoded = abi.encode(keccak256("adept.offer"), it.product, it.seller, it.maxUnitPrice);
        mandate.offersRoot = Hashes.commutativeKeccak256(keccak256(encoded), OTHER_LEAF);
        _grant(mandate);
        bytes memory reason =
            abi.encodeWithSelector(OrderEscrow.OfferNotInMandate.selector, _offerLeaf(it), mandate.offersRoot);
        _assertRefused(_section(mandate, _order(_authorization(mandate, 1))), reason);
    }

    /// @dev A mandate of one offer has no proof at all; the longest here is for a million offers.
    function test_takesProofsOfTheTreesOwnDepth() public {
        uint8[5] memory depths = [0, 1, 4, 5, 20];
        for (uint256 i = 0; i < depths.length; ++i) {
            bytes32 leaf = _offerLeaf(_offer());
            bytes32[] memory proof = new bytes32[](depths[i]);
            mandate.offersRoot = leaf;
            for (uint256 k = 0; k < proof.length; ++k) {
                proof[k] = keccak256(abi.encode(OTHER_LEAF, k));
                mandate.offersRoot = Hashes.commutativeKeccak256(mandate.offersRoot, proof[k]);
            }
            _grant(mandate);
            OrderEscrow.Authorization memory authorization = _authorization(mandate, 1);
            OrderEscrow.Section memory section = _section(mandate, _order(authorization));
            bytes memory reason =
                abi.encodeWithSelector(OrderEscrow.OfferNotInMandate.selector, leaf, mandate.offersRoot);
            if (proof.length > 0) {
                section.proof = _resized(proof, proof.length - 1);
                _assertRefusedAfter(section, reason, i * PRICE);
            }
            section.proof = _resized(proof, proof.length + 1);
            _assertRefusedAfter(section, reason, i * PRICE);
            section.proof = proof;
            _authorize(section);
            _assertState(Placed(_terms(mandate), _authorizationId(authorization), PRICE), OrderBook.State.Authorized);
        }
    }

    function test_takesTheLargestNumbers() public {
        OrderEscrow.Section memory section = _limitless(1);
        OrderEscrow.Authorization memory authorization = _limitlessAuthorization(section, type(uint48).max);
        authorization.quantity = type(uint32).max;
        authorization.total = type(uint96).max;
        authorization.shipBy = authorization.validBefore = type(uint40).max;
        section.orders[0] = _order(authorization);
        _authorize(section);
        bytes32 hash = keccak256(abi.encode(_terms(section.mandate)));
        OrderBook.Record memory current = escrow.record(hash, SELLER, _authorizationId(authorization));
        vm.assertEq(current.amount, type(uint96).max);
        vm.assertEq(current.since, START);
        vm.assertEq(current.shipBy, type(uint40).max);
        vm.assertEq(current.coolingOffSeconds, 3653 days);
        vm.assertEq(escrow.mandateState(_mandateHash(section.mandate)).lastNonce, type(uint48).max);
    }

    /// @dev What was signed with a number too large for its place is another authorization than the one sent.
    function test_refuses_whatOneWordCannotHold(uint8 field) public {
        OrderEscrow.Section memory section = _section(mandate, 1);
        OrderEscrow.Authorization memory authorization = _authorization(mandate, 1);
        field = field % 5;
        if (field == 0) authorization.quantity += 1 << 32;
        if (field == 1) authorization.total += 1 << 96;
        if (field == 2) authorization.shipBy += 1 << 40;
        if (field == 3) authorization.validBefore += 1 << 40;
        if (field == 4) authorization.nonce += 1 << 48;
        section.orders[0] = _order(authorization);
        bytes32 id = _authorizationId(_authorization(mandate, 1));
        _assertRefused(section, abi.encodeWithSelector(MandateManager.WrongSignature.selector, DEVICE, id));
    }

    function test_refuses_totalsThatOneSlotCannotHold() public {
        OrderEscrow.Section memory section = _limitless(2);
        for (uint256 i = 0; i < 2; ++i) {
            OrderEscrow.Authorization memory authorization = _limitlessAuthorization(section, i + 1);
            authorization.total = 1 << 95;
            section.orders[i] = _order(authorization);
        }
        _assertRefused(
            section, abi.encodeWithSelector(SafeCast.SafeCastOverflowedUintDowncast.selector, 96, uint256(1) << 96)
        );
    }

    function test_reverts_whenABasketIsSentPastTheBatch(address sender) public {
        vm.assume(sender != address(escrow));
        OrderEscrow.Section[] memory sections = new OrderEscrow.Section[](1);
        sections[0] = _section(mandate, _order(_authorization(mandate, 1)));
        _expectWrongCaller(sender, address(escrow));
        vm.prank(sender);
        escrow.authorizeBasket(sections);
    }

    /// @dev A mandate that has no limits but those of what is stored, of a payer who has no end of money.
    function _limitless(uint256 orders) private returns (OrderEscrow.Section memory section) {
        section = _section(_mandate(), orders);
        section.offer.maxUnitPrice = type(uint256).max;
        section.mandate.offersRoot = _rootOf(section.offer);
        section.mandate.allowance = section.mandate.maxPerOrder = type(uint256).max;
        section.mandate.coolingOffSeconds = 3653 days;
        _grant(section.mandate);
        dollar.mint(PAYER, type(uint128).max);
    }

    function _limitlessAuthorization(OrderEscrow.Section memory section, uint256 nonce)
        private
        view
        returns (OrderEscrow.Authorization memory authorization)
    {
        authorization = _authorization(section.mandate, nonce);
        authorization.offerLeaf = _offerLeaf(section.offer);
        authorization.shipBy += 3653 days;
    }

    function _cheapSection(uint256 orders) private view returns (OrderEscrow.Section memory section) {
        section = _section(mandate, orders);
        for (uint256 i = 0; i < orders; ++i) {
            OrderEscrow.Authorization memory authorization = _authorization(mandate, i + 1);
            authorization.total = 1;
            section.orders[i] = _order(authorization);
        }
    }

    function _resized(bytes32[] memory proof, uint256 length) private pure returns (bytes32[] memory resized) {
        resized = new bytes32[](length);
        for (uint256 i = 0; i < length && i < proof.length; ++i) {
            resized[i] = proof[i];
        }
    }

    function _placeOf(uint256 total, uint256 nonce) private {
        OrderEscrow.Authorization memory authorization = _authorization(mandate, nonce);
        authorization.quantity = 3;
        authorization.total = total;
        _place(mandate, authorization);
    }

    function _assertWrongStatus(MandateManager.MandateStatus status) private {
        bytes memory reason = abi.encodeWithSelector(
            MandateManager.WrongMandateStatus.selector,
            _mandateHash(mandate),
            status,
            MandateManager.MandateStatus.Granted
        );
        _assertRefused(_authorization(mandate, 1), reason);
    }

    function _assertMixed(MandateManager.Mandate memory other) private {
        OrderEscrow.Section[] memory sections = new OrderEscrow.Section[](2);
        sections[0] = _section(_mandate(), _order(_authorization(_mandate(), 1)));
        sections[1] = _section(other, _order(_authorization(other, 1)));
        bytes memory reason = abi.encodeWithSelector(OrderEscrow.MixedBasket.selector, 1, other.payer, other.token);
        _assertRefused(_basket(sections), reason, 0);
    }

    function _assertRefusedSeller(address seller, bytes memory reason) private {
        OrderEscrow.Section memory section = _section(mandate, _order(_authorization(mandate, 1)));
        section.offer.seller = seller;
        if (seller == PAYER || seller == DEVICE || seller == ARBITER) {
            // Not even when the payer named them.
            section.mandate.offersRoot = _rootOf(section.offer);
            _grant(section.mandate);
        }
        _assertRefused(section, reason);
    }

    function _assertRefused(OrderEscrow.Authorization memory authorization, bytes memory reason) private {
        _assertRefusedAfter(authorization, reason, 0);
    }

    function _assertRefused(OrderEscrow.Section memory section, bytes memory reason) private {
        _assertRefusedAfter(section, reason, 0);
    }

    function _assertRefusedAfter(OrderEscrow.Authorization memory authorization, bytes memory reason, uint256 held)
        private
    {
        _assertRefusedAfter(_section(mandate, _order(authorization)), reason, held);
    }

    function _assertRefusedAfter(OrderEscrow.Section memory section, bytes memory reason, uint256 held) private {
        _assertRefused(_basket(section), reason, held);
    }

    /// @dev The refusal is reported with its reason, and the escrow still holds what it held.
    function _assertRefused(bytes memory basket, bytes memory reason, uint256 held) private {
        vm.expectEmit(address(escrow));
        emit OrderEscrow.Refused(0, reason);
        escrow.authorizeBatch(_baskets(basket));
        vm.assertEq(dollar.balanceOf(address(escrow)), held);
    }

    function _authorizationIdOf(OrderEscrow.Authorization memory authorization, uint256 chainId, address verifier)
        private
        returns (bytes32 id)
    {
        (uint256 ownChain, OrderEscrow ownEscrow) = (block.chainid, escrow);
        vm.chainId(chainId);
        escrow = OrderEscrow(verifier);
        id = _authorizationId(authorization);
        vm.chainId(ownChain);
        escrow = ownEscrow;
    }
}
