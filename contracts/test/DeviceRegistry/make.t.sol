// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {DeviceRegistry} from "../../src/DeviceRegistry.sol";
import {RegistryTest} from "../support/RegistryTest.sol";

contract MakeTest is RegistryTest {
    function test_makes() public {
        vm.expectEmit(address(registry));
        emit DeviceRegistry.DeviceMade(deviceId, MAKER, SERIAL, MODEL);
        vm.expectEmit(address(registry));
        emit DeviceRegistry.FirmwareReported(deviceId, FIRMWARE, MAKER);
        vm.expectEmit(address(registry));
        emit IERC721.Transfer(address(0), MAKER, deviceId);
        vm.prank(MAKER);
        vm.assertEq(registry.make(SERIAL, MODEL, FIRMWARE), deviceId);
        _assertDevice(DeviceRegistry.State.Made, address(0), 1, 0);
        _assertOwner(MAKER);
        vm.assertEq(registry.firmwareOf(deviceId), FIRMWARE);
    }

    function test_namesItself() public view {
        vm.assertEq(keccak256(bytes(registry.name())), keccak256("ADEPT Device"));
        vm.assertEq(keccak256(bytes(registry.symbol())), keccak256("DEVICE"));
    }

    function test_makesWithoutFirmware() public {
        vm.recordLogs();
        vm.prank(MAKER);
        registry.make(SERIAL, MODEL, 0);
        vm.assertEq(vm.getRecordedLogs().length, 2);
        vm.assertEq(registry.firmwareOf(deviceId), 0);
    }

    function test_knowsNothingOfWhatWasNotMade() public {
        _assertDevice(DeviceRegistry.State.None, address(0), 0, 0);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, deviceId));
        registry.ownerOf(deviceId);
    }

    function test_keepsTheIdFree_whenAStrangerCopiesTheCall(address stranger) public {
        vm.assume(stranger != MAKER && stranger != address(0));
        vm.prank(stranger);
        registry.make(SERIAL, MODEL, FIRMWARE);
        _assertDevice(DeviceRegistry.State.None, address(0), 0, 0);
        _make();
        _assertOwner(MAKER);
    }

    function test_derivesOneIdPerMakerAndSerial(address maker, bytes32 serialHash) public view {
        vm.assume(maker != MAKER || serialHash != SERIAL);
        vm.assertEq(registry.deviceIdOf(maker, serialHash), uint256(keccak256(abi.encode(maker, serialHash))));
        vm.assertTrue(registry.deviceIdOf(maker, serialHash) != deviceId);
    }

    function test_reverts_forASerialThatIsTaken(uint8 state) public {
        DeviceRegistry.State taken = DeviceRegistry.State(state % 5 + 1);
        _bringTo(taken);
        _expectWrongState(taken, DeviceRegistry.State.None);
        _make();
    }

    function test_reverts_withoutASerial() public {
        _expectMissing("serialHash");
        vm.prank(MAKER);
        registry.make(0, MODEL, FIRMWARE);
    }
}
