// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {DeviceRegistry} from "../../src/DeviceRegistry.sol";
import {RegistryTest} from "../support/RegistryTest.sol";

contract SellTest is RegistryTest {
    function test_sells() public {
        _make();
        vm.expectEmit(address(registry));
        emit DeviceRegistry.DeviceSold(deviceId, HOME, START + WARRANTY);
        vm.expectEmit(address(registry));
        emit DeviceRegistry.DeviceReleased(deviceId, DeviceRegistry.State.Sold, 2);
        vm.expectEmit(address(registry));
        emit IERC721.Transfer(MAKER, HOME, deviceId);
        _sell();
        _assertDevice(DeviceRegistry.State.Sold, address(0), 2, START + WARRANTY);
        _assertOwner(HOME);
    }

    function test_countsTheWarrantyFromTheSale(uint32 warrantySeconds, uint32 wait) public {
        _make();
        vm.warp(uint256(START) + wait);
        vm.prank(MAKER);
        registry.sell(deviceId, HOME, warrantySeconds);
        vm.assertEq(registry.deviceOf(deviceId).warrantyEnd, uint256(START) + wait + warrantySeconds);
    }

    function test_keepsTheWarranty_ofADeviceThatGoesOn() public {
        _bringTo(DeviceRegistry.State.Transferred);
        vm.assertEq(registry.deviceOf(deviceId).warrantyEnd, START + WARRANTY);
        _retire();
        vm.assertEq(registry.deviceOf(deviceId).warrantyEnd, START + WARRANTY);
    }

    function test_letsAMakerKeepADevice() public {
        _make();
        vm.prank(MAKER);
        registry.sell(deviceId, MAKER, 0);
        _assertDevice(DeviceRegistry.State.Sold, address(0), 2, START);
        _assertOwner(MAKER);
    }

    function test_reverts_forAnyoneElse(address sender) public {
        vm.assume(sender != MAKER);
        _make();
        _expectWrongCaller(sender, MAKER);
        vm.prank(sender);
        registry.sell(deviceId, HOME, WARRANTY);
    }

    function test_reverts_forAnOperator() public {
        _make();
        vm.prank(MAKER);
        registry.setApprovalForAll(OPERATOR, true);
        _expectWrongCaller(OPERATOR, MAKER);
        vm.prank(OPERATOR);
        registry.sell(deviceId, HOME, WARRANTY);
    }

    function test_reverts_whenItIsSold(uint8 state) public {
        DeviceRegistry.State sold = DeviceRegistry.State(state % 3 + 2);
        _bringTo(sold);
        address owner = registry.ownerOf(deviceId);
        _expectWrongState(sold, DeviceRegistry.State.Made);
        vm.prank(owner);
        registry.sell(deviceId, NEXT_HOME, WARRANTY);
    }

    function test_reverts_withoutABuyer() public {
        _make();
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721InvalidReceiver.selector, address(0)));
        vm.prank(MAKER);
        registry.sell(deviceId, address(0), WARRANTY);
    }

    function test_reverts_forADeviceThatIsNotThere() public {
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, deviceId));
        _sell();
    }
}
