// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title What a contract that trusts device keys asks the registry
interface IDeviceRegistry {
    /// @notice The key that signs for a device now, and the epoch of that key. A signature counts only for a device whose
    ///         key and epoch are both what the signer was promised.
    /// @dev    Never reverts. Reads one slot.
    /// @return deviceKey 0 while nobody signs for the device: unknown, made, sold, transferred or retired.
    /// @return epoch     Rises with every change of key or owner and never falls; 0 only for an unknown device.
    function keyOf(uint256 deviceId) external view returns (address deviceKey, uint64 epoch);
}
