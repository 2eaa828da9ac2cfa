// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Households} from "./Households.sol";
import {IDeviceRegistry} from "./IDeviceRegistry.sol";

/// @title Standing consents of payers, and what has been spent under each
/// @notice A mandate lets one device key spend a payer's tokens within caps that the payer signed. It is stored as one
///         slot under its EIP-712 digest; the mandate itself travels in calldata.
/// @dev    Times are chain seconds, amounts are minor units of the mandate's token.
abstract contract MandateManager is EIP712, Households {
    /// @notice What the payer signs (EIP-712, domain "ADEPT" version "1"; the digest is the mandate's hash).
    struct Mandate {
        /// Whose tokens are spent; an account or an ERC-1271 wallet.
        address payer;
        /// Signs authorizations, confirmations and cancellations; ECDSA only.
        address deviceKey;
        /// Device in the registry; 0 when it is not registered, and then nothing is asked there.
        uint256 deviceId;
        /// Epoch of that device: when its key is rotated or it changes hands, the mandate can place no more orders.
        uint256 deviceEpoch;
        /// Splits a disputed remainder; 0 means nobody does. Never the payer, the device key or the seller.
        address arbiter;
        /// ERC-20 that pays.
        address token;
        /// Most that may be authorized in one period.
        uint256 allowance;
        /// Length of a period in seconds, at least one hour; periods are counted from `start`.
        uint256 period;
        /// First second in which the mandate may be used (inclusive).
        uint256 start;
        /// Second from which on it may not be used any more (exclusive).
        uint256 end;
        /// Most that one order may cost.
        uint256 maxPerOrder;
        /// Most orders that may be open at once.
        uint256 maxOpenOrders;
        /// Seconds after authorization during which the seller may not ship yet.
        uint256 coolingOffSeconds;
        /// Merkle root of what may be bought: products, each with the seller that may be paid and the highest price.
        bytes32 offersRoot;
        /// Cap shared with other mandates of the payer in this token; 0 means none.
        uint256 household;
        /// Makes two otherwise equal mandates different.
        uint256 salt;
        /// keccak256 of the readable mandate that the person saw.
        bytes32 extraData;
    }

    /// @notice An ERC-2612 permit of the payer for this contract.
    struct Permit {
        uint256 value;
        uint256 deadline;
        uint8 v;
        bytes32 r;
        bytes32 s;
    }

    enum MandateStatus {
        None,
        Granted,
        Revoked
    }

    /// @notice All that is stored of a mandate, in one slot.
    struct MandateState {
        MandateStatus status;
        /// First second of the period in which `spent` was counted.
        uint256 periodStart;
        /// Authorized in that period, less what was given back.
        uint256 spent;
        uint256 openOrders;
        /// Highest nonce that was placed or invalidated; the next one must be higher.
        uint256 lastNonce;
    }

    /// @notice What the end of an order needs to know of its mandate.
    struct Terms {
        bytes32 mandateHash;
        address payer;
        address deviceKey;
        address arbiter;
        address token;
        uint256 household;
    }

    /// @notice The payer's consent is on chain; the mandate may be used from its start on.
    event MandateGranted(
        bytes32 indexed mandateHash, address indexed payer, address indexed deviceKey, address token, bytes32 extraData
    );

    /// @notice The payer took the consent back, for good.
    event MandateRevoked(bytes32 indexed mandateHash, address indexed payer);

    /// @notice No authorization of this mandate with a nonce up to `nonce` can be placed any more.
    event NoncesInvalidated(bytes32 indexed mandateHash, uint256 nonce);

    /// @notice A mandate runs for at least a second and at most `maxSeconds`.
    error WrongTerm(uint256 start, uint256 end, uint256 maxSeconds);
    /// @notice The arbiter may not be a party of the mandate.
    error WrongArbiter(address arbiter);
    /// @notice The registry has another key or epoch for this device: its key was rotated, it changed hands, or it is
    ///         not registered (key 0).
    error WrongDevice(uint256 deviceId, address key, uint64 epoch);
    /// @notice Cooling off lasts `maximum` seconds at most.
    error CoolingOffTooLong(uint256 actual, uint256 maximum);
    /// @notice Only `expected` may send this.
    error WrongCaller(address actual, address expected);
    /// @notice No valid signature of `signer` over `digest` was given. Where the device key may sign as well, the payer
    ///         is named.
    error WrongSignature(address signer, bytes32 digest);
    /// @notice The mandate is in another status than this needs. Revoked is for good.
    error WrongMandateStatus(bytes32 mandateHash, MandateStatus actual, MandateStatus expected);
    /// @notice The ERC-20 allowance of the payer for this contract is too low.
    error TokenAllowanceTooLow(uint256 actual, uint256 minimum);
    /// @notice `start` is the first second in which the mandate may be used.
    error MandateNotStarted(uint256 timestamp, uint256 start);
    /// @notice `end` is the first second in which the mandate may not be used any more.
    error MandateEnded(uint256 timestamp, uint256 end);
    /// @notice A nonce must be above `last`, the highest that was placed or invalidated.
    error NonceNotRising(uint256 actual, uint256 last);
    /// @notice One order may cost `maxPerOrder` at most.
    error OverOrderCap(uint256 total, uint256 maxPerOrder);
    /// @notice `spent` includes the orders that were refused.
    error OverAllowance(uint256 spent, uint256 allowance);
    /// @notice `open` includes the orders that were refused; others must end first.
    error TooManyOpenOrders(uint256 open, uint256 maxOpenOrders);

    /// @notice Longest term of a mandate: ten years with three leap days. A term of four days
    ///         and more in milliseconds is longer.
    uint256 public constant MAX_TERM_SECONDS = 3653 days;

    bytes32 private constant MANDATE_TYPEHASH = keccak256(
        "Mandate(address payer,address deviceKey,uint256 deviceId,uint256 deviceEpoch,address arbiter,address token,uint256 allowance,uint256 period,uint256 start,uint256 end,uint256 maxPerOrder,uint256 maxOpenOrders,uint256 coolingOffSeconds,bytes32 offersRoot,uint256 household,uint256 salt,bytes32 extraData)"
    );

    bytes32 private constant INVALIDATION_TYPEHASH = keccak256("Invalidation(bytes32 mandateHash,uint256 nonce)");

    /// @notice Where devices are registered.
    IDeviceRegistry public immutable registry;

    /// @dev A {MandateState} in one word, from the lowest bit on: status 8 bits, periodStart 64, spent 96, openOrders 32,
    ///      lastNonce 56. Packed here, because the compiler would read the slot again before each write.
    mapping(bytes32 mandateHash => uint256 word) private _mandates;

    constructor(IDeviceRegistry registry_) EIP712("ADEPT", "1") {
        registry = registry_;
    }

    /// @notice Puts the payer's consent on chain. Anyone may send it; granting twice changes nothing, so that a copy
    ///         which was sent first does no harm. It needs no ERC-20 allowance: the first order does.
    /// @custom:who   The payer, or anyone with the payer's signature.
    /// @custom:when  Any time, before the mandate's start too.
    /// @custom:state None → Granted; one member more in its household. Granted stays.
    /// @param mandate        The consent.
    /// @param payerSignature The payer's signature (ECDSA or ERC-1271); not looked at when the payer is the sender.
    function grant(Mandate calldata mandate, bytes calldata payerSignature) public {
        bytes32 hash = mandateHash(mandate);
        MandateStatus status = mandateState(hash).status;
        if (status == MandateStatus.Granted) return;
        if (status != MandateStatus.None) revert WrongMandateStatus(hash, status, MandateStatus.None);

        _checkMandate(mandate);
        if (msg.sender != mandate.payer) {
            (address signer,,) = ECDSA.tryRecoverCalldata(hash, payerSignature);
            if (!_isSignature(mandate.payer, signer, hash, payerSignature)) {
                revert WrongSignature(mandate.payer, hash);
            }
        }

        _setStatus(hash, MandateStatus.Granted);
        if (mandate.household != 0) _join(mandate.payer, mandate.token, mandate.household);
        emit MandateGranted(hash, mandate.payer, mandate.deviceKey, mandate.token, mandate.extraData);
    }

    /// @notice Grants and sets the ERC-20 allowance by an ERC-2612 permit in the same transaction.
    /// @dev    A permit can be used by whoever sees it first: its failure is ignored, and the allowance decides.
    /// @custom:who   The payer, or anyone with the payer's signature.
    /// @custom:when  Any time, before the mandate's start too.
    /// @custom:state None → Granted; one member more in its household. Granted stays. The ERC-20 allowance as
    ///               permitted, or as it was when the permit fails.
    function grantWithPermit(Mandate calldata mandate, bytes calldata payerSignature, Permit calldata permit) external {
        IERC20 token = IERC20(mandate.token);
        try IERC20Permit(mandate.token)
            .permit(mandate.payer, address(this), permit.value, permit.deadline, permit.v, permit.r, permit.s) {}
            catch {}
        uint256 allowance = token.allowance(mandate.payer, address(this));
        if (allowance < mandate.maxPerOrder) revert TokenAllowanceTooLow(allowance, mandate.maxPerOrder);
        grant(mandate, payerSignature);
    }

    /// @notice Ends the mandate for good; only the payer may. It works before the grant as well. Orders that are open
    ///         go on: each can be cancelled until it ships.
    /// @custom:who   The payer.
    /// @custom:when  Any time, before the grant too.
    /// @custom:state None or Granted → Revoked, for good; a granted one leaves its household.
    function revoke(Mandate calldata mandate) external {
        if (msg.sender != mandate.payer) revert WrongCaller(msg.sender, mandate.payer);
        bytes32 hash = mandateHash(mandate);
        bool wasMember = mandate.household != 0 && mandateState(hash).status == MandateStatus.Granted;
        _setStatus(hash, MandateStatus.Revoked);
        if (wasMember) _leave(mandate.payer, mandate.token, mandate.household);
        emit MandateRevoked(hash, mandate.payer);
    }

    /// @notice Makes signed authorizations that were never placed worthless: all with a nonce up to `nonce`. What is
    ///         placed already stays. Nonces that are used up anyway change nothing.
    /// @custom:who   The payer, the device key, or anyone with a signature of one of them.
    /// @custom:when  Any time, before the grant too.
    /// @custom:state The mandate's last nonce → `nonce`, when that is higher.
    /// @param signature Of the device key or the payer over Invalidation(mandateHash, nonce); not looked at when one
    ///                  of them is the sender.
    function invalidate(Mandate calldata mandate, uint256 nonce, bytes calldata signature) external {
        bytes32 hash = mandateHash(mandate);
        bytes32 digest = _hashTypedDataV4(keccak256(abi.encode(INVALIDATION_TYPEHASH, hash, nonce)));
        _checkBuyer(mandate.payer, mandate.deviceKey, digest, signature);
        uint256 word = _mandates[hash];
        if (nonce <= _lastNonceOf(word)) return;
        _mandates[hash] = _useNonce(word, nonce);
        emit NoncesInvalidated(hash, nonce);
    }

    /// @notice The EIP-712 digest of a mandate: its name on chain, and what the payer signs.
    function mandateHash(Mandate calldata mandate) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(MANDATE_TYPEHASH, mandate)));
    }

    /// @notice What is stored of a mandate. `spent` belongs to the period from `periodStart` on, which may be over: see {spentNow}.
    function mandateState(bytes32 hash) public view returns (MandateState memory) {
        uint256 word = _mandates[hash];
        return MandateState(
            MandateStatus(uint8(word)), _periodStartOf(word), _spentOf(word), _openOrdersOf(word), _lastNonceOf(word)
        );
    }

    /// @notice Authorized in the period that runs now, less what was given back; 0 before the mandate's start.
    function spentNow(Mandate calldata mandate) external view returns (uint256) {
        if (block.timestamp < mandate.start) return 0;
        MandateState memory state = mandateState(mandateHash(mandate));
        return state.periodStart == _periodStart(mandate) ? state.spent : 0;
    }

    function _setStatus(bytes32 hash, MandateStatus status) private {
        _mandates[hash] = _mandates[hash] >> 8 << 8 | uint256(status);
    }

    /// @dev What is stored of a mandate, which may be used now.
    function _usable(Mandate calldata mandate, bytes32 hash) internal view returns (uint256 word) {
        word = _mandates[hash];
        MandateStatus status = MandateStatus(uint8(word));
        if (status != MandateStatus.Granted) revert WrongMandateStatus(hash, status, MandateStatus.Granted);
        if (block.timestamp < mandate.start) revert MandateNotStarted(block.timestamp, mandate.start);
        if (block.timestamp >= mandate.end) revert MandateEnded(block.timestamp, mandate.end);
        _checkDevice(mandate);
    }

    /// @dev The word with `nonce` as the last one that was used.
    function _useNonce(uint256 word, uint256 nonce) internal pure returns (uint256) {
        if (nonce > _lastNonceOf(word)) return uint200(word) | uint256(SafeCast.toUint56(nonce)) << 200;
        revert NonceNotRising(nonce, _lastNonceOf(word));
    }

    /// @dev Counts `orders` orders that cost `total` together: open orders, period cap, household cap.
    function _count(
        Mandate calldata mandate,
        bytes32 hash,
        uint256 word,
        uint256 orders,
        uint256 total
    ) internal {
        uint256 openOrders = _openOrdersOf(word) + orders;
        if (openOrders > mandate.maxOpenOrders) revert TooManyOpenOrders(openOrders, mandate.maxOpenOrders);
        uint256 periodStart = _periodStart(mandate);
        uint256 spent = total + (_periodStartOf(word) == periodStart ? _spentOf(word) : 0);
        if (spent > mandate.allowance) revert OverAllowance(spent, mandate.allowance);
        _mandates[hash] = uint8(word) | periodStart << 8 | uint256(SafeCast.toUint96(spent)) << 72
            | uint256(SafeCast.toUint32(openOrders)) << 168 | _lastNonceOf(word) << 200;
        if (mandate.household == 0) return;
        _spendShared(_householdKey(mandate.payer, mandate.token, mandate.household), total);
    }

    /// @dev Notes that orders ended which gave nothing back. Never reverts: a counter must not block an exit.
    function _uncount(bytes32 hash, uint256 orders) internal {
        uint256 word = _mandates[hash];
        _mandates[hash] = word - (Math.min(orders, _openOrdersOf(word)) << 168);
    }

    /// @dev Notes that an order of the second `authorizedAt` ended without leaving the seller. What it had counted is
    ///      given back to each cap whose period is still the last counted in: an older one is counted by nobody.
    function _uncountAndGiveBack(Terms calldata terms, uint256 amount, uint256 authorizedAt) internal {
        uint256 word = _mandates[terms.mandateHash];
        if (authorizedAt >= _periodStartOf(word)) {
            _mandates[terms.mandateHash] = word - (Math.min(amount, _spentOf(word)) << 72);
        }
        _uncount(terms.mandateHash, 1);
        if (terms.household == 0) return;
        _giveBackShared(_householdKey(terms.payer, terms.token, terms.household), amount, authorizedAt);
    }

    function _periodStartOf(uint256 word) private pure returns (uint256) {
        return uint64(word >> 8);
    }

    function _spentOf(uint256 word) private pure returns (uint256) {
        return uint96(word >> 72);
    }

    function _openOrdersOf(uint256 word) private pure returns (uint256) {
        return uint32(word >> 168);
    }

    function _lastNonceOf(uint256 word) internal pure returns (uint256) {
        return word >> 200;
    }

    /// @dev Whether the sender is the payer or the device key, or one of them has signed.
    function _checkBuyer(address payer, address deviceKey, bytes32 digest, bytes calldata signature) internal view {
        if (msg.sender == payer || msg.sender == deviceKey) return;
        (address signer,,) = ECDSA.tryRecoverCalldata(digest, signature);
        if (signer == deviceKey || _isSignature(payer, signer, digest, signature)) return;
        revert WrongSignature(payer, digest);
    }

    /// @dev First second of the period that runs now, at or after the mandate's start.
    function _periodStart(Mandate calldata mandate) private view returns (uint256) {
        return block.timestamp - (block.timestamp - mandate.start) % mandate.period;
    }

    /// @dev Whether `party` signed. `recovered` is the ECDSA signer, asked first, so that the key of an account which
    ///      delegates (EIP-7702) keeps its word; a contract's signature is asked for by STATICCALL.
    function _isSignature(address party, address recovered, bytes32 digest, bytes calldata signature)
        internal
        view
        returns (bool)
    {
        return recovered == party || SignatureChecker.isValidERC1271SignatureNowCalldata(party, digest, signature);
    }

    /// @dev The registry is asked by STATICCALL.
    function _checkDevice(Mandate calldata mandate) private view {
        if (mandate.deviceId == 0) return;
        (address key, uint64 epoch) = registry.keyAndEpoch(mandate.deviceId);
        if (key != mandate.deviceKey || epoch != mandate.deviceEpoch) revert WrongDevice(mandate.deviceId, key, epoch);
    }

    function _checkMandate(Mandate calldata mandate) private view {
        if (mandate.payer == address(0)) revert MissingField("payer");
        if (mandate.deviceKey == address(0)) revert MissingField("deviceKey");
        if (mandate.token == address(0)) revert MissingField("token");
        if (mandate.offersRoot == 0) revert MissingField("offersRoot");
        if (mandate.arbiter == mandate.payer || mandate.arbiter == mandate.deviceKey) {
            revert WrongArbiter(mandate.arbiter);
        }
        if (mandate.period < MIN_PERIOD_SECONDS) revert PeriodTooShort(mandate.period, MIN_PERIOD_SECONDS);
        if (mandate.start >= mandate.end || mandate.end - mandate.start > MAX_TERM_SECONDS) {
            revert WrongTerm(mandate.start, mandate.end, MAX_TERM_SECONDS);
        }
        if (mandate.coolingOffSeconds > MAX_TERM_SECONDS) {
            revert CoolingOffTooLong(mandate.coolingOffSeconds, MAX_TERM_SECONDS);
        }
        _checkDevice(mandate);
    }
}
