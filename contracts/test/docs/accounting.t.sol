// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Disputes} from "../../src/Disputes.sol";
import {Households} from "../../src/Households.sol";
import {MandateManager} from "../../src/MandateManager.sol";
import {OrderBook} from "../../src/OrderBook.sol";
import {OrderEscrow} from "../../src/OrderEscrow.sol";
import {EscrowTest} from "../support/EscrowTest.sol";

/// @dev The examples of docs/accounting.md, in its order; a comment above each step is a row of its table.
contract AccountingTest is EscrowTest {
    uint64 private constant HOUSEHOLD = 7;

    MandateManager.Mandate private _a;
    MandateManager.Mandate private _b;
    mapping(uint64 salt => bytes32) private _hashes;
    uint48 private _nonce;

    function setUp() public override {
        super.setUp();
        _a = _mandate();
        _a.maxPerOrder = 50e6;
        _a.maxOpenOrders = 4;
        // Trees of one leaf.
        _a.payeesRoot = _leaf(abi.encode(keccak256("adept.payee"), bytes32(0), SELLER));
        _a.productsRoot = _leaf(_product());
        _grantOwn(_a);
    }

    function test_periodCap() public {
        // | 2 | authorize 40 | 40 |
        _onDay(2);
        _authorize(_a, 40);
        _assertSpent(40);
        // | 3 | authorize 50 | 90 |
        _onDay(3);
        _authorize(_a, 50);
        _assertSpent(90);
        // | 4 | authorize 11: refused, OverAllowance(101, 100) | 90 |
        _onDay(4);
        _assertRefused(_a, 11, abi.encodeWithSelector(MandateManager.OverAllowance.selector, 101e6, 100e6));
        _assertSpent(90);
        // | 4 | authorize 10 | 100 |
        _authorize(_a, 10);
        _assertSpent(100);
        // | 30 | the next period begins | 0 |
        _onDay(30);
        _assertSpent(0);
        vm.warp(block.timestamp - 1);
        _assertSpent(100);
    }

    function test_giveBack() public {
        // | 2 | authorize 50 and 40 | 90 |
        _onDay(2);
        _authorize(_a, 50);
        bytes32 cancelled = _authorize(_a, 40);
        _assertSpent(90);
        // | 3 | cancel the 40 | 50 |
        _onDay(3);
        _cancel(_a, cancelled);
        _assertSpent(50);
        // | 3 | authorize 30 and 20 | 100 |
        bytes32 declined = _authorize(_a, 30);
        bytes32 late = _authorize(_a, 20);
        _assertSpent(100);
        // | 4 | the seller declines the 30 | 70 |
        _onDay(4);
        vm.prank(SELLER);
        escrow.decline(_terms(_a), declined);
        _assertSpent(70);
        // | 11 | the seller let ship-by pass: reclaim the 20 | 50 |
        _onDay(11);
        escrow.reclaim(_terms(_a), SELLER, late);
        _assertSpent(50);
    }

    function test_periodChange() public {
        // | 29 | authorize 50 | 50 |
        _onDay(29);
        bytes32 old = _authorize(_a, 50);
        _assertSpent(50);
        // | 30 | the next period begins | 0 |
        _onDay(30);
        _assertSpent(0);
        // | 31 | authorize 40 | 40 |
        _onDay(31);
        _authorize(_a, 40);
        _assertSpent(40);
        // | 32 | cancel the 50 of day 29 | 40 |
        _onDay(32);
        _cancel(_a, old);
        _assertSpent(40);
    }

    function test_border() public {
        // | 29 | authorize 50 and 50 | 100 |
        _onDay(29);
        _authorize(_a, 50);
        _authorize(_a, 50);
        _assertSpent(100);
        // | 30 | authorize 50 and 50 | 100 |
        _onDay(30);
        _authorize(_a, 50);
        _authorize(_a, 50);
        _assertSpent(100);
        _assertHeld(200);
    }

    function test_household() public {
        _formHousehold();
        // | 11 | A authorizes 50 and 50 | 100 | 0 | 100 |
        _onDay(11);
        _authorize(_a, 50);
        _authorize(_a, 50);
        _assertSpent(100, 0, 100);
        // | 12 | B authorizes 50 | 100 | 50 | 150 |
        _onDay(12);
        _authorize(_b, 50);
        _assertSpent(100, 50, 150);
        // | 13 | B authorizes 1: refused, OverHouseholdAllowance(151, 150) | 100 | 50 | 150 |
        _onDay(13);
        _assertRefused(_b, 1, abi.encodeWithSelector(Households.OverHouseholdAllowance.selector, 151e6, 150e6));
        _assertSpent(100, 50, 150);
        // | 30 | the mandates' next period begins, the household's goes on | 0 | 0 | 150 |
        _onDay(30);
        _assertSpent(0, 0, 150);
        // | 40 | the household's next period begins | 0 | 0 | 0 |
        _onDay(40);
        _assertSpent(0, 0, 0);
        vm.warp(block.timestamp - 1);
        _assertSpent(0, 0, 150);
    }

    function test_householdGiveBack() public {
        _formHousehold();
        // | 29 | A authorizes 50 and 40 | 90 | 0 | 90 |
        _onDay(29);
        bytes32 first = _authorize(_a, 50);
        bytes32 second = _authorize(_a, 40);
        _assertSpent(90, 0, 90);
        // | 31 | cancel the 50: only the household's period still runs | 0 | 0 | 40 |
        _onDay(31);
        _cancel(_a, first);
        _assertSpent(0, 0, 40);
        // | 41 | cancel the 40: neither runs | 0 | 0 | 0 |
        _onDay(41);
        _cancel(_a, second);
        _assertSpent(0, 0, 0);
    }

    function test_householdChange() public {
        _formHousehold();
        // | 12 | A authorizes 50 | 50 | 0 | 50 |
        _onDay(12);
        _authorize(_a, 50);
        _assertSpent(50, 0, 50);
        // | 13 | set 60 per 7 days: holds from day 40 | 50 | 0 | 50 |
        _onDay(13);
        vm.expectEmit(address(escrow));
        emit Households.HouseholdSet(PAYER, address(dollar), HOUSEHOLD, 60e6, 7 days, START + 40 days);
        vm.prank(PAYER);
        escrow.setHousehold(address(dollar), HOUSEHOLD, 60e6, 7 days);
        _assertSpent(50, 0, 50);
        // | 14 | A authorizes 50: the cap is still 150 | 100 | 0 | 100 |
        _onDay(14);
        _authorize(_a, 50);
        _assertSpent(100, 0, 100);
        // | 40 | A authorizes 50 | 50 | 0 | 50 |
        _onDay(40);
        _authorize(_a, 50);
        _assertSpent(50, 0, 50);
        // | 41 | B authorizes 11: refused, OverHouseholdAllowance(61, 60) | 50 | 0 | 50 |
        _onDay(41);
        _assertRefused(_b, 11, abi.encodeWithSelector(Households.OverHouseholdAllowance.selector, 61e6, 60e6));
        _assertSpent(50, 0, 50);
        // | 47 | B authorizes 11 in the household's next seven days | 50 | 11 | 11 |
        _onDay(47);
        _authorize(_b, 11);
        _assertSpent(50, 11, 11);
    }

    function test_openOrders() public {
        // | 2 | authorize 10, 11, 12 and 13 | 46 | 4 |
        _onDay(2);
        bytes32 first = _authorize(_a, 10);
        bytes32 second = _authorize(_a, 11);
        _authorize(_a, 12);
        _authorize(_a, 13);
        _assertOpen(46, 4);
        // | 2 | authorize 14: refused, TooManyOpenOrders(4, 4) | 46 | 4 |
        _assertRefused(_a, 14, abi.encodeWithSelector(MandateManager.TooManyOpenOrders.selector, 4, 4));
        _assertOpen(46, 4);
        // | 3 | the 10 ships | 46 | 4 |
        _onDay(3);
        _ship(_a, first);
        _assertOpen(46, 4);
        // | 4 | the 10 is captured | 46 | 3 |
        _onDay(4);
        _capture(_a, first, 10);
        _assertOpen(46, 3);
        // | 4 | authorize 14 | 60 | 4 |
        _authorize(_a, 14);
        _assertOpen(60, 4);
        // | 5 | cancel the 11 | 49 | 3 |
        _onDay(5);
        _cancel(_a, second);
        _assertOpen(49, 3);
    }

    function test_coolingOff() public {
        // | 2 | authorize 50 and 40 | 90 | 90 |
        _onDay(2);
        bytes32 first = _authorize(_a, 50);
        bytes32 second = _authorize(_a, 40);
        _assertMoney(90, 90, 0);
        // | 3 | a second earlier, shipping the 50 is refused: CoolingOff | 90 | 90 |
        _onDay(3);
        vm.warp(block.timestamp - 1);
        vm.expectRevert(
            abi.encodeWithSelector(OrderEscrow.CoolingOff.selector, block.timestamp, uint256(START) + 3 days)
        );
        _ship(_a, first);
        _assertMoney(90, 90, 0);
        // | 3 | the 50 ships | 90 | 90 |
        _onDay(3);
        _ship(_a, first);
        _assertMoney(90, 90, 0);
        // | 3 | cancelling the 50 is refused: WrongState | 90 | 90 |
        OrderBook.State shipped = OrderBook.State.Shipped;
        vm.expectRevert(
            abi.encodeWithSelector(OrderBook.WrongState.selector, first, shipped, OrderBook.State.Authorized)
        );
        _cancel(_a, first);
        _assertMoney(90, 90, 0);
        // | 4 | cancel the 40, which has not shipped | 50 | 50 |
        _onDay(4);
        _cancel(_a, second);
        _assertMoney(50, 50, 0);
    }

    function test_partialCapture() public {
        bytes32 id = _authorizeAndShip50();
        // | 5 | capture 30 with a confirmation for 30; 20 go back | 50 | 0 | 30 |
        _onDay(5);
        uint256 before = dollar.balanceOf(PAYER);
        _capture(_a, id, 30);
        _assertMoney(50, 0, 30);
        vm.assertEq(dollar.balanceOf(PAYER) - before, 20e6);
    }

    function test_refund() public {
        bytes32 id = _authorizeAndShip50();
        // | 5 | capture 50 | 50 | 0 | 50 |
        _onDay(5);
        _capture(_a, id, 50);
        _assertMoney(50, 0, 50);
        vm.prank(SELLER);
        dollar.approve(address(escrow), type(uint256).max);
        // | 6 | refund 20 | 50 | 0 | 30 |
        _onDay(6);
        _refund(id, 20);
        _assertMoney(50, 0, 30);
        // | 35 | refund 31: refused, OverRefund(31, 30) | 0 | 0 | 30 |
        _onDay(35);
        vm.expectRevert(abi.encodeWithSelector(OrderEscrow.OverRefund.selector, 31e6, 30e6));
        _refund(id, 31);
        _assertMoney(0, 0, 30);
        // | 35 | refund 30, in the last second for it | 0 | 0 | 0 |
        _refund(id, 30);
        _assertMoney(0, 0, 0);
    }

    function test_unconfirmed() public {
        bytes32 id = _authorizeAndShip50();
        // | 17 | reclaim: refused, TooEarlyToReclaim; the 14 days end with this second | 50 | 50 | 0 |
        _onDay(17);
        vm.expectRevert(
            abi.encodeWithSelector(OrderEscrow.TooEarlyToReclaim.selector, block.timestamp, uint256(START) + 17 days)
        );
        escrow.reclaim(_terms(_a), SELLER, id);
        _assertMoney(50, 50, 0);
        // | 18 | anyone reclaims; 50 go back | 50 | 0 | 0 |
        _onDay(18);
        vm.prank(STRANGER);
        escrow.reclaim(_terms(_a), SELLER, id);
        _assertMoney(50, 0, 0);
    }

    function test_dispute() public {
        bytes32 id = _authorizeAndShip50();
        // | 5 | the payer disputes | 50 | 50 | 0 |
        _onDay(5);
        vm.prank(PAYER);
        escrow.dispute(_terms(_a), SELLER, id, "");
        _assertMoney(50, 50, 0);
        // | 20 | the arbiter decides 20 for the seller; 30 go back | 50 | 0 | 20 |
        _onDay(20);
        vm.expectEmit(address(escrow));
        emit Disputes.Decided(id, 20e6, 30e6);
        vm.prank(ARBITER);
        escrow.decide(_terms(_a), SELLER, id, 20e6);
        _assertMoney(50, 0, 20);
    }

    function test_basket() public {
        _onDay(2);
        uint96[] memory amounts = new uint96[](3);
        (amounts[0], amounts[1], amounts[2]) = (50, 40, 20);
        // | 2 | one basket with 50, 40 and 20: refused, OverAllowance(110, 100) | 0 | 0 |
        bytes[] memory baskets = _baskets(_a, amounts);
        vm.expectEmit(address(escrow));
        emit OrderEscrow.Refused(
            0, abi.encodeWithSelector(MandateManager.OverAllowance.selector, 110e6, 100e6)
        );
        escrow.authorize(baskets);
        _assertMoney(0, 0, 0);
        // | 2 | one basket with 50, 40 and 10 | 100 | 100 |
        amounts[2] = 10;
        escrow.authorize(_baskets(_a, amounts));
        _assertMoney(100, 100, 0);
    }

    function _grantOwn(MandateManager.Mandate memory mandate) private {
        _hashes[mandate.salt] = escrow.mandateHash(mandate);
        _grant(mandate);
    }

    /// @dev Both mandates in a household of 150 per 30 days that begins on day 10.
    function _formHousehold() private {
        _onDay(10);
        vm.prank(PAYER);
        escrow.setHousehold(address(dollar), HOUSEHOLD, 150e6, 30 days);
        _a.household = HOUSEHOLD;
        _grantOwn(_a);
        _b = _a;
        _b.salt = _a.salt + 1;
        _grantOwn(_b);
    }

    function _onDay(uint256 day) private {
        vm.warp(START + day * 1 days);
    }

    /// @dev Places one order of `dollars` and returns its id.
    function _authorize(MandateManager.Mandate memory mandate, uint96 dollars) private returns (bytes32 id) {
        uint96[] memory amounts = new uint96[](1);
        amounts[0] = dollars;
        bytes[] memory baskets = _baskets(mandate, amounts);
        escrow.authorize(baskets);
        id = escrow.authorizationDigest(_authorizationOf(mandate, dollars * 1e6, _nonce));
        OrderBook.Record memory current = escrow.record(_termsHash(mandate), SELLER, id);
        vm.assertEq(uint256(current.state), uint256(OrderBook.State.Authorized));
    }

    function _assertRefused(MandateManager.Mandate memory mandate, uint96 dollars, bytes memory reason) private {
        uint96[] memory amounts = new uint96[](1);
        amounts[0] = dollars;
        bytes[] memory baskets = _baskets(mandate, amounts);
        vm.expectEmit(address(escrow));
        emit OrderEscrow.Refused(0, reason);
        escrow.authorize(baskets);
    }

    /// @dev One basket with an order for each amount in dollars.
    function _baskets(MandateManager.Mandate memory mandate, uint96[] memory amounts)
        private
        returns (bytes[] memory baskets)
    {
        OrderEscrow.Section[] memory sections = new OrderEscrow.Section[](1);
        sections[0] = _sectionOf(mandate, amounts);
        baskets = new bytes[](1);
        baskets[0] = abi.encodeCall(OrderEscrow.authorizeBasket, (sections));
    }

    function _authorizeAndShip50() private returns (bytes32 id) {
        // | 2 | authorize 50 | 50 | 50 | 0 |
        _onDay(2);
        id = _authorize(_a, 50);
        _assertMoney(50, 50, 0);
        // | 3 | ship | 50 | 50 | 0 |
        _onDay(3);
        _ship(_a, id);
        _assertMoney(50, 50, 0);
    }

    function _ship(MandateManager.Mandate memory mandate, bytes32 id) private {
        OrderEscrow.Shipment[] memory shipments = new OrderEscrow.Shipment[](1);
        shipments[0] = OrderEscrow.Shipment(_termsHash(mandate), id, "parcel");
        vm.prank(SELLER);
        escrow.ship(shipments);
    }

    /// @dev Captures `dollars` with the device's confirmation for as much.
    function _capture(MandateManager.Mandate memory mandate, bytes32 id, uint96 dollars) private {
        bytes32 typeHash = keccak256("Confirmation(bytes32 authorizationId,bytes32 shipment,uint96 amount)");
        bytes32 digest = _digest(keccak256(abi.encode(typeHash, id, bytes32("parcel"), dollars * 1e6)));
        (bytes32 r, bytes32 vs) = _signCompact(digest);
        OrderEscrow.Claim[] memory claims = new OrderEscrow.Claim[](1);
        claims[0].terms = _terms(mandate);
        claims[0].deliveries = new OrderEscrow.Delivery[](1);
        claims[0].deliveries[0] = OrderEscrow.Delivery(id, "parcel", dollars * 1e6, r, vs);
        vm.prank(SELLER);
        escrow.capture(claims);
    }

    function _cancel(MandateManager.Mandate memory mandate, bytes32 id) private {
        vm.prank(PAYER);
        escrow.cancel(_terms(mandate), SELLER, id, "");
    }

    function _refund(bytes32 id, uint96 dollars) private {
        vm.prank(SELLER);
        escrow.refund(_terms(_a), id, dollars * 1e6);
    }

    function _sectionOf(MandateManager.Mandate memory mandate, uint96[] memory amounts)
        private
        returns (OrderEscrow.Section memory section)
    {
        section.mandate = mandate;
        section.payees = new OrderEscrow.Payee[](1);
        section.payees[0].seller = SELLER;
        section.products = new OrderEscrow.Product[](1);
        section.products[0].maxUnitPrice = 50e6;
        section.orders = new OrderEscrow.Order[](amounts.length);
        for (uint256 i = 0; i < amounts.length; ++i) {
            OrderEscrow.Authorization memory it = _authorizationOf(mandate, amounts[i] * 1e6, ++_nonce);
            (bytes32 r, bytes32 vs) = _signCompact(escrow.authorizationDigest(it));
            section.orders[i] = OrderEscrow.Order({
                payee: 0,
                product: 0,
                quantity: it.quantity,
                total: it.total,
                quoteHash: it.quoteHash,
                shipBy: it.shipBy,
                validBefore: it.validBefore,
                nonce: it.nonce,
                r: r,
                vs: vs
            });
        }
    }

    function _authorizationOf(MandateManager.Mandate memory mandate, uint96 total, uint48 nonce)
        private
        view
        returns (OrderEscrow.Authorization memory)
    {
        return OrderEscrow.Authorization({
            mandateHash: _hashes[mandate.salt],
            seller: SELLER,
            productLeaf: mandate.productsRoot,
            quantity: 1,
            total: total,
            quoteHash: "quote",
            shipBy: uint48(block.timestamp + 7 days),
            validBefore: uint48(block.timestamp + 15 minutes),
            nonce: nonce
        });
    }

    function _terms(MandateManager.Mandate memory mandate) private view returns (MandateManager.Terms memory) {
        return MandateManager.Terms({
            mandateHash: _hashes[mandate.salt],
            payer: mandate.payer,
            deviceKey: mandate.deviceKey,
            arbiter: mandate.arbiter,
            token: mandate.token,
            start: mandate.start,
            period: mandate.period,
            household: mandate.household
        });
    }

    function _termsHash(MandateManager.Mandate memory mandate) private view returns (bytes32) {
        return keccak256(abi.encode(_terms(mandate)));
    }

    /// @dev A pack for at most 50 dollars, of no interest otherwise.
    function _product() private pure returns (bytes memory) {
        return abi.encode(keccak256("adept.product"), bytes32(0), uint64(0), uint32(0), uint96(50e6));
    }

    function _leaf(bytes memory encoded) private pure returns (bytes32) {
        return keccak256(bytes.concat(keccak256(encoded)));
    }

    /// @dev The device's signature in EIP-2098's form.
    function _signCompact(bytes32 digest) private pure returns (bytes32 r, bytes32 vs) {
        uint8 v;
        (v, r, vs) = vm.sign(DEVICE_KEY, digest);
        vs |= bytes32(uint256(v - 27) << 255);
    }

    function _digest(bytes32 structHash) private view returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("ADEPT"),
                keccak256("1"),
                block.chainid,
                address(escrow)
            )
        );
        return keccak256(abi.encodePacked(hex"1901", domain, structHash));
    }

    function _assertSpent(uint96 dollars) private view {
        vm.assertEq(escrow.spentNow(_a), dollars * 1e6);
    }

    function _assertSpent(uint96 a, uint96 b, uint96 household) private view {
        _assertSpent(a);
        vm.assertEq(escrow.spentNow(_b), b * 1e6);
        (,, uint96 spent) = escrow.householdState(PAYER, address(dollar), HOUSEHOLD);
        vm.assertEq(spent, household * 1e6);
    }

    function _assertOpen(uint96 spent, uint16 open) private view {
        _assertSpent(spent);
        vm.assertEq(escrow.mandateState(_hashes[_a.salt]).openOrders, open);
    }

    function _assertMoney(uint96 spent, uint96 held, uint96 sellerHas) private view {
        _assertSpent(spent);
        _assertHeld(held);
        vm.assertEq(dollar.balanceOf(SELLER), sellerHas * 1e6);
    }

    function _assertHeld(uint96 dollars) private view {
        vm.assertEq(dollar.balanceOf(address(escrow)), dollars * 1e6);
    }
}
