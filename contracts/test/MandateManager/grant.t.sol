// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Households} from "../../src/Households.sol";
import {MandateManager} from "../../src/MandateManager.sol";
import {EscrowTest} from "../support/EscrowTest.sol";
import {Wallet} from "../support/Wallet.sol";

contract GrantTest is EscrowTest {
    function test_grantsForThePayer_withoutSignature() public {
        MandateManager.Mandate memory mandate = _mandate();
        bytes32 hash = _mandateHash(mandate);
        vm.expectEmit(address(escrow));
        emit MandateManager.MandateGranted(hash, PAYER, DEVICE, address(dollar), mandate.extraData);
        _grant(mandate);
        _assertGranted(mandate);
    }

    function test_grantsForAnyone_withThePayersSignature(address sender) public {
        vm.assume(sender != PAYER);
        MandateManager.Mandate memory mandate = _mandate();
        vm.prank(sender);
        escrow.grant(mandate, _payersSignature(mandate));
        _assertGranted(mandate);
    }

    function test_grantsForAContract_thatHoldsTheSignatureGood() public {
        MandateManager.Mandate memory mandate = _mandate();
        mandate.payer = address(new Wallet(PAYER));
        escrow.grant(mandate, _payersSignature(mandate));
        _assertGranted(mandate);
    }

    function test_reverts_whenTheContractDoesNotHoldTheSignatureGood() public {
        MandateManager.Mandate memory mandate = _mandate();
        mandate.payer = address(new Wallet(STRANGER));
        bytes memory signature = _payersSignature(mandate);
        _expectWrongSignature(mandate.payer, _mandateHash(mandate));
        escrow.grant(mandate, signature);
    }

    function test_reverts_withAnotherSignature() public {
        MandateManager.Mandate memory mandate = _mandate();
        bytes memory signature = _sign(DEVICE_KEY, _mandateHash(mandate));
        _expectWrongSignature(mandate.payer, _mandateHash(mandate));
        escrow.grant(mandate, signature);
    }

    function test_reverts_withNoSignature() public {
        _expectWrongSignature(PAYER, _mandateHash(_mandate()));
        escrow.grant(_mandate(), "");
    }

    function test_reverts_withAHighS() public {
        MandateManager.Mandate memory mandate = _mandate();
        bytes memory signature = _malleable(_payersSignature(mandate));
        _expectWrongSignature(mandate.payer, _mandateHash(mandate));
        escrow.grant(mandate, signature);
    }

    function test_changesNothing_theSecondTime() public {
        MandateManager.Mandate memory mandate = _granted();
        _place(mandate, 7);
        escrow.grant(mandate, "");
        _assertGranted(mandate);
        vm.assertEq(escrow.mandateState(_mandateHash(mandate)).lastNonce, 7);
    }

    function test_reverts_afterRevocation() public {
        MandateManager.Mandate memory mandate = _granted();
        vm.prank(PAYER);
        escrow.revoke(mandate);
        vm.expectRevert(
            abi.encodeWithSelector(
                MandateManager.WrongMandateStatus.selector,
                _mandateHash(mandate),
                MandateManager.MandateStatus.Revoked,
                MandateManager.MandateStatus.None
            )
        );
        vm.prank(PAYER);
        escrow.grant(mandate, "");
    }

    function test_givesEveryFieldAPartInTheHash() public view {
        bytes32 hash = escrow.mandateHash(_mandate());
        vm.assertEq(hash, _mandateHash(_mandate()));
        for (uint256 field = 0; field < 17; ++field) {
            MandateManager.Mandate memory changed = _mandate();
            assembly ("memory-safe") {
                let word := add(changed, mul(field, 0x20))
                mstore(word, xor(mload(word), 1))
            }
            vm.assertTrue(escrow.mandateHash(changed) != hash);
        }
    }

    function test_reverts_withoutAPayer() public {
        MandateManager.Mandate memory mandate = _mandate();
        mandate.payer = address(0);
        _expectMissing("payer");
        _grant(mandate);
    }

    function test_reverts_withoutADeviceKey() public {
        MandateManager.Mandate memory mandate = _mandate();
        mandate.deviceKey = address(0);
        _expectMissing("deviceKey");
        _grant(mandate);
    }

    function test_reverts_withoutAToken() public {
        MandateManager.Mandate memory mandate = _mandate();
        mandate.token = address(0);
        _expectMissing("token");
        _grant(mandate);
    }

    function test_reverts_withoutOffers() public {
        MandateManager.Mandate memory mandate = _mandate();
        mandate.offersRoot = 0;
        _expectMissing("offersRoot");
        _grant(mandate);
    }

    function test_takesCoolingOffOfTheLongestTerm_atMost() public {
        MandateManager.Mandate memory mandate = _mandate();
        for (mandate.coolingOffSeconds = 3653 days - 1; mandate.coolingOffSeconds <= 3653 days;) {
            _grant(mandate);
            _assertGranted(mandate);
            mandate.coolingOffSeconds += 1;
        }
        vm.expectRevert(abi.encodeWithSelector(MandateManager.CoolingOffTooLong.selector, 3653 days + 1, 3653 days));
        _grant(mandate);
    }

    function test_reverts_withoutTheHousehold() public {
        MandateManager.Mandate memory mandate = _mandate();
        mandate.household = HOUSEHOLD;
        vm.expectRevert(abi.encodeWithSelector(Households.UnknownHousehold.selector, HOUSEHOLD));
        _grant(mandate);
    }

    function test_takesAPlaceInTheHousehold_forFive() public {
        _setHousehold(ALLOWANCE, PERIOD);
        MandateManager.Mandate memory mandate = _mandate();
        mandate.household = HOUSEHOLD;
        for (uint64 members = 1; members <= 5; ++members) {
            mandate.salt = members;
            _grant(mandate);
            _assertGranted(mandate);
            vm.assertEq(_members(), members);
        }
        mandate.salt = 6;
        vm.expectRevert(abi.encodeWithSelector(Households.HouseholdFull.selector, 5, 5));
        _grant(mandate);

        mandate.salt = 3;
        vm.prank(PAYER);
        escrow.revoke(mandate);
        vm.assertEq(_members(), 4);
        mandate.salt = 6;
        _grant(mandate);
        vm.assertEq(_members(), 5);
        mandate.salt = 7;
        vm.expectRevert(abi.encodeWithSelector(Households.HouseholdFull.selector, 5, 5));
        _grant(mandate);
    }

    function test_takesOnePlaceOnly_whenGrantedTwice() public {
        _setHousehold(ALLOWANCE, PERIOD);
        MandateManager.Mandate memory mandate = _mandate();
        mandate.household = HOUSEHOLD;
        _grant(mandate);
        _grant(mandate);
        vm.assertEq(_members(), 1);
    }

    function test_reverts_whenAPartyWouldDecide() public {
        MandateManager.Mandate memory mandate = _mandate();
        mandate.arbiter = PAYER;
        vm.expectRevert(abi.encodeWithSelector(MandateManager.WrongArbiter.selector, PAYER));
        _grant(mandate);
        mandate.arbiter = DEVICE;
        vm.expectRevert(abi.encodeWithSelector(MandateManager.WrongArbiter.selector, DEVICE));
        _grant(mandate);
    }

    function test_grants_withoutAnArbiter() public {
        MandateManager.Mandate memory mandate = _mandate();
        mandate.arbiter = address(0);
        _grant(mandate);
        _assertGranted(mandate);
    }

    function test_grants_fromAPeriodOfOneHourOn() public {
        MandateManager.Mandate memory mandate = _mandate();
        mandate.period = 1 hours - 1;
        vm.expectRevert(abi.encodeWithSelector(Households.PeriodTooShort.selector, 1 hours - 1, 1 hours));
        _grant(mandate);
        for (mandate.period = 1 hours; mandate.period <= 1 hours + 1; ++mandate.period) {
            _grant(mandate);
            _assertGranted(mandate);
        }
    }

    function test_grants_whenTheEndIsAfterTheStart() public {
        MandateManager.Mandate memory mandate = _mandate();
        for (uint256 end = START - 1; end <= START; ++end) {
            mandate.end = end;
            _expectWrongTerm(mandate);
            _grant(mandate);
        }
        mandate.end = START + 1;
        _grant(mandate);
        _assertGranted(mandate);
    }

    function test_grants_upToTenYears() public {
        MandateManager.Mandate memory mandate = _mandate();
        mandate.end = START + 3653 days + 1;
        _expectWrongTerm(mandate);
        _grant(mandate);
        for (mandate.end = START + 3653 days - 1; mandate.end <= START + 3653 days; ++mandate.end) {
            _grant(mandate);
            _assertGranted(mandate);
        }
    }

    function _payersSignature(MandateManager.Mandate memory mandate) private view returns (bytes memory) {
        return _sign(PAYER_KEY, _mandateHash(mandate));
    }

    function _assertGranted(MandateManager.Mandate memory mandate) private view {
        MandateManager.MandateStatus status = escrow.mandateState(_mandateHash(mandate)).status;
        vm.assertTrue(status == MandateManager.MandateStatus.Granted);
    }

    function _members() private view returns (uint8) {
        (Households.Household memory current,,) = escrow.householdState(PAYER, address(dollar), HOUSEHOLD);
        return current.members;
    }

    function _expectMissing(string memory field) private {
        vm.expectRevert(abi.encodeWithSelector(Households.MissingField.selector, field));
    }

    function _expectWrongTerm(MandateManager.Mandate memory mandate) private {
        vm.expectRevert(
            abi.encodeWithSelector(MandateManager.WrongTerm.selector, mandate.start, mandate.end, 3653 days)
        );
    }
}
