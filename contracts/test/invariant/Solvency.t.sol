// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Disputes} from "../../src/Disputes.sol";
import {Households} from "../../src/Households.sol";
import {MandateManager} from "../../src/MandateManager.sol";
import {OrderBook} from "../../src/OrderBook.sol";
import {OrderEscrow} from "../../src/OrderEscrow.sol";
import {TestDollar} from "../../src/TestDollar.sol";
import {EscrowTest} from "../support/EscrowTest.sol";
import {BlockingToken} from "../support/Tokens.sol";

/// @dev Does what is legal at the moment, with random orders, amounts, times and blocked accounts; so any revert is a
///      fault. Keeps its own count of what each mandate has open.
contract Handler is EscrowTest {
    uint96 private constant CAP = 250e6;

    Placed[] private _all;
    MandateManager.Mandate private _current;
    /// @dev By period of the mandate: authorized less given back, counted here.
    mapping(uint256 period => uint256) private _net;
    uint256 public lastPeriod;
    uint256 public openOrders;
    uint256 public authorized;
    uint256 public returned;
    uint256 public captured;

    function _newToken() internal override returns (TestDollar) {
        return new BlockingToken();
    }

    address private immutable OWNER = msg.sender;

    constructor() {
        setUp();
        _current = _mandate();
        _current.end = START + 3653 days;
        _current.maxOpenOrders = 20;
        _current.allowance = 300e6;
        _current.household = HOUSEHOLD;
        _setHousehold(CAP, PERIOD);
        _grant(_current);
        dollar.mint(PAYER, 1e18);
        vm.prank(SELLER);
        dollar.approve(address(escrow), type(uint256).max);
    }

    /// @dev Once: forge would call it as it calls the other functions.
    function setUp() public override {
        if (address(escrow) == address(0)) super.setUp();
    }

    function authorize(uint96 total) external {
        total = total % PRICE + 1;
        if (openOrders == _current.maxOpenOrders || block.timestamp >= _current.end) return;
        if (escrow.spentNow(_current) + total > _current.allowance || _spentByHousehold() + total > CAP) return;
        OrderEscrow.Authorization memory authorization = _authorization(_current, _all.length + 1);
        authorization.total = total;
        _all.push(_place(_current, authorization));
        ++openOrders;
        authorized += total;
        lastPeriod = _periodOf(block.timestamp);
        _net[lastPeriod] += total;
    }

    /// @dev What no mandate names: a seller, a price, a payer's own key. Nothing may move.
    function authorizeForeign(uint96 total, address seller, bool overprice) external {
        if (seller == SELLER && !overprice) return;
        uint256 before = dollar.balanceOf(PAYER);
        OrderEscrow.Authorization memory authorization = _authorization(_current, _all.length + 1);
        authorization.seller = seller;
        authorization.total = overprice ? PRICE + total % PRICE + 1 : total % PRICE + 1;
        OrderEscrow.Section memory section = _section(_current, _order(authorization));
        section.offer.seller = seller;
        _authorize(section);
        vm.assertEq(dollar.balanceOf(PAYER), before);
    }

    /// @dev What one cap or several do not allow: of the order, the period, the household, the open orders. Nothing
    ///      may move.
    function authorizeBeyond(uint96 total) external {
        OrderEscrow.Authorization memory authorization = _authorization(_current, _all.length + 1);
        (authorization.quantity, authorization.total) = (3, total % (3 * PRICE) + 1);
        total = uint96(authorization.total);
        (Households.Household memory shared,, uint256 spent) =
            escrow.householdState(PAYER, address(dollar), HOUSEHOLD);
        bool isAllowed = total <= _current.maxPerOrder && openOrders < _current.maxOpenOrders
            && escrow.spentNow(_current) + total <= _current.allowance && spent + total <= shared.allowance
            && block.timestamp < _current.end;
        if (isAllowed) return;
        uint256 before = dollar.balanceOf(PAYER);
        _authorize(_section(_current, _order(authorization)));
        vm.assertEq(dollar.balanceOf(PAYER), before);
    }

    /// @dev What was placed before, placed again. Nothing may move.
    function authorizeAgain(uint256 pick) external {
        if (_all.length == 0) return;
        uint256 before = dollar.balanceOf(PAYER);
        _authorize(_section(_current, _order(_authorization(_current, pick % _all.length + 1))));
        vm.assertEq(dollar.balanceOf(PAYER), before);
    }

    function ship(uint256 pick) external {
        (Placed memory placed, bool found) = _pick(pick, OrderBook.State.Authorized);
        OrderBook.Record memory current = _record(placed);
        if (!found || block.timestamp < current.since + _current.coolingOffSeconds) return;
        if (block.timestamp > current.shipBy) return;
        vm.prank(SELLER);
        escrow.ship(_shipments(placed));
    }

    function capture(uint256 pick, uint256 amount) external {
        (Placed memory placed, bool found) = _pick(pick, OrderBook.State.Shipped);
        if (!found) return;
        amount %= placed.amount + 1;
        OrderEscrow.Claim[] memory claims = _claims(placed, amount, pick % 2 == 0 ? DEVICE_KEY : PAYER_KEY);
        vm.prank(SELLER);
        escrow.capture(claims);
        _ended(placed, amount);
    }

    function refund(uint256 pick, uint256 amount) external {
        (Placed memory placed, bool found) = _pick(pick, OrderBook.State.Captured);
        OrderBook.Record memory current = _record(placed);
        if (!found || current.amount == 0 || block.timestamp > current.since + 30 days) return;
        amount = amount % current.amount + 1;
        if (dollar.balanceOf(SELLER) < amount || _blockingToken().isBlocked(PAYER)) return;
        vm.prank(SELLER);
        escrow.refund(placed.terms, placed.id, amount);
        captured -= amount;
        returned += amount;
    }

    function cancel(uint256 pick) external {
        (Placed memory placed, bool found) = _pick(pick, OrderBook.State.Authorized);
        if (!found) return;
        _giveBack(placed);
        vm.prank(PAYER);
        escrow.cancel(placed.terms, SELLER, placed.id, "");
        _ended(placed, 0);
    }

    function decline(uint256 pick) external {
        (Placed memory placed, bool found) = _pick(pick, OrderBook.State.Authorized);
        if (!found) return;
        _giveBack(placed);
        vm.prank(SELLER);
        escrow.decline(placed.terms, placed.id);
        _ended(placed, 0);
    }

    function dispute(uint256 pick, bool seller) external {
        (Placed memory placed, bool found) = _pick(pick, OrderBook.State.Shipped);
        if (!found || block.timestamp > _record(placed).since + 14 days) return;
        vm.prank(seller ? SELLER : PAYER);
        escrow.dispute(placed.terms, SELLER, placed.id, "");
    }

    function decide(uint256 pick, uint256 toSeller) external {
        (Placed memory placed, bool found) = _pick(pick, OrderBook.State.Disputed);
        if (!found || block.timestamp > _record(placed).since + 30 days) return;
        toSeller %= placed.amount + 1;
        vm.prank(ARBITER);
        escrow.decide(placed.terms, SELLER, placed.id, toSeller);
        _ended(placed, toSeller);
    }

    function settle(uint256 pick, uint8 state, uint256 toSeller) external {
        OrderBook.State[3] memory open = [OrderBook.State.Authorized, OrderBook.State.Shipped, OrderBook.State.Disputed];
        (Placed memory placed, bool found) = _pick(pick, open[state % 3]);
        if (!found) return;
        toSeller %= placed.amount + 1;
        bytes32 typeHash = keccak256("Settlement(bytes32 authorizationId,uint256 toSeller,uint256 validBefore)");
        uint256 validBefore = block.timestamp + 1;
        bytes32 digest = _digest(keccak256(abi.encode(typeHash, placed.id, toSeller, validBefore)));
        vm.prank(SELLER);
        escrow.settle(
            placed.terms, SELLER, placed.id, Disputes.Settlement(toSeller, validBefore), _sign(PAYER_KEY, digest), ""
        );
        _ended(placed, toSeller);
    }

    /// @dev From every open state, with nobody's help but time's.
    function reclaim(uint256 pick, uint8 state) external {
        OrderBook.State[3] memory open = [OrderBook.State.Authorized, OrderBook.State.Shipped, OrderBook.State.Disputed];
        (Placed memory placed, bool found) = _pick(pick, open[state % 3]);
        if (!found) return;
        OrderBook.Record memory current = _record(placed);
        uint256 deadline = current.shipBy;
        if (current.state == OrderBook.State.Shipped) deadline = current.since + 14 days;
        if (current.state == OrderBook.State.Disputed) deadline = current.since + 30 days;
        if (block.timestamp <= deadline) return;
        _reclaim(placed);
    }

    /// @dev For `afterInvariant` only: as an action it would end nearly every order early.
    function reclaimAll() external {
        if (msg.sender != OWNER) return;
        vm.warp(block.timestamp + 31 days);
        for (uint256 i = 0; i < _all.length; ++i) {
            if (_isOpen(_record(_all[i]).state)) _reclaim(_all[i]);
        }
    }

    function setHousehold(uint96 allowance, uint32 period) external {
        _setHousehold(allowance % CAP + CAP, period % 30 days + 1 hours);
    }

    function withdraw(bool seller) external {
        address account = seller ? SELLER : PAYER;
        if (escrow.credit(address(dollar), account) == 0 || _blockingToken().isBlocked(account)) return;
        vm.prank(account);
        escrow.withdraw(address(dollar));
    }

    function setBlocked(bool seller, bool blocked) external {
        _blockingToken().setBlocked(seller ? SELLER : PAYER, blocked);
    }

    function wait(uint32 time) external {
        vm.warp(block.timestamp + time % 3 days);
    }

    function remaining() external view returns (uint256 sum) {
        for (uint256 i = 0; i < _all.length; ++i) {
            OrderBook.Record memory current = _record(_all[i]);
            if (_isOpen(current.state)) sum += current.amount;
        }
    }

    /// @dev What the records say that sellers have.
    function kept() external view returns (uint256 sum) {
        for (uint256 i = 0; i < _all.length; ++i) {
            OrderBook.State state = _record(_all[i]).state;
            bool isPaid = state == OrderBook.State.Captured || state == OrderBook.State.Settled
                || state == OrderBook.State.Decided;
            if (isPaid) sum += _record(_all[i]).amount;
        }
    }

    function credits() external view returns (uint256) {
        return escrow.credit(address(dollar), PAYER) + escrow.credit(address(dollar), SELLER);
    }

    function balance() external view returns (uint256) {
        return dollar.balanceOf(address(escrow));
    }

    /// @dev What accounts have that are neither the home's, its seller's nor the escrow's.
    function elsewhere() external view returns (uint256) {
        return dollar.totalSupply() - dollar.balanceOf(PAYER) - dollar.balanceOf(SELLER)
            - dollar.balanceOf(address(escrow));
    }

    function net() external view returns (uint256) {
        return _net[lastPeriod];
    }

    function counters() external view returns (MandateManager.MandateState memory) {
        return escrow.mandateState(_mandateHash(_current));
    }

    function household() external view returns (Households.Household memory current, uint256 spent) {
        (current,, spent) = escrow.householdState(PAYER, address(dollar), HOUSEHOLD);
    }

    function _reclaim(Placed memory placed) private {
        if (_record(placed).state == OrderBook.State.Authorized) _giveBack(placed);
        escrow.reclaim(placed.terms, SELLER, placed.id);
        _ended(placed, 0);
    }

    function _isOpen(OrderBook.State state) private pure returns (bool) {
        return
            state == OrderBook.State.Authorized || state == OrderBook.State.Shipped || state == OrderBook.State.Disputed;
    }

    function _ended(Placed memory placed, uint256 amount) private {
        --openOrders;
        captured += amount;
        returned += placed.amount - amount;
    }

    /// @dev The first order in `state`, looking from a random one on.
    function _pick(uint256 pick, OrderBook.State state) private view returns (Placed memory placed, bool found) {
        for (uint256 i = 0; i < _all.length && !found; ++i) {
            placed = _all[(pick % _all.length + i) % _all.length];
            found = _record(placed).state == state;
        }
    }

    /// @dev What ends before it ships is unspent again, if its period still runs in the mandate's count.
    function _giveBack(Placed memory placed) private {
        uint256 period = _periodOf(_record(placed).since);
        if (period == lastPeriod) _net[period] -= placed.amount;
    }

    function _periodOf(uint256 timestamp) private view returns (uint256) {
        return (timestamp - _current.start) / _current.period;
    }

    function _spentByHousehold() private view returns (uint256 spent) {
        (,, spent) = escrow.householdState(PAYER, address(dollar), HOUSEHOLD);
    }

    function _blockingToken() private view returns (BlockingToken) {
        return BlockingToken(address(dollar));
    }
}

