// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {DeviceRegistry} from "../../src/DeviceRegistry.sol";
import {RegistryTest} from "../support/RegistryTest.sol";

contract RetireTest is RegistryTest {
    function test_retires() public {
        _bringTo(DeviceRegistry.State.Registered);
        vm.expectEmit(address(registry));
        emit DeviceRegistry.DeviceReleased(deviceId, DeviceRegistry.State.Retired, 4);
        vm.expectEmit(address(registry));
        emit IERC721.Transfer(HOME, address(0), deviceId);
        _retire();
        _assertDevice(DeviceRegistry.State.Retired, address(0), 4, START + WARRANTY);
        vm.assertEq(registry.balanceOf(HOME), 0);
        vm.assertEq(registry.firmwareOf(deviceId), FIRMWARE);
    }

    function test_retires_fromEveryState(uint8 state) public {
        uint8 from = state % 4 + 1;
        _bringTo(DeviceRegistry.State(from));
        _retire();
        vm.assertEq(uint256(registry.deviceOf(deviceId).state), uint256(DeviceRegistry.State.Retired));
        vm.assertEq(registry.deviceOf(deviceId).epoch, from + 1);
    }

    function test_reverts_forAnyoneElse(address sender) public {
        vm.assume(sender != HOME);
        _bringTo(DeviceRegistry.State.Registered);
        _expectWrongCaller(sender, HOME);
        vm.prank(sender);
        registry.retire(deviceId);
    }

    function test_reverts_forAnOperator() public {
        _bringTo(DeviceRegistry.State.Registered);
        vm.prank(HOME);
        registry.approve(OPERATOR, deviceId);
        _expectWrongCaller(OPERATOR, HOME);
        vm.prank(OPERATOR);
        registry.retire(deviceId);
    }

    function test_reverts_theSecondTime() public {
        _bringTo(DeviceRegistry.State.Retired);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, deviceId));
        vm.prank(HOME);
        registry.retire(deviceId);
    }
}
