// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Households} from "../../src/Households.sol";
import {MandateManager} from "../../src/MandateManager.sol";
import {OrderBook} from "../../src/OrderBook.sol";
import {EscrowTest} from "../support/EscrowTest.sol";

contract RevokeTest is EscrowTest {
    function test_revokes() public {
        MandateManager.Mandate memory mandate = _granted();
        bytes32 hash = _mandateHash(mandate);
        vm.expectEmit(address(escrow));
        emit MandateManager.MandateRevoked(hash, PAYER);
        _revoke(mandate);
        vm.assertTrue(escrow.mandateState(hash).status == MandateManager.MandateStatus.Revoked);
    }

    function test_worksBeforeTheGrant_andTwice() public {
        _revoke(_mandate());
        _revoke(_mandate());
        bytes32 hash = _mandateHash(_mandate());
        vm.assertTrue(escrow.mandateState(hash).status == MandateManager.MandateStatus.Revoked);
    }

    function test_letsOpenOrdersGoOn() public {
        MandateManager.Mandate memory mandate = _granted();
        Placed memory placed = _place(mandate, 1);
        _revoke(mandate);
        vm.prank(DEVICE);
        escrow.cancel(placed.terms, SELLER, placed.id, "");
        _assertEnded(placed, OrderBook.State.Cancelled, 0, 0);
        vm.assertTrue(escrow.mandateState(placed.terms.mandateHash).status == MandateManager.MandateStatus.Revoked);
    }

    function test_freesThePlaceInTheHousehold_once() public {
        _setHousehold(ALLOWANCE, PERIOD);
        MandateManager.Mandate memory mandate = _mandate();
        mandate.household = HOUSEHOLD;
        _grant(mandate);
        _assertMembers(1);
        _revoke(mandate);
        _assertMembers(0);
        _revoke(mandate);
        _assertMembers(0);
    }

    function test_freesNoPlace_beforeTheGrant() public {
        _setHousehold(ALLOWANCE, PERIOD);
        MandateManager.Mandate memory mandate = _mandate();
        mandate.household = HOUSEHOLD;
        _grant(mandate);
        mandate.salt = 2;
        _revoke(mandate);
        _assertMembers(1);
    }

    function test_reverts_forAnyoneElse(address sender) public {
        vm.assume(sender != PAYER);
        MandateManager.Mandate memory mandate = _granted();
        _expectWrongCaller(sender, PAYER);
        vm.prank(sender);
        escrow.revoke(mandate);
    }

    function _assertMembers(uint8 expected) private view {
        (Households.Household memory current,,) = escrow.householdState(PAYER, address(dollar), HOUSEHOLD);
        vm.assertEq(current.members, expected);
    }

    function _revoke(MandateManager.Mandate memory mandate) private {
        vm.prank(PAYER);
        escrow.revoke(mandate);
    }
}
