// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Hashes} from "@openzeppelin/contracts/utils/cryptography/Hashes.sol";
import {DeviceRegistry} from "../../src/DeviceRegistry.sol";
import {MandateManager} from "../../src/MandateManager.sol";
import {OrderBook} from "../../src/OrderBook.sol";
import {OrderEscrow} from "../../src/OrderEscrow.sol";
import {TestDollar} from "../../src/TestDollar.sol";
import {Vm} from "./Vm.sol";

/// @dev A home, its mandate and a seller. The tree of the mandate has two leaves, so that a proof is one word. What
///      is hashed and signed is worked out here once more, without asking the contract.
abstract contract EscrowTest {
    /// @dev An order of `SELLER` and what names it.
    struct Placed {
        MandateManager.Terms terms;
        bytes32 id;
        uint256 amount;
    }

    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    uint256 internal constant PAYER_KEY = 0xA11CE;
    uint256 internal constant DEVICE_KEY = 0xDE71CE;
    uint256 internal constant STRANGER_KEY = 0xBAD;
    address internal immutable PAYER = vm.addr(PAYER_KEY);
    address internal immutable DEVICE = vm.addr(DEVICE_KEY);
    address internal constant SELLER = address(0x5E11E4);
    address internal constant ARBITER = address(0xA4B);
    address internal constant STRANGER = address(0xBADBAD);

    uint48 internal constant START = 1_800_000_000;
    uint32 internal constant PERIOD = 30 days;
    uint96 internal constant ALLOWANCE = 100e6;
    uint96 internal constant PRICE = 20e6;
    uint256 internal constant HOUSEHOLD = 7;
    bytes32 internal constant SHIPMENT = "shipment";
    bytes32 internal constant OTHER_LEAF = "the other leaf";

    DeviceRegistry internal registry;
    OrderEscrow internal escrow;
    TestDollar internal dollar;

    function setUp() public virtual {
        vm.warp(START);
        registry = DeviceRegistry(_deploy(vm.envBytes("DEVICE_REGISTRY_BYTECODE")));
        escrow = OrderEscrow(_deploy(bytes.concat(vm.envBytes("ORDER_ESCROW_BYTECODE"), abi.encode(registry))));
        dollar = _newToken();
        _fund(PAYER, 10_000e6);
    }

    /// @dev The bytecode which is shipped, not what forge makes of the sources.
    function _deploy(bytes memory code) private returns (address deployed) {
        assembly ("memory-safe") {
            deployed := create(0, add(code, 0x20), mload(code))
        }
        vm.assertTrue(deployed != address(0));
    }

    function _newToken() internal virtual returns (TestDollar) {
        return new TestDollar();
    }

    /// @dev Money, and the right for the escrow to take it.
    function _fund(address account, uint256 amount) internal {
        dollar.mint(account, amount);
        vm.prank(account);
        dollar.approve(address(escrow), type(uint256).max);
    }

    function _mandate() internal view returns (MandateManager.Mandate memory) {
        return MandateManager.Mandate({
            payer: PAYER,
            deviceKey: DEVICE,
            deviceId: 0,
            deviceEpoch: 0,
            arbiter: ARBITER,
            token: address(dollar),
            allowance: ALLOWANCE,
            period: PERIOD,
            start: START,
            end: START + 365 days,
            maxPerOrder: 50e6,
            maxOpenOrders: 3,
            coolingOffSeconds: 1 days,
            offersRoot: _rootOf(_offer()),
            household: 0,
            salt: 1,
            extraData: "readable"
        });
    }

    /// @dev A mandate that is granted.
    function _granted() internal returns (MandateManager.Mandate memory mandate) {
        mandate = _mandate();
        _grant(mandate);
    }

    function _grant(MandateManager.Mandate memory mandate) internal {
        vm.prank(mandate.payer);
        escrow.grant(mandate, "");
    }

    function _setHousehold(uint96 allowance, uint32 period) internal {
        vm.prank(PAYER);
        escrow.setHousehold(address(dollar), HOUSEHOLD, allowance, period);
    }

    function _mandateHash(MandateManager.Mandate memory mandate) internal view returns (bytes32) {
        bytes32 typeHash = keccak256(
            "Mandate(address payer,address deviceKey,uint256 deviceId,uint256 deviceEpoch,address arbiter,address token,uint256 allowance,uint256 period,uint256 start,uint256 end,uint256 maxPerOrder,uint256 maxOpenOrders,uint256 coolingOffSeconds,bytes32 offersRoot,uint256 household,uint256 salt,bytes32 extraData)"
        );
        return _digest(keccak256(abi.encode(typeHash, mandate)));
    }

    function _offer() internal pure returns (OrderEscrow.Offer memory) {
        return _offerOf(SELLER);
    }

    function _offerOf(address seller) internal pure returns (OrderEscrow.Offer memory) {
        bytes32 product = keccak256(abi.encode(bytes32("offer salt"), 4006381333931, 40));
        return OrderEscrow.Offer(product, seller, PRICE);
    }

    function _offerLeaf(OrderEscrow.Offer memory it) internal pure returns (bytes32) {
        bytes memory encoded = abi.encode(keccak256("adept.offer"), it.product, it.seller, it.maxUnitPrice);
        return keccak256(bytes.concat(keccak256(encoded)));
    }

    /// @dev Root of the tree of this offer and another.
    function _rootOf(OrderEscrow.Offer memory it) internal pure returns (bytes32) {
        return Hashes.commutativeKeccak256(_offerLeaf(it), OTHER_LEAF);
    }

    /// @dev One pack at its highest price, to be shipped within seven days.
    function _authorization(MandateManager.Mandate memory mandate, uint256 nonce)
        internal
        view
        returns (OrderEscrow.Authorization memory)
    {
        return OrderEscrow.Authorization({
            mandateHash: _mandateHash(mandate),
            seller: SELLER,
            offerLeaf: _offerLeaf(_offer()),
            quantity: 1,
            total: PRICE,
            quoteHash: "quote",
            shipBy: block.timestamp + 7 days,
            validBefore: block.timestamp + 15 minutes,
            nonce: nonce
        });
    }

    function _authorizationId(OrderEscrow.Authorization memory authorization) internal view returns (bytes32) {
        bytes32 typeHash = keccak256(
            "Authorization(bytes32 mandateHash,address seller,bytes32 offerLeaf,uint256 quantity,uint256 total,bytes32 quoteHash,uint256 shipBy,uint256 validBefore,uint256 nonce)"
        );
        return _digest(keccak256(abi.encode(typeHash, authorization)));
    }

    /// @dev The order of an authorization, signed by the device.
    function _order(OrderEscrow.Authorization memory it) internal view returns (OrderEscrow.Order memory) {
        (bytes32 r, bytes32 vs) = _signCompact(DEVICE_KEY, _authorizationId(it));
        return OrderEscrow.Order(_numbers(it), it.quoteHash, r, vs);
    }

    /// @dev The numbers of an authorization as an order has them; of a number that is too large, what fits.
    function _numbers(OrderEscrow.Authorization memory it) internal pure returns (uint256) {
        bytes memory packed = abi.encodePacked(
            uint48(it.nonce), uint40(it.validBefore), uint40(it.shipBy), uint96(it.total), uint32(it.quantity)
        );
        return uint256(bytes32(packed));
    }

    /// @dev A section of the offer with `count` places for orders.
    function _section(MandateManager.Mandate memory mandate, uint256 count)
        internal
        pure
        returns (OrderEscrow.Section memory section)
    {
        section.mandate = mandate;
        section.offer = _offer();
        section.proof = new bytes32[](1);
        section.proof[0] = OTHER_LEAF;
        section.orders = new OrderEscrow.Order[](count);
    }

    function _section(MandateManager.Mandate memory mandate, OrderEscrow.Order memory order)
        internal
        pure
        returns (OrderEscrow.Section memory section)
    {
        section = _section(mandate, 1);
        section.orders[0] = order;
    }

    /// @dev The basket with this one section.
    function _basket(OrderEscrow.Section memory section) internal pure returns (bytes memory) {
        OrderEscrow.Section[] memory sections = new OrderEscrow.Section[](1);
        sections[0] = section;
        return _basket(sections);
    }

    function _basket(OrderEscrow.Section[] memory sections) internal pure returns (bytes memory) {
        return abi.encode(sections);
    }

    function _baskets(bytes memory basket) internal pure returns (bytes[] memory baskets) {
        baskets = new bytes[](1);
        baskets[0] = basket;
    }

    function _authorize(OrderEscrow.Section memory section) internal {
        escrow.authorizeBatch(_baskets(_basket(section)));
    }

    function _terms(MandateManager.Mandate memory mandate) internal view returns (MandateManager.Terms memory) {
        return MandateManager.Terms({
            mandateHash: _mandateHash(mandate),
            payer: mandate.payer,
            deviceKey: mandate.deviceKey,
            arbiter: mandate.arbiter,
            token: mandate.token,
            household: mandate.household
        });
    }

    function _termsHash(Placed memory placed) internal pure returns (bytes32) {
        return keccak256(abi.encode(placed.terms));
    }

    /// @dev Places an order of `PRICE` now.
    function _place(MandateManager.Mandate memory mandate, uint256 nonce) internal returns (Placed memory) {
        return _place(mandate, _authorization(mandate, nonce));
    }

    function _place(MandateManager.Mandate memory mandate, OrderEscrow.Authorization memory authorization)
        internal
        returns (Placed memory placed)
    {
        _authorize(_section(mandate, _order(authorization)));
        placed = Placed(_terms(mandate), _authorizationId(authorization), authorization.total);
        _assertState(placed, OrderBook.State.Authorized);
    }

    /// @dev Ships at the end of cooling off.
    function _ship(Placed memory placed) internal {
        vm.warp(block.timestamp + 1 days);
        vm.prank(SELLER);
        escrow.ship(_shipments(placed));
        _assertState(placed, OrderBook.State.Shipped);
    }

    function _shipments(Placed memory placed) internal pure returns (OrderEscrow.Shipment[] memory shipments) {
        shipments = new OrderEscrow.Shipment[](1);
        shipments[0] = OrderEscrow.Shipment(_termsHash(placed), SHIPMENT, new bytes32[](1));
        shipments[0].authorizationIds[0] = placed.id;
    }

    /// @dev The parcel with this one order, confirmed by the owner of `key`.
    function _claims(Placed memory placed, uint256 amount, uint256 key)
        internal
        view
        returns (OrderEscrow.Claim[] memory claims)
    {
        claims = new OrderEscrow.Claim[](1);
        claims[0].terms = placed.terms;
        claims[0].shipment = SHIPMENT;
        claims[0].deliveries = new OrderEscrow.Delivery[](1);
        claims[0].deliveries[0] = OrderEscrow.Delivery(placed.id, amount);
        _confirm(claims[0], key);
    }

    function _confirm(OrderEscrow.Claim memory claim, uint256 key) internal view {
        (claim.r, claim.vs) = _signCompact(key, _confirmationDigest(claim));
    }

    /// @dev The seller captures `amount` with the device's confirmation.
    function _capture(Placed memory placed, uint256 amount) internal {
        OrderEscrow.Claim[] memory claims = _claims(placed, amount, DEVICE_KEY);
        vm.prank(SELLER);
        escrow.capture(claims);
    }

    /// @dev The payer disputes.
    function _dispute(Placed memory placed) internal {
        vm.prank(placed.terms.payer);
        escrow.dispute(placed.terms, SELLER, placed.id, "");
        _assertState(placed, OrderBook.State.Disputed);
    }

    /// @dev EIP-712 hashes a list of structs as the hashes of its members in a row.
    function _confirmationDigest(OrderEscrow.Claim memory claim) internal view returns (bytes32) {
        bytes32 typeHash = keccak256(
            "Confirmation(bytes32 shipment,Delivery[] deliveries)Delivery(bytes32 authorizationId,uint256 amount)"
        );
        bytes32 itemHash = keccak256("Delivery(bytes32 authorizationId,uint256 amount)");
        bytes memory all;
        for (uint256 i = 0; i < claim.deliveries.length; ++i) {
            OrderEscrow.Delivery memory it = claim.deliveries[i];
            all = bytes.concat(all, keccak256(abi.encode(itemHash, it.authorizationId, it.amount)));
        }
        return _digest(keccak256(abi.encode(typeHash, claim.shipment, keccak256(all))));
    }

    function _cancellationDigest(Placed memory placed) internal view returns (bytes32) {
        return _digest(keccak256(abi.encode(keccak256("Cancellation(bytes32 authorizationId)"), placed.id)));
    }

    function _disputeDigest(Placed memory placed) internal view returns (bytes32) {
        return _digest(keccak256(abi.encode(keccak256("Dispute(bytes32 authorizationId)"), placed.id)));
    }

    /// @dev EIP-712 by hand: the domain that signers are told.
    function _digest(bytes32 structHash) internal view returns (bytes32) {
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

    function _sign(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    /// @dev EIP-2098: the last bit of v is the first of s.
    function _signCompact(uint256 key, bytes32 digest) internal pure returns (bytes32 r, bytes32 vs) {
        uint8 v;
        (v, r, vs) = vm.sign(key, digest);
        if (v == 28) vs |= bytes32(uint256(1) << 255);
    }

    /// @dev The other signature that ecrecover takes for the same signer: s above half the order.
    function _malleable(bytes memory signature) internal pure returns (bytes memory) {
        uint256 order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141;
        bytes32 r;
        uint256 s;
        assembly ("memory-safe") {
            r := mload(add(signature, 0x20))
            s := mload(add(signature, 0x40))
        }
        return abi.encodePacked(r, order - s, uint8(signature[64]) == 27 ? uint8(28) : uint8(27));
    }

    function _record(Placed memory placed) internal view returns (OrderBook.Record memory) {
        return escrow.record(_termsHash(placed), SELLER, placed.id);
    }

    function _assertState(Placed memory placed, OrderBook.State expected) internal view {
        vm.assertEq(uint256(_record(placed).state), uint256(expected));
    }

    /// @dev The whole record, the mandate's counters and the escrow's balance after the only order has ended.
    function _assertEnded(Placed memory placed, OrderBook.State state, uint256 toSeller, uint256 spent) internal view {
        OrderBook.Record memory current = _record(placed);
        vm.assertEq(uint256(current.state), uint256(state));
        vm.assertEq(current.since, block.timestamp);
        vm.assertEq(current.amount, toSeller);
        vm.assertEq(TestDollar(placed.terms.token).balanceOf(address(escrow)), 0);
        MandateManager.MandateState memory counters = escrow.mandateState(placed.terms.mandateHash);
        vm.assertEq(counters.openOrders, 0);
        vm.assertEq(counters.spent, spent);
    }

    function _expectWrongState(Placed memory placed, OrderBook.State actual, OrderBook.State expected) internal {
        vm.expectRevert(abi.encodeWithSelector(OrderBook.WrongState.selector, placed.id, actual, expected));
    }

    function _expectWrongCaller(address actual, address expected) internal {
        vm.expectRevert(abi.encodeWithSelector(MandateManager.WrongCaller.selector, actual, expected));
    }

    function _expectWrongSignature(address signer, bytes32 digest) internal {
        vm.expectRevert(abi.encodeWithSelector(MandateManager.WrongSignature.selector, signer, digest));
    }

    /// @dev The seven days of an order of `START` are over with it.
    function _shipBy() internal pure returns (uint256) {
        return START + 7 days;
    }
}
