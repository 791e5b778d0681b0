// SPDX-License-Identifier: MIT
pragma solidity ^0.8.31;

/// @notice Element type (its ONNX TensorProto.DataType number) and dimensions of a tensor.
struct TensorType {
    uint8 dtype;
    uint64[] dims;
}

/// @notice How a type is cut: a matrix of rows x columns in tiles of height x width, ragged at the edges, `count` of them, row-major.
struct Grid {
    uint256 rows;
    uint256 columns;
    uint256 height;
    uint256 width;
    uint256 across;
    uint256 count;
    /// Bytes of one element.
    uint256 size;
}

/// @notice Which leaf of how many. Both come from a job, a program or a type, never from a prover.
struct Place {
    uint256 index;
    uint256 size;
}

/// @notice A leaf of a run: one step, or one segment of several.
struct StepLeaf {
    uint64 index;
    bytes32 stateBefore;
    bytes32 inputs;
    bytes32 values;
    bytes32 stateAfter;
    bytes32 outputs;
}

/// @title Data trees: RFC 9162 over SHA-256, tensor digests and openings. See docs/formats.md.
/// @notice A root does not bind its size (leaf 0 of 5 also verifies as leaf 0 of 6, 7 and 8), so every size comes from the caller.
library Merkle {
    error IndexOutOfRange(uint256 index, uint256 size);
    error BadProofLength(uint256 found);
    error RootMismatch(bytes32 expected, bytes32 found);
    error Inconsistent();
    error BadTile(uint256 expected, uint256 found);
    error BadTensor();
    error TooLarge();
    error BadNumber();

    /// @notice The root of the tree without leaves: SHA-256 of nothing.
    bytes32 internal constant EMPTY_ROOT = 0xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855;

    uint8 internal constant STATE = 0x01;
    uint8 internal constant INPUTS = 0x02;
    uint8 internal constant OUTPUTS = 0x03;
    uint8 internal constant VALUES = 0x04;
    uint8 internal constant RUN = 0x05;
    uint8 internal constant PROGRAM = 0x06;
    uint8 internal constant DATASET = 0x07;
    uint8 internal constant SCHEDULE = 0x08;
    uint8 internal constant SEALS = 0x09;
    uint8 internal constant SEGMENT = 0x0a;
    uint8 internal constant SEGMENT_INPUTS = 0x0b;
    uint8 internal constant SEGMENT_OUTPUTS = 0x0c;
    uint8 internal constant SEGMENT_VALUES = 0x0d;
    uint8 internal constant RUN_INPUTS = 0x0e;
    uint8 internal constant INITIAL = 0x0f;
    uint8 internal constant EXPANSION = 0x10;

    uint256 private constant MAX_WIDTH = 32;
    uint256 private constant MAX_TILE = 4096;
    uint256 private constant MAX_ELEMENTS = 2 ** 40;
    uint256 private constant MAX_DIM = 2 ** 53 - 1;
    uint256 private constant MAX_RANK = 255;
    /// Element sizes by ONNX number, one byte each, number 0 first; zero where programs do not carry the type.
    bytes17 private constant SIZES = 0x0004010102020408000102080408000002;

    // --- trees

    /// @notice SHA-256(0x00 || data).
    function hashLeaf(bytes calldata data) internal view returns (bytes32 leaf) {
        assembly ("memory-safe") {
            // Above the free memory pointer nothing is kept.
            let at := mload(0x40)
            mstore8(at, 0)
            calldatacopy(add(at, 1), data.offset, data.length)
            let done := staticcall(gas(), 2, at, add(data.length, 1), 0, 32)
            if iszero(and(done, eq(returndatasize(), 32))) { revert(0, 0) }
            leaf := mload(0)
        }
    }

    /// @notice The leaf of a list of hashes: SHA-256(0x00 || item).
    function hashItem(bytes32 item) internal pure returns (bytes32) {
        return sha256(abi.encodePacked(bytes1(0x00), item));
    }

    /// @notice SHA-256(0x01 || left || right).
    function hashNode(bytes32 left, bytes32 right) internal view returns (bytes32 node) {
        assembly ("memory-safe") {
            let at := mload(0x40)
            mstore8(at, 1)
            mstore(add(at, 1), left)
            mstore(add(at, 33), right)
            let done := staticcall(gas(), 2, at, 65, 0, 32)
            if iszero(and(done, eq(returndatasize(), 32))) { revert(0, 0) }
            node := mload(0)
        }
    }

    /// @notice SHA-256(0x03 || kind || size || root).
    function sizedRoot(uint8 kind, uint256 size, bytes32 root) internal pure returns (bytes32) {
        require(size <= type(uint64).max, TooLarge());
        return sha256(abi.encodePacked(bytes1(0x03), kind, uint64(size), root));
    }

    /// @notice The root to which an inclusion proof leads from a leaf hash. RFC 9162 section 2.1.3.2.
    function rootFromInclusion(bytes32 leaf, Place memory place, bytes32[] calldata path)
        internal
        view
        returns (bytes32 node)
    {
        (uint256 index, uint256 size) = (place.index, place.size);
        require(index < size, IndexOutOfRange(index, size));
        node = leaf;
        uint256 used = 0;
        unchecked {
            for (uint256 last = size - 1; last != 0; (index, last) = (index >> 1, last >> 1)) {
                bool isRight = index & 1 == 1;
                // A last node without a partner moves up as it is.
                if (!isRight && index == last) continue;
                require(used < path.length, BadProofLength(path.length));
                bytes32 sibling = path[used++];
                node = isRight ? hashNode(sibling, node) : hashNode(node, sibling);
            }
        }
        require(used == path.length, BadProofLength(path.length));
    }

    /// @notice The root to which the last leaves of a tree of `size` lead, all of them in one; their memory is used up. The path has the
    /// hash on the left of them on every level on which there is one without a partner.
    function rootFromEnd(bytes32[] memory hashes, uint256 size, bytes32[] calldata path) internal view returns (bytes32) {
        uint256 count = hashes.length;
        require(count != 0 && count <= size, IndexOutOfRange(count, size));
        uint256 used = 0;
        unchecked {
            for (uint256 first = size - count; first + count > 1; first >>= 1) {
                uint256 lone = first & 1;
                if (lone == 1) {
                    require(used < path.length, BadProofLength(path.length));
                    hashes[0] = hashNode(path[used++], hashes[0]);
                }
                count = _foldPairs(hashes, lone, count);
            }
        }
        require(used == path.length, BadProofLength(path.length));
        return hashes[0];
    }

    /// @notice Reverts unless the leaf hash stands at this place of the tree with this root.
    function verifyInclusion(bytes32 root, bytes32 leaf, Place memory place, bytes32[] calldata path) internal view {
        _demandRoot(root, rootFromInclusion(leaf, place, path));
    }

    /// @notice Reverts unless the leaf hash stands at this place of the tree with this sized root.
    function verifySized(bytes32 sized, uint8 kind, bytes32 leaf, Place memory place, bytes32[] calldata path)
        internal
        view
    {
        _demandRoot(sized, sizedRoot(kind, place.size, rootFromInclusion(leaf, place, path)));
    }

    /// @notice Reverts unless the tree of `size` leaves with root `earlier` is the beginning of that of `total` leaves with root `later`.
    /// RFC 9162 section 2.1.4.2.
    function verifyConsistency(bytes32 earlier, uint256 size, bytes32 later, uint256 total, bytes32[] calldata path)
        internal
        view
    {
        require(size <= total, Inconsistent());
        if (size == 0 || size == total) {
            require(path.length == 0, BadProofLength(path.length));
            bool same = size == total ? earlier == later : earlier == EMPTY_ROOT;
            require(same && (total != 0 || later == EMPTY_ROOT), Inconsistent());
            return;
        }
        (bytes32 first, bytes32 second) = _climb(earlier, size, total, path);
        require(first == earlier && second == later, Inconsistent());
    }

    /// @dev Both roots as the proof gives them. The walk starts at the last complete run of the earlier tree; where that run is the whole of
    /// it, the proof leaves its root out.
    function _climb(bytes32 earlier, uint256 size, uint256 total, bytes32[] calldata path)
        private
        view
        returns (bytes32 first, bytes32 second)
    {
        unchecked {
            (uint256 one, uint256 two) = (size - 1, total - 1);
            for (; one & 1 == 1; (one, two) = (one >> 1, two >> 1)) {}
            uint256 used = size & (size - 1) == 0 ? 0 : 1;
            require(used <= path.length, BadProofLength(path.length));
            first = second = used == 0 ? earlier : path[0];
            for (; two != 0; (one, two) = (one >> 1, two >> 1)) {
                require(used < path.length, BadProofLength(path.length));
                bytes32 node = path[used++];
                if (one & 1 == 1 || one == two) {
                    (first, second) = (hashNode(node, first), hashNode(node, second));
                    for (; one & 1 == 0 && one != 0; (one, two) = (one >> 1, two >> 1)) {}
                } else {
                    second = hashNode(second, node);
                }
            }
            require(used == path.length, BadProofLength(path.length));
        }
    }

    /// @notice The leaves of one child of a node over `size` leaves: the largest power of 64 below it. The last child may have fewer.
    function childRun(uint256 size) internal pure returns (uint256 run) {
        run = 1;
        unchecked {
            while (run * 64 < size) run *= 64;
        }
    }

    /// @notice The node to which the children of a node over `size` leaves fold.
    function foldChildren(bytes32[] memory hashes, uint256 size) internal view returns (bytes32) {
        require(size >= 2 && size <= type(uint64).max, IndexOutOfRange(0, size));
        uint256 run = childRun(size);
        require(hashes.length == (size + run - 1) / run, BadProofLength(hashes.length));
        return rootFrom(hashes);
    }

    /// @notice The root over leaf hashes; their memory is used up.
    function rootFrom(bytes32[] memory hashes) internal view returns (bytes32) {
        uint256 count = hashes.length;
        if (count == 0) return EMPTY_ROOT;
        unchecked {
            while (count > 1) count = _foldPairs(hashes, 0, count);
        }
        return hashes[0];
    }

    /// @dev One level up: the first `lone` of the `count` hashes (0 or 1) stay, every two behind them become their node, and a last one without a
    /// partner moves up as it is. Gives how many there are then.
    function _foldPairs(bytes32[] memory hashes, uint256 lone, uint256 count) private view returns (uint256 made) {
        assembly ("memory-safe") {
            // Above the free memory pointer nothing is kept.
            let free := mload(0x40)
            mstore8(free, 1)
            let from := add(add(hashes, 32), shl(5, lone))
            let to := from
            let pairs := shr(1, sub(count, lone))
            made := add(lone, pairs)
            for {} pairs { pairs := sub(pairs, 1) } {
                mcopy(add(free, 1), from, 64)
                let done := staticcall(gas(), 2, free, 65, to, 32)
                if iszero(and(done, eq(returndatasize(), 32))) { revert(0, 0) }
                from := add(from, 64)
                to := add(to, 32)
            }
            if and(sub(count, lone), 1) {
                mstore(to, mload(from))
                made := add(made, 1)
            }
        }
    }

    // --- tensors

    /// @notice The grid of a type.
    function gridOf(TensorType calldata form) internal pure returns (Grid memory grid) {
        (uint256 elements, uint256 rank) = (_elements(form), form.dims.length);
        grid.size = _sizeOf(form.dtype);
        grid.columns = rank < 2 ? 1 : form.dims[rank - 1];
        if (elements == 0) return grid;
        unchecked {
            grid.rows = elements / grid.columns;
            grid.width = grid.columns < MAX_WIDTH ? grid.columns : MAX_WIDTH;
            // 32 elements of 8 bytes are less than a tile, so a tile has a row.
            grid.height = MAX_TILE / (grid.width * grid.size);
            grid.across = (grid.columns + grid.width - 1) / grid.width;
            grid.count = grid.across * ((grid.rows + grid.height - 1) / grid.height);
        }
    }

    function _sizeOf(uint8 dtype) private pure returns (uint256 size) {
        size = dtype < 17 ? uint8(SIZES[dtype]) : 0;
        require(size != 0, BadTensor());
    }

    function _elements(TensorType calldata form) private pure returns (uint256 elements) {
        uint256 rank = form.dims.length;
        require(rank <= MAX_RANK, TooLarge());
        bool empty = false;
        for (uint256 i = 0; i < rank; ++i) {
            require(form.dims[i] <= MAX_DIM, BadTensor());
            if (form.dims[i] == 0) empty = true;
        }
        if (empty) return 0;
        elements = 1;
        for (uint256 i = 0; i < rank; ++i) {
            elements *= form.dims[i];
            require(elements <= MAX_ELEMENTS, TooLarge());
        }
    }

    /// @notice Height and width of a tile: smaller at the edges.
    function boxOf(Grid memory grid, uint256 tile) internal pure returns (uint256 height, uint256 width) {
        require(tile < grid.count, IndexOutOfRange(tile, grid.count));
        unchecked {
            uint256 below = grid.rows - tile / grid.across * grid.height;
            uint256 right = grid.columns - tile % grid.across * grid.width;
            height = below < grid.height ? below : grid.height;
            width = right < grid.width ? right : grid.width;
        }
    }

    /// @notice The tile of the element with this row-major index, and its position among the tile's own elements.
    function placeOf(Grid memory grid, uint256 element) internal pure returns (uint256 tile, uint256 position) {
        uint256 elements = grid.rows * grid.columns;
        require(element < elements, IndexOutOfRange(element, elements));
        unchecked {
            (uint256 row, uint256 column) = (element / grid.columns, element % grid.columns);
            tile = row / grid.height * grid.across + column / grid.width;
            (, uint256 width) = boxOf(grid, tile);
            position = row % grid.height * width + column % grid.width;
        }
    }

    /// @notice SHA-256(0x02 || dtype || rank || dims || root of the tiles).
    function digestOf(TensorType calldata form, bytes32 root) internal pure returns (bytes32) {
        return sha256(bytes.concat(_head(0x02, form), root));
    }

    /// @notice SHA-256(0x12 || dtype || rank || dims || root of the tiles || blind).
    function privateDigestOf(TensorType calldata form, bytes32 root, bytes32 blind) internal pure returns (bytes32) {
        return sha256(bytes.concat(_head(0x12, form), root, blind));
    }

    function _head(bytes1 tag, TensorType calldata form) private pure returns (bytes memory head) {
        uint256 rank = form.dims.length;
        require(rank <= MAX_RANK, TooLarge());
        head = new bytes(3 + 8 * rank);
        (head[0], head[1], head[2]) = (tag, bytes1(form.dtype), bytes1(uint8(rank)));
        for (uint256 i = 0; i < rank; ++i) {
            // casting to uint8 takes the lowest byte, which is wanted
            for (uint256 j = 0; j < 8; ++j) head[3 + 8 * i + j] = bytes1(uint8(form.dims[i] >> (56 - 8 * j)));
        }
    }

    /// @notice Reverts unless these are the bytes of a tile of the tensor with this digest.
    /// @dev Elements that are not canonical (another NaN, a bool of 2) are opened like all others: a provider that committed one must
    /// not thereby keep its tile closed.
    function verifyTile(
        bytes32 digest,
        TensorType calldata form,
        uint256 tile,
        bytes calldata data,
        bytes32[] calldata path
    ) internal view {
        _verifyTile(digest, form, gridOf(form), tile, data, path);
    }

    function _verifyTile(
        bytes32 digest,
        TensorType calldata form,
        Grid memory grid,
        uint256 tile,
        bytes calldata data,
        bytes32[] calldata path
    ) private view {
        (uint256 height, uint256 width) = boxOf(grid, tile);
        uint256 size = height * width * grid.size;
        require(data.length == size, BadTile(size, data.length));
        bytes32 root = rootFromInclusion(hashLeaf(data), Place(tile, grid.count), path);
        _demandRoot(digest, digestOf(form, root));
    }

    /// @notice The bits of one element, after the tile that holds it was found to belong to the digest.
    function openElement(
        bytes32 digest,
        TensorType calldata form,
        uint256 element,
        bytes calldata data,
        bytes32[] calldata path
    ) internal view returns (uint256) {
        Grid memory grid = gridOf(form);
        (uint256 tile, uint256 position) = placeOf(grid, element);
        _verifyTile(digest, form, grid, tile, data, path);
        return bitsAt(data, position, grid.size);
    }

    /// @notice The little-endian element at a position of a tile whose elements have this many bytes.
    function bitsAt(bytes calldata data, uint256 position, uint256 size) internal pure returns (uint256 bits) {
        for (uint256 i = size; i > 0; --i) bits = bits << 8 | uint8(data[position * size + i - 1]);
    }

    // --- runs

    /// @notice The leaf hash of a step or segment.
    function hashStep(StepLeaf memory step) internal pure returns (bytes32) {
        return sha256(bytes.concat(bytes1(0x00), abi.encode(step)));
    }

    /// @notice How many leaves the run of a job has: a leaf for every `commitEvery` steps, the last one maybe for fewer.
    function leavesOf(uint64 steps, uint64 commitEvery) internal pure returns (uint256) {
        require(steps != 0 && commitEvery != 0, BadNumber());
        return (uint256(steps) + commitEvery - 1) / commitEvery;
    }

    /// @notice Reverts unless the leaf stands in the run at the index that it states itself; `leaves` follow from the job.
    function verifyStep(bytes32 run, StepLeaf memory step, uint256 leaves, bytes32[] calldata path) internal view {
        verifySized(run, RUN, hashStep(step), Place(step.index, leaves), path);
    }

    function _demandRoot(bytes32 expected, bytes32 found) private pure {
        require(expected == found, RootMismatch(expected, found));
    }
}
