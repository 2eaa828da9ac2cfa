// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {OrderBook} from "../../src/OrderBook.sol";
import {OrderEscrow} from "../../src/OrderEscrow.sol";
import {EscrowTest} from "../support/EscrowTest.sol";

contract DeclineTest is EscrowTest {
    Placed private placed;

    function setUp() public override {
        super.setUp();
        placed = _place(_granted(), 1);
    }

    function test_returnsEverything() public {
        uint256 before = dollar.balanceOf(PAYER);
        vm.expectEmit(address(escrow));
        emit OrderEscrow.Declined(placed.id, PRICE);
        _decline(SELLER);
        vm.assertEq(dollar.balanceOf(PAYER), before + PRICE);
        _assertEnded(placed, OrderBook.State.Declined, 0, 0);
    }

    function test_returnsEverything_atAnyTime() public {
        uint256[5] memory times = [START + 1 days - 1, START + 1 days, _shipBy() - 1, _shipBy(), _shipBy() + 1];
        _decline(SELLER);
        OrderEscrow.Authorization memory authorization = _authorization(_mandate(), 1);
        for (uint256 i = 0; i < times.length; ++i) {
            vm.warp(START);
            authorization.nonce += 1;
            placed = _place(_mandate(), authorization);
            vm.warp(times[i]);
            _decline(SELLER);
            _assertEnded(placed, OrderBook.State.Declined, 0, 0);
        }
    }

    function test_givesNothingBack_toALaterPeriod() public {
        vm.warp(START + PERIOD);
        _place(_mandate(), 2);
        _decline(SELLER);
        vm.assertEq(escrow.spentNow(_mandate()), PRICE);
    }

    /// @dev The sender is the seller whose order is looked up: nobody else has one of this id.
    function test_reverts_forAnyoneElse(address sender) public {
        vm.assume(sender != SELLER);
        _expectWrongState(placed, OrderBook.State.None, OrderBook.State.Authorized);
        _decline(sender);
    }

    function test_reverts_onceShipped() public {
        _ship(placed);
        _expectWrongState(placed, OrderBook.State.Shipped, OrderBook.State.Authorized);
        _decline(SELLER);
    }

    function test_reverts_theSecondTime() public {
        _decline(SELLER);
        _expectWrongState(placed, OrderBook.State.Declined, OrderBook.State.Authorized);
        _decline(SELLER);
    }

    function _decline(address sender) private {
        vm.prank(sender);
        escrow.decline(placed.terms, placed.id);
    }
}
