// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Hashes} from "@openzeppelin/contracts/utils/cryptography/Hashes.sol";
import {MandateManager} from "../../src/MandateManager.sol";
import {OrderEscrow} from "../../src/OrderEscrow.sol";
import {TestDollar} from "../../src/TestDollar.sol";
import {Vm} from "./Vm.sol";

/// @dev A home, its mandate and a seller. Each tree of the mandate has two leaves, so that a proof is one word.
abstract contract EscrowTest {
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
    bytes32 internal constant PAYEE_SALT = "payee salt";
    bytes32 internal constant SHIPMENT = "shipment";
    bytes32 internal constant OTHER_LEAF = "the other leaf";

    OrderEscrow internal escrow;
    TestDollar internal dollar;

    function setUp() public virtual {
        vm.warp(START);
        escrow = _newEscrow();
        dollar = _newToken();
        dollar.mint(PAYER, 10_000e6);
        vm.prank(PAYER);
        dollar.approve(address(escrow), type(uint256).max);
    }

    /// @dev The bytecode which is shipped, not what forge makes of the sources.
    function _newEscrow() private returns (OrderEscrow deployed) {
        bytes memory code = vm.envBytes("ORDER_ESCROW_BYTECODE");
        assembly ("memory-safe") {
            deployed := create(0, add(code, 0x20), mload(code))
        }
        vm.assertTrue(address(deployed) != address(0));
    }

    function _newToken() internal virtual returns (TestDollar) {
        return new TestDollar();
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
            payeesRoot: Hashes.commutativeKeccak256(_payeeLeaf(SELLER), OTHER_LEAF),
            productsRoot: Hashes.commutativeKeccak256(_productLeaf(_product()), OTHER_LEAF),
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

    function _product() internal pure returns (OrderEscrow.Product memory) {
        return OrderEscrow.Product({salt: "product salt", gtin: 4006381333931, packSize: 40, maxUnitPrice: PRICE});
    }

    function _payeeLeaf(address seller) internal pure returns (bytes32) {
        return keccak256(bytes.concat(keccak256(abi.encode(keccak256("adept.payee"), PAYEE_SALT, seller))));
    }

    function _productLeaf(OrderEscrow.Product memory it) internal pure returns (bytes32) {
        bytes memory encoded = abi.encode(keccak256("adept.product"), it.salt, it.gtin, it.packSize, it.maxUnitPrice);
        return keccak256(bytes.concat(keccak256(encoded)));
    }

    /// @dev One pack at its highest price, to be shipped within seven days.
    function _authorization(MandateManager.Mandate memory mandate, uint48 nonce)
        internal
        view
        returns (OrderEscrow.Authorization memory)
    {
        return OrderEscrow.Authorization({
            mandateHash: escrow.mandateHash(mandate),
            seller: SELLER,
            productLeaf: _productLeaf(_product()),
            quantity: 1,
            total: PRICE,
            quoteHash: "quote",
            shipBy: uint48(block.timestamp + 7 days),
            validBefore: uint48(block.timestamp + 15 minutes),
            nonce: nonce
        });
    }

    /// @dev The order of an authorization, signed by the device.
    function _order(OrderEscrow.Authorization memory authorization)
        internal
        view
        returns (OrderEscrow.Order memory order)
    {
        order.authorization = authorization;
        order.product = _product();
        order.productProof = new bytes32[](1);
        order.productProof[0] = OTHER_LEAF;
        order.payeeSalt = PAYEE_SALT;
        order.payeeProof = new bytes32[](1);
        order.payeeProof[0] = OTHER_LEAF;
        order.deviceSignature = _sign(DEVICE_KEY, escrow.authorizationId(authorization));
    }

    function _basket(MandateManager.Mandate memory mandate, OrderEscrow.Order memory order)
        internal
        pure
        returns (OrderEscrow.Basket memory basket)
    {
        basket.mandates = new MandateManager.Mandate[](1);
        basket.mandates[0] = mandate;
        basket.orders = new OrderEscrow.Order[](1);
        basket.orders[0] = order;
    }

    function _baskets(OrderEscrow.Basket memory basket) internal pure returns (OrderEscrow.Basket[] memory baskets) {
        baskets = new OrderEscrow.Basket[](1);
        baskets[0] = basket;
    }

    function _baskets(MandateManager.Mandate memory mandate, OrderEscrow.Order memory order)
        internal
        pure
        returns (OrderEscrow.Basket[] memory)
    {
        return _baskets(_basket(mandate, order));
    }

    function _terms(MandateManager.Mandate memory mandate, OrderEscrow.Authorization memory authorization)
        internal
        view
        returns (OrderEscrow.Terms memory)
    {
        return OrderEscrow.Terms({
            authorizationId: escrow.authorizationId(authorization),
            mandateHash: authorization.mandateHash,
            payer: mandate.payer,
            deviceKey: mandate.deviceKey,
            arbiter: mandate.arbiter,
            token: mandate.token,
            seller: authorization.seller,
            amount: authorization.total,
            shipBy: authorization.shipBy,
            coolingOffSeconds: mandate.coolingOffSeconds,
            start: mandate.start,
            period: mandate.period,
            household: mandate.household
        });
    }

    /// @dev Places an order of `PRICE` now.
    function _place(MandateManager.Mandate memory mandate, uint48 nonce) internal returns (OrderEscrow.Terms memory) {
        OrderEscrow.Authorization memory authorization = _authorization(mandate, nonce);
        escrow.authorize(_baskets(mandate, _order(authorization)));
        OrderEscrow.Terms memory terms = _terms(mandate, authorization);
        _assertState(terms, OrderEscrow.State.Authorized);
        return terms;
    }

    /// @dev Ships at the end of cooling off.
    function _ship(OrderEscrow.Terms memory terms) internal {
        vm.warp(block.timestamp + terms.coolingOffSeconds);
        vm.prank(terms.seller);
        escrow.ship(_shipments(terms));
        _assertState(terms, OrderEscrow.State.Shipped);
    }

    function _shipments(OrderEscrow.Terms memory terms)
        internal
        pure
        returns (OrderEscrow.Shipment[] memory shipments)
    {
        shipments = new OrderEscrow.Shipment[](1);
        shipments[0] = OrderEscrow.Shipment(terms, SHIPMENT);
    }

    function _capture(OrderEscrow.Terms memory terms, uint96 amount, uint256 key)
        internal
        view
        returns (OrderEscrow.Capture memory)
    {
        return OrderEscrow.Capture(terms, SHIPMENT, amount, _sign(key, _confirmationDigest(terms, amount)));
    }

    function _captures(OrderEscrow.Capture memory item) internal pure returns (OrderEscrow.Capture[] memory captures) {
        captures = new OrderEscrow.Capture[](1);
        captures[0] = item;
    }

    function _confirmationDigest(OrderEscrow.Terms memory terms, uint96 amount) internal view returns (bytes32) {
        bytes32 typeHash = keccak256("Confirmation(bytes32 authorizationId,bytes32 shipment,uint96 amount)");
        return _digest(keccak256(abi.encode(typeHash, terms.authorizationId, SHIPMENT, amount)));
    }

    function _cancellationDigest(OrderEscrow.Terms memory terms) internal view returns (bytes32) {
        return _digest(keccak256(abi.encode(keccak256("Cancellation(bytes32 authorizationId)"), terms.authorizationId)));
    }

    /// @dev EIP-712 by hand: the domain that signers are told.
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

    function _sign(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
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

    function _assertState(OrderEscrow.Terms memory terms, OrderEscrow.State expected) internal view {
        vm.assertEq(uint256(escrow.record(terms).state), uint256(expected));
    }

    /// @dev The whole record, the mandate's counters and the escrow's balance after an order of `PRICE` has ended.
    function _assertEnded(OrderEscrow.Terms memory terms, OrderEscrow.State state, uint96 captured, uint96 spent)
        internal
        view
    {
        OrderEscrow.Record memory current = escrow.record(terms);
        vm.assertEq(uint256(current.state), uint256(state));
        vm.assertEq(current.since, block.timestamp);
        vm.assertEq(current.remaining, 0);
        vm.assertEq(current.captured, captured);
        vm.assertEq(dollar.balanceOf(address(escrow)), 0);
        MandateManager.MandateState memory counters = escrow.mandateState(terms.mandateHash);
        vm.assertEq(counters.openOrders, 0);
        vm.assertEq(counters.spent, spent);
    }
}
