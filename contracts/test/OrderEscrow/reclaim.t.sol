// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {OrderEscrow} from "../../src/OrderEscrow.sol";
import {EscrowTest} from "../support/EscrowTest.sol";

contract ReclaimTest is EscrowTest {
    OrderEscrow.Terms private terms;

    function setUp() public override {
        super.setUp();
        terms = _place(_granted(), 1);
    }

    function test_returnsEverything_afterShipBy(address sender) public {
        uint256 before = dollar.balanceOf(PAYER);
        vm.warp(terms.shipBy);
        vm.expectRevert(abi.encodeWithSelector(OrderEscrow.TooEarlyToReclaim.selector, terms.shipBy, terms.shipBy));
        escrow.reclaim(terms);

        vm.warp(terms.shipBy + 1);
        vm.expectEmit(address(escrow));
        emit OrderEscrow.Reclaimed(terms.authorizationId, PRICE);
        vm.prank(sender);
        escrow.reclaim(terms);
        vm.assertEq(dollar.balanceOf(PAYER), before + PRICE);
        _assertEnded(terms, OrderEscrow.State.Reclaimed, 0, 0);
    }

    function test_returnsEverything_whenNobodyConfirmed_butGivesNothingBack(address sender) public {
        _ship(terms);
        uint256 before = dollar.balanceOf(PAYER);
        uint256 deadline = block.timestamp + 14 days;
        vm.warp(deadline);
        vm.expectRevert(abi.encodeWithSelector(OrderEscrow.TooEarlyToReclaim.selector, deadline, deadline));
        escrow.reclaim(terms);

        vm.warp(deadline + 1);
        vm.prank(sender);
        escrow.reclaim(terms);
        vm.assertEq(dollar.balanceOf(PAYER), before + PRICE);
        _assertEnded(terms, OrderEscrow.State.Reclaimed, 0, PRICE);
    }

    function test_givesNothingBack_toALaterPeriod() public {
        vm.warp(START + PERIOD);
        _place(_mandate(), 2);
        escrow.reclaim(terms);
        vm.assertEq(escrow.spentNow(_mandate()), PRICE);
    }

    function test_reverts_theSecondTime() public {
        vm.warp(terms.shipBy + 1);
        escrow.reclaim(terms);
        vm.expectRevert(
            abi.encodeWithSelector(
                OrderEscrow.WrongState.selector,
                terms.authorizationId,
                OrderEscrow.State.Reclaimed,
                OrderEscrow.State.Authorized
            )
        );
        escrow.reclaim(terms);
    }
}
