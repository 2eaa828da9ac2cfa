// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {SlotDerivation} from "@openzeppelin/contracts/utils/SlotDerivation.sol";
import {TransientSlot} from "@openzeppelin/contracts/utils/TransientSlot.sol";
import {IDeviceRegistry} from "./IDeviceRegistry.sol";
import {MandateManager} from "./MandateManager.sol";

/// @title Records of orders and the money that moves with them
/// @dev   An order is one slot under the hash of (termsHash, seller, authorizationId). Only placing an authorization
///        that the device signed makes a record, so a log with an authorization's id cannot be forged.
abstract contract OrderBook is MandateManager, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;
    using SlotDerivation for bytes32;
    using TransientSlot for *;

    /// @notice Later states are added at the end.
    enum State {
        None,
        Authorized,
        Shipped,
        Captured,
        Cancelled,
        Declined,
        Reclaimed,
        Disputed,
        Settled,
        Decided
    }

    /// @notice All that is stored of an order, in one slot.
    struct Record {
        State state;
        /// Second in which it came into this state.
        uint256 since;
        /// Last second in which the seller may ship (inclusive).
        uint256 shipBy;
        /// Seconds after authorization during which the seller may not ship yet.
        uint256 coolingOffSeconds;
        /// Authorized, Shipped, Disputed: held here. Captured, Settled, Decided: paid to the seller and not refunded
        /// since. Else 0. What is neither is the payer's again.
        uint256 amount;
    }

    /// @notice The token refused a transfer; `account` may `withdraw` it later.
    event Credited(address indexed token, address indexed account, uint256 amount);
    /// @notice A credit was paid out.
    event Withdrawn(address indexed token, address indexed account, uint256 amount);

    /// @notice The order is in another state than this needs. None: there is no such order under these terms.
    error WrongState(bytes32 authorizationId, State actual, State expected);
    /// @notice More was to be paid to the seller than is held.
    error OverHeld(uint256 amount, uint256 held);
    /// @notice Less arrived than was sent: the token takes a fee.
    error ShortTransfer(uint256 actual, uint256 expected);
    /// @notice There is nothing to withdraw.
    error NoCredit(address token, address account);

    /// @notice What `withdraw` would send to `account`, in minor units of `token`.
    mapping(address token => mapping(address account => uint256)) public credit;

    bytes32 private constant KNOWN_BALANCES = keccak256("adept.known-balances");

    /// @dev A {Record} in one word, from the lowest bit on: state 8 bits, since 56, shipBy 56, coolingOffSeconds 40,
    ///      amount 96. Packed here, because the compiler would read the slot again before each write.
    struct Slot {
        uint256 word;
    }

    mapping(bytes32 termsHash => mapping(address seller => mapping(bytes32 authorizationId => Slot))) internal _records;

    constructor(IDeviceRegistry registry_) MandateManager(registry_) {}

    /// @notice Sends the caller what could not be sent before; reverts when the token still refuses.
    /// @custom:who   Who has a credit.
    /// @custom:when  Any time.
    /// @custom:state The credit → 0.
    function withdraw(address token) external nonReentrant {
        uint256 amount = credit[token][msg.sender];
        if (amount == 0) revert NoCredit(token, msg.sender);
        credit[token][msg.sender] = 0;
        _knownBalance(token).tstore(0);
        emit Withdrawn(token, msg.sender, amount);
        IERC20(token).safeTransfer(msg.sender, amount);
    }

    /// @notice What is stored of an order; state None when there is none.
    /// @param hash {termsHash} of its terms.
    function record(bytes32 hash, address seller, bytes32 authorizationId) external view returns (Record memory) {
        uint256 word = _records[hash][seller][authorizationId].word;
        return Record(_stateOf(word), _sinceOf(word), _shipByOf(word), _coolingOffSecondsOf(word), _amountOf(word));
    }

    /// @notice Stands for the terms where the terms themselves are not needed.
    function termsHash(Terms calldata terms) public pure returns (bytes32) {
        return keccak256(abi.encode(terms));
    }

    /// @dev Notes a new order. Its numbers fit: those that a device signs come in as many bits or fewer, and a grant
    ///      takes no cooling off above `MAX_TERM_SECONDS`.
    function _place(Slot storage slot, uint256 shipBy, uint256 coolingOffSeconds, uint256 amount) internal {
        slot.word = uint256(State.Authorized) | block.timestamp << 8 | shipBy << 64 | coolingOffSeconds << 120
            | amount << 160;
    }

    /// @dev Moves an order, whose slot holds `word`, into `state` with `amount`, no more than before.
    function _move(Slot storage slot, uint256 word, State state, uint256 amount) internal {
        slot.word = uint256(state) | block.timestamp << 8 | uint256(uint96(word >> 64)) << 64 | amount << 160;
    }

    function _stateOf(uint256 word) internal pure returns (State) {
        return State(uint8(word));
    }

    function _sinceOf(uint256 word) internal pure returns (uint256) {
        return uint56(word >> 8);
    }

    function _shipByOf(uint256 word) internal pure returns (uint256) {
        return uint56(word >> 64);
    }

    function _coolingOffSecondsOf(uint256 word) internal pure returns (uint256) {
        return uint40(word >> 120);
    }

    function _amountOf(uint256 word) internal pure returns (uint256) {
        return word >> 160;
    }

    function _checkState(bytes32 id, uint256 word, State expected) internal pure {
        if (_stateOf(word) != expected) revert WrongState(id, _stateOf(word), expected);
    }

    /// @dev Takes a payer's tokens into the escrow, as {_pull}.
    function _hold(address token, address payer, uint256 amount) internal {
        TransientSlot.Uint256Slot known = _knownBalance(token);
        uint256 before = known.tload();
        if (before == 0) before = IERC20(token).balanceOf(address(this));
        known.tstore(_pull(token, payer, address(this), before, amount));
    }

    /// @dev Takes tokens by allowance and refuses them when less arrives: the token takes a fee. `before` is what `to`
    ///      has of them now; returns what it has then.
    function _pull(address token, address from, address to, uint256 before, uint256 amount)
        internal
        returns (uint256 balance)
    {
        IERC20(token).safeTransferFrom(from, to, amount);
        balance = IERC20(token).balanceOf(to);
        if (balance - before < amount) revert ShortTransfer(balance - before, amount);
    }

    /// @dev A transfer that the token refuses becomes a credit, so that it blocks nobody else.
    function _pay(address token, address to, uint256 amount) internal {
        if (amount == 0) return;
        _knownBalance(token).tstore(0);
        if (IERC20(token).trySafeTransfer(to, amount)) return;
        credit[token][to] += amount;
        emit Credited(token, to, amount);
    }

    /// @dev What the escrow had of a token when it last took some in this transaction; 0 when it took none, or has paid
    ///      some since. So a batch asks a token once for each basket and not twice. It is never less than what is owed,
    ///      and more can have come by itself only: what {_hold} then finds covers the new order too.
    function _knownBalance(address token) private pure returns (TransientSlot.Uint256Slot) {
        return KNOWN_BALANCES.deriveMapping(token).asUint256();
    }
}
