// SPDX-License-Identifier: MIT
pragma solidity ^0.8.31;

import {Merkle, Place} from "./Merkle.sol";

/// @notice How many values of each kind a program has, and its flags: what its header says. See docs/formats.md, programs.
struct Counts {
    uint32 parameters;
    uint32 inputs;
    uint32 constants;
    uint32 nodes;
    uint32 outputs;
    uint32 carries;
    uint32 flags;
}

/// @notice A leaf of a program's tree with its way to the root. Leaf 0 is the header, leaf 1 + v describes value v.
struct LeafOpening {
    bytes leaf;
    bytes32[] path;
}

/// @notice A value of a program, as its leaf says.
struct Value {
    uint8 kind;
    uint8 dtype;
    uint16 op;
    uint64[] dims;
    /// The attributes' words in the op table's order; a list stands behind its length.
    int256[] attributes;
    /// Numbers of the operands; ABSENT where an optional one is left out.
    uint32[] operands;
    bytes32 content;
}

/// @title Programs: the leaves of a program's tree, opened and read.
/// @notice A program root is sized, so it binds the number of leaves, and the header says how many leaves of each sort these are.
library Programs {
    error BadHeader();
    error BadLeaf();
    error NotANode(uint256 value);
    error NoSuchValue(uint256 value);

    uint8 internal constant PARAMETER = 0;
    uint8 internal constant INPUT = 1;
    uint8 internal constant CONSTANT = 2;
    uint8 internal constant NODE = 3;
    uint32 internal constant ABSENT = type(uint32).max;
    /// @notice Flag of a program with an op that only referees named in the policy decide.
    uint32 internal constant FLAG_NAMED_REFEREE = 1;

    uint256 private constant HEADER_BYTES = 320;
    uint256 private constant FORMAT_VERSION = 1;
    uint256 private constant NUMERICS_VERSION = 1;

    /// @notice Values of the program: parameters, inputs, constants and nodes.
    function valuesOf(Counts memory counts) internal pure returns (uint256) {
        unchecked {
            return uint256(counts.parameters) + counts.inputs + counts.constants + counts.nodes;
        }
    }

    /// @notice Leaves of the program's tree.
    function leavesOf(Counts memory counts) internal pure returns (uint256) {
        unchecked {
            return 1 + valuesOf(counts) + counts.outputs + counts.carries;
        }
    }

    /// @notice What the header of the program with this root counts. The number of leaves follows from it, and the root binds that.
    function countsOf(bytes32 program, LeafOpening calldata header) internal view returns (Counts memory counts) {
        require(header.leaf.length == HEADER_BYTES, BadHeader());
        uint256[9] memory words = abi.decode(header.leaf, (uint256[9]));
        require(words[0] == FORMAT_VERSION && words[1] == NUMERICS_VERSION, BadHeader());
        for (uint256 i = 2; i < 9; ++i) require(words[i] <= type(uint32).max, BadHeader());
        // casting to uint32 is safe: checked above
        counts = Counts(
            uint32(words[2]), uint32(words[3]), uint32(words[4]), uint32(words[5]), uint32(words[6]), uint32(words[7]), uint32(words[8])
        );
        _verify(program, header, 0, leavesOf(counts));
    }

    /// @notice The leaf of a value, found to stand in the program.
    function openValue(bytes32 program, Counts memory counts, uint256 value, LeafOpening calldata opening)
        internal
        view
        returns (Value memory)
    {
        require(value < valuesOf(counts), NoSuchValue(value));
        _verify(program, opening, 1 + value, leavesOf(counts));
        return decode(opening.leaf);
    }

    /// @notice The same for a value that is computed.
    function openNode(bytes32 program, Counts memory counts, uint256 value, LeafOpening calldata opening)
        internal
        view
        returns (Value memory node)
    {
        node = openValue(program, counts, value, opening);
        require(node.kind == NODE, NotANode(value));
    }

    /// @notice The value that is output number `index`.
    function openOutput(bytes32 program, Counts memory counts, uint256 index, LeafOpening calldata opening)
        internal
        view
        returns (uint256 value)
    {
        require(index < counts.outputs, NoSuchValue(index));
        _verify(program, opening, 1 + valuesOf(counts) + index, leavesOf(counts));
        require(opening.leaf.length == 32, BadLeaf());
        return abi.decode(opening.leaf, (uint32));
    }

    /// @notice Carry number `index`: after a step the parameter holds the value.
    function openCarry(bytes32 program, Counts memory counts, uint256 index, LeafOpening calldata opening)
        internal
        view
        returns (uint256 parameter, uint256 value)
    {
        require(index < counts.carries, NoSuchValue(index));
        _verify(program, opening, 1 + valuesOf(counts) + counts.outputs + index, leavesOf(counts));
        require(opening.leaf.length == 64, BadLeaf());
        return abi.decode(opening.leaf, (uint32, uint32));
    }

    function _verify(bytes32 program, LeafOpening calldata opening, uint256 index, uint256 size) private view {
        Merkle.verifySized(program, Merkle.PROGRAM, Merkle.hashLeaf(opening.leaf), Place(index, size), opening.path);
    }

    /// @notice A value from the bytes of its leaf.
    function decode(bytes calldata leaf) internal pure returns (Value memory value) {
        bytes memory dims;
        bytes memory attributes;
        bytes memory operands;
        (value.kind, value.dtype, value.op, dims, attributes, operands, value.content) =
            abi.decode(leaf, (uint8, uint8, uint16, bytes, bytes, bytes, bytes32));
        require(dims.length % 8 == 0 && attributes.length % 8 == 0 && operands.length % 4 == 0, BadLeaf());
        value.dims = new uint64[](dims.length / 8);
        for (uint256 i = 0; i < value.dims.length; ++i) value.dims[i] = uint64(_word(dims, i, 8));
        value.attributes = new int256[](attributes.length / 8);
        // casting to int64 is wanted: two's complement
        for (uint256 i = 0; i < value.attributes.length; ++i) value.attributes[i] = int64(uint64(_word(attributes, i, 8)));
        value.operands = new uint32[](operands.length / 4);
        for (uint256 i = 0; i < value.operands.length; ++i) value.operands[i] = uint32(_word(operands, i, 4));
    }

    /// @dev Big-endian integer number `index` of `width` bytes.
    function _word(bytes memory data, uint256 index, uint256 width) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := shr(sub(256, mul(8, width)), mload(add(add(data, 32), mul(index, width))))
        }
    }
}