contract SolvencyTest is EscrowTest {
    Handler private _handler;

    function setUp() public override {
        _handler = new Handler();
    }

    function targetContracts() external view returns (address[] memory contracts) {
        contracts = new address[](1);
        contracts[0] = address(_handler);
    }

    function invariant_holdsExactlyWhatIsOwed() public view {
        vm.assertEq(_handler.balance(), _handler.remaining() + _handler.credits());
    }

    function invariant_losesNothing() public view {
        vm.assertEq(_handler.captured() + _handler.returned() + _handler.remaining(), _handler.authorized());
        vm.assertEq(_handler.kept(), _handler.captured());
    }

    function invariant_paysNobodyElse() public view {
        vm.assertEq(_handler.elsewhere(), 0);
    }

    function invariant_countsOpenOrders() public view {
        vm.assertEq(_handler.counters().openOrders, _handler.openOrders());
    }

    function invariant_staysWithinTheAllowance() public view {
        vm.assertEq(_handler.counters().spent, _handler.net());
        vm.assertTrue(_handler.net() <= 300e6);
        (Households.Household memory current, uint256 spent) = _handler.household();
        vm.assertTrue(spent <= current.allowance);
    }

    /// @dev After each run: every order can end without anybody's help, and then nothing but credits is left.
    function afterInvariant() public {
        _handler.reclaimAll();
        vm.assertEq(_handler.remaining(), 0);
        vm.assertEq(_handler.counters().openOrders, 0);
        vm.assertEq(_handler.balance(), _handler.credits());
    }
}
