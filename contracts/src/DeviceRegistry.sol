// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {IDeviceRegistry} from "./IDeviceRegistry.sol";

/// @title Who made a device, who owns it, and which key signs for it
/// @notice made → sold → registered ⇄ transferred → retired. A device is an ERC-721 token of its owner. Every change of
///         key or owner raises the device's epoch in the same transaction, and a mandate names the epoch: so a transfer
///         ends the old owner's mandates. Nobody owns, upgrades or pauses the registry.
/// @dev    One slot per device and one for its firmware. An id is the hash of its maker and a serial hash, so that
///         nobody can take the id that somebody else is about to make. Times are chain seconds.
contract DeviceRegistry is ERC721, IDeviceRegistry {
    enum State {
        None,
        Made,
        Sold,
        Registered,
        Transferred,
        Retired
    }

    /// @notice All that is stored of a device but its owner and firmware: one slot.
    struct Device {
        /// Signs for the device; 0 unless it is registered.
        address key;
        /// 1 when made; rises by one with every change of key or owner.
        uint40 epoch;
        /// First second that the maker's warranty does not cover any more; 0 before the sale.
        uint48 warrantyEnd;
        State state;
    }

    /// @notice A maker vouches for a new device. `serialHash` hides the serial number, `model` is the maker's own word.
    event DeviceMade(uint256 indexed deviceId, address indexed maker, bytes32 serialHash, bytes32 indexed model);

    /// @notice The maker gave the device to its first owner.
    event DeviceSold(uint256 indexed deviceId, address indexed buyer, uint48 warrantyEnd);

    /// @notice From now on mandates with `deviceKey` and this epoch hold, and no others. Orders that were placed before
    ///         keep the key that placed them.
    event DeviceRegistered(uint256 indexed deviceId, address indexed owner, address indexed deviceKey, uint64 epoch);

    /// @notice Nobody signs for the device any more: it has a new owner or is retired. `epoch` is the new one.
    event DeviceReleased(uint256 indexed deviceId, State state, uint64 epoch);

    /// @notice The hash of the firmware that the device runs, by the word of `reporter`.
    event FirmwareReported(uint256 indexed deviceId, bytes32 indexed firmware, address indexed reporter);

    /// @notice A field that must not be zero is.
    error MissingField(string field);
    /// @notice The sender is not who may do this: the device's owner is `expected`.
    error WrongCaller(address actual, address expected);
    /// @notice The device is in another state than this needs; `expected` is the first that would do.
    error WrongDeviceState(uint256 deviceId, State actual, State expected);

    /// @notice Hash of the firmware that the device was last said to run; 0 when nobody has said.
    mapping(uint256 deviceId => bytes32) public firmwareOf;

    mapping(uint256 deviceId => Device) private _devices;

    constructor() ERC721("ADEPT Device", "DEVICE") {}

    /// @notice Makes a device: the sender is its maker for good and its owner until the sale.
    /// @custom:who   Anyone; the id names the sender as the maker.
    /// @custom:when  Any time, once per maker and serial hash.
    /// @custom:state None → Made; epoch 1, no key.
    /// @param serialHash Hash of the serial number with a salt, for serial numbers can be guessed. Not zero.
    /// @param model      The maker's name or hash of the model; goes into the log only.
    /// @param firmware   Hash of the firmware that the device leaves the factory with; 0 when it has none.
    function make(bytes32 serialHash, bytes32 model, bytes32 firmware) external returns (uint256 deviceId) {
        if (serialHash == 0) revert MissingField("serialHash");
        deviceId = deviceIdOf(msg.sender, serialHash);
        _checkState(deviceId, State.None);

        _devices[deviceId] = Device({key: address(0), epoch: 1, warrantyEnd: 0, state: State.Made});
        emit DeviceMade(deviceId, msg.sender, serialHash, model);
        if (firmware != 0) _reportFirmware(deviceId, firmware);
        _mint(msg.sender, deviceId);
    }

    /// @notice Gives a new device to its first owner and starts the maker's warranty.
    /// @custom:who   The maker.
    /// @custom:when  Any time, once.
    /// @custom:state Made → Sold; epoch + 1, no key.
    /// @param buyer           The first owner; not asked whether it can hold ERC-721 tokens.
    /// @param warrantySeconds Length of the warranty from this second on; 0 for none.
    function sell(uint256 deviceId, address buyer, uint32 warrantySeconds) external {
        _checkOwner(deviceId);
        _checkState(deviceId, State.Made);

        uint48 warrantyEnd = SafeCast.toUint48(block.timestamp + warrantySeconds);
        _devices[deviceId].warrantyEnd = warrantyEnd;
        emit DeviceSold(deviceId, buyer, warrantyEnd);
        _release(deviceId, State.Sold);
        _transfer(msg.sender, buyer, deviceId);
    }

    /// @notice Says which key signs for the device from now on. A registered device gets a new key by it: mandates which
    ///         name the key before are over, even when it is the same key again.
    /// @dev    The key need not prove itself: a mandate that names a wrong one risks only its own payer's money.
    /// @custom:who   The owner; an operator of the owner may not.
    /// @custom:when  Any time after the sale.
    /// @custom:state Sold, Registered or Transferred → Registered; epoch + 1, the new key.
    /// @param deviceKey Address of the device's secp256k1 key. Not zero.
    function register(uint256 deviceId, address deviceKey) external {
        _checkOwner(deviceId);
        _checkSold(deviceId);
        if (deviceKey == address(0)) revert MissingField("deviceKey");

        Device storage device = _devices[deviceId];
        device.key = deviceKey;
        device.state = State.Registered;
        emit DeviceRegistered(deviceId, msg.sender, deviceKey, ++device.epoch);
    }

    /// @notice Gives the device to a new owner and ends every mandate that names it. `safeTransferFrom` does the same.
    /// @custom:who   The owner, or whom the owner has approved by ERC-721.
    /// @custom:when  Any time after the sale; the first owner gets the device by `sell`.
    /// @custom:state Sold, Registered or Transferred → Transferred; epoch + 1, no key until the new owner registers one.
    /// @param from     The owner.
    /// @param to       The new owner.
    /// @param deviceId The device.
    function transferFrom(address from, address to, uint256 deviceId) public override {
        _checkSold(deviceId);

        _release(deviceId, State.Transferred);
        super.transferFrom(from, to, deviceId);
    }

    /// @notice Ends a device for good and every mandate that names it. Its token is burned; its id is never free again.
    /// @custom:who   The owner; an operator of the owner may not.
    /// @custom:when  Any time.
    /// @custom:state Made, Sold, Registered or Transferred → Retired; epoch + 1, no key. Final.
    function retire(uint256 deviceId) external {
        _checkOwner(deviceId);

        _release(deviceId, State.Retired);
        _burn(deviceId);
    }

    /// @notice Says which firmware the device runs. It changes no mandate: the gateway suspends buying when it is new.
    /// @custom:who   The owner or the device key.
    /// @custom:when  Any time until it is retired.
    /// @custom:state Unchanged; the firmware hash is.
    /// @param firmware SHA-256 of the firmware. Not zero.
    function reportFirmware(uint256 deviceId, bytes32 firmware) external {
        if (msg.sender != _devices[deviceId].key) _checkOwner(deviceId);
        if (firmware == 0) revert MissingField("firmware");

        _reportFirmware(deviceId, firmware);
    }

    /// @inheritdoc IDeviceRegistry
    function keyAndEpoch(uint256 deviceId) external view returns (address key, uint64 epoch) {
        Device storage device = _devices[deviceId];
        return (device.key, device.epoch);
    }

    /// @notice What is stored of a device; all zero for one that was never made.
    function deviceOf(uint256 deviceId) external view returns (Device memory) {
        return _devices[deviceId];
    }

    /// @notice The id of a maker's device, known before it is made.
    function deviceIdOf(address maker, bytes32 serialHash) public pure returns (uint256) {
        return uint256(keccak256(abi.encode(maker, serialHash)));
    }

    /// @dev Ends the key and the epoch; the owner changes in the same transaction.
    function _release(uint256 deviceId, State state) private {
        Device storage device = _devices[deviceId];
        device.key = address(0);
        device.state = state;
        emit DeviceReleased(deviceId, state, ++device.epoch);
    }

    function _reportFirmware(uint256 deviceId, bytes32 firmware) private {
        firmwareOf[deviceId] = firmware;
        emit FirmwareReported(deviceId, firmware, msg.sender);
    }

    function _checkOwner(uint256 deviceId) private view {
        address owner = _requireOwned(deviceId);
        if (msg.sender != owner) revert WrongCaller(msg.sender, owner);
    }

    function _checkSold(uint256 deviceId) private view {
        if (_devices[deviceId].state == State.Made) revert WrongDeviceState(deviceId, State.Made, State.Sold);
    }

    function _checkState(uint256 deviceId, State expected) private view {
        State actual = _devices[deviceId].state;
        if (actual != expected) revert WrongDeviceState(deviceId, actual, expected);
    }
}
