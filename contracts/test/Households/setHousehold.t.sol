// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Households} from "../../src/Households.sol";
import {EscrowTest} from "../support/EscrowTest.sol";

contract SetHouseholdTest is EscrowTest {
    function test_holdsAtOnce_whenItIsNew() public {
        vm.warp(START + 3);
        vm.expectEmit(address(escrow));
        emit Households.HouseholdSet(PAYER, address(dollar), HOUSEHOLD, 150e6, PERIOD, START + 3);
        _setHousehold(150e6, PERIOD);
        _assertHousehold(150e6, PERIOD, START + 3, 0);
        _assertChange(0, 0);
    }

    function test_isNothing_untilItIsSet() public view {
        _assertHousehold(0, 0, 0, 0);
        _assertChange(0, 0);
        _assertSpent(0);
    }

    function test_changesWithTheNextPeriod() public {
        _setHousehold(150e6, PERIOD);
        vm.warp(START + PERIOD - 1);
        vm.expectEmit(address(escrow));
        emit Households.HouseholdSet(PAYER, address(dollar), HOUSEHOLD, 60e6, 1 days, START + PERIOD);
        _setHousehold(60e6, 1 days);
        _assertHousehold(150e6, PERIOD, START, START + PERIOD);
        _assertChange(60e6, 1 days);
        vm.warp(START + PERIOD);
        _assertHousehold(60e6, 1 days, START + PERIOD, 0);
        _assertChange(0, 0);
        vm.warp(START + PERIOD + 1);
        _assertHousehold(60e6, 1 days, START + PERIOD, 0);
    }

    function test_changesWithThePeriodAfter_whenOneHasJustBegun() public {
        _setHousehold(150e6, PERIOD);
        for (uint256 timestamp = START + PERIOD; timestamp < START + PERIOD + 2; ++timestamp) {
            vm.warp(timestamp);
            _setHousehold(60e6, 1 days);
            _assertHousehold(150e6, PERIOD, START, START + 2 * PERIOD);
        }
    }

    function test_replacesAChangeThatWaits() public {
        _setHousehold(150e6, PERIOD);
        _setHousehold(60e6, 1 days);
        _setHousehold(70e6, 2 days);
        _assertHousehold(150e6, PERIOD, START, START + PERIOD);
        _assertChange(70e6, 2 days);
    }

    function test_keepsAChangeWhoseTimeHasCome_whenItChangesAgain() public {
        _setHousehold(150e6, PERIOD);
        _setHousehold(60e6, 2 days);
        vm.warp(START + PERIOD + 3 days);
        _setHousehold(70e6, 1 days);
        _assertHousehold(60e6, 2 days, START + PERIOD, START + PERIOD + 4 days);
        _assertChange(70e6, 1 days);
        vm.warp(START + PERIOD + 4 days);
        _assertHousehold(70e6, 1 days, START + PERIOD + 4 days, 0);
    }

    function test_isThePayersOwn_perTokenAndNumber(address other, uint64 household) public {
        vm.assume(other != PAYER && household != 0 && household != HOUSEHOLD);
        vm.prank(other);
        escrow.setHousehold(address(dollar), HOUSEHOLD, 1, PERIOD);
        vm.prank(PAYER);
        escrow.setHousehold(address(dollar), household, 1, PERIOD);
        vm.prank(PAYER);
        escrow.setHousehold(STRANGER, HOUSEHOLD, 1, PERIOD);
        _assertHousehold(0, 0, 0, 0);
    }

    function test_holdsTheLargestCap_overTheLongestPeriod() public {
        _setHousehold(type(uint96).max, type(uint32).max);
        _assertHousehold(type(uint96).max, type(uint32).max, START, 0);
        _setHousehold(0, type(uint32).max);
        _assertHousehold(type(uint96).max, type(uint32).max, START, START + uint256(type(uint32).max));
    }

    function test_takesPeriodsFromOneHourOn() public {
        vm.expectRevert(abi.encodeWithSelector(Households.PeriodTooShort.selector, 1 hours - 1, 1 hours));
        _setHousehold(150e6, 1 hours - 1);
        _setHousehold(150e6, 1 hours);
        _assertHousehold(150e6, 1 hours, START, 0);
        vm.warp(START + 1 hours - 1);
        _setHousehold(150e6, 1 hours + 1);
        _assertChange(150e6, 1 hours + 1);
    }

    function test_reverts_withoutANumber() public {
        vm.expectRevert(abi.encodeWithSelector(Households.MissingField.selector, "household"));
        escrow.setHousehold(address(dollar), 0, 150e6, PERIOD);
    }

    function test_reverts_withoutAToken() public {
        vm.expectRevert(abi.encodeWithSelector(Households.MissingField.selector, "token"));
        escrow.setHousehold(address(0), HOUSEHOLD, 150e6, PERIOD);
    }

    function _assertHousehold(uint256 allowance, uint256 period, uint256 start, uint256 changesAt) private view {
        (Households.Household memory current,,) = escrow.householdState(PAYER, address(dollar), HOUSEHOLD);
        vm.assertEq(current.allowance, allowance);
        vm.assertEq(current.period, period);
        vm.assertEq(current.start, start);
        vm.assertEq(current.changesAt, changesAt);
        vm.assertEq(current.members, 0);
    }

    function _assertChange(uint256 allowance, uint256 period) private view {
        (, Households.Change memory change,) = escrow.householdState(PAYER, address(dollar), HOUSEHOLD);
        vm.assertEq(change.allowance, allowance);
        vm.assertEq(change.period, period);
    }

    function _assertSpent(uint96 expected) private view {
        (,, uint256 spent) = escrow.householdState(PAYER, address(dollar), HOUSEHOLD);
        vm.assertEq(spent, expected);
    }
}
