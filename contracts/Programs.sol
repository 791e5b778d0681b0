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

/// @notice The last leaves of a program's tree together: all carries, or all outputs and all carries.
struct EndsOpening {
    /// Numbers of the values, 4 bytes each; empty where the carries alone are opened.
    bytes outputs;
    /// Parameter and value of each, 4 bytes each.
    bytes carries;
    /// The hashes beside their way to the root, all of them on the left.
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
    /// Bytes of an output and of a carry where all of them are opened.
    uint256 private constant OUTPUT = 4;
    uint256 private constant CARRY = 8;
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

    /// @notice Reverts unless these are all carries of the program, and unless there are no outputs or these are all of them. Cost: about 1,000
    /// gas for each, where leaves that are opened one by one cost fifteen times as much.
    function verifyEnds(bytes32 program, Counts memory counts, EndsOpening calldata ends) internal view {
        bytes32[] memory hashes = _hashEnds(ends);
        uint256 outputs = ends.outputs.length / OUTPUT;
        bool fits = ends.outputs.length == outputs * OUTPUT && ends.carries.length == uint256(counts.carries) * CARRY;
        require(fits && (outputs == 0 || outputs == counts.outputs), BadLeaf());
        if (hashes.length == 0) return;
        uint256 size = leavesOf(counts);
        bytes32 root = Merkle.rootFromEnd(hashes, size, ends.path);
        bytes32 found = Merkle.sizedRoot(Merkle.PROGRAM, size, root);
        require(found == program, Merkle.RootMismatch(program, found));
    }

    /// @notice The value of carry number `index`, and the parameter that takes it.
    function carryAt(bytes calldata carries, uint256 index) internal pure returns (uint256 parameter, uint256 value) {
        assembly ("memory-safe") {
            let word := calldataload(add(carries.offset, mul(index, CARRY)))
            parameter := shr(224, word)
            value := and(shr(192, word), 0xffffffff)
        }
    }

    /// @notice The value of output number `index`.
    function outputAt(bytes calldata outputs, uint256 index) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := shr(224, calldataload(add(outputs.offset, mul(index, OUTPUT))))
        }
    }

    /// @dev The hashes of the leaves of outputs, 32 bytes each, and carries, 64.
    function _hashEnds(EndsOpening calldata ends) private view returns (bytes32[] memory hashes) {
        uint256 outputs = ends.outputs.length / OUTPUT;
        uint256 carries = ends.carries.length / CARRY;
        hashes = new bytes32[](outputs + carries);
        unchecked {
            for (uint256 i = 0; i < outputs; ++i) hashes[i] = _hashWords(outputAt(ends.outputs, i), 0, 33);
            for (uint256 i = 0; i < carries; ++i) {
                (uint256 parameter, uint256 value) = carryAt(ends.carries, i);
                hashes[outputs + i] = _hashWords(parameter, value, 65);
            }
        }
    }

    /// @dev SHA-256 over the first `size` bytes of 0x00 || one || other.
    function _hashWords(uint256 one, uint256 other, uint256 size) private view returns (bytes32 leaf) {
        assembly ("memory-safe") {
            // Above the free memory pointer nothing is kept.
            let free := mload(0x40)
            mstore8(free, 0)
            mstore(add(free, 1), one)
            mstore(add(free, 33), other)
            let done := staticcall(gas(), 2, free, size, 0, 32)
            if iszero(and(done, eq(returndatasize(), 32))) { revert(0, 0) }
            leaf := mload(0)
        }
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
