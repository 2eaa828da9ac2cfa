// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {MandateManager} from "../../src/MandateManager.sol";
import {OrderEscrow} from "../../src/OrderEscrow.sol";
import {EscrowTest} from "../support/EscrowTest.sol";

contract RevokeTest is EscrowTest {
    function test_revokes() public {
        MandateManager.Mandate memory mandate = _granted();
        bytes32 hash = escrow.mandateHash(mandate);
        vm.expectEmit(address(escrow));
        emit MandateManager.MandateRevoked(hash, PAYER);
        _revoke(mandate);
        vm.assertTrue(escrow.mandateState(hash).status == MandateManager.MandateStatus.Revoked);
    }

    function test_worksBeforeTheGrant_andTwice() public {
        _revoke(_mandate());
        _revoke(_mandate());
        bytes32 hash = escrow.mandateHash(_mandate());
        vm.assertTrue(escrow.mandateState(hash).status == MandateManager.MandateStatus.Revoked);
    }

    function test_letsOpenOrdersGoOn() public {
        MandateManager.Mandate memory mandate = _granted();
        OrderEscrow.Terms memory terms = _place(mandate, 1);
        _revoke(mandate);
        vm.prank(DEVICE);
        escrow.cancel(terms, "");
        _assertEnded(terms, OrderEscrow.State.Cancelled, 0, 0);
        vm.assertTrue(escrow.mandateState(terms.mandateHash).status == MandateManager.MandateStatus.Revoked);
    }

    function test_reverts_forAnyoneElse(address sender) public {
        vm.assume(sender != PAYER);
        MandateManager.Mandate memory mandate = _granted();
        vm.expectRevert(abi.encodeWithSelector(MandateManager.WrongCaller.selector, sender, PAYER));
        vm.prank(sender);
        escrow.revoke(mandate);
    }

    function _revoke(MandateManager.Mandate memory mandate) private {
        vm.prank(PAYER);
        escrow.revoke(mandate);
    }
}
