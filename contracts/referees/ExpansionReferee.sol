// SPDX-License-Identifier: MIT
pragma solidity ^0.8.31;

import {Exact, Format} from "../Exact.sol";
import {Grid, Merkle, Place, TensorType} from "../Merkle.sol";
import {Openings, StepOpening, TileOpening} from "../Openings.sol";
import {Groups, Summed} from "../ops/Groups.sol";
import {Types} from "../ops/Types.sol";
import {Counts, LeafOpening, Programs} from "../Programs.sol";
import {Case, IRecords, Referees} from "../Referee.sol";

/// @notice A tensor without its elements: its form, the root of its tiles, and its digest's way to the values of the step. Tiles are then opened from
/// that root. It costs less than the operand's leaf of the program and binds the same, where the form is not itself in dispute (BindingReferee).
struct FormOpening {
    TensorType form;
    bytes32 root;
    bytes32[] path;
}

/// @notice The expanded element.
struct ExpansionSubject {
    StepOpening step;
    /// Number of the value, and its leaf of the program.
    uint32 value;
    uint64 element;
    LeafOpening node;
    /// All operands, in their order.
    FormOpening[] operands;
}

/// @notice The expansion's root, from the inside.
struct ExpansionSize {
    ExpansionSubject subject;
    uint64 size;
    bytes32 root;
}

/// @notice One leaf of the expansion.
struct ExpansionLeaf {
    ExpansionSubject subject;
    uint64 index;
    LeafOpening leaf;
}

/// @notice A group that shares a grid, and one of its members.
struct GroupEvidence {
    ExpansionSubject subject;
    /// The leaf that names the group's witness.
    uint64 index;
    /// Of a product: 0 left, 1 right.
    uint8 side;
    /// The member that is larger: of a product the element of the operand, else the place in the group.
    uint64 member;
    LeafOpening head;
    /// The tile with the member's element; of a block above the lowest level, the last leaf of the block whose sum it is.
    LeafOpening item;
}

/// @notice One number of grid units.
struct TermEvidence {
    ExpansionSubject subject;
    /// The leaf of units, and which of them.
    uint64 index;
    uint64 term;
    LeafOpening head;
    LeafOpening units;
    /// As in GroupEvidence; empty where the term counts nothing.
    LeafOpening item;
    /// The tile with an update's index.
    LeafOpening gate;
}

/// @notice Sums and what they follow from; what a function does not look at stays empty.
struct TailEvidence {
    ExpansionSubject subject;
    /// The leaf with the sums.
    uint64 index;
    /// Of a block: 0 for the first 512, 1 for the rest.
    uint8 side;
    /// The last such leaf, where there is one.
    LeafOpening before;
    LeafOpening head;
    LeafOpening left;
    LeafOpening right;
    LeafOpening tail;
}

/// @notice The element and the last leaf of its expansion.
struct ResultEvidence {
    ExpansionSubject subject;
    /// Of a line: its first leaf.
    LeafOpening head;
    LeafOpening last;
    TileOpening output;
}

