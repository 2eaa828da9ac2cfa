// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {DeviceRegistry} from "../../src/DeviceRegistry.sol";
import {RegistryTest} from "../support/RegistryTest.sol";

contract RegisterTest is RegistryTest {
    function test_registers() public {
        _bringTo(DeviceRegistry.State.Sold);
        vm.expectEmit(address(registry));
        emit DeviceRegistry.DeviceRegistered(deviceId, HOME, KEY, 3);
        _register();
        _assertDevice(DeviceRegistry.State.Registered, KEY, 3, START + WARRANTY);
        _assertOwner(HOME);
    }

    function test_rotatesTheKey(address key) public {
        vm.assume(key != address(0));
        _bringTo(DeviceRegistry.State.Registered);
        vm.prank(HOME);
        registry.register(deviceId, key);
        _assertDevice(DeviceRegistry.State.Registered, key, 4, START + WARRANTY);
    }

    function test_endsTheEpoch_evenWithTheSameKey() public {
        _bringTo(DeviceRegistry.State.Registered);
        _register();
        _assertDevice(DeviceRegistry.State.Registered, KEY, 4, START + WARRANTY);
    }

    function test_givesTheKeyToTheNextOwner() public {
        _bringTo(DeviceRegistry.State.Transferred);
        _register();
        _assertDevice(DeviceRegistry.State.Registered, KEY, 5, START + WARRANTY);
    }

    function test_leavesOtherDevicesAlone() public {
        _bringTo(DeviceRegistry.State.Registered);
        vm.prank(MAKER);
        uint256 other = registry.make("another serial", MODEL, FIRMWARE);
        vm.prank(MAKER);
        registry.sell(other, HOME, WARRANTY);
        vm.prank(HOME);
        registry.register(other, address(0x07E4));
        _assertDevice(DeviceRegistry.State.Registered, KEY, 3, START + WARRANTY);
    }

    function test_reverts_forAnyoneElse(address sender) public {
        vm.assume(sender != HOME);
        _bringTo(DeviceRegistry.State.Registered);
        _expectWrongCaller(sender, HOME);
        vm.prank(sender);
        registry.register(deviceId, KEY);
    }

    function test_reverts_forAnOperator() public {
        _bringTo(DeviceRegistry.State.Sold);
        vm.prank(HOME);
        registry.setApprovalForAll(OPERATOR, true);
        _expectWrongCaller(OPERATOR, HOME);
        vm.prank(OPERATOR);
        registry.register(deviceId, KEY);
    }

    function test_reverts_beforeTheSale() public {
        _make();
        _expectWrongState(DeviceRegistry.State.Made, DeviceRegistry.State.Sold);
        vm.prank(MAKER);
        registry.register(deviceId, KEY);
    }

    function test_reverts_withoutAKey() public {
        _bringTo(DeviceRegistry.State.Sold);
        _expectMissing("deviceKey");
        vm.prank(HOME);
        registry.register(deviceId, address(0));
    }

    function test_reverts_onceRetired() public {
        _bringTo(DeviceRegistry.State.Retired);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, deviceId));
        vm.prank(HOME);
        registry.register(deviceId, KEY);
    }
}
