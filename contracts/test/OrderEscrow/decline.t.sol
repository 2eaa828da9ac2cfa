// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {MandateManager} from "../../src/MandateManager.sol";
import {OrderEscrow} from "../../src/OrderEscrow.sol";
import {EscrowTest} from "../support/EscrowTest.sol";

contract DeclineTest is EscrowTest {
    OrderEscrow.Terms private terms;

    function setUp() public override {
        super.setUp();
        terms = _place(_granted(), 1);
    }

    function test_returnsEverything() public {
        uint256 before = dollar.balanceOf(PAYER);
        vm.expectEmit(address(escrow));
        emit OrderEscrow.Declined(terms.authorizationId, PRICE);
        _decline();
        vm.assertEq(dollar.balanceOf(PAYER), before + PRICE);
        _assertEnded(terms, OrderEscrow.State.Declined, 0, 0);
    }

    function test_givesNothingBack_toALaterPeriod() public {
        vm.warp(START + PERIOD);
        _place(_mandate(), 2);
        _decline();
        vm.assertEq(escrow.spentNow(_mandate()), PRICE);
    }

    function test_reverts_forAnyoneElse(address sender) public {
        vm.assume(sender != SELLER);
        vm.expectRevert(abi.encodeWithSelector(MandateManager.WrongCaller.selector, sender, SELLER));
        vm.prank(sender);
        escrow.decline(terms);
    }

    function test_reverts_onceShipped() public {
        _ship(terms);
        _expectWrongState(OrderEscrow.State.Shipped);
        _decline();
    }

    function test_reverts_theSecondTime() public {
        _decline();
        _expectWrongState(OrderEscrow.State.Declined);
        _decline();
    }

    function _decline() private {
        vm.prank(SELLER);
        escrow.decline(terms);
    }

    function _expectWrongState(OrderEscrow.State actual) private {
        vm.expectRevert(
            abi.encodeWithSelector(
                OrderEscrow.WrongState.selector, terms.authorizationId, actual, OrderEscrow.State.Authorized
            )
        );
    }
}
