// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {MandateManager} from "./MandateManager.sol";

/// @title Funds of orders between a home and its sellers
/// @notice authorize → ship → capture; until it ships, cancel or decline; after a deadline, reclaim. Nobody owns,
///         pauses or upgrades it, and it takes no fee.
/// @dev    One slot per order under the hash of its terms, which travel in calldata. Tokens that take a fee are
///         refused; tokens that change balances by themselves must not be used. A verb about one order reverts when
///         the order's state does not allow it. A batch goes on: `authorize` reports a `Refused` basket; `ship` and
///         `capture` report an order as `Skipped` when somebody else has moved it, and revert for the sender's own
///         mistakes.
contract OrderEscrow is MandateManager, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

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

    /// @notice A product that the mandate names. Salted, so that the leaf does not tell a home's habits.
    struct Product {
        bytes32 salt;
        uint64 gtin;
        /// Pieces in a pack.
        uint32 packSize;
        /// Most that one pack may cost, everything included.
        uint96 maxUnitPrice;
    }

    /// @notice An authorization with what proves it: the device's signature and the places in the mandate's trees.
    struct Order {
        Authorization authorization;
        /// Which mandate of the basket it is under.
        uint256 mandateIndex;
        Product product;
        bytes32[] productProof;
        /// Salt of the seller's leaf.
        bytes32 payeeSalt;
        bytes32[] payeeProof;
        bytes deviceSignature;
    }

    /// @notice Orders of one payer in one token; all of them are placed or none.
    struct Basket {
        Mandate[] mandates;
        Order[] orders;
    }

    /// @notice What stays true of an order; known as soon as its authorization is signed.
    struct Terms {
        bytes32 authorizationId;
        bytes32 mandateHash;
        address payer;
        address deviceKey;
        address arbiter;
        address token;
        address seller;
        uint96 amount;
        uint48 shipBy;
        /// Of the mandate, as are the following.
        uint32 coolingOffSeconds;
        uint48 start;
        uint32 period;
        bytes32 household;
    }

    /// @notice Later states are added at the end.
    enum State {
        None,
        Authorized,
        Shipped,
        Captured,
        Cancelled,
        Declined,
        Reclaimed
    }

    /// @notice All that is stored of an order: one slot. What is neither captured nor remaining went back to the payer.
    struct Record {
        State state;
        /// Second in which it came into this state.
        uint48 since;
        /// Held here.
        uint96 remaining;
        /// Paid to the seller.
        uint96 captured;
    }

    struct Shipment {
        Terms terms;
        /// Hash of the seller's shipping message: SSCC, carrier, lines.
        bytes32 shipment;
    }

    /// @notice A confirmation of delivery with the order that it is about.
    struct Capture {
        Terms terms;
        bytes32 shipment;
        /// For the seller, at most what is held; the rest goes back to the payer.
        uint96 amount;
        /// Of the device key or the payer over Confirmation(authorizationId, shipment, amount).
        bytes signature;
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
    /// @notice An order of a batch was left as it is, because it is in this state. Only its sender should heed this:
    ///         anyone can send terms that do not exist, with the id of an order that does.
    event Skipped(bytes32 indexed authorizationId, State state);
    event Cancelled(bytes32 indexed authorizationId, uint96 amount);
    event Declined(bytes32 indexed authorizationId, uint96 amount);
    event Reclaimed(bytes32 indexed authorizationId, uint96 amount);
    /// @notice The token refused a transfer; `account` may `withdraw` it later.
    event Credited(address indexed token, address indexed account, uint256 amount);
    event Withdrawn(address indexed token, address indexed account, uint256 amount);

    /// @notice A basket has at least one mandate and one order.
    error EmptyBasket();
    /// @notice The mandate at `index` has another payer or token than the first of its basket.
    error MixedBasket(uint256 index, address payer, address token);
    error AuthorizationExpired(uint256 timestamp, uint48 validBefore);
    /// @notice The seller would have no second to ship in after cooling off.
    error ShipByTooSoon(uint48 shipBy, uint256 coolingOffUntil);
    error WrongMandate(bytes32 actual, bytes32 expected);
    /// @notice Payer and arbiter may not sell.
    error WrongSeller(address seller);
    error SellerNotInMandate(address seller, bytes32 payeesRoot);
    error WrongProduct(bytes32 actual, bytes32 expected);
    error ProductNotInMandate(bytes32 productLeaf, bytes32 productsRoot);
    error OverPrice(uint96 total, uint256 maximum);
    error ShortTransfer(uint256 actual, uint256 expected);
    error WrongState(bytes32 authorizationId, State actual, State expected);
    error CoolingOff(uint256 timestamp, uint256 coolingOffUntil);
    error ShipByPassed(uint256 timestamp, uint48 shipBy);
    error OverCapture(uint96 amount, uint96 remaining);
    /// @notice `deadline` is the last second that belongs to the seller or to the buyer.
    error TooEarlyToReclaim(uint256 timestamp, uint256 deadline);
    error NoCredit(address token, address account);

    /// @notice Seconds after shipping from which on anyone may reclaim what nobody confirmed.
    uint48 public constant UNCONFIRMED_SECONDS = 14 days;

    bytes32 private constant AUTHORIZATION_TYPEHASH = keccak256(
        "Authorization(bytes32 mandateHash,address seller,bytes32 productLeaf,uint32 quantity,uint96 total,bytes32 quoteHash,uint48 shipBy,uint48 validBefore,uint48 nonce)"
    );
    bytes32 private constant CONFIRMATION_TYPEHASH =
        keccak256("Confirmation(bytes32 authorizationId,bytes32 shipment,uint96 amount)");
    bytes32 private constant CANCELLATION_TYPEHASH = keccak256("Cancellation(bytes32 authorizationId)");

    /// @dev First words of the leaves, so that none can stand in for one of the other tree.
    bytes32 private constant PAYEE_KIND = keccak256("adept.payee");
    bytes32 private constant PRODUCT_KIND = keccak256("adept.product");

    /// @notice What `withdraw` would send to `account`, in minor units of `token`.
    mapping(address token => mapping(address account => uint256)) public credit;

    mapping(bytes32 termsHash => Record) private _records;

    /// @notice Places the orders of each basket and takes its funds in one transfer. Anyone may send it: only the
    ///         device's signature spends. A basket that fails is reported as `Refused` and the others go on.
    /// @dev    A sender who gives too little gas gets a refusal with an empty reason; nothing is used up by it.
    function authorize(Basket[] calldata baskets) external nonReentrant {
        for (uint256 i = 0; i < baskets.length; ++i) {
            try this.authorizeBasket(baskets[i]) {}
            catch (bytes memory reason) {
                emit Refused(i, reason);
            }
        }
    }

    /// @notice One basket of {authorize}, which alone may call it: a call of its own can fail alone.
    function authorizeBasket(Basket calldata basket) external {
        if (msg.sender != address(this)) revert WrongCaller(msg.sender, address(this));
        if (basket.mandates.length == 0 || basket.orders.length == 0) revert EmptyBasket();

        address payer = basket.mandates[0].payer;
        address token = basket.mandates[0].token;
        bytes32[] memory hashes = new bytes32[](basket.mandates.length);
        for (uint256 i = 0; i < hashes.length; ++i) {
            Mandate calldata mandate = basket.mandates[i];
            if (mandate.payer != payer || mandate.token != token) revert MixedBasket(i, mandate.payer, mandate.token);
            hashes[i] = mandateHash(mandate);
        }

        uint256 expected = 0;
        for (uint256 i = 0; i < basket.orders.length; ++i) {
            Order calldata order = basket.orders[i];
            _authorizeOrder(order, basket.mandates[order.mandateIndex], hashes[order.mandateIndex]);
            expected += order.authorization.total;
        }

        uint256 before = IERC20(token).balanceOf(address(this));
        IERC20(token).safeTransferFrom(payer, address(this), expected);
        uint256 actual = IERC20(token).balanceOf(address(this)) - before;
        if (actual < expected) revert ShortTransfer(actual, expected);
    }

    /// @notice Tells that orders are leaving the house; only their seller may, from the end of cooling off until
    ///         `shipBy`, both inclusive. From then on the buyer cannot cancel any more.
    /// @dev    Goods should leave only when the log says `Shipped`: an order that was cancelled in time is `Skipped`.
    function ship(Shipment[] calldata shipments) external nonReentrant {
        for (uint256 i = 0; i < shipments.length; ++i) {
            Terms calldata terms = shipments[i].terms;
            if (msg.sender != terms.seller) revert WrongCaller(msg.sender, terms.seller);
            (bytes32 key, Record memory current) = _load(terms);
            if (current.state != State.Authorized) {
                emit Skipped(terms.authorizationId, current.state);
                continue;
            }
            uint256 coolingOffUntil = uint256(current.since) + terms.coolingOffSeconds;
            if (block.timestamp < coolingOffUntil) revert CoolingOff(block.timestamp, coolingOffUntil);
            if (block.timestamp > terms.shipBy) revert ShipByPassed(block.timestamp, terms.shipBy);

            _records[key] = Record(State.Shipped, _now(), current.remaining, 0);
            emit Shipped(terms.authorizationId, shipments[i].shipment);
        }
    }

    /// @notice Pays the seller for delivered orders and returns the rest of each to its payer. Only the seller may:
    ///         a confirmation can be for less than was held, and sending it is how the seller agrees to that. The first
    ///         one that is captured ends the order.
    function capture(Capture[] calldata captures) external nonReentrant {
        address token = address(0);
        uint256 owed = 0;
        for (uint256 i = 0; i < captures.length; ++i) {
            if (captures[i].terms.token != token) {
                _pay(token, msg.sender, owed);
                token = captures[i].terms.token;
                owed = 0;
            }
            owed += _capture(captures[i]);
        }
        _pay(token, msg.sender, owed);
    }

    /// @notice Ends an order that has not shipped and returns all of it to the payer, at once, in cooling off too.
    /// @param signature Of the device key or the payer over Cancellation(authorizationId); not looked at when one of
    ///                  them is the sender.
    function cancel(Terms calldata terms, bytes calldata signature) external nonReentrant {
        (bytes32 key, Record memory current) = _load(terms);
        _checkState(terms, current, State.Authorized);
        if (msg.sender != terms.payer && msg.sender != terms.deviceKey) {
            _checkBuyersSignature(terms, keccak256(abi.encode(CANCELLATION_TYPEHASH, terms.authorizationId)), signature);
        }

        _endUnshipped(terms, key, current, State.Cancelled);
        emit Cancelled(terms.authorizationId, current.remaining);
        _pay(terms.token, terms.payer, current.remaining);
    }

    /// @notice The seller will not ship: ends the order and returns all of it to the payer.
    function decline(Terms calldata terms) external nonReentrant {
        (bytes32 key, Record memory current) = _load(terms);
        _checkState(terms, current, State.Authorized);
        if (msg.sender != terms.seller) revert WrongCaller(msg.sender, terms.seller);

        _endUnshipped(terms, key, current, State.Declined);
        emit Declined(terms.authorizationId, current.remaining);
        _pay(terms.token, terms.payer, current.remaining);
    }

    /// @notice Returns the funds to the payer once the seller has let `shipBy` pass, or nobody has confirmed delivery
    ///         within `UNCONFIRMED_SECONDS` of shipping. Anyone may send it. The deadline itself is still too early.
    function reclaim(Terms calldata terms) external nonReentrant {
        (bytes32 key, Record memory current) = _load(terms);
        bool shipped = current.state == State.Shipped;
        if (!shipped) _checkState(terms, current, State.Authorized);
        uint256 deadline = shipped ? uint256(current.since) + UNCONFIRMED_SECONDS : terms.shipBy;
        if (block.timestamp <= deadline) revert TooEarlyToReclaim(block.timestamp, deadline);

        if (shipped) _endShipped(terms, key, State.Reclaimed, 0);
        else _endUnshipped(terms, key, current, State.Reclaimed);
        emit Reclaimed(terms.authorizationId, current.remaining);
        _pay(terms.token, terms.payer, current.remaining);
    }

    /// @notice Sends the caller what could not be sent before; reverts when the token still refuses.
    function withdraw(address token) external nonReentrant {
        uint256 amount = credit[token][msg.sender];
        if (amount == 0) revert NoCredit(token, msg.sender);
        credit[token][msg.sender] = 0;
        emit Withdrawn(token, msg.sender, amount);
        IERC20(token).safeTransfer(msg.sender, amount);
    }

    /// @notice The EIP-712 digest of an authorization: its id, and what the device key signs.
    function authorizationId(Authorization calldata authorization) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(AUTHORIZATION_TYPEHASH, authorization)));
    }

    /// @notice What is stored of the order with exactly these terms; state None when there is none.
    function record(Terms calldata terms) external view returns (Record memory current) {
        (, current) = _load(terms);
    }

    /// @dev The strictly rising nonce is what refuses a second use of the same authorization.
    function _authorizeOrder(Order calldata order, Mandate calldata mandate, bytes32 hash) private {
        Authorization calldata authorization = order.authorization;
        bytes32 id = authorizationId(authorization);
        if (authorization.mandateHash != hash) revert WrongMandate(authorization.mandateHash, hash);
        (address signer,,) = ECDSA.tryRecoverCalldata(id, order.deviceSignature);
        if (signer != mandate.deviceKey) revert WrongSignature(mandate.deviceKey, id);
        if (block.timestamp >= authorization.validBefore) {
            revert AuthorizationExpired(block.timestamp, authorization.validBefore);
        }
        uint256 coolingOffUntil = block.timestamp + mandate.coolingOffSeconds;
        if (authorization.shipBy <= coolingOffUntil) revert ShipByTooSoon(authorization.shipBy, coolingOffUntil);
        if (authorization.total == 0) revert MissingField("total");
        _checkSeller(order, mandate);
        _checkProduct(order, mandate);
        _count(mandate, hash, authorization.total, authorization.nonce);

        Terms memory terms = Terms({
            authorizationId: id,
            mandateHash: hash,
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
        _records[keccak256(abi.encode(terms))] = Record(State.Authorized, _now(), authorization.total, 0);
        emit Authorized(id, hash, authorization.seller, authorization.total, authorization.quoteHash);
    }

    function _checkSeller(Order calldata order, Mandate calldata mandate) private pure {
        address seller = order.authorization.seller;
        if (seller == mandate.payer || seller == mandate.arbiter) revert WrongSeller(seller);
        bytes32 leaf = _leaf(abi.encode(PAYEE_KIND, order.payeeSalt, seller));
        if (!MerkleProof.verifyCalldata(order.payeeProof, mandate.payeesRoot, leaf)) {
            revert SellerNotInMandate(seller, mandate.payeesRoot);
        }
    }

    function _checkProduct(Order calldata order, Mandate calldata mandate) private pure {
        Authorization calldata authorization = order.authorization;
        bytes32 leaf = _leaf(abi.encode(PRODUCT_KIND, order.product));
        if (leaf != authorization.productLeaf) revert WrongProduct(leaf, authorization.productLeaf);
        if (!MerkleProof.verifyCalldata(order.productProof, mandate.productsRoot, leaf)) {
            revert ProductNotInMandate(leaf, mandate.productsRoot);
        }
        uint256 maximum = uint256(authorization.quantity) * order.product.maxUnitPrice;
        if (authorization.total > maximum) revert OverPrice(authorization.total, maximum);
    }

    /// @dev Returns what the seller is owed; 0 when the order is skipped.
    function _capture(Capture calldata item) private returns (uint96) {
        Terms calldata terms = item.terms;
        if (msg.sender != terms.seller) revert WrongCaller(msg.sender, terms.seller);
        (bytes32 key, Record memory current) = _load(terms);
        if (current.state != State.Shipped) {
            emit Skipped(terms.authorizationId, current.state);
            return 0;
        }
        if (item.amount > current.remaining) revert OverCapture(item.amount, current.remaining);
        _checkBuyersSignature(
            terms,
            keccak256(abi.encode(CONFIRMATION_TYPEHASH, terms.authorizationId, item.shipment, item.amount)),
            item.signature
        );

        uint96 rest = current.remaining - item.amount;
        _endShipped(terms, key, State.Captured, item.amount);
        emit Captured(terms.authorizationId, item.shipment, item.amount, rest);
        _pay(terms.token, terms.payer, rest);
        return item.amount;
    }

    /// @dev What never shipped is given back to the period in which it was counted.
    function _endUnshipped(Terms calldata terms, bytes32 key, Record memory current, State state) private {
        _records[key] = Record(state, _now(), 0, 0);
        _uncount(terms.mandateHash, current.remaining, _periodIndex(terms.start, terms.period, current.since));
    }

    function _endShipped(Terms calldata terms, bytes32 key, State state, uint96 captured) private {
        _records[key] = Record(state, _now(), 0, captured);
        _uncount(terms.mandateHash, 0, 0);
    }

    /// @dev A transfer that the token refuses becomes a credit, so that it blocks nobody else.
    function _pay(address token, address to, uint256 amount) private {
        if (amount == 0) return;
        if (IERC20(token).trySafeTransfer(to, amount)) return;
        credit[token][to] += amount;
        emit Credited(token, to, amount);
    }

    function _load(Terms calldata terms) private view returns (bytes32 key, Record memory current) {
        key = keccak256(abi.encode(terms));
        current = _records[key];
    }

    function _checkState(Terms calldata terms, Record memory current, State expected) private pure {
        if (current.state != expected) revert WrongState(terms.authorizationId, current.state, expected);
    }

    function _checkBuyersSignature(Terms calldata terms, bytes32 structHash, bytes calldata signature) private view {
        bytes32 digest = _hashTypedDataV4(structHash);
        (address signer,,) = ECDSA.tryRecoverCalldata(digest, signature);
        if (signer == terms.deviceKey || _isPayersSignature(terms.payer, signer, digest, signature)) return;
        revert WrongSignature(terms.payer, digest);
    }

    /// @dev A leaf as OpenZeppelin's StandardMerkleTree makes it.
    function _leaf(bytes memory encoded) private pure returns (bytes32) {
        return keccak256(bytes.concat(keccak256(encoded)));
    }

    function _now() private view returns (uint48) {
        return SafeCast.toUint48(block.timestamp);
    }
}
