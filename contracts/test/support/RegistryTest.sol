// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {DeviceRegistry} from "../../src/DeviceRegistry.sol";
import {Vm} from "./Vm.sol";

/// @dev A maker, a home, the home that it sells to, and one device in any state that a test asks for.
abstract contract RegistryTest {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    address internal constant MAKER = address(0x3A4E4);
    address internal constant HOME = address(0x403E);
    address internal constant NEXT_HOME = address(0x2403E);
    address internal constant OPERATOR = address(0x09E4A704);
    address internal constant KEY = address(0x4E1);
    bytes32 internal constant SERIAL = "serial";
    bytes32 internal constant MODEL = "W9000";
    bytes32 internal constant FIRMWARE = "firmware 1";
    uint48 internal constant START = 1_800_000_000;
    uint32 internal constant WARRANTY = 730 days;

    DeviceRegistry internal registry;
    uint256 internal deviceId;

    function setUp() public virtual {
        vm.warp(START);
        registry = _newRegistry();
        deviceId = registry.deviceIdOf(MAKER, SERIAL);
    }

    /// @dev The bytecode which is shipped, not what forge makes of the sources.
    function _newRegistry() private returns (DeviceRegistry deployed) {
        bytes memory code = vm.envBytes("DEVICE_REGISTRY_BYTECODE");
        assembly ("memory-safe") {
            deployed := create(0, add(code, 0x20), mload(code))
        }
        vm.assertTrue(address(deployed) != address(0));
    }

    function _make() internal {
        vm.prank(MAKER);
        registry.make(SERIAL, MODEL, FIRMWARE);
    }

    function _sell() internal {
        vm.prank(MAKER);
        registry.sell(deviceId, HOME, WARRANTY);
    }

    function _register() internal {
        vm.prank(registry.ownerOf(deviceId));
        registry.register(deviceId, KEY);
    }

    function _transfer() internal {
        vm.prank(HOME);
        registry.transferFrom(HOME, NEXT_HOME, deviceId);
    }

    function _retire() internal {
        vm.prank(registry.ownerOf(deviceId));
        registry.retire(deviceId);
    }

    /// @dev Takes the device from nothing into `state` by the shortest way.
    function _bringTo(DeviceRegistry.State state) internal {
        if (state == DeviceRegistry.State.None) return;
        _make();
        if (state == DeviceRegistry.State.Made) return;
        _sell();
        if (state == DeviceRegistry.State.Sold) return;
        _register();
        if (state == DeviceRegistry.State.Registered) return;
        if (state == DeviceRegistry.State.Transferred) _transfer();
        else _retire();
    }

    function _assertDevice(DeviceRegistry.State state, address key, uint40 epoch, uint48 warrantyEnd) internal view {
        DeviceRegistry.Device memory device = registry.deviceOf(deviceId);
        vm.assertEq(uint256(device.state), uint256(state));
        vm.assertEq(uint160(device.key), uint160(key));
        vm.assertEq(device.epoch, epoch);
        vm.assertEq(device.warrantyEnd, warrantyEnd);
        (address currentKey, uint64 currentEpoch) = registry.keyAndEpoch(deviceId);
        vm.assertEq(uint160(currentKey), uint160(key));
        vm.assertEq(currentEpoch, epoch);
    }

    function _assertOwner(address owner) internal view {
        vm.assertEq(uint160(registry.ownerOf(deviceId)), uint160(owner));
    }

    function _expectWrongCaller(address actual, address expected) internal {
        vm.expectRevert(abi.encodeWithSelector(DeviceRegistry.WrongCaller.selector, actual, expected));
    }

    function _expectWrongState(DeviceRegistry.State actual, DeviceRegistry.State expected) internal {
        vm.expectRevert(abi.encodeWithSelector(DeviceRegistry.WrongDeviceState.selector, deviceId, actual, expected));
    }

    function _expectMissing(string memory field) internal {
        vm.expectRevert(abi.encodeWithSelector(DeviceRegistry.MissingField.selector, field));
    }
}
