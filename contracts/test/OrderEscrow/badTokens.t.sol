// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {MandateManager} from "../../src/MandateManager.sol";
import {OrderEscrow} from "../../src/OrderEscrow.sol";
import {TestDollar} from "../../src/TestDollar.sol";
import {EscrowTest} from "../support/EscrowTest.sol";
import {FeeToken, ReentrantToken} from "../support/Tokens.sol";

contract FeeTokenTest is EscrowTest {
    function _newToken() internal override returns (TestDollar) {
        return new FeeToken();
    }

    function test_refuses_aTokenThatTakesAFee() public {
        MandateManager.Mandate memory mandate = _granted();
        OrderEscrow.Basket[] memory baskets = _baskets(mandate, _order(_authorization(mandate, 1)));
        vm.expectEmit(address(escrow));
        emit OrderEscrow.Refused(0, abi.encodeWithSelector(OrderEscrow.ShortTransfer.selector, PRICE - 1, PRICE));
        escrow.authorize(baskets);
        vm.assertEq(dollar.balanceOf(address(escrow)), 0);
    }
}

contract ReentrantTokenTest is EscrowTest {
    function _newToken() internal override returns (TestDollar) {
        return new ReentrantToken();
    }

    /// @dev Every verb that moves money, called from within the transfer of an authorization.
    function test_refuses_toBeEnteredAgain() public {
        MandateManager.Mandate memory mandate = _granted();
        OrderEscrow.Terms memory terms = _place(mandate, 1);
        OrderEscrow.Capture memory item = _capture(terms, PRICE, DEVICE_KEY);
        bytes[7] memory calls = [
            abi.encodeCall(escrow.authorize, (new OrderEscrow.Basket[](0))),
            abi.encodeCall(escrow.ship, (_shipments(terms))),
            abi.encodeCall(escrow.capture, (_captures(item))),
            abi.encodeCall(escrow.cancel, (terms, _sign(DEVICE_KEY, _cancellationDigest(terms)))),
            abi.encodeCall(escrow.decline, (terms)),
            abi.encodeCall(escrow.reclaim, (terms)),
            abi.encodeCall(escrow.withdraw, (address(dollar)))
        ];
        OrderEscrow.Basket[] memory baskets = _baskets(mandate, _order(_authorization(mandate, 2)));
        for (uint256 i = 0; i < calls.length; ++i) {
            ReentrantToken(address(dollar)).callDuringTransfer(address(escrow), calls[i]);
            vm.expectEmit(address(escrow));
            emit OrderEscrow.Refused(
                0, abi.encodeWithSelector(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector)
            );
            escrow.authorize(baskets);
        }
        _assertState(terms, OrderEscrow.State.Authorized);
    }
}
