// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {DeviceRegistry} from "../../src/DeviceRegistry.sol";
import {RegistryTest} from "../support/RegistryTest.sol";

/// @dev Does what is legal at the moment, so that any revert is a fault, and keeps its own count of the epoch.
contract Handler is RegistryTest {
    uint256 public epochs;
    uint256 public lastEpoch;
    bool public epochFell;
    bool public leftRetirement;
    bool public keptKeyOfFormerOwner;

    constructor() {
        setUp();
    }

    /// @dev Once: forge would call it as it calls the other functions.
    function setUp() public override {
        if (address(registry) == address(0)) super.setUp();
    }

    function make() external watched {
        if (_state() != DeviceRegistry.State.None) return;
        _make();
        ++epochs;
    }

    function sell(bool toNextHome) external watched {
        if (_state() != DeviceRegistry.State.Made) return;
        vm.prank(MAKER);
        registry.sell(deviceId, toNextHome ? NEXT_HOME : HOME, WARRANTY);
        ++epochs;
    }

    function register(address key) external watched {
        if (!_isSold() || key == address(0)) return;
        vm.prank(registry.ownerOf(deviceId));
        registry.register(deviceId, key);
        ++epochs;
    }

    function transfer(address to) external watched {
        if (!_isSold() || to == address(0)) return;
        address owner = registry.ownerOf(deviceId);
        vm.prank(owner);
        registry.transferFrom(owner, to, deviceId);
        ++epochs;
        (address key,) = registry.keyAndEpoch(deviceId);
        if (key != address(0)) keptKeyOfFormerOwner = true;
    }

    /// @dev Seldom, or little else would happen.
    function retire(uint8 chance) external watched {
        if (chance > 8 || !_isOwned()) return;
        _retire();
        ++epochs;
    }

    function reportFirmware(bytes32 firmware) external watched {
        if (!_isOwned() || firmware == 0) return;
        vm.prank(registry.ownerOf(deviceId));
        registry.reportFirmware(deviceId, firmware);
    }

    function device() external view returns (DeviceRegistry.Device memory) {
        return registry.deviceOf(deviceId);
    }

    modifier watched() {
        bool wasRetired = _state() == DeviceRegistry.State.Retired;
        _;
        if (wasRetired && _state() != DeviceRegistry.State.Retired) leftRetirement = true;
        uint256 epoch = registry.deviceOf(deviceId).epoch;
        if (epoch < lastEpoch) epochFell = true;
        lastEpoch = epoch;
    }

    function _state() private view returns (DeviceRegistry.State) {
        return registry.deviceOf(deviceId).state;
    }

    function _isOwned() private view returns (bool) {
        return _state() != DeviceRegistry.State.None && _state() != DeviceRegistry.State.Retired;
    }

    function _isSold() private view returns (bool) {
        return _isOwned() && _state() != DeviceRegistry.State.Made;
    }
}

contract DeviceLifeTest is RegistryTest {
    Handler private _handler;

    function setUp() public override {
        _handler = new Handler();
    }

    function targetContracts() external view returns (address[] memory contracts) {
        contracts = new address[](1);
        contracts[0] = address(_handler);
    }

    function invariant_raisesTheEpoch_withEveryChangeOfKeyOrOwner() public view {
        vm.assertEq(_handler.device().epoch, _handler.epochs());
        vm.assertTrue(!_handler.epochFell());
    }

    function invariant_neverLeavesRetirement() public view {
        vm.assertTrue(!_handler.leftRetirement());
    }

    function invariant_hasAKey_onlyWhileRegistered() public view {
        DeviceRegistry.Device memory device = _handler.device();
        vm.assertTrue((device.key != address(0)) == (device.state == DeviceRegistry.State.Registered));
        vm.assertTrue(!_handler.keptKeyOfFormerOwner());
    }
}
