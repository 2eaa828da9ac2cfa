// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {MandateManager} from "../../src/MandateManager.sol";
import {EscrowTest} from "../support/EscrowTest.sol";

contract SpentNowTest is EscrowTest {
    function test_isZero_beforeTheStart() public {
        MandateManager.Mandate memory mandate = _granted();
        vm.warp(START - 1);
        vm.assertEq(escrow.spentNow(mandate), 0);
        vm.warp(START);
        _place(mandate, 1);
        for (uint256 timestamp = START; timestamp <= START + 1; ++timestamp) {
            vm.warp(timestamp);
            vm.assertEq(escrow.spentNow(mandate), PRICE);
        }
    }

    function test_countsUntilThePeriodEnds() public {
        MandateManager.Mandate memory mandate = _granted();
        _place(mandate, 1);
        _place(mandate, 2);
        vm.warp(START + PERIOD - 1);
        vm.assertEq(escrow.spentNow(mandate), 2 * PRICE);
        for (uint256 timestamp = START + PERIOD; timestamp <= START + PERIOD + 1; ++timestamp) {
            vm.warp(timestamp);
            vm.assertEq(escrow.spentNow(mandate), 0);
        }
        vm.assertEq(escrow.mandateState(_mandateHash(mandate)).spent, 2 * PRICE);
    }

    function test_startsAnew_inALaterPeriod(uint8 periods) public {
        uint256 skipped = uint256(periods) % 11 + 1;
        MandateManager.Mandate memory mandate = _granted();
        _place(mandate, 1);
        vm.warp(START + skipped * PERIOD);
        _place(mandate, 2);
        vm.assertEq(escrow.spentNow(mandate), PRICE);
        vm.assertEq(escrow.mandateState(_mandateHash(mandate)).periodStart, START + skipped * PERIOD);
    }
}
