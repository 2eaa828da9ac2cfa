// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {MandateManager} from "../../src/MandateManager.sol";
import {OrderBook} from "../../src/OrderBook.sol";
import {OrderEscrow} from "../../src/OrderEscrow.sol";
import {EscrowTest} from "../support/EscrowTest.sol";

/// @dev A mandate holds for one device, key and epoch; the registry ends it.
contract DeviceTest is EscrowTest {
    address private constant MAKER = address(0x3A4E4);
    address private constant NEXT_HOME = address(0x2403E);

    uint256 private device;
    MandateManager.Mandate private mandate;

    function setUp() public override {
        super.setUp();
        vm.prank(MAKER);
        device = registry.make("serial", "W9000", "firmware");
        vm.prank(MAKER);
        registry.sell(device, PAYER, 730 days);
        _register(DEVICE);
        mandate = _mandate();
        mandate.deviceId = device;
        mandate.deviceEpoch = 3;
        _grant(mandate);
    }

    function test_placesOrdersOfARegisteredDevice() public {
        vm.assertEq(uint160(address(escrow.registry())), uint160(address(registry)));
        _place(mandate, 1);
        _place(mandate, 2);
    }

    function test_endsWithATransfer_inTheSameTransaction() public {
        _place(mandate, 1);
        vm.prank(PAYER);
        registry.transferFrom(PAYER, NEXT_HOME, device);
        _assertRefused(address(0), 4);
        vm.prank(NEXT_HOME);
        registry.register(device, DEVICE);
        _assertRefused(DEVICE, 5);
    }

    function test_endsWithANewKey() public {
        address key = vm.addr(STRANGER_KEY);
        _register(key);
        _assertRefused(key, 4);
    }

    function test_endsWithTheSameKeyAgain() public {
        _register(DEVICE);
        _assertRefused(DEVICE, 4);
    }

    function test_endsWithRetirement() public {
        vm.prank(PAYER);
        registry.retire(device);
        _assertRefused(address(0), 4);
    }

    function test_letsOpenOrdersGoOn() public {
        Placed memory placed = _place(mandate, 1);
        Placed memory second = _place(mandate, 2);
        vm.prank(PAYER);
        registry.retire(device);
        vm.prank(PAYER);
        escrow.cancel(second.terms, SELLER, second.id, "");
        _ship(placed);
        _capture(placed, PRICE);
        _assertState(placed, OrderBook.State.Captured);
        _assertState(second, OrderBook.State.Cancelled);
    }

    function test_grantsOnly_whatTheRegistrySays() public {
        // A consent for an epoch to come would outlive the transfer that is to end it.
        for (mandate.deviceEpoch = 2; mandate.deviceEpoch <= 4; mandate.deviceEpoch += 2) {
            _expectWrongDevice(device, DEVICE, 3);
            _grant(mandate);
        }
        mandate.deviceEpoch = 3;
        mandate.deviceKey = STRANGER;
        _expectWrongDevice(device, DEVICE, 3);
        _grant(mandate);
        mandate.deviceKey = DEVICE;
        mandate.deviceId = 1;
        _expectWrongDevice(1, address(0), 0);
        _grant(mandate);
    }

    function test_asksNothing_aboutADeviceThatIsNotRegistered() public {
        mandate.deviceId = 0;
        _grant(mandate);
        _place(mandate, 1);
    }

    function _register(address key) private {
        vm.prank(PAYER);
        registry.register(device, key);
    }

    function _assertRefused(address key, uint64 epoch) private {
        OrderEscrow.Section memory section = _section(mandate, _order(_authorization(mandate, 9)));
        vm.expectEmit(address(escrow));
        emit OrderEscrow.Refused(0, abi.encodeWithSelector(MandateManager.WrongDevice.selector, device, key, epoch));
        _authorize(section);
    }

    function _expectWrongDevice(uint256 id, address key, uint64 epoch) private {
        vm.expectRevert(abi.encodeWithSelector(MandateManager.WrongDevice.selector, id, key, epoch));
    }
}
