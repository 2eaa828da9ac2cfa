// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {MandateManager} from "../../src/MandateManager.sol";
import {OrderEscrow} from "../../src/OrderEscrow.sol";
import {TestDollar} from "../../src/TestDollar.sol";
import {EscrowTest} from "../support/EscrowTest.sol";
import {BlockingToken} from "../support/Tokens.sol";

/// @dev Does what is legal at the moment, with random orders, amounts, times and blocked accounts; so any revert is a
///      fault. Keeps its own count of what each mandate has open.
contract Handler is EscrowTest {
    OrderEscrow.Terms[] private _all;
    MandateManager.Mandate private _current;
    uint256 public openOrders;
    uint256 public authorized;
    uint256 public returned;
    uint256 public captured;

    function _newToken() internal override returns (TestDollar) {
        return new BlockingToken();
    }

    constructor() {
        setUp();
        _current = _mandate();
        _current.end = START + 3653 days;
        _current.maxOpenOrders = 20;
        _current.allowance = 300e6;
        _grant(_current);
        dollar.mint(PAYER, 1e18);
    }

    /// @dev Once: forge would call it as it calls the other functions.
    function setUp() public override {
        if (address(escrow) == address(0)) super.setUp();
    }

    function authorize(uint96 total) external {
        total = total % PRICE + 1;
        if (openOrders == _current.maxOpenOrders || block.timestamp >= _current.end) return;
        if (escrow.spentNow(_current) + total > _current.allowance) return;
        OrderEscrow.Authorization memory authorization = _authorization(_current, uint48(_all.length + 1));
        authorization.total = total;
        escrow.authorize(_baskets(_current, _order(authorization)));
        OrderEscrow.Terms memory terms = _terms(_current, authorization);
        _assertState(terms, OrderEscrow.State.Authorized);
        _all.push(terms);
        ++openOrders;
        authorized += total;
    }

    function ship(uint256 pick) external {
        (OrderEscrow.Terms memory terms, bool found) = _pick(pick, OrderEscrow.State.Authorized);
        if (!found || block.timestamp < escrow.record(terms).since + terms.coolingOffSeconds) return;
        if (block.timestamp > terms.shipBy) return;
        vm.prank(SELLER);
        escrow.ship(_shipments(terms));
    }

    function capture(uint256 pick, uint96 amount) external {
        (OrderEscrow.Terms memory terms, bool found) = _pick(pick, OrderEscrow.State.Shipped);
        if (!found) return;
        amount %= terms.amount + 1;
        OrderEscrow.Capture memory item = _capture(terms, amount, pick % 2 == 0 ? DEVICE_KEY : PAYER_KEY);
        vm.prank(SELLER);
        escrow.capture(_captures(item));
        _ended(terms, amount);
    }

    function cancel(uint256 pick) external {
        (OrderEscrow.Terms memory terms, bool found) = _pick(pick, OrderEscrow.State.Authorized);
        if (!found) return;
        vm.prank(PAYER);
        escrow.cancel(terms, "");
        _ended(terms, 0);
    }

    function decline(uint256 pick) external {
        (OrderEscrow.Terms memory terms, bool found) = _pick(pick, OrderEscrow.State.Authorized);
        if (!found) return;
        vm.prank(SELLER);
        escrow.decline(terms);
        _ended(terms, 0);
    }

    function reclaim(uint256 pick, bool shipped) external {
        OrderEscrow.State state = shipped ? OrderEscrow.State.Shipped : OrderEscrow.State.Authorized;
        (OrderEscrow.Terms memory terms, bool found) = _pick(pick, state);
        if (!found) return;
        uint256 deadline = shipped ? escrow.record(terms).since + 14 days : terms.shipBy;
        if (block.timestamp <= deadline) return;
        escrow.reclaim(terms);
        _ended(terms, 0);
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
            sum += escrow.record(_all[i]).remaining;
        }
    }

    function credits() external view returns (uint256) {
        return escrow.credit(address(dollar), PAYER) + escrow.credit(address(dollar), SELLER);
    }

    function balance() external view returns (uint256) {
        return dollar.balanceOf(address(escrow));
    }

    function counters() external view returns (MandateManager.MandateState memory) {
        return escrow.mandateState(escrow.mandateHash(_current));
    }

    function _ended(OrderEscrow.Terms memory terms, uint96 amount) private {
        --openOrders;
        captured += amount;
        returned += terms.amount - amount;
    }

    /// @dev The first order in `state`, looking from a random one on.
    function _pick(uint256 pick, OrderEscrow.State state)
        private
        view
        returns (OrderEscrow.Terms memory terms, bool found)
    {
        for (uint256 i = 0; i < _all.length && !found; ++i) {
            terms = _all[(pick % _all.length + i) % _all.length];
            found = escrow.record(terms).state == state;
        }
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
    }

    function invariant_countsOpenOrders() public view {
        vm.assertEq(_handler.counters().openOrders, _handler.openOrders());
    }

    function invariant_staysWithinTheAllowance() public view {
        vm.assertTrue(_handler.counters().spent <= 300e6);
    }
}
