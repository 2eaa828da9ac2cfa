// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {Memory} from "@openzeppelin/contracts/utils/Memory.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
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
        /// Leaf of the offer in the mandate's offers.
        bytes32 offerLeaf;
        /// Packs.
        uint256 quantity;
        /// Price of all, everything included.
        uint256 total;
        /// Hash of the seller's signed quote.
        bytes32 quoteHash;
        /// Last second in which the seller may ship (inclusive).
        uint256 shipBy;
        /// Second from which on this signature may not be used any more (exclusive).
        uint256 validBefore;
        /// Higher than that of every earlier authorization of the mandate; the first is at least 1.
        uint256 nonce;
    }

    /// @notice What the mandate lets the device buy, and of whom.
    struct Offer {
        /// keccak256(abi.encode(salt, gtin, packSize)): the chain does not learn what a home buys, and the salt keeps
        /// others from trying all products.
        bytes32 product;
        address seller;
        /// Most that one pack may cost, everything included.
        uint256 maxUnitPrice;
    }

    /// @notice An authorization and the device's signature over it. Its mandate, seller and product are those of the
    ///         section that it is in.
    struct Order {
        /// Its numbers in one word, because a word of call data costs more than taking it apart. From the lowest bit
        /// on: quantity 32 bits, total 96, shipBy 40, validBefore 40, nonce 48.
        uint256 numbers;
        bytes32 quoteHash;
        /// The device's signature in EIP-2098's compact form.
        bytes32 r;
        bytes32 vs;
    }

    /// @notice Orders of one offer under one mandate, which are proven once.
    struct Section {
        Mandate mandate;
        Offer offer;
        bytes32[] proof;
        Order[] orders;
    }

    /// @notice A parcel: orders under one mandate that leave the house together.
    struct Shipment {
        /// {termsHash} of the orders' terms.
        bytes32 termsHash;
        /// Hash of the seller's shipping message: SSCC, carrier, lines.
        bytes32 shipment;
        bytes32[] authorizationIds;
    }

    /// @notice An order of a parcel that has arrived.
    struct Delivery {
        bytes32 authorizationId;
        /// For the seller, at most what is held; the rest goes back to the payer.
        uint256 amount;
    }

    /// @notice A parcel whose arrival the device key or the payer has confirmed by signing
    ///         Confirmation(shipment, deliveries).
    struct Claim {
        Terms terms;
        bytes32 shipment;
        Delivery[] deliveries;
        /// The signature in EIP-2098's compact form.
        bytes32 r;
        bytes32 vs;
    }

    /// @notice An order is placed and its `amount` is held.
    event Authorized(
        bytes32 indexed authorizationId,
        bytes32 indexed mandateHash,
        address indexed seller,
        uint256 amount,
        bytes32 quoteHash
    );
    /// @notice Nothing of this basket was placed; `reason` is the error's data.
    event Refused(uint256 indexed basket, bytes reason);
    /// @notice The order has left the house in the parcel `shipment`; it cannot be cancelled any more.
    event Shipped(bytes32 indexed authorizationId, bytes32 shipment);
    /// @notice The seller got `amount`; the rest of what was authorized is the payer's again.
    event Captured(bytes32 indexed authorizationId, uint256 amount);
    /// @notice An order of a batch was left as it is, because it is in this state. Only `seller` can have sent it; it
    ///         may be an order that does not exist.
    event Skipped(bytes32 indexed authorizationId, address indexed seller, State state);
    /// @notice The buyer's side called the order off; `amount` is the payer's again: paid out, or a credit when the
    ///         token refuses.
    event Cancelled(bytes32 indexed authorizationId, uint256 amount);
    /// @notice The seller will not ship; `amount` is the payer's again.
    event Declined(bytes32 indexed authorizationId, uint256 amount);
    /// @notice A deadline has passed; `amount` is the payer's again.
    event Reclaimed(bytes32 indexed authorizationId, uint256 amount);
    /// @notice The seller gave back `amount` of what it had captured.
    event Refunded(bytes32 indexed authorizationId, uint256 amount);

    /// @notice A basket or a section without orders.
    error EmptyBasket();
    /// @notice The mandate of the section at `index` has another payer or token than the first of its basket.
    error MixedBasket(uint256 index, address payer, address token);
    /// @notice `validBefore` is the first second in which the signature does not hold any more.
    error AuthorizationExpired(uint256 timestamp, uint256 validBefore);
    /// @notice The seller may ship after cooling off until `shipBy`, and needs more than that one second.
    error ShipByTooSoon(uint256 shipBy, uint256 coolingOffUntil);
    /// @notice Payer, device key and arbiter may not sell.
    error WrongSeller(address seller);
    /// @notice Offer and proof do not lead to the mandate's root.
    error OfferNotInMandate(bytes32 offerLeaf, bytes32 offersRoot);
    /// @notice `maximum` is the quantity times the product's highest price.
    error OverPrice(uint256 total, uint256 maximum);
    /// @notice The buyer may still change its mind; the seller may ship from `coolingOffUntil` on.
    error CoolingOff(uint256 timestamp, uint256 coolingOffUntil);
    /// @notice `shipBy` was the last second to ship in.
    error ShipByPassed(uint256 timestamp, uint256 shipBy);
    /// @notice `deadline` is the last second that belongs to the seller, the buyer or the arbiter.
    error TooEarlyToReclaim(uint256 timestamp, uint256 deadline);
    /// @notice `deadline` was the last second for it.
    error TooLateToRefund(uint256 timestamp, uint256 deadline);
    /// @notice `captured` is what the seller has of this order and not refunded yet.
    error OverRefund(uint256 amount, uint256 captured);

    /// @notice Seconds after capture until which the seller may refund through the escrow (inclusive).
    uint256 public constant REFUND_SECONDS = 30 days;

    bytes32 private constant AUTHORIZATION_TYPEHASH = keccak256(
        "Authorization(bytes32 mandateHash,address seller,bytes32 offerLeaf,uint256 quantity,uint256 total,bytes32 quoteHash,uint256 shipBy,uint256 validBefore,uint256 nonce)"
    );
    bytes32 private constant CONFIRMATION_TYPEHASH = keccak256(
        "Confirmation(bytes32 shipment,Delivery[] deliveries)Delivery(bytes32 authorizationId,uint256 amount)"
    );
    bytes32 private constant DELIVERY_TYPEHASH = keccak256("Delivery(bytes32 authorizationId,uint256 amount)");
    bytes32 private constant CANCELLATION_TYPEHASH = keccak256("Cancellation(bytes32 authorizationId)");

    /// @dev First word of a leaf, so that nothing else can stand in for one.
    bytes32 private constant OFFER_KIND = keccak256("adept.offer");

    constructor(IDeviceRegistry registry_) OrderBook(registry_) {}

    /// @notice Places the orders of one basket, which are of one payer and in one token, and takes its funds in one
    ///         transfer: all of them or none. Anyone may send it: only the device's signature spends.
    /// @custom:who   Anyone; each order is signed by the device key.
    /// @custom:when  From the mandate's start (inclusive) to its end, and before the order's `validBefore` (both
    ///               exclusive).
    /// @custom:state None → Authorized, and cooling off begins; caps, open orders and last nonce count it.
    function authorize(Section[] calldata basket) external nonReentrant {
        _authorizeSections(basket);
    }

    /// @notice Places several baskets. One that fails is reported as `Refused` and the others go on.
    /// @dev    A sender who gives too little gas gets a refusal with an empty reason; nothing is used up by it. Baskets
    ///         are bytes because decoding and encoding them again would cost about 4,500 gas each.
    /// @custom:who   Anyone; each order is signed by the device key.
    /// @custom:when  From the mandate's start (inclusive) to its end, and before the order's `validBefore` (both
    ///               exclusive).
    /// @custom:state None → Authorized, and cooling off begins; caps, open orders and last nonce count it. A refused
    ///               basket changes nothing.
    /// @param baskets Each the arguments of {authorizeBasket}, ABI-encoded.
    function authorizeBatch(bytes[] calldata baskets) external nonReentrant {
        for (uint256 i = 0; i < baskets.length; ++i) {
            Memory.Pointer free = Memory.getFreeMemoryPointer();
            // A call of its own can fail alone.
            (bool ok, bytes memory reason) = address(this).call(bytes.concat(this.authorizeBasket.selector, baskets[i]));
            if (!ok) emit Refused(i, reason);
            // Else fifty baskets would pay for the memory of all.
            Memory.unsafeSetFreeMemoryPointer(free);
        }
    }

    /// @notice One basket of {authorizeBatch}, which alone may call it.
    /// @custom:who   This contract, from within {authorizeBatch}.
    /// @custom:when  As {authorizeBatch}.
    /// @custom:state As {authorizeBatch}.
    function authorizeBasket(Section[] calldata basket) external {
        if (msg.sender != address(this)) revert WrongCaller(msg.sender, address(this));
        _authorizeSections(basket);
    }

    /// @notice Tells that orders are leaving the house; only their seller may, from the end of cooling off until
    ///         `shipBy`, both inclusive. From then on the buyer cannot cancel any more.
    /// @dev    Goods should leave only when the log says `Shipped`: an order that was cancelled in time is `Skipped`.
    /// @custom:who   The seller.
    /// @custom:when  From the end of cooling off until `shipBy` (both inclusive).
    /// @custom:state Authorized → Shipped. An order in another state stays and is `Skipped`.
    function ship(Shipment[] calldata shipments) external nonReentrant {
        for (uint256 i = 0; i < shipments.length; ++i) {
            Shipment calldata parcel = shipments[i];
            bytes32[] calldata ids = parcel.authorizationIds;
            for (uint256 k = 0; k < ids.length; ++k) {
                _ship(parcel.termsHash, ids[k], parcel.shipment);
            }
        }
    }

    /// @notice Pays the seller for delivered orders and returns the rest of each to its payer. Only the seller may:
    ///         a confirmation can be for less than was held, and sending it is how the seller agrees to that. The first
    ///         one that is captured ends the order.
    /// @dev    A confirmation is ECDSA: for a payer that is a contract, the device key confirms, or both sides settle.
    /// @custom:who   The seller, with a confirmation signed by the device key or the payer.
    /// @custom:when  While it is Shipped, also after the 14 days until somebody reclaims.
    /// @custom:state Shipped → Captured; one open order less, nothing is given back to the caps. An order in another
    ///               state stays and is `Skipped`.
    function capture(Claim[] calldata claims) external nonReentrant {
        address token = address(0);
        uint256 owed = 0;
        for (uint256 i = 0; i < claims.length; ++i) {
            Claim calldata claim = claims[i];
            if (claim.terms.token != token) {
                _pay(token, msg.sender, owed);
                token = claim.terms.token;
                owed = 0;
            }
            // As in {authorizeBatch}.
            Memory.Pointer free = Memory.getFreeMemoryPointer();
            owed += _capture(claim);
            Memory.unsafeSetFreeMemoryPointer(free);
        }
        _pay(token, msg.sender, owed);
    }

    /// @notice Ends an order that has not shipped and returns all of it to the payer, at once, in cooling off too.
    /// @custom:who   The payer, the device key, or anyone with a signature of one of them.
    /// @custom:when  Until it ships.
    /// @custom:state Authorized → Cancelled; one open order less, the amount is given back to each cap whose period
    ///               still runs.
    /// @param signature Of the device key or the payer over Cancellation(authorizationId); not looked at when one of
    ///                  them is the sender.
    function cancel(Terms calldata terms, address seller, bytes32 authorizationId, bytes calldata signature)
        external
        nonReentrant
    {
        bytes32 digest = _hashTypedDataV4(keccak256(abi.encode(CANCELLATION_TYPEHASH, authorizationId)));
        _checkBuyer(terms.payer, terms.deviceKey, digest, signature);
        uint256 amount = _endUnshipped(terms, seller, authorizationId, State.Cancelled);
        emit Cancelled(authorizationId, amount);
        _pay(terms.token, terms.payer, amount);
    }

    /// @notice The seller, who sends it, will not ship: ends the order and returns all of it to the payer.
    /// @custom:who   The seller.
    /// @custom:when  Until it ships.
    /// @custom:state Authorized → Declined; one open order less, the amount is given back to each cap whose period
    ///               still runs.
    function decline(Terms calldata terms, bytes32 authorizationId) external nonReentrant {
        uint256 amount = _endUnshipped(terms, msg.sender, authorizationId, State.Declined);
        emit Declined(authorizationId, amount);
        _pay(terms.token, terms.payer, amount);
    }

    /// @notice Returns the funds to the payer once the seller has let `shipBy` pass, or has not captured
    ///         within `UNCONFIRMED_SECONDS` of shipping, with a confirmation or without, or the arbiter has been silent for `DECISION_SECONDS` after a
    ///         dispute. Anyone may send it. The deadline itself is still too early.
    /// @custom:who   Anyone.
    /// @custom:when  After `shipBy`; `UNCONFIRMED_SECONDS` after shipping; `DECISION_SECONDS` after a dispute. A
    ///               deadline itself is too early.
    /// @custom:state Authorized, Shipped or Disputed → Reclaimed; one open order less. What never shipped is given back
    ///               to each cap whose period still runs.
    function reclaim(Terms calldata terms, address seller, bytes32 authorizationId) external nonReentrant {
        Slot storage slot = _records[termsHash(terms)][seller][authorizationId];
        uint256 word = slot.word;
        State state = _stateOf(word);
        uint256 deadline = _shipByOf(word);
        if (state == State.Shipped) deadline = _sinceOf(word) + UNCONFIRMED_SECONDS;
        else if (state == State.Disputed) deadline = _sinceOf(word) + DECISION_SECONDS;
        else _checkState(authorizationId, word, State.Authorized);
        if (block.timestamp <= deadline) revert TooEarlyToReclaim(block.timestamp, deadline);

        uint256 amount = _amountOf(word);
        if (state == State.Authorized) _uncountAndGiveBack(terms, amount, _sinceOf(word));
        else _uncount(terms.mandateHash, 1);
        _move(slot, word, State.Reclaimed, 0);
        emit Reclaimed(authorizationId, amount);
        _pay(terms.token, terms.payer, amount);
    }

    /// @notice The seller, who sends it, gives back what it captured or a part of it, from its own account and by an
    ///         ERC-20 allowance for this contract. More than once, until `REFUND_SECONDS` after capture.
    /// @dev    What is refunded is not given back to the mandate's caps.
    /// @custom:who   The seller.
    /// @custom:when  Until `REFUND_SECONDS` after capture (inclusive).
    /// @custom:state Captured stays; its amount falls. Nothing is given back to the caps.
    function refund(Terms calldata terms, bytes32 authorizationId, uint256 amount) external nonReentrant {
        Slot storage slot = _records[termsHash(terms)][msg.sender][authorizationId];
        uint256 word = slot.word;
        _checkState(authorizationId, word, State.Captured);
        uint256 deadline = _sinceOf(word) + REFUND_SECONDS;
        if (block.timestamp > deadline) revert TooLateToRefund(block.timestamp, deadline);
        if (amount == 0) revert MissingField("amount");
        if (amount > _amountOf(word)) revert OverRefund(amount, _amountOf(word));

        slot.word = word - (amount << 160);
        emit Refunded(authorizationId, amount);
        _pull(terms.token, msg.sender, terms.payer, IERC20(terms.token).balanceOf(terms.payer), amount);
    }

    /// @notice The EIP-712 digest of an authorization: its id, and what the device key signs.
    function authorizationDigest(Authorization memory authorization) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(AUTHORIZATION_TYPEHASH, authorization)));
    }

    function _authorizeSections(Section[] calldata sections) private {
        if (sections.length == 0) revert EmptyBasket();
        Section calldata first = sections[0];
        (address payer, address token) = (first.mandate.payer, first.mandate.token);
        uint256 total = _authorizeSection(first);
        for (uint256 i = 1; i < sections.length; ++i) {
            Mandate calldata mandate = sections[i].mandate;
            if (mandate.payer != payer || mandate.token != token) {
                revert MixedBasket(i, mandate.payer, mandate.token);
            }
            total += _authorizeSection(sections[i]);
        }
        _hold(token, payer, total);
    }

    /// @dev Places the orders of one section; returns what they cost. Its checks return early: the compiler then keeps
    ///      each a function of its own; all in one they do not fit the stack, and each access to memory costs gas.
    function _authorizeSection(Section calldata section) private returns (uint256 total) {
        bytes32 hash = mandateHash(section.mandate);
        uint256 word = _usable(section.mandate, hash);
        address seller = section.offer.seller;
        bytes32 leaf = _provenOffer(section, seller);
        mapping(bytes32 => Slot) storage records = _records[_termsHash(section.mandate, hash)][seller];
        Order[] calldata orders = section.orders;
        if (orders.length == 0) revert EmptyBasket();
        for (uint256 i = 0; i < orders.length; ++i) {
            Order calldata order = orders[i];
            Authorization memory authorization = Authorization({
                mandateHash: hash,
                seller: seller,
                offerLeaf: leaf,
                quantity: uint32(order.numbers),
                total: uint96(order.numbers >> 32),
                quoteHash: order.quoteHash,
                shipBy: uint40(order.numbers >> 128),
                validBefore: uint40(order.numbers >> 168),
                nonce: order.numbers >> 208
            });
            // What refuses a second use of the same authorization.
            word = _useNonce(word, authorization.nonce);
            _checkLimits(authorization, section.mandate, section.offer.maxUnitPrice);
            bytes32 id = _signedId(authorization, order, section.mandate.deviceKey);
            _place(records[id], authorization.shipBy, section.mandate.coolingOffSeconds, authorization.total);
            emit Authorized(id, hash, seller, authorization.total, authorization.quoteHash);
            // Each has 96 bits.
            unchecked {
                total += authorization.total;
            }
        }
        _count(section.mandate, hash, word, orders.length, total);
    }

    /// @dev Leaf of a section's offer, which the mandate names.
    function _provenOffer(Section calldata section, address seller) private pure returns (bytes32 leaf) {
        Mandate calldata mandate = section.mandate;
        if (seller == mandate.payer || seller == mandate.deviceKey || seller == mandate.arbiter) {
            revert WrongSeller(seller);
        }
        leaf = _leaf(abi.encode(OFFER_KIND, section.offer));
        if (MerkleProof.verifyCalldata(section.proof, mandate.offersRoot, leaf)) return leaf;
        revert OfferNotInMandate(leaf, mandate.offersRoot);
    }

    /// @dev Whether an order keeps the mandate's limits for one and its own times.
    function _checkLimits(Authorization memory order, Mandate calldata mandate, uint256 maxUnitPrice) private view {
        uint256 total = order.total;
        if (total == 0) revert MissingField("total");
        if (total > mandate.maxPerOrder) revert OverOrderCap(total, mandate.maxPerOrder);
        uint256 maximum = Math.saturatingMul(order.quantity, maxUnitPrice);
        if (total > maximum) revert OverPrice(total, maximum);
        if (block.timestamp >= order.validBefore) revert AuthorizationExpired(block.timestamp, order.validBefore);
        uint256 coolingOffUntil = block.timestamp + mandate.coolingOffSeconds;
        if (order.shipBy > coolingOffUntil) return;
        revert ShipByTooSoon(order.shipBy, coolingOffUntil);
    }

    /// @dev Id of an authorization, which the device has signed.
    function _signedId(Authorization memory authorization, Order calldata order, address deviceKey)
        private
        view
        returns (bytes32 id)
    {
        id = authorizationDigest(authorization);
        (address signer,,) = ECDSA.tryRecover(id, order.r, order.vs);
        if (signer == deviceKey) return id;
        revert WrongSignature(deviceKey, id);
    }

    /// @dev {termsHash} of the terms that follow from a mandate.
    function _termsHash(Mandate calldata mandate, bytes32 hash) private pure returns (bytes32) {
        return keccak256(
            abi.encode(
                hash, mandate.payer, mandate.deviceKey, mandate.arbiter, mandate.token, mandate.household
            )
        );
    }

    function _ship(bytes32 terms, bytes32 id, bytes32 shipment) private {
        Slot storage slot = _records[terms][msg.sender][id];
        uint256 word = slot.word;
        if (_stateOf(word) != State.Authorized) {
            emit Skipped(id, msg.sender, _stateOf(word));
            return;
        }
        uint256 coolingOffUntil = _sinceOf(word) + _coolingOffSecondsOf(word);
        if (block.timestamp < coolingOffUntil) revert CoolingOff(block.timestamp, coolingOffUntil);
        if (block.timestamp > _shipByOf(word)) revert ShipByPassed(block.timestamp, _shipByOf(word));

        _move(slot, word, State.Shipped, _amountOf(word));
        emit Shipped(id, shipment);
    }

    /// @dev Captures the orders of one parcel and returns their rest to the payer; returns what the seller is owed.
    function _capture(Claim calldata claim) private returns (uint256 owed) {
        Delivery[] calldata deliveries = claim.deliveries;
        _checkConfirmation(claim, deliveries);
        mapping(bytes32 => Slot) storage records = _records[termsHash(claim.terms)][msg.sender];
        uint256 rest = 0;
        uint256 ended = 0;
        for (uint256 i = 0; i < deliveries.length; ++i) {
            Delivery calldata delivery = deliveries[i];
            Slot storage slot = records[delivery.authorizationId];
            uint256 word = slot.word;
            if (_stateOf(word) != State.Shipped) {
                emit Skipped(delivery.authorizationId, msg.sender, _stateOf(word));
                continue;
            }
            uint256 amount = delivery.amount;
            uint256 held = _amountOf(word);
            if (amount > held) revert OverHeld(amount, held);
            unchecked {
                rest += held - amount;
                owed += amount;
                ++ended;
            }
            _move(slot, word, State.Captured, amount);
            emit Captured(delivery.authorizationId, amount);
        }
        if (ended == 0) return 0;
        _uncount(claim.terms.mandateHash, ended);
        if (rest == 0) return owed;
        _pay(claim.terms.token, claim.terms.payer, rest);
    }

    /// @dev Whether the device key or the payer has signed the parcel's confirmation.
    function _checkConfirmation(Claim calldata claim, Delivery[] calldata deliveries) private view {
        bytes32 digest = _confirmationDigest(claim.shipment, deliveries);
        (address signer,,) = ECDSA.tryRecover(digest, claim.r, claim.vs);
        if (signer == claim.terms.deviceKey || signer == claim.terms.payer) return;
        revert WrongSignature(claim.terms.payer, digest);
    }

    /// @dev EIP-712 hashes a list of structs as the hashes of its members in a row.
    function _confirmationDigest(bytes32 shipment, Delivery[] calldata deliveries) private view returns (bytes32) {
        bytes32[] memory hashes = new bytes32[](deliveries.length);
        for (uint256 i = 0; i < deliveries.length; ++i) {
            hashes[i] = keccak256(abi.encode(DELIVERY_TYPEHASH, deliveries[i]));
        }
        bytes32 all = keccak256(abi.encodePacked(hashes));
        return _hashTypedDataV4(keccak256(abi.encode(CONFIRMATION_TYPEHASH, shipment, all)));
    }

    /// @dev Ends an order that never shipped; returns what goes back to the payer.
    function _endUnshipped(Terms calldata terms, address seller, bytes32 id, State state)
        private
        returns (uint256 amount)
    {
        Slot storage slot = _records[termsHash(terms)][seller][id];
        uint256 word = slot.word;
        _checkState(id, word, State.Authorized);
        amount = _amountOf(word);
        _uncountAndGiveBack(terms, amount, _sinceOf(word));
        _move(slot, word, state, 0);
    }

    /// @dev A leaf as OpenZeppelin's StandardMerkleTree makes it.
    function _leaf(bytes memory encoded) private pure returns (bytes32) {
        return keccak256(bytes.concat(keccak256(encoded)));
    }
}
