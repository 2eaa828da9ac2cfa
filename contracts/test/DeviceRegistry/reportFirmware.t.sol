// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {DeviceRegistry} from "../../src/DeviceRegistry.sol";
import {RegistryTest} from "../support/RegistryTest.sol";

contract ReportFirmwareTest is RegistryTest {
    function test_takesTheOwnersWord(uint8 state, bytes32 firmware) public {
        vm.assume(firmware != 0);
        _bringTo(DeviceRegistry.State(state % 4 + 1));
        _assertReports(registry.ownerOf(deviceId), firmware);
    }

    function test_takesTheDevicesWord() public {
        _bringTo(DeviceRegistry.State.Registered);
        _assertReports(KEY, "firmware 2");
        _assertDevice(DeviceRegistry.State.Registered, KEY, 3, START + WARRANTY);
    }

    function test_reverts_forAnyoneElse(address sender) public {
        vm.assume(sender != HOME && sender != KEY);
        _bringTo(DeviceRegistry.State.Registered);
        _assertRefused(sender, HOME);
    }

    function test_reverts_forTheKeyBeforeTheTransfer() public {
        _bringTo(DeviceRegistry.State.Transferred);
        _assertRefused(KEY, NEXT_HOME);
    }

    function test_reverts_withoutAHash() public {
        _bringTo(DeviceRegistry.State.Registered);
        _expectMissing("firmware");
        vm.prank(KEY);
        registry.reportFirmware(deviceId, 0);
    }

    function test_reverts_onceRetired() public {
        _bringTo(DeviceRegistry.State.Retired);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, deviceId));
        vm.prank(KEY);
        registry.reportFirmware(deviceId, "firmware 2");
    }

    function _assertReports(address reporter, bytes32 firmware) private {
        vm.expectEmit(address(registry));
        emit DeviceRegistry.FirmwareReported(deviceId, firmware, reporter);
        vm.prank(reporter);
        registry.reportFirmware(deviceId, firmware);
        vm.assertEq(registry.firmwareOf(deviceId), firmware);
    }

    function _assertRefused(address sender, address owner) private {
        _expectWrongCaller(sender, owner);
        vm.prank(sender);
        registry.reportFirmware(deviceId, "firmware 2");
        vm.assertEq(registry.firmwareOf(deviceId), FIRMWARE);
    }
}
