// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title Caps that several mandates of one payer share
/// @notice A payer sets a household; a mandate that names it counts against its cap as well as against its own. Keyed
///         by payer, token and a number of the payer's choice, so that nobody can touch another's and amounts of
///         different tokens are never added.
/// @dev    Times are chain seconds, amounts are minor units of the token.
abstract contract Households {
    /// @notice The cap in force, in one slot.
    struct Household {
        /// Most that all members may authorize in one period.
        uint96 allowance;
        /// Length of a period in seconds; 0 while the household does not exist.
        uint32 period;
        /// Second from which on periods are counted.
        uint48 start;
        /// Second from which on the changed cap holds (inclusive); 0 when no change waits.
        uint48 changesAt;
        /// Mandates that are granted and not revoked.
        uint8 members;
    }

    /// @notice The cap that holds from `changesAt` on.
    struct Change {
        uint96 allowance;
        uint32 period;
    }

    /// @notice What the members have authorized in the period that began at `periodStart`.
    struct Spending {
        uint128 periodStart;
        uint128 spent;
    }

    /// @notice The cap holds from the second `from` on.
    event HouseholdSet(
        address indexed payer,
        address indexed token,
        uint256 indexed household,
        uint96 allowance,
        uint32 period,
        uint48 from
    );

    /// @notice A field that must not be zero is.
    error MissingField(string field);
    /// @notice A period lasts `minimum` seconds at least.
    error PeriodTooShort(uint256 actual, uint256 minimum);
    /// @notice The payer has set no such household for this token.
    error UnknownHousehold(uint256 household);
    /// @notice A household takes `maximum` granted mandates; revoke one first.
    error HouseholdFull(uint8 members, uint8 maximum);
    /// @notice `spent` includes the order that was refused.
    error OverHouseholdAllowance(uint256 spent, uint256 allowance);

    /// @notice Shortest period, in seconds.
    uint256 public constant MIN_PERIOD_SECONDS = 1 hours;

    /// @notice Most mandates that share one household: the devices of a home that buy.
    uint8 public constant MAX_MEMBERS = 5;

    mapping(bytes32 householdKey => Household) private _households;
    mapping(bytes32 householdKey => Change) private _changes;
    mapping(bytes32 householdKey => Spending) private _spendings;

    /// @notice Sets or changes the sender's shared cap. A new household's cap holds at once. A change holds from the
    ///         next period on and replaces one that waits; at once, it would forget what was spent. Somebody who wants
    ///         less at once revokes a mandate.
    /// @custom:who   Anyone, for a household of one's own.
    /// @custom:when  Any time.
    /// @custom:state A new household → in force at once. One in force stays until its period ends, then → the change.
    /// @param token     ERC-20 of the member mandates.
    /// @param household Any number but 0, which in a mandate means no household.
    function setHousehold(address token, uint256 household, uint96 allowance, uint32 period) external {
        if (token == address(0)) revert MissingField("token");
        if (household == 0) revert MissingField("household");
        if (period < MIN_PERIOD_SECONDS) revert PeriodTooShort(period, MIN_PERIOD_SECONDS);

        bytes32 key = _householdKey(msg.sender, token, household);
        Household memory current = _inForce(key);
        uint48 from = SafeCast.toUint48(block.timestamp);
        if (current.period == 0) {
            current.allowance = allowance;
            current.period = period;
            current.start = from;
        } else {
            from = SafeCast.toUint48(_periodStart(current, from) + current.period);
            current.changesAt = from;
            _changes[key] = Change(allowance, period);
        }
        _households[key] = current;
        emit HouseholdSet(msg.sender, token, household, allowance, period, from);
    }

    /// @notice The household's cap and members now, the change that waits (all 0 when none does), and what was
    ///         authorized, less what was given back, in the period that runs.
    function householdState(address payer, address token, uint256 household)
        external
        view
        returns (Household memory current, Change memory change, uint256 spent)
    {
        bytes32 key = _householdKey(payer, token, household);
        current = _inForce(key);
        if (current.changesAt != 0) change = _changes[key];
        if (current.period != 0) spent = _spendingNow(key, current).spent;
    }

    /// @dev A mandate that names a household takes one of its places.
    function _join(address payer, address token, uint256 household) internal {
        bytes32 key = _householdKey(payer, token, household);
        Household storage current = _households[key];
        if (current.period == 0) revert UnknownHousehold(household);
        if (current.members >= MAX_MEMBERS) revert HouseholdFull(current.members, MAX_MEMBERS);
        ++current.members;
    }

    /// @dev A revoked mandate frees its place. It has joined before, so that the count cannot be 0.
    function _leave(address payer, address token, uint256 household) internal {
        --_households[_householdKey(payer, token, household)].members;
    }

    /// @dev Counts what orders cost against the cap in force.
    function _spendShared(bytes32 key, uint256 amount) internal {
        Household memory current = _inForce(key);
        Spending memory spending = _spendingNow(key, current);
        uint256 spent = spending.spent + amount;
        if (spent > current.allowance) revert OverHouseholdAllowance(spent, current.allowance);
        spending.spent = SafeCast.toUint128(spent);
        _spendings[key] = spending;
    }

    /// @dev Takes back what an order of the second `authorizedAt` had counted, if its period is the last counted in: an
    ///      older one is counted by nobody. Never reverts: a counter must not block an exit.
    function _giveBackShared(bytes32 key, uint256 amount, uint256 authorizedAt) internal {
        Household memory current = _inForce(key);
        if (authorizedAt < current.start) return;
        Spending memory spending = _spendings[key];
        if (spending.periodStart != _periodStart(current, authorizedAt)) return;
        spending.spent -= SafeCast.toUint128(Math.min(amount, spending.spent));
        _spendings[key] = spending;
    }

    function _householdKey(address payer, address token, uint256 household) internal pure returns (bytes32) {
        return keccak256(abi.encode(payer, token, household));
    }

    /// @dev What is stored, with a change whose time has come.
    function _inForce(bytes32 key) private view returns (Household memory current) {
        current = _households[key];
        if (current.changesAt == 0 || block.timestamp < current.changesAt) return current;
        Change memory change = _changes[key];
        current.allowance = change.allowance;
        current.period = change.period;
        current.start = current.changesAt;
        current.changesAt = 0;
    }

    function _spendingNow(bytes32 key, Household memory current) private view returns (Spending memory spending) {
        uint128 periodStart = SafeCast.toUint128(_periodStart(current, block.timestamp));
        spending = _spendings[key];
        if (spending.periodStart != periodStart) spending = Spending(periodStart, 0);
    }

    /// @dev First second of the period that `timestamp`, at or after the household's start, lies in.
    function _periodStart(Household memory current, uint256 timestamp) private pure returns (uint256) {
        return timestamp - (timestamp - current.start) % current.period;
    }
}
