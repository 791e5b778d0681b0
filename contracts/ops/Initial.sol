// SPDX-License-Identifier: MIT
pragma solidity ^0.8.31;

import {Exact, Format} from "../Exact.sol";
import {Seeds} from "./Seeds.sol";
import {Types} from "./Types.sol";

/// @notice How one parameter starts. Gain and fan are 0 where the rule does not use them.
struct Rule {
    uint8 kind;
    uint32 gain;
    uint32 fan;
}

/// @title First weights: an element of a parameter before the first step, from its rule and the seed. See docs/formats.md, schedules.
library Initial {
    /// @notice A rule that breaks the format's.
    error BadRule();
    /// @notice Uniform numbers are float32 or float64.
    error NoUniform(uint256 dtype);

    uint8 private constant ZEROS = 0;
    uint8 private constant ONES = 1;
    uint8 private constant UNIFORM = 2;
    uint256 private constant RULE_BYTES = 96;

    /// @notice A rule from its leaf.
    function decode(bytes calldata leaf) internal pure returns (Rule memory rule) {
        require(leaf.length == RULE_BYTES, BadRule());
        rule = abi.decode(leaf, (Rule));
        bool hasBounds = rule.kind == UNIFORM ? rule.gain != 0 && rule.fan != 0 : rule.gain == 0 && rule.fan == 0;
        require(rule.kind <= UNIFORM && hasBounds, BadRule());
    }

    /// @notice The bits of an element. `parameter` is its number in the program.
    function elementOf(Rule memory rule, uint256 dtype, bytes32 seed, uint32 parameter, uint64 element)
        internal
        view
        returns (uint256)
    {
        if (rule.kind == ZEROS) return 0;
        if (rule.kind == ONES) return Types.isFloat(dtype) ? Exact.fromInteger(1, 0, Types.formatOf(dtype)) : 1;
        require(dtype == Types.FLOAT32 || dtype == Types.FLOAT64, NoUniform(dtype));
        Format format = Types.formatOf(dtype);
        uint256 draw = Seeds.integer24(seed, Seeds.streamOf(Seeds.WEIGHTS, 0, parameter), element);
        // An odd integer of 24 bits: exact in either format. Casting to int256 is safe.
        uint256 factor = Exact.fromInteger(2 * int256(draw) + 1 - 2 ** 24, -24, format);
        return Exact.mul(factor, _boundOf(rule, format), format);
    }

    /// @dev sqrt(gain / fan), quotient and root rounded in binary64, then once more to the format.
    function _boundOf(Rule memory rule, Format format) private pure returns (uint256) {
        uint256 gain = Exact.fromInteger(int256(uint256(rule.gain)), 0, Exact.BINARY64);
        uint256 fan = Exact.fromInteger(int256(uint256(rule.fan)), 0, Exact.BINARY64);
        uint256 bound = Exact.sqrt(Exact.div(gain, fan, Exact.BINARY64), Exact.BINARY64);
        return Exact.convert(bound, Exact.BINARY64, format);
    }
}
