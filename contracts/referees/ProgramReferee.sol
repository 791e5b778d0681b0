// SPDX-License-Identifier: MIT
pragma solidity ^0.8.31;

import {Exact, Format} from "../Exact.sol";
import {Merkle, Place, TensorType} from "../Merkle.sol";
import {Shapes} from "../ops/Shapes.sol";
import {Types} from "../ops/Types.sol";
import {TileOpening} from "../Openings.sol";
import {Counts, LeafOpening, Programs, Value} from "../Programs.sol";
import {Case, IRecords, Referees} from "../Referee.sol";

/// @title Programs that break a rule of their format: nobody can say what such a job asks for, so it is void. See docs/formats.md, programs.
/// @notice Each function opens leaves of the job's program. A leaf that is looked at beside another one may be the broken one as well. What is
/// well-formed here is what a decoder takes (src/exact/format.ts), but for what no few leaves show and no result depends on: the names, a flag that
/// no op needs, constants that are too large all together.
contract ProgramReferee {
    error NotAConstant(uint256 value);

    uint256 private constant HEADER_WORDS = 10;
    uint256 private constant VALUE_WORDS = 7;
    uint256 private constant MAX_LEAF = 1024;
    uint256 private constant MAX_OPERANDS = 8;
    uint256 private constant MAX_BYTES = 2 ** 31;

    /// @notice The header of a program of `size` leaves is none, or counts other leaves.
    function header(Case calldata c, LeafOpening calldata e, uint64 size) external view returns (bytes32) {
        _verify(c.job.program, e, Place(0, size));
        return _void(!_isHeader(e.leaf, size));
    }

    /// @notice The leaf of a value is broken by itself.
    function value(Case calldata c, uint256 number, LeafOpening calldata e) external view returns (bytes32) {
        Counts memory counts = _counts(c);
        _verifyValue(c, counts, number, e);
        return _void(!_isValue(counts, number, e.leaf));
    }

    /// @notice A node is not of the type that its op gives for its operands, or its op does not take them. The leaves are those of the operands, in
    /// their order.
    function node(Case calldata c, uint256 number, LeafOpening calldata e, LeafOpening[] calldata operands)
        external
        view
        returns (bytes32)
    {
        Counts memory counts = _counts(c);
        (bool broken, Value memory own) = _open(c, counts, number, e);
        if (broken) return Referees.VOID_JOB;
        require(own.kind == Programs.NODE, Programs.NotANode(number));
        require(operands.length == own.operands.length, Merkle.BadProofLength(operands.length));
        TensorType[] memory types = new TensorType[](operands.length);
        for (uint256 i = 0; i < operands.length; ++i) {
            Value memory operand;
            (broken, operand) = _open(c, counts, own.operands[i], operands[i]);
            if (broken) return Referees.VOID_JOB;
            types[i] = TensorType(operand.dtype, operand.dims);
        }
        (bool ok, TensorType memory given) = Shapes.infer(own.op, types, own.attributes);
        return _void(!ok || !_isOf(own, given.dtype, given.dims));
    }

    /// @notice An output names no value.
    function output(Case calldata c, uint256 index, LeafOpening calldata e) external view returns (bytes32) {
        Counts memory counts = _counts(c);
        require(index < counts.outputs, Programs.NoSuchValue(index));
        uint256 values = Programs.valuesOf(counts);
        _verify(c.job.program, e, Place(1 + values + index, Programs.leavesOf(counts)));
        return _void(e.leaf.length != 32 || _word(e.leaf, 0) >= values);
    }

    /// @notice A carry names no parameter, no value, or two of different types; `parameter` and `from` are their leaves, where there are any.
    function carry(
        Case calldata c,
        uint256 index,
        LeafOpening calldata e,
        LeafOpening calldata parameter,
        LeafOpening calldata from
    ) external view returns (bytes32) {
        Counts memory counts = _counts(c);
        _verifyCarry(c, counts, index, e);
        if (!_isCarry(counts, e.leaf)) return Referees.VOID_JOB;
        (bool broken, Value memory target) = _open(c, counts, _word(e.leaf, 0), parameter);
        if (broken) return Referees.VOID_JOB;
        Value memory source;
        (broken, source) = _open(c, counts, _word(e.leaf, 1), from);
        return _void(broken || !_isOf(target, source.dtype, source.dims));
    }

    /// @notice Two carries go to one parameter.
    function carriedTwice(
        Case calldata c,
        uint256 first,
        LeafOpening calldata one,
        uint256 second,
        LeafOpening calldata other
    ) external view returns (bytes32) {
        Counts memory counts = _counts(c);
        _verifyCarry(c, counts, first, one);
        _verifyCarry(c, counts, second, other);
        if (!_isCarry(counts, one.leaf) || !_isCarry(counts, other.leaf)) return Referees.VOID_JOB;
        return _void(first != second && _word(one.leaf, 0) == _word(other.leaf, 0));
    }

    /// @notice An op is one that only named referees decide, and the header does not say so.
    function flag(Case calldata c, uint256 number, LeafOpening calldata e) external view returns (bytes32) {
        Counts memory counts = _counts(c);
        (bool broken, Value memory own) = _open(c, counts, number, e);
        bool isSaid = counts.flags & Programs.FLAG_NAMED_REFEREE != 0;
        return _void(broken || (own.kind == Programs.NODE && Shapes.isNamed(own.op) && !isSaid));
    }

    /// @notice The digest of a constant is that of a tensor of another form; `root` is that of its tiles.
    function constantForm(
        Case calldata c,
        uint256 number,
        LeafOpening calldata e,
        TensorType calldata form,
        bytes32 root
    ) external view returns (bytes32) {
        (bool broken, Value memory own) = _openConstant(c, number, e);
        if (broken) return Referees.VOID_JOB;
        bytes32 digest = Merkle.digestOf(form, root);
        require(digest == own.content, Merkle.RootMismatch(own.content, digest));
        return _void(!_isOf(own, form.dtype, form.dims));
    }

    /// @notice An element of a constant is none of its type: a bool that is neither 0 nor 1, a NaN in another form than the canonical one. The
    /// tile is that of the element, its digest the constant's.
    function constantElement(
        Case calldata c,
        uint256 number,
        LeafOpening calldata e,
        TileOpening calldata tile,
        uint256 element
    ) external view returns (bytes32) {
        (bool broken, Value memory own) = _openConstant(c, number, e);
        if (broken) return Referees.VOID_JOB;
        uint256 bits = Merkle.openElement(own.content, tile.form, element, tile.tile, tile.tilePath);
        if (own.dtype == Types.BOOL) return _void(bits > 1);
        require(Types.isFloat(own.dtype), Referees.NoFault());
        Format format = Types.formatOf(own.dtype);
        return _void(Exact.isNaN(bits, format) && bits != format.quietNaN());
    }

    // --- opening

    function _void(bool broken) private pure returns (bytes32) {
        require(broken, Referees.NoFault());
        return Referees.VOID_JOB;
    }

    function _counts(Case calldata c) private view returns (Counts memory) {
        return IRecords(msg.sender).countsOf(c.job.program);
    }

    function _verify(bytes32 program, LeafOpening calldata e, Place memory place) private view {
        Merkle.verifySized(program, Merkle.PROGRAM, Merkle.hashLeaf(e.leaf), place, e.path);
    }

    function _verifyValue(Case calldata c, Counts memory counts, uint256 number, LeafOpening calldata e) private view {
        require(number < Programs.valuesOf(counts), Programs.NoSuchValue(number));
        _verify(c.job.program, e, Place(1 + number, Programs.leavesOf(counts)));
    }

    function _verifyCarry(Case calldata c, Counts memory counts, uint256 index, LeafOpening calldata e) private view {
        require(index < counts.carries, Programs.NoSuchValue(index));
        uint256 place = 1 + Programs.valuesOf(counts) + counts.outputs + index;
        _verify(c.job.program, e, Place(place, Programs.leavesOf(counts)));
    }

    /// @dev A value out of its leaf, if the leaf is not broken.
    function _open(Case calldata c, Counts memory counts, uint256 number, LeafOpening calldata e)
        private
        view
        returns (bool broken, Value memory found)
    {
        _verifyValue(c, counts, number, e);
        if (!_isValue(counts, number, e.leaf)) return (true, found);
        return (false, Programs.decode(e.leaf));
    }

    function _openConstant(Case calldata c, uint256 number, LeafOpening calldata e)
        private
        view
        returns (bool broken, Value memory found)
    {
        (broken, found) = _open(c, _counts(c), number, e);
        require(broken || found.kind == Programs.CONSTANT, NotAConstant(number));
    }

    function _isOf(Value memory own, uint8 dtype, uint64[] memory dims) private pure returns (bool) {
        return own.dtype == dtype && keccak256(abi.encodePacked(own.dims)) == keccak256(abi.encodePacked(dims));
    }

    // --- rules

    function _isHeader(bytes calldata leaf, uint64 size) private pure returns (bool) {
        if (leaf.length != 32 * HEADER_WORDS || _word(leaf, 0) != 1 || _word(leaf, 1) != 1) return false;
        for (uint256 i = 2; i < 8; ++i) if (_word(leaf, i) > type(uint32).max) return false;
        if (_word(leaf, 8) > Programs.FLAG_NAMED_REFEREE) return false;
        unchecked {
            uint256 values = _word(leaf, 2) + _word(leaf, 3) + _word(leaf, 4) + _word(leaf, 5);
            (uint256 outputs, uint256 carries) = (_word(leaf, 6), _word(leaf, 7));
            if (1 + values + outputs + carries != size) return false;
            // The shortest that such a program is in bytes: each leaf stands behind its length.
            return 12 + 324 * (1 + values) + 36 * outputs + 68 * carries <= MAX_BYTES;
        }
    }

    function _isCarry(Counts memory counts, bytes calldata leaf) private pure returns (bool) {
        return leaf.length == 64 && _word(leaf, 0) < counts.parameters && _word(leaf, 1) < Programs.valuesOf(counts);
    }

    function _isValue(Counts memory counts, uint256 number, bytes calldata leaf) private pure returns (bool) {
        if (!_isCanonical(leaf)) return false;
        Value memory own = Programs.decode(leaf);
        if (own.kind != _kindOf(counts, number) || !_isTensor(own)) return false;
        if (own.kind == Programs.NODE) return _isNode(own, number);
        if (own.op != 0 || own.attributes.length != 0 || own.operands.length != 0) return false;
        if (own.kind != Programs.CONSTANT) return own.content == 0;
        return own.content != 0 && Shapes.sizeOf(own.dims) * Shapes.bytesOf(own.dtype) <= MAX_BYTES;
    }

    function _kindOf(Counts memory counts, uint256 number) private pure returns (uint8) {
        uint256 inputs = uint256(counts.parameters) + counts.inputs;
        if (number < counts.parameters) return Programs.PARAMETER;
        if (number < inputs) return Programs.INPUT;
        return number < inputs + counts.constants ? Programs.CONSTANT : Programs.NODE;
    }

    function _isTensor(Value memory own) private pure returns (bool) {
        int256[] memory dims = new int256[](own.dims.length);
        for (uint256 i = 0; i < dims.length; ++i) dims[i] = int256(uint256(own.dims[i]));
        return Shapes.isType(own.dtype) && Shapes.isSize(dims);
    }

    /// @dev What can be said of a node without its operands.
    function _isNode(Value memory own, uint256 number) private pure returns (bool) {
        uint256 count = own.operands.length;
        if (own.content != 0 || !Shapes.isOp(own.op) || count == 0 || count > MAX_OPERANDS) return false;
        uint256 wanted = Shapes.operandsOf(own.op);
        if (wanted != 0 && count != wanted) return false;
        for (uint256 i = 0; i < count; ++i) if (own.operands[i] >= number) return false;
        for (uint256 i = 0; i < own.attributes.length; ++i) {
            int256 word = own.attributes[i];
            if (word > Shapes.MAX_SAFE || word < -Shapes.MAX_SAFE) return false;
        }
        return Shapes.areAttributes(own.op, own.attributes);
    }

    // --- bytes

    /// @dev True for the encoding of kind, dtype, op, dims, attributes, operands and content that has one form: every offset where the bytes before
    /// end, zeros behind every list, nothing at the end, whole integers in the lists.
    function _isCanonical(bytes calldata leaf) private pure returns (bool) {
        if (leaf.length % 32 != 0 || leaf.length < 32 * VALUE_WORDS || leaf.length > MAX_LEAF) return false;
        if (_word(leaf, 0) > type(uint8).max || _word(leaf, 1) > type(uint8).max || _word(leaf, 2) > type(uint16).max) {
            return false;
        }
        uint256 end = VALUE_WORDS;
        for (uint256 list = 3; list < 6; ++list) {
            if (_word(leaf, list) != 32 * end || 32 * end == leaf.length) return false;
            uint256 length = _word(leaf, end++);
            if (length > leaf.length || length % (list == 5 ? 4 : 8) != 0) return false;
            uint256 words = (length + 31) / 32;
            if (32 * (end + words) > leaf.length) return false;
            end += words;
            // Bits behind the last byte of the list.
            if (length % 32 != 0 && _word(leaf, end - 1) << 8 * (length % 32) != 0) return false;
        }
        return 32 * end == leaf.length;
    }

    function _word(bytes calldata data, uint256 index) private pure returns (uint256) {
        return uint256(bytes32(data[32 * index:32 * index + 32]));
    }
}
