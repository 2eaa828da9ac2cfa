// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IERC721Receiver} from "@openzeppelin/contracts/token/ERC721/IERC721Receiver.sol";
import {DeviceRegistry} from "../../src/DeviceRegistry.sol";
import {RegistryTest} from "../support/RegistryTest.sol";

contract TransferFromTest is RegistryTest, IERC721Receiver {
    function test_transfers() public {
        _bringTo(DeviceRegistry.State.Registered);
        vm.expectEmit(address(registry));
        emit DeviceRegistry.DeviceReleased(deviceId, DeviceRegistry.State.Transferred, 4);
        vm.expectEmit(address(registry));
        emit IERC721.Transfer(HOME, NEXT_HOME, deviceId);
        _transfer();
        _assertDevice(DeviceRegistry.State.Transferred, address(0), 4, START + WARRANTY);
        _assertOwner(NEXT_HOME);
    }

    function test_transfers_whatIsNotRegistered() public {
        _bringTo(DeviceRegistry.State.Sold);
        _transfer();
        vm.prank(NEXT_HOME);
        registry.transferFrom(NEXT_HOME, HOME, deviceId);
        _assertDevice(DeviceRegistry.State.Transferred, address(0), 4, START + WARRANTY);
        _assertOwner(HOME);
    }

    function test_transfers_byWhomTheOwnerApproved() public {
        _bringTo(DeviceRegistry.State.Registered);
        vm.prank(HOME);
        registry.approve(OPERATOR, deviceId);
        vm.prank(OPERATOR);
        registry.transferFrom(HOME, NEXT_HOME, deviceId);
        _assertDevice(DeviceRegistry.State.Transferred, address(0), 4, START + WARRANTY);
    }

    function test_endsTheKey_inTheSameTransaction_whenItIsSafe() public {
        _bringTo(DeviceRegistry.State.Registered);
        vm.prank(HOME);
        registry.safeTransferFrom(HOME, address(this), deviceId);
        _assertDevice(DeviceRegistry.State.Transferred, address(0), 4, START + WARRANTY);
        _assertOwner(address(this));
    }

    /// @dev The receiver already sees the epoch of its own.
    function onERC721Received(address, address, uint256, bytes calldata) external view returns (bytes4) {
        _assertDevice(DeviceRegistry.State.Transferred, address(0), 4, START + WARRANTY);
        return IERC721Receiver.onERC721Received.selector;
    }

    function test_reverts_forAnyoneElse(address sender) public {
        vm.assume(sender != HOME && sender != address(0));
        _bringTo(DeviceRegistry.State.Registered);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721InsufficientApproval.selector, sender, deviceId));
        vm.prank(sender);
        registry.transferFrom(HOME, NEXT_HOME, deviceId);
    }

    function test_reverts_forTheFormerOwner() public {
        _bringTo(DeviceRegistry.State.Transferred);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721IncorrectOwner.selector, HOME, deviceId, NEXT_HOME));
        vm.prank(NEXT_HOME);
        registry.transferFrom(HOME, NEXT_HOME, deviceId);
    }

    function test_reverts_beforeTheSale() public {
        _make();
        _expectWrongState(DeviceRegistry.State.Made, DeviceRegistry.State.Sold);
        vm.prank(MAKER);
        registry.transferFrom(MAKER, HOME, deviceId);
    }

    function test_reverts_onceRetired() public {
        _bringTo(DeviceRegistry.State.Retired);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, deviceId));
        _transfer();
    }
}
