// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {Disputes} from "./Disputes.sol";
import {IDeviceRegistry} from "./IDeviceRegistry.sol";
import {MandateManager} from "./MandateManager.sol";
import {OrderBook} from "./OrderBook.sol";

/// @title Funds of orders between a home and its sellers
/// @notice authorize → ship → capture; until it ships, cancel or decline; after a deadline, reclaim; after capture,
///         refund; in disagreement, {Disputes}. Nobody owns, pauses or upgrades it, and it takes no fee.
/// @dev    Tokens that take a fee are refused; tokens that change balances by themselves must not be used. A verb about
///         one order reverts when the order's state does not allow it. A batch goes on: `authorize` reports a `Refused`
///         basket; `ship` and `capture` report an order as `Skipped` when somebody else has moved it, and revert for
///         the sender's own mistakes.
contract OrderEscrow is Disputes {
    /// @notice What the device key signs to place an order; the EIP-712 digest is its id.
    struct Authorization {
        bytes32 mandateHash;
        address seller;
        /// Leaf of the product in the mandate's products.
        bytes32 productLeaf;
        /// Packs.
        uint32 quantity;
        /// Price of all, everything included.
        uint96 total;
        /// Hash of the seller's signed quote.
        bytes32 quoteHash;
        /// Last second in which the seller may ship (inclusive).
        uint48 shipBy;
        /// Second from which on this signature may not be used any more (exclusive).
        uint48 validBefore;
        /// Higher than that of every earlier authorization of the mandate; the first is at least 1.
        uint48 nonce;
    }

    /// @notice A seller that the mandate names. Salted, so that the leaf does not tell a home's habits.
    struct Payee {
        bytes32 salt;
        address seller;
        /// Its place in the mandate's payees.
        bytes32[] proof;
    }

    /// @notice A product that the mandate names, salted as well.
    struct Product {
        bytes32 salt;
        uint64 gtin;
        /// Pieces in a pack.
        uint32 packSize;
        /// Most that one pack may cost, everything included.
        uint96 maxUnitPrice;
        /// Its place in the mandate's products.
        bytes32[] proof;
    }

    /// @notice An authorization and the device's signature over it. The section that it is in tells its mandate, seller
    ///         and product.
    struct Order {
        /// Index in the section's payees.
        uint256 payee;
        /// Index in the section's products.
        uint256 product;
        uint32 quantity;
        uint96 total;
        bytes32 quoteHash;
        uint48 shipBy;
        uint48 validBefore;
        uint48 nonce;
        /// The device's signature in EIP-2098's compact form.
        bytes32 r;
        bytes32 vs;
    }

    /// @notice Orders under one mandate, and what they share: each seller and product is proven once.
    struct Section {
        Mandate mandate;
        Payee[] payees;
        Product[] products;
        Order[] orders;
    }

    struct Shipment {
        /// {termsHash} of the order's terms.
        bytes32 termsHash;
        bytes32 authorizationId;
        /// Hash of the seller's shipping message: SSCC, carrier, lines.
        bytes32 shipment;
    }

    /// @notice Orders under one mandate whose delivery is confirmed.
    struct Claim {
        Terms terms;
        Delivery[] deliveries;
    }

    /// @notice A confirmation: Confirmation(authorizationId, shipment, amount), signed by the device key or the payer.
    struct Delivery {
        bytes32 authorizationId;
        bytes32 shipment;
        /// For the seller, at most what is held; the rest goes back to the payer.
        uint96 amount;
        /// The signature in EIP-2098's compact form.
        bytes32 r;
        bytes32 vs;
    }

    event Authorized(
        bytes32 indexed authorizationId,
        bytes32 indexed mandateHash,
        address indexed seller,
        uint96 amount,
        bytes32 quoteHash
    );
    /// @notice Nothing of this basket was placed; `reason` is the error's data.
    event Refused(uint256 indexed basket, bytes reason);
    event Shipped(bytes32 indexed authorizationId, bytes32 shipment);
    event Captured(bytes32 indexed authorizationId, bytes32 shipment, uint96 amount, uint96 returned);
    /// @notice An order of a batch was left as it is, because it is in this state. Only `seller` can have sent it; it
    ///         may be an order that does not exist.
    event Skipped(bytes32 indexed authorizationId, address indexed seller, State state);
    event Cancelled(bytes32 indexed authorizationId, uint96 amount);
    event Declined(bytes32 indexed authorizationId, uint96 amount);
    event Reclaimed(bytes32 indexed authorizationId, uint96 amount);
    /// @notice The seller gave back `amount` of what it had captured.
    event Refunded(bytes32 indexed authorizationId, uint96 amount);

    /// @notice A basket is the call data of {authorizeBasket}.
    error NotABasket(bytes4 actual, bytes4 expected);
    /// @notice A basket has at least one section, and each section at least one order.
    error EmptyBasket();
    /// @notice The mandate of the section at `index` has another payer or token than the first of its basket.
    error MixedBasket(uint256 index, address payer, address token);
    /// @notice An order names a payee or product that its section does not have.
    error NotInSection(uint256 index, uint256 length);
    error AuthorizationExpired(uint256 timestamp, uint48 validBefore);
    /// @notice The seller would have no second to ship in after cooling off.
    error ShipByTooSoon(uint48 shipBy, uint256 coolingOffUntil);
    /// @notice Payer, device key and arbiter may not sell.
    error WrongSeller(address seller);
    error SellerNotInMandate(address seller, bytes32 payeesRoot);
    error ProductNotInMandate(bytes32 productLeaf, bytes32 productsRoot);
    error OverPrice(uint96 total, uint256 maximum);
    error CoolingOff(uint256 timestamp, uint256 coolingOffUntil);
    error ShipByPassed(uint256 timestamp, uint48 shipBy);
    /// @notice `deadline` is the last second that belongs to the seller, the buyer or the arbiter.
    error TooEarlyToReclaim(uint256 timestamp, uint256 deadline);
    error TooLateToRefund(uint256 timestamp, uint256 deadline);
    error OverRefund(uint96 amount, uint96 captured);

    /// @notice Seconds after capture until which the seller may refund through the escrow (inclusive).
    uint48 public constant REFUND_SECONDS = 30 days;

    bytes32 private constant AUTHORIZATION_TYPEHASH = keccak256(
        "Authorization(bytes32 mandateHash,address seller,bytes32 productLeaf,uint32 quantity,uint96 total,bytes32 quoteHash,uint48 shipBy,uint48 validBefore,uint48 nonce)"
    );
    bytes32 private constant CONFIRMATION_TYPEHASH =
        keccak256("Confirmation(bytes32 authorizationId,bytes32 shipment,uint96 amount)");
    bytes32 private constant CANCELLATION_TYPEHASH = keccak256("Cancellation(bytes32 authorizationId)");

    /// @dev First words of the leaves, so that none can stand in for one of the other tree.
    bytes32 private constant PAYEE_KIND = keccak256("adept.payee");
    bytes32 private constant PRODUCT_KIND = keccak256("adept.product");

    constructor(IDeviceRegistry registry_) OrderBook(registry_) {}

    /// @notice Places the orders of each basket and takes its funds in one transfer. Anyone may send it: only the
    ///         device's signature spends. A basket that fails is reported as `Refused` and the others go on.
    /// @dev    A sender who gives too little gas gets a refusal with an empty reason; nothing is used up by it. Baskets
    ///         are bytes because decoding and encoding them again would cost about 4,500 gas each.
    /// @param baskets Each the call data of {authorizeBasket}, selector included.
    function authorize(bytes[] calldata baskets) external nonReentrant {
        for (uint256 i = 0; i < baskets.length; ++i) {
            bytes4 selector = bytes4(baskets[i]);
            if (selector != this.authorizeBasket.selector) {
                emit Refused(i, abi.encodeWithSelector(NotABasket.selector, selector, this.authorizeBasket.selector));
                continue;
            }
            // A call of its own can fail alone.
            (bool ok, bytes memory reason) = address(this).call(baskets[i]);
            if (!ok) emit Refused(i, reason);
        }
    }

    /// @notice One basket of {authorize}, which alone may call it: orders of one payer in one token; all of them are
    ///         placed or none.
    function authorizeBasket(Section[] calldata sections) external {
        if (msg.sender != address(this)) revert WrongCaller(msg.sender, address(this));
        if (sections.length == 0) revert EmptyBasket();

        address payer = sections[0].mandate.payer;
        address token = sections[0].mandate.token;
        uint256 total = 0;
        for (uint256 i = 0; i < sections.length; ++i) {
            Mandate calldata mandate = sections[i].mandate;
            if (mandate.payer != payer || mandate.token != token) revert MixedBasket(i, mandate.payer, mandate.token);
            total += _authorizeSection(sections[i], mandate);
        }
        _pull(token, payer, address(this), total);
    }

    /// @notice Tells that orders are leaving the house; only their seller may, from the end of cooling off until
    ///         `shipBy`, both inclusive. From then on the buyer cannot cancel any more.
    /// @dev    Goods should leave only when the log says `Shipped`: an order that was cancelled in time is `Skipped`.
    function ship(Shipment[] calldata shipments) external nonReentrant {
        for (uint256 i = 0; i < shipments.length; ++i) {
            bytes32 id = shipments[i].authorizationId;
            bytes32 key = _recordKey(shipments[i].termsHash, msg.sender, id);
            Record memory current = _load(key);
            if (current.state != State.Authorized) {
                emit Skipped(id, msg.sender, current.state);
                continue;
            }
            uint256 coolingOffUntil = uint256(current.since) + current.coolingOffSeconds;
            if (block.timestamp < coolingOffUntil) revert CoolingOff(block.timestamp, coolingOffUntil);
            if (block.timestamp > current.shipBy) revert ShipByPassed(block.timestamp, current.shipBy);

            _move(key, current, State.Shipped, current.amount);
            emit Shipped(id, shipments[i].shipment);
        }
    }

    /// @notice Pays the seller for delivered orders and returns the rest of each to its payer. Only the seller may:
    ///         a confirmation can be for less than was held, and sending it is how the seller agrees to that. The first
    ///         one that is captured ends the order.
    /// @dev    A confirmation is ECDSA: for a payer that is a contract, the device key confirms, or both sides settle.
    function capture(Claim[] calldata claims) external nonReentrant {
        address token = address(0);
        uint256 owed = 0;
        for (uint256 i = 0; i < claims.length; ++i) {
            if (claims[i].terms.token != token) {
                _pay(token, msg.sender, owed);
                token = claims[i].terms.token;
                owed = 0;
            }
            owed += _capture(claims[i].terms, claims[i].deliveries);
        }
        _pay(token, msg.sender, owed);
    }

    /// @notice Ends an order that has not shipped and returns all of it to the payer, at once, in cooling off too.
    /// @param signature Of the device key or the payer over Cancellation(authorizationId); not looked at when one of
    ///                  them is the sender.
    function cancel(Terms calldata terms, address seller, bytes32 authorizationId, bytes calldata signature)
        external
        nonReentrant
    {
        bytes32 digest = _hashTypedDataV4(keccak256(abi.encode(CANCELLATION_TYPEHASH, authorizationId)));
        _checkBuyer(terms.payer, terms.deviceKey, digest, signature);
        uint96 amount = _endUnshipped(terms, seller, authorizationId, State.Cancelled);
        emit Cancelled(authorizationId, amount);
        _pay(terms.token, terms.payer, amount);
    }

    /// @notice The seller, who sends it, will not ship: ends the order and returns all of it to the payer.
    function decline(Terms calldata terms, bytes32 authorizationId) external nonReentrant {
        uint96 amount = _endUnshipped(terms, msg.sender, authorizationId, State.Declined);
        emit Declined(authorizationId, amount);
        _pay(terms.token, terms.payer, amount);
    }

    /// @notice Returns the funds to the payer once the seller has let `shipBy` pass, or nobody has confirmed delivery
    ///         within `UNCONFIRMED_SECONDS` of shipping, or the arbiter has been silent for `DECISION_SECONDS` after a
    ///         dispute. Anyone may send it. The deadline itself is still too early.
    function reclaim(Terms calldata terms, address seller, bytes32 authorizationId) external nonReentrant {
        bytes32 key = _recordKey(termsHash(terms), seller, authorizationId);
        Record memory current = _load(key);
        uint256 deadline = current.shipBy;
        if (current.state == State.Shipped) deadline = uint256(current.since) + UNCONFIRMED_SECONDS;
        else if (current.state == State.Disputed) deadline = uint256(current.since) + DECISION_SECONDS;
        else _checkState(authorizationId, current, State.Authorized);
        if (block.timestamp <= deadline) revert TooEarlyToReclaim(block.timestamp, deadline);

        uint96 amount = current.amount;
        if (current.state == State.Authorized) _uncountAndGiveBack(terms, amount, current.since);
        else _uncount(terms.mandateHash, 1);
        _move(key, current, State.Reclaimed, 0);
        emit Reclaimed(authorizationId, amount);
        _pay(terms.token, terms.payer, amount);
    }

    /// @notice The seller, who sends it, gives back what it captured or a part of it, from its own account and by an
    ///         ERC-20 allowance for this contract. More than once, until `REFUND_SECONDS` after capture.
    /// @dev    What is refunded is not given back to the mandate's caps.
    function refund(Terms calldata terms, bytes32 authorizationId, uint96 amount) external nonReentrant {
        bytes32 key = _recordKey(termsHash(terms), msg.sender, authorizationId);
        Record memory current = _load(key);
        _checkState(authorizationId, current, State.Captured);
        uint256 deadline = uint256(current.since) + REFUND_SECONDS;
        if (block.timestamp > deadline) revert TooLateToRefund(block.timestamp, deadline);
        if (amount == 0) revert MissingField("amount");
        if (amount > current.amount) revert OverRefund(amount, current.amount);

        current.amount -= amount;
        _save(key, current);
        emit Refunded(authorizationId, amount);
        _pull(terms.token, msg.sender, terms.payer, amount);
    }

    /// @notice The EIP-712 digest of an authorization: its id, and what the device key signs.
    function authorizationDigest(Authorization calldata authorization) external view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(AUTHORIZATION_TYPEHASH, authorization)));
    }

    /// @dev Places the orders of one mandate; returns what they cost.
    function _authorizeSection(Section calldata section, Mandate calldata mandate) private returns (uint256 total) {
        if (section.orders.length == 0) revert EmptyBasket();
        bytes32 hash = mandateHash(mandate);
        Tally memory tally = _openTally(mandate, hash);
        _checkPayees(section.payees, mandate);
        bytes32[] memory leaves = _checkProducts(section.products, mandate);
        bytes32 terms = _termsHash(mandate, hash);
        for (uint256 i = 0; i < section.orders.length; ++i) {
            Order calldata order = section.orders[i];
            _count(tally, mandate, order.total, order.nonce);
            _place(section, order, hash, terms, leaves);
            total += order.total;
        }
        _saveTally(hash, tally);
    }

    /// @dev The strictly rising nonce is what refuses a second use of the same authorization.
    function _place(
        Section calldata section,
        Order calldata order,
        bytes32 hash,
        bytes32 terms,
        bytes32[] memory leaves
    ) private {
        if (order.payee >= section.payees.length) revert NotInSection(order.payee, section.payees.length);
        if (order.product >= leaves.length) revert NotInSection(order.product, leaves.length);
        if (block.timestamp >= order.validBefore) revert AuthorizationExpired(block.timestamp, order.validBefore);
        uint256 coolingOffUntil = block.timestamp + section.mandate.coolingOffSeconds;
        if (order.shipBy <= coolingOffUntil) revert ShipByTooSoon(order.shipBy, coolingOffUntil);
        if (order.total == 0) revert MissingField("total");
        uint256 maximum = uint256(order.quantity) * section.products[order.product].maxUnitPrice;
        if (order.total > maximum) revert OverPrice(order.total, maximum);

        address seller = section.payees[order.payee].seller;
        bytes32 id = _id(order, hash, seller, leaves[order.product]);
        (address signer,,) = ECDSA.tryRecover(id, order.r, order.vs);
        if (signer != section.mandate.deviceKey) revert WrongSignature(section.mandate.deviceKey, id);

        _save(
            _recordKey(terms, seller, id),
            Record(State.Authorized, _now(), order.shipBy, section.mandate.coolingOffSeconds, order.total)
        );
        emit Authorized(id, hash, seller, order.total, order.quoteHash);
    }

    /// @dev {authorizationDigest} of an order's authorization.
    function _id(Order calldata order, bytes32 hash, address seller, bytes32 productLeaf)
        private
        view
        returns (bytes32)
    {
        return _hashTypedDataV4(
            keccak256(
                abi.encode(
                    AUTHORIZATION_TYPEHASH,
                    hash,
                    seller,
                    productLeaf,
                    order.quantity,
                    order.total,
                    order.quoteHash,
                    order.shipBy,
                    order.validBefore,
                    order.nonce
                )
            )
        );
    }

    /// @dev {termsHash} of a mandate's terms.
    function _termsHash(Mandate calldata mandate, bytes32 hash) private pure returns (bytes32) {
        return keccak256(
            abi.encode(
                Terms({
                    mandateHash: hash,
                    payer: mandate.payer,
                    deviceKey: mandate.deviceKey,
                    arbiter: mandate.arbiter,
                    token: mandate.token,
                    start: mandate.start,
                    period: mandate.period,
                    household: mandate.household
                })
            )
        );
    }

    function _checkPayees(Payee[] calldata payees, Mandate calldata mandate) private pure {
        for (uint256 i = 0; i < payees.length; ++i) {
            address seller = payees[i].seller;
            if (seller == mandate.payer || seller == mandate.deviceKey || seller == mandate.arbiter) {
                revert WrongSeller(seller);
            }
            bytes32 leaf = _leaf(abi.encode(PAYEE_KIND, payees[i].salt, seller));
            if (!MerkleProof.verifyCalldata(payees[i].proof, mandate.payeesRoot, leaf)) {
                revert SellerNotInMandate(seller, mandate.payeesRoot);
            }
        }
    }

    /// @dev Returns the products' leaves.
    function _checkProducts(Product[] calldata products, Mandate calldata mandate)
        private
        pure
        returns (bytes32[] memory leaves)
    {
        leaves = new bytes32[](products.length);
        for (uint256 i = 0; i < leaves.length; ++i) {
            Product calldata it = products[i];
            leaves[i] = _leaf(abi.encode(PRODUCT_KIND, it.salt, it.gtin, it.packSize, it.maxUnitPrice));
            if (!MerkleProof.verifyCalldata(it.proof, mandate.productsRoot, leaves[i])) {
                revert ProductNotInMandate(leaves[i], mandate.productsRoot);
            }
        }
    }

    /// @dev Captures the orders of one mandate and returns their rest to the payer; returns what the seller is owed.
    function _capture(Terms calldata terms, Delivery[] calldata deliveries) private returns (uint256 owed) {
        bytes32 hash = termsHash(terms);
        uint256 held = 0;
        uint256 ended = 0;
        for (uint256 i = 0; i < deliveries.length; ++i) {
            Delivery calldata item = deliveries[i];
            bytes32 key = _recordKey(hash, msg.sender, item.authorizationId);
            Record memory current = _load(key);
            if (current.state != State.Shipped) {
                emit Skipped(item.authorizationId, msg.sender, current.state);
                continue;
            }
            if (item.amount > current.amount) revert OverHeld(item.amount, current.amount);
            _checkConfirmation(terms, item);
            held += current.amount;
            owed += item.amount;
            ++ended;
            emit Captured(item.authorizationId, item.shipment, item.amount, current.amount - item.amount);
            _move(key, current, State.Captured, item.amount);
        }
        if (ended > 0) _uncount(terms.mandateHash, ended);
        _pay(terms.token, terms.payer, held - owed);
    }

    function _checkConfirmation(Terms calldata terms, Delivery calldata item) private view {
        bytes32 digest = _hashTypedDataV4(
            keccak256(abi.encode(CONFIRMATION_TYPEHASH, item.authorizationId, item.shipment, item.amount))
        );
        (address signer,,) = ECDSA.tryRecover(digest, item.r, item.vs);
        if (signer != terms.deviceKey && signer != terms.payer) {
            revert WrongSignature(terms.payer, digest);
        }
    }

    /// @dev Ends an order that never shipped; returns what goes back to the payer.
    function _endUnshipped(Terms calldata terms, address seller, bytes32 id, State state)
        private
        returns (uint96 amount)
    {
        bytes32 key = _recordKey(termsHash(terms), seller, id);
        Record memory current = _load(key);
        _checkState(id, current, State.Authorized);
        amount = current.amount;
        _uncountAndGiveBack(terms, amount, current.since);
        _move(key, current, state, 0);
    }

    /// @dev A leaf as OpenZeppelin's StandardMerkleTree makes it.
    function _leaf(bytes memory encoded) private pure returns (bytes32) {
        return keccak256(bytes.concat(keccak256(encoded)));
    }
}
