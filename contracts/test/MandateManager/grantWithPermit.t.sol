// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {MandateManager} from "../../src/MandateManager.sol";
import {EscrowTest} from "../support/EscrowTest.sol";

contract GrantWithPermitTest is EscrowTest {
    function setUp() public override {
        super.setUp();
        vm.prank(PAYER);
        dollar.approve(address(escrow), 0);
    }

    function test_setsTheAllowance_andGrants() public {
        MandateManager.Mandate memory mandate = _mandate();
        _grantWith(mandate, _permit(mandate.maxPerOrder));
        vm.assertEq(dollar.allowance(PAYER, address(escrow)), mandate.maxPerOrder);
        _place(mandate, 1);
    }

    function test_takesAnAllowanceAboveOneOrder() public {
        MandateManager.Mandate memory mandate = _mandate();
        _grantWith(mandate, _permit(mandate.maxPerOrder + 1));
        vm.assertEq(dollar.allowance(PAYER, address(escrow)), mandate.maxPerOrder + 1);
        _place(mandate, 1);
    }

    function test_grants_whenThePermitWasUsedBySomebodyElse() public {
        MandateManager.Permit memory permit = _permit(50e6);
        dollar.permit(PAYER, address(escrow), permit.value, permit.deadline, permit.v, permit.r, permit.s);
        _grantWith(_mandate(), permit);
        _place(_mandate(), 1);
    }

    function test_reverts_whenTheAllowanceIsBelowOneOrder() public {
        MandateManager.Mandate memory mandate = _mandate();
        MandateManager.Permit memory permit = _permit(mandate.maxPerOrder - 1);
        _expectTooLow(mandate.maxPerOrder - 1, mandate.maxPerOrder);
        escrow.grantWithPermit(mandate, "", permit);
    }

    function test_reverts_whenThePermitFails_andThereIsNoAllowance() public {
        MandateManager.Mandate memory mandate = _mandate();
        MandateManager.Permit memory permit = _permit(mandate.maxPerOrder);
        permit.deadline += 1;
        _expectTooLow(0, mandate.maxPerOrder);
        escrow.grantWithPermit(mandate, "", permit);
    }

    function test_reverts_withoutThePayersSignatureOfTheMandate() public {
        MandateManager.Mandate memory mandate = _mandate();
        MandateManager.Permit memory permit = _permit(mandate.maxPerOrder);
        _expectWrongSignature(PAYER, _mandateHash(mandate));
        escrow.grantWithPermit(mandate, "", permit);
    }

    function _grantWith(MandateManager.Mandate memory mandate, MandateManager.Permit memory permit) private {
        escrow.grantWithPermit(mandate, _sign(PAYER_KEY, _mandateHash(mandate)), permit);
    }

    function _permit(uint256 value) private view returns (MandateManager.Permit memory) {
        bytes32 typeHash =
            keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");
        bytes32 structHash = keccak256(abi.encode(typeHash, PAYER, address(escrow), value, 0, block.timestamp));
        bytes32 digest = keccak256(abi.encodePacked(hex"1901", dollar.DOMAIN_SEPARATOR(), structHash));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(PAYER_KEY, digest);
        return MandateManager.Permit(value, block.timestamp, v, r, s);
    }

    function _expectTooLow(uint256 actual, uint256 minimum) private {
        vm.expectRevert(abi.encodeWithSelector(MandateManager.TokenAllowanceTooLow.selector, actual, minimum));
    }
}
