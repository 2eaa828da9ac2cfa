// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title What the escrow asks of a device registry
interface IDeviceRegistry {
    /// @notice The key with which a registered device signs now, and its epoch, which rises with every change of key or
    ///         owner and never falls.
    /// @dev    Never reverts. Reads one slot.
    /// @param deviceId Token id of the device, never 0.
    /// @return key   0 while nobody signs for the device: unknown, made, sold, transferred or retired.
    /// @return epoch 0 only for a device that was never made.
    function keyAndEpoch(uint256 deviceId) external view returns (address key, uint64 epoch);
}
