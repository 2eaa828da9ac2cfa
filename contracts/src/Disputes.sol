// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {OrderBook} from "./OrderBook.sol";

/// @title Orders about which home and seller disagree
/// @notice A dispute freezes an order until both sign a split, or the arbiter named in the mandate decides. When the
///         arbiter is silent or nobody was named, the payer gets it back after `DECISION_SECONDS`, by `reclaim`.
abstract contract Disputes is OrderBook {
    /// @notice What payer and seller sign to end an order by agreement.
    struct Settlement {
        /// For the seller, at most what is held; the rest goes back to the payer.
        uint256 toSeller;
        /// Second from which on these signatures may not be used any more (exclusive).
        uint256 validBefore;
    }

    /// @notice No timer of this order runs any more but the arbiter's.
    event Disputed(bytes32 indexed authorizationId, address indexed by);
    /// @notice Both sides agreed on this split.
    event Settled(bytes32 indexed authorizationId, uint256 toSeller, uint256 toPayer);
    /// @notice The arbiter decided on this split.
    event Decided(bytes32 indexed authorizationId, uint256 toSeller, uint256 toPayer);

    /// @notice `deadline` was the last second for it.
    error TooLateToDispute(uint256 timestamp, uint256 deadline);
    /// @notice `deadline` was the last second for it.
    error TooLateToDecide(uint256 timestamp, uint256 deadline);
    /// @notice `validBefore` is the first second in which the signatures do not hold any more.
    error SettlementExpired(uint256 timestamp, uint256 validBefore);
    /// @notice Seconds after shipping until which either side may dispute (inclusive); after it anyone may reclaim
    ///         what was not captured.
    uint256 public constant UNCONFIRMED_SECONDS = 14 days;

    /// @notice Seconds after a dispute until which the arbiter may decide (inclusive); after it anyone may reclaim.
    uint256 public constant DECISION_SECONDS = 30 days;

    bytes32 private constant DISPUTE_TYPEHASH = keccak256("Dispute(bytes32 authorizationId)");
    bytes32 private constant SETTLEMENT_TYPEHASH =
        keccak256("Settlement(bytes32 authorizationId,uint256 toSeller,uint256 validBefore)");

    /// @notice Freezes an order that has shipped and is not captured: neither `capture` nor the 14 days end it any
    ///         more. The seller may, and the buyer's side.
    /// @custom:who   The seller, the payer, the device key, or anyone with a signature of the latter two.
    /// @custom:when  Until `UNCONFIRMED_SECONDS` after shipping (inclusive).
    /// @custom:state Shipped → Disputed.
    /// @param signature Of the device key or the payer over Dispute(authorizationId); not looked at when one of them
    ///                  or the seller is the sender.
    function dispute(Terms calldata terms, address seller, bytes32 authorizationId, bytes calldata signature)
        external
        nonReentrant
    {
        Slot storage slot = _records[termsHash(terms)][seller][authorizationId];
        uint256 word = slot.word;
        _checkState(authorizationId, word, State.Shipped);
        uint256 deadline = _sinceOf(word) + UNCONFIRMED_SECONDS;
        if (block.timestamp > deadline) revert TooLateToDispute(block.timestamp, deadline);
        if (msg.sender != seller) {
            bytes32 digest = _hashTypedDataV4(keccak256(abi.encode(DISPUTE_TYPEHASH, authorizationId)));
            _checkBuyer(terms.payer, terms.deviceKey, digest, signature);
        }

        _move(slot, word, State.Disputed, _amountOf(word));
        emit Disputed(authorizationId, msg.sender);
    }

    /// @notice Ends an order, in whatever open state, as both sides agree. Anyone may send it.
    /// @custom:who   Anyone with the signatures of both sides; payer and seller need only the other's.
    /// @custom:when  Before `validBefore` (exclusive).
    /// @custom:state Authorized, Shipped or Disputed → Settled; one open order less, nothing is given back to the caps.
    /// @param payerSignature  The payer's over Settlement(authorizationId, toSeller, validBefore), ECDSA or ERC-1271;
    ///                        not looked at when the payer is the sender. A device key cannot settle.
    /// @param sellerSignature The same of the seller.
    function settle(
        Terms calldata terms,
        address seller,
        bytes32 authorizationId,
        Settlement calldata settlement,
        bytes calldata payerSignature,
        bytes calldata sellerSignature
    ) external nonReentrant {
        Slot storage slot = _records[termsHash(terms)][seller][authorizationId];
        uint256 word = slot.word;
        if (_stateOf(word) != State.Authorized && _stateOf(word) != State.Shipped) {
            _checkState(authorizationId, word, State.Disputed);
        }
        if (block.timestamp >= settlement.validBefore) {
            revert SettlementExpired(block.timestamp, settlement.validBefore);
        }
        bytes32 digest = _hashTypedDataV4(keccak256(abi.encode(SETTLEMENT_TYPEHASH, authorizationId, settlement)));
        _checkParty(terms.payer, digest, payerSignature);
        _checkParty(seller, digest, sellerSignature);

        uint256 toPayer = _endSplit(terms, slot, word, settlement.toSeller, State.Settled);
        emit Settled(authorizationId, settlement.toSeller, toPayer);
        _pay(terms.token, seller, settlement.toSeller);
        _pay(terms.token, terms.payer, toPayer);
    }

    /// @notice The arbiter splits what is held of a disputed order between seller and payer.
    /// @custom:who   The arbiter of the mandate.
    /// @custom:when  Until `DECISION_SECONDS` after the dispute (inclusive).
    /// @custom:state Disputed → Decided; one open order less, nothing is given back to the caps.
    /// @param toSeller For the seller, at most what is held; the rest goes back to the payer.
    function decide(Terms calldata terms, address seller, bytes32 authorizationId, uint256 toSeller)
        external
        nonReentrant
    {
        Slot storage slot = _records[termsHash(terms)][seller][authorizationId];
        uint256 word = slot.word;
        _checkState(authorizationId, word, State.Disputed);
        if (msg.sender != terms.arbiter) revert WrongCaller(msg.sender, terms.arbiter);
        uint256 deadline = _sinceOf(word) + DECISION_SECONDS;
        if (block.timestamp > deadline) revert TooLateToDecide(block.timestamp, deadline);

        uint256 toPayer = _endSplit(terms, slot, word, toSeller, State.Decided);
        emit Decided(authorizationId, toSeller, toPayer);
        _pay(terms.token, seller, toSeller);
        _pay(terms.token, terms.payer, toPayer);
    }

    /// @dev Ends an order in two parts; returns the payer's. Nothing is given back to the mandate's caps.
    function _endSplit(Terms calldata terms, Slot storage slot, uint256 word, uint256 toSeller, State state)
        private
        returns (uint256 toPayer)
    {
        uint256 held = _amountOf(word);
        if (toSeller > held) revert OverHeld(toSeller, held);
        toPayer = held - toSeller;
        _move(slot, word, state, toSeller);
        _uncount(terms.mandateHash, 1);
    }

    /// @dev Whether `party` is the sender or has signed.
    function _checkParty(address party, bytes32 digest, bytes calldata signature) private view {
        if (msg.sender == party) return;
        (address signer,,) = ECDSA.tryRecoverCalldata(digest, signature);
        if (!_isSignature(party, signer, digest, signature)) revert WrongSignature(party, digest);
    }
}