/// @title Faults of expansions: an element of a sum or product does not follow from its operands. See docs/formats.md, expansions.
/// @notice A provider commits the expansion of one element when it is demanded. Each function checks one step of the way from the operands to
/// the element, at a cost that does not depend on the size of anything. Choices among several (maxima, scatters) are ChoiceReferee's.
contract ExpansionReferee {
    error NotExpanded();
    error WrongEvidence();
    error WrongLeaf(uint256 index);
    error Malformed(uint256 index);
    error NotAMember(uint256 member);

    /// @dev Words of a leaf, and how many of them have a sign.
    struct Words {
        uint256 count;
        uint256 signed;
        /// Bytes of one unit; 0 for leaves of words.
        uint256 width;
    }

    /// @dev What is known of the expansion.
    struct Known {
        bytes32 values;
        Counts counts;
        bytes32 expansion;
        uint256 size;
        uint8 kind;
        Summed x;
    }

    // ---------------------------------------------------------------- faults of the tree

    /// @notice The expansion has another number of leaves than the element's op demands.
    function size(Case calldata c, ExpansionSize calldata e) external view returns (bytes32) {
        Known memory known = _open(c, e.subject);
        require(known.expansion == Merkle.sizedRoot(Merkle.EXPANSION, e.size, e.root), WrongEvidence());
        return Referees.demandApart(e.size != known.size);
    }

    /// @notice A leaf is not the encoding of its fields.
    function malformed(Case calldata c, ExpansionLeaf calldata e) external view returns (bytes32) {
        Known memory known = _open(c, e.subject);
        _verify(known, e.index, e.leaf);
        return Referees.demandApart(_isMalformed(known, e.index, e.leaf.leaf));
    }

    // ---------------------------------------------------------------- faults of groups

    /// @notice The witness is no member of its group, or its magnitude is not the one that the leaf states.
    function witness(Case calldata c, GroupEvidence calldata e) external view returns (bytes32) {
        Known memory known = _open(c, e.subject);
        (uint256 named, uint256 max) = _head(known, e);
        if (!_isMember(known, e, named)) {
            // Without a group both are 0.
            return Referees.demandApart(_hasGroup(known, e) || named != 0 || max != 0);
        }
        return Referees.demandApart(_magnitudeOf(known, e, named) != max);
    }

    /// @notice Another member is larger than the leaf states, or as large and before the witness.
    function larger(Case calldata c, GroupEvidence calldata e) external view returns (bytes32) {
        Known memory known = _open(c, e.subject);
        (uint256 named, uint256 max) = _head(known, e);
        require(_isMember(known, e, e.member), NotAMember(e.member));
        uint256 found = _magnitudeOf(known, e, e.member);
        return Referees.demandApart(found > max || (found == max && e.member < named));
    }

    // ---------------------------------------------------------------- faults of terms

    /// @notice A number of units is not that of its element.
    function rounded(Case calldata c, TermEvidence calldata e) external view returns (bytes32) {
        Known memory known = _open(c, e.subject);
        uint256 head = known.kind == Groups.LINE ? 0 : e.index - e.index % 4;
        bytes calldata units = _leaf(known, e.index, e.units);
        bytes calldata words = _leaf(known, head, e.head);
        uint256 width = _wordsOf(known, e.index).width;
        require(width != 0, WrongLeaf(e.index));
        require(e.term * width < units.length, NotAMember(e.term));
        int256 found = _unit(units, e.term, width);
        if (known.kind == Groups.PRODUCT) return Referees.demandApart(found != _productUnits(known, e, words));
        if (known.kind == Groups.BLOCKS) return Referees.demandApart(found != _blockUnits(known, e, words));
        return Referees.demandApart(found != _lineUnits(known, e, words));
    }

    function _productUnits(Known memory known, TermEvidence calldata e, bytes calldata head)
        private
        view
        returns (int256)
    {
        uint256 side = e.index % 4 - 1;
        Format format = Types.formatOf(known.x.node.dtype);
        uint256 scale = _scaleOf(_word(head, 2 * side + 1), format, true);
        if (_isVoid(scale, format)) return 0;
        (bool inside, uint256 element) = Groups.termOf(known.x, e.index / 4, side, e.term);
        if (!inside) return 0;
        return Exact.units(_elementOf(e.subject, side, element, e.item), scale, Groups.PRODUCT_BITS, format);
    }

    function _blockUnits(Known memory known, TermEvidence calldata e, bytes calldata head)
        private
        view
        returns (int256)
    {
        Groups.Block memory found = Groups.blockOf(known.x, e.index / 4);
        uint256 scale = _blockScale(known, found, _word(head, 1));
        if (_isVoid(scale, Exact.BINARY64)) return 0;
        uint256 place = found.from + (e.index % 4 - 1) * Groups.TERMS + e.term;
        uint256 number = _summand(known, e.subject, found, place, e.item);
        return Exact.units(number, scale, Groups.BLOCK_BITS, Exact.BINARY64);
    }

    function _lineUnits(Known memory known, TermEvidence calldata e, bytes calldata head)
        private
        view
        returns (int256)
    {
        (uint256 members, uint256 bits) = Groups.lineGridOf(known.x);
        uint256 scale = _scaleOf(_word(head, 1), Exact.BINARY64, known.x.node.dtype == Types.FLOAT64);
        if (members != 0 && _isVoid(scale, Exact.BINARY64)) return 0;
        (uint256 operand, uint256 element) = Groups.lineTermOf(known.x, e.index / 2 * Groups.TERMS + e.term);
        // An update of another place counts nothing.
        if (operand == 2 && _elementOf(e.subject, 1, element, e.gate) != Groups.placeOf(known.x)) return 0;
        uint256 found = _elementOf(e.subject, operand, element, e.item);
        uint8 dtype = known.x.node.dtype;
        if (members != 0) return Exact.units(_wide(dtype, found), scale, bits, Exact.BINARY64);
        // casting to int64 is wanted: sums of integers are modulo 2^64
        return int64(Types.toInteger(dtype, found));
    }

    // ---------------------------------------------------------------- faults of sums

    /// @notice The sum of a piece of a product is not that of its units' products.
    function sum(Case calldata c, TailEvidence calldata e) external view returns (bytes32) {
        Known memory known = _openTail(c, e, Groups.PRODUCT);
        int256 found = int256(_word(_leaf(known, e.index, e.tail), 0));
        bytes calldata left = _leaf(known, e.index - 2, e.left);
        bytes calldata right = _leaf(known, e.index - 1, e.right);
        return Referees.demandApart(found != _sumOfProducts(left, right));
    }

    /// @notice The running total of a product is not the one before it and the piece's sum, rounded once.
    function total(Case calldata c, TailEvidence calldata e) external view returns (bytes32) {
        Known memory known = _openTail(c, e, Groups.PRODUCT);
        bytes calldata tail = _leaf(known, e.index, e.tail);
        bytes calldata head = _leaf(known, e.index - 3, e.head);
        uint256 before = e.index == 3 ? 0 : _word(_leaf(known, e.index - 4, e.before), 1);
        uint256 added = _pieceSum(known, head, int256(_word(tail, 0)));
        return Referees.demandApart(_word(tail, 1) != Exact.add(before, added, Exact.BINARY64));
    }

    function _pieceSum(Known memory known, bytes calldata head, int256 units) private pure returns (uint256) {
        Format format = Types.formatOf(known.x.node.dtype);
        uint256 left = _scaleOf(_word(head, 1), format, true);
        uint256 right = _scaleOf(_word(head, 3), format, true);
        if (Exact.isNaN(left, format) || Exact.isNaN(right, format)) return Exact.BINARY64.quietNaN();
        if (left == 0 || right == 0) return 0;
        int256 unit = Exact.log2(left, format) + Exact.log2(right, format) - 2 * int256(Groups.PRODUCT_BITS);
        // casting to int64 is safe: the exponents of a format
        return Exact.fromInteger(units, int64(unit), Exact.BINARY64);
    }

    /// @notice The sum of the first 512 of a block, or of the rest, is not that of their units.
    function half(Case calldata c, TailEvidence calldata e) external view returns (bytes32) {
        Known memory known = _openTail(c, e, Groups.BLOCKS);
        require(e.side < 2, WrongEvidence());
        int256 found = int256(_word(_leaf(known, e.index, e.tail), e.side));
        bytes calldata units = _leaf(known, e.index - 2 + e.side, e.side == 0 ? e.left : e.right);
        return Referees.demandApart(found != _sumOf(units));
    }

    /// @notice The sum of a block is not that of its halves.
    function blockSum(Case calldata c, TailEvidence calldata e) external view returns (bytes32) {
        Known memory known = _openTail(c, e, Groups.BLOCKS);
        bytes calldata tail = _leaf(known, e.index, e.tail);
        uint256 max = _word(_leaf(known, e.index - 3, e.head), 1);
        uint256 scale = _blockScale(known, Groups.blockOf(known.x, e.index / 4), max);
        int256 units = int256(_word(tail, 0)) + int256(_word(tail, 1));
        return Referees.demandApart(_word(tail, 2) != _number(units, scale, Groups.BLOCK_BITS, Exact.BINARY64));
    }

    /// @notice The running sum of a line is not the one before it and the units between.
    function running(Case calldata c, TailEvidence calldata e) external view returns (bytes32) {
        Known memory known = _openTail(c, e, Groups.LINE);
        int256 found = int256(_word(_leaf(known, e.index, e.tail), 0));
        int256 before = e.index == 2 ? int256(0) : int256(_word(_leaf(known, e.index - 2, e.before), 0));
        // casting to int64 is wanted: modulo 2^64
        return Referees.demandApart(found != int64(before + _sumOf(_leaf(known, e.index - 1, e.left))));
    }

    // ---------------------------------------------------------------- the result

    /// @notice The element does not follow from the last leaf of its expansion.
    function result(Case calldata c, ResultEvidence calldata e) external view returns (bytes32) {
        Known memory known = _open(c, e.subject);
        require(known.size != 0, WrongLeaf(0));
        bytes calldata last = _leaf(known, known.size - 1, e.last);
        uint256 found =
            Openings.valueElement(known.values, known.counts, e.subject.value, e.output, e.subject.element);
        if (known.kind == Groups.LINE) return Referees.demandApart(found != _lineResult(known, e, last));
        return Referees.demandApart(found != _output(known, _word(last, known.kind == Groups.PRODUCT ? 1 : 2)));
    }

    /// @dev A binary64 number as the output has it.
    function _output(Known memory known, uint256 number) private pure returns (uint256) {
        Format format = Types.formatOf(known.x.node.dtype);
        return Exact.plusZero(Exact.convert(number, Exact.BINARY64, format), format);
    }

    function _lineResult(Known memory known, ResultEvidence calldata e, bytes calldata last)
        private
        view
        returns (uint256)
    {
        int256 units = int256(_word(last, 0));
        uint8 dtype = known.x.node.dtype;
        (uint256 members, uint256 bits) = Groups.lineGridOf(known.x);
        if (members == 0) return Types.fromInteger(dtype, units);
        uint256 max = _word(_leaf(known, 0, e.head), 1);
        uint256 scale = _scaleOf(max, Exact.BINARY64, dtype == Types.FLOAT64);
        return _output(known, _number(units, scale, bits, Exact.BINARY64));
    }

    // ---------------------------------------------------------------- groups

    function _head(Known memory known, GroupEvidence calldata e) private view returns (uint256 named, uint256 max) {
        require(e.side == 0 || (e.side == 1 && known.kind == Groups.PRODUCT), WrongEvidence());
        require(known.kind == Groups.LINE ? e.index == 0 : e.index % 4 == 0, WrongLeaf(e.index));
        bytes calldata head = _leaf(known, e.index, e.head);
        return (_word(head, 2 * e.side), _word(head, 2 * e.side + 1));
    }

    function _rangeOf(Known memory known, GroupEvidence calldata e) private pure returns (Groups.Range memory) {
        if (known.kind == Groups.PRODUCT) {
            Groups.Piece memory piece = Groups.pieceOf(known.x, e.index / 4);
            return e.side == 0 ? piece.left : piece.right;
        }
        if (known.kind == Groups.BLOCKS) {
            Groups.Block memory found = Groups.blockOf(known.x, e.index / 4);
            return Groups.Range(found.from, found.count, 1);
        }
        (uint256 members,) = Groups.lineGridOf(known.x);
        return Groups.Range(0, members, 1);
    }

    function _hasGroup(Known memory known, GroupEvidence calldata e) private pure returns (bool) {
        return _rangeOf(known, e).count != 0;
    }

    function _isMember(Known memory known, GroupEvidence calldata e, uint256 member) private pure returns (bool) {
        Groups.Range memory range = _rangeOf(known, e);
        if (member < range.from || range.count == 0) return false;
        member -= range.from;
        return member % range.step == 0 && member / range.step < range.count;
    }

    /// @dev Bits of the magnitude of a member: of a product in the operands' type, else in binary64.
    function _magnitudeOf(Known memory known, GroupEvidence calldata e, uint256 member)
        private
        view
        returns (uint256)
    {
        uint8 dtype = known.x.node.dtype;
        if (known.kind == Groups.PRODUCT) {
            return Exact.magnitude(_elementOf(e.subject, e.side, member, e.item), Types.formatOf(dtype));
        }
        if (known.kind == Groups.BLOCKS) {
            Groups.Block memory found = Groups.blockOf(known.x, e.index / 4);
            return Exact.magnitude(_summand(known, e.subject, found, member, e.item), Exact.BINARY64);
        }
        (uint256 operand, uint256 element) = Groups.memberOf(known.x, member);
        return Exact.magnitude(_wide(dtype, _elementOf(e.subject, operand, element, e.item)), Exact.BINARY64);
    }

    /// @dev The number at a place of a level of a sum, in binary64: an element, or the sum of a block of the level below.
    function _summand(
        Known memory known,
        ExpansionSubject calldata s,
        Groups.Block memory found,
        uint256 place,
        LeafOpening calldata item
    ) private view returns (uint256) {
        if (found.level != 0) return _word(_leaf(known, 4 * (found.below + place) + 3, item), 2);
        return _wide(known.x.node.dtype, _elementOf(s, 0, Groups.summandOf(known.x, place), item));
    }

    // ---------------------------------------------------------------- numbers

    function _wide(uint8 dtype, uint256 bits) private pure returns (uint256) {
        return Exact.convert(bits, Types.formatOf(dtype), Exact.BINARY64);
    }

    /// @dev The scale of a grid. Products of binary64, and other sums of it, have a domain.
    function _scaleOf(uint256 max, Format format, bool bounded) private pure returns (uint256) {
        bool narrow = Format.unwrap(format) == Format.unwrap(Exact.BINARY32);
        return bounded && !narrow ? Exact.pow2ceilBounded(max) : Exact.pow2ceil(max, format);
    }

    function _blockScale(Known memory known, Groups.Block memory found, uint256 max) private pure returns (uint256) {
        return _scaleOf(max, Exact.BINARY64, found.level == 0 && known.x.node.dtype == Types.FLOAT64);
    }

    /// @dev True for scales without a grid: 0 and NaN.
    function _isVoid(uint256 scale, Format format) private pure returns (bool) {
        return scale == 0 || scale >= format.infinity();
    }

    /// @dev So many units as a number; a NaN where the scale is one.
    function _number(int256 units, uint256 scale, uint256 bits, Format format) private pure returns (uint256) {
        if (scale == 0) return 0;
        if (scale >= format.infinity()) return format.quietNaN();
        // casting to int64 is safe: the exponents of a format
        return Exact.fromInteger(units, int64(Exact.log2(scale, format) - int256(bits)), format);
    }

    // ---------------------------------------------------------------- openings

    function _open(Case calldata c, ExpansionSubject calldata s) private view returns (Known memory known) {
        known.counts = IRecords(msg.sender).countsOf(c.job.program);
        known.values = Openings.valuesOf(c, s.step);
        Summed memory x = known.x;
        x.node = Programs.openNode(c.job.program, known.counts, s.value, s.node);
        x.element = s.element;
        uint256 count = s.operands.length;
        require(count == x.node.operands.length, WrongEvidence());
        x.from = new uint64[][](count);
        uint256 values = Programs.valuesOf(known.counts);
        for (uint256 i = 0; i < count; ++i) {
            FormOpening calldata operand = s.operands[i];
            bytes32 digest = Merkle.digestOf(operand.form, operand.root);
            Openings.verifyItem(
                known.values, Merkle.VALUES, Place(x.node.operands[i], values), digest, operand.path
            );
            x.from[i] = operand.form.dims;
        }
        Groups.demandElement(x);
        known.kind = Groups.kindOf(x);
        known.size = Groups.leavesOf(x);
        bytes32 key = Referees.expansionKey(s.step.step, s.value, s.element);
        known.expansion = IRecords(msg.sender).expansionOf(Openings.idOf(c), key);
        require(known.expansion != 0, NotExpanded());
    }

    /// @dev Opens an expansion of one kind, and demands that the leaf is one of sums.
    function _openTail(Case calldata c, TailEvidence calldata e, uint8 kind) private view returns (Known memory known) {
        known = _open(c, e.subject);
        require(known.kind == kind, WrongLeaf(e.index));
        bool isTail = kind == Groups.LINE ? e.index != 0 && e.index % 2 == 0 : e.index % 4 == 3;
        require(isTail, WrongLeaf(e.index));
    }

    function _verify(Known memory known, uint256 index, LeafOpening calldata opening) private view {
        Merkle.verifySized(
            known.expansion, Merkle.EXPANSION, Merkle.hashLeaf(opening.leaf), Place(index, known.size), opening.path
        );
    }

    /// @dev The bytes of a leaf of the expansion, which are an encoding of its fields.
    function _leaf(Known memory known, uint256 index, LeafOpening calldata opening)
        private
        view
        returns (bytes calldata)
    {
        _verify(known, index, opening);
        require(!_isMalformed(known, index, opening.leaf), Malformed(index));
        return opening.leaf;
    }

    /// @dev The bits of an element of an operand, from the tile that holds it.
    function _elementOf(ExpansionSubject calldata s, uint256 operand, uint256 element, LeafOpening calldata item)
        private
        view
        returns (uint256)
    {
        FormOpening calldata tensor = s.operands[operand];
        Grid memory grid = Merkle.gridOf(tensor.form);
        (uint256 tile, uint256 position) = Merkle.placeOf(grid, element);
        (uint256 height, uint256 width) = Merkle.boxOf(grid, tile);
        uint256 length = height * width * grid.size;
        require(item.leaf.length == length, Merkle.BadTile(length, item.leaf.length));
        Merkle.verifyInclusion(tensor.root, Merkle.hashLeaf(item.leaf), Place(tile, grid.count), item.path);
        return Merkle.bitsAt(item.leaf, position, grid.size);
    }

    // ---------------------------------------------------------------- leaves

    /// @dev What a leaf is made of, by its place.
    function _wordsOf(Known memory known, uint256 index) private pure returns (Words memory) {
        if (known.kind == Groups.LINE) {
            if (index == 0) return Words(2, 0, 0);
            return index % 2 == 0 ? Words(1, 1, 0) : Words(0, 0, 8);
        }
        bool product = known.kind == Groups.PRODUCT;
        if (index % 4 == 0) return Words(product ? 4 : 2, 0, 0);
        if (index % 4 == 3) return product ? Words(2, 1, 0) : Words(3, 2, 0);
        return Words(0, 0, product ? 4 : 8);
    }

    /// @dev Numbers of units in a leaf of them.
    function _unitsIn(Known memory known, uint256 index) private pure returns (uint256 count) {
        if (known.kind == Groups.PRODUCT) return Groups.pieceOf(known.x, index / 4).length;
        uint256 before = 0;
        if (known.kind == Groups.BLOCKS) {
            before = (index % 4 - 1) * Groups.TERMS;
            count = Groups.blockOf(known.x, index / 4).count;
        } else {
            before = index / 2 * Groups.TERMS;
            count = Groups.termsOf(known.x);
        }
        if (count < before) return 0;
        count -= before;
        if (count > Groups.TERMS) count = Groups.TERMS;
    }

    function _isMalformed(Known memory known, uint256 index, bytes calldata leaf) private pure returns (bool) {
        Words memory words = _wordsOf(known, index);
        if (words.width != 0) return leaf.length != words.width * _unitsIn(known, index);
        if (leaf.length != 32 * words.count) return true;
        for (uint256 i = 0; i < words.count; ++i) {
            uint256 word = _word(leaf, i);
            // casting to int64 drops what is then found missing
            bool fits = i < words.signed ? int256(word) == int64(int256(word)) : word <= type(uint64).max;
            if (!fits) return true;
        }
        return false;
    }

    function _word(bytes calldata leaf, uint256 i) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := calldataload(add(leaf.offset, mul(32, i)))
        }
    }

    /// @dev The signed big-endian number of `width` bytes at place i.
    function _unit(bytes calldata units, uint256 i, uint256 width) private pure returns (int256 unit) {
        assembly ("memory-safe") {
            unit := sar(sub(256, mul(8, width)), calldataload(add(units.offset, mul(width, i))))
        }
    }

    /// @dev The sum of products of two lists, of one length, of 4-byte numbers: eight of each in a word. About 45 gas a term.
    function _sumOfProducts(bytes calldata left, bytes calldata right) private pure returns (int256 found) {
        assembly ("memory-safe") {
            let a := left.offset
            let b := right.offset
            let end := add(a, left.length)
            for {} lt(a, end) {} {
                let x := calldataload(a)
                let y := calldataload(b)
                // What stands behind the last number is not the list's.
                let rest := sub(end, a)
                if lt(rest, 32) { x := shl(sub(256, mul(8, rest)), shr(sub(256, mul(8, rest)), x)) }
                found := add(found, mul(sar(224, x), sar(224, y)))
                found := add(found, mul(signextend(3, shr(192, x)), signextend(3, shr(192, y))))
                found := add(found, mul(signextend(3, shr(160, x)), signextend(3, shr(160, y))))
                found := add(found, mul(signextend(3, shr(128, x)), signextend(3, shr(128, y))))
                found := add(found, mul(signextend(3, shr(96, x)), signextend(3, shr(96, y))))
                found := add(found, mul(signextend(3, shr(64, x)), signextend(3, shr(64, y))))
                found := add(found, mul(signextend(3, shr(32, x)), signextend(3, shr(32, y))))
                found := add(found, mul(signextend(3, x), signextend(3, y)))
                a := add(a, 32)
                b := add(b, 32)
            }
        }
    }

    /// @dev The sum of a list of 8-byte numbers: four in a word.
    function _sumOf(bytes calldata units) private pure returns (int256 found) {
        assembly ("memory-safe") {
            let a := units.offset
            let end := add(a, units.length)
            for {} lt(a, end) { a := add(a, 32) } {
                let x := calldataload(a)
                let rest := sub(end, a)
                if lt(rest, 32) { x := shl(sub(256, mul(8, rest)), shr(sub(256, mul(8, rest)), x)) }
                found := add(found, sar(192, x))
                found := add(found, signextend(7, shr(128, x)))
                found := add(found, signextend(7, shr(64, x)))
                found := add(found, signextend(7, x))
            }
        }
    }
}
