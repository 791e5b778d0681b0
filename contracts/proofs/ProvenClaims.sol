// SPDX-License-Identifier: MIT
pragma solidity ^0.8.31;

import {Merkle} from "../Merkle.sol";
import {Claim, Job, Policy, Receipts} from "../Receipts.sol";
import {IProofVerifier} from "../Settlement.sol";
import {FIELD_ORDER, IPublicVerifier} from "./IPublicVerifier.sol";
import {Poseidon} from "./Poseidon.sol";

/// @notice What a circuit's claims are about.
struct Form {
    /// A training step: the claim is about the state after it.
    bool isStep;
    /// Public output: bits of an element in the circuit's commitment. Zero where outputs are claimed by their Poseidon root, and so is all below.
    uint8 width;
    /// ONNX number of its type, an integer's or bool's.
    uint8 dtype;
    uint64[] dims;
    /// The first element of its chain (docs/zk.md), which binds type, width and scale. Zero where the whole tensor is one field element: that is its root.
    uint256 tag;
}

/// @notice What comes as a proof: abi.encode of the members, one after the other.
struct Proven {
    Policy policy;
    uint256 statement;
    uint256 rootIn;
    uint256 rootOut;
    /// The public output, little-endian elements in row-major order; else empty.
    bytes output;
    bytes proof;
}

/// @title Claims shown by proofs: whether what a claim says is what a circuit's public inputs say, for the job that named them.
/// @notice Nobody's manifest is believed. The job names statement and inputs by their Poseidon roots, in its policy; an output comes as it is and is
/// hashed here both ways, or the claim is its Poseidon root. Whether those roots are of the program, the weights and the inputs that the job names by
/// SHA-256 is for whoever made the job, and shown by nothing here.
contract ProvenClaims is IProofVerifier {
    error NoVerifier();
    error BadForm();
    error BadEncoding();
    error NotNamed(uint256 statement, uint256 rootIn);
    error ManySteps(uint64 steps);
    error RunClaimed();
    error BadOutputLength(uint256 expected, uint256 found);
    error OutOfRange();
    error WrongRoot(uint256 expected, uint256 found);
    error WrongOutputs(bytes32 expected);
    error WrongFinalState(bytes32 expected);

    /// @notice Beside statement and inputs, in the hash that stands in the policy.
    bytes32 public constant NAMED = keccak256("countersign proven job 1");
    /// @notice Beside the root, in the hash that is claimed.
    bytes32 public constant SEALED = keccak256("countersign poseidon root 1");

    uint256 private constant MAX_OUTPUT = 1024;
    uint256 private constant MAX_RANK = 7;
    /// @dev Columns of a tile (docs/formats.md). Up to MAX_OUTPUT bytes no tile ends before the last row.
    uint256 private constant TILE = 32;
    uint256 private constant CAPACITY = 253;
    uint256 private constant HEAD = 6 * 32;

    /// @notice Shows public inputs of one circuit under one key.
    IPublicVerifier public immutable VERIFIER;
    bool private immutable IS_STEP;
    uint256 private immutable WIDTH;
    uint256 private immutable TAG;
    /// @dev Bytes of an element, of a row, of all.
    uint256 private immutable SIZE;
    uint256 private immutable ROW;
    uint256 private immutable LENGTH;
    /// @dev What is added to an element before it is packed.
    uint256 private immutable OFFSET;
    /// @dev What a tensor's digest begins with, in two words.
    bytes32 private immutable HEAD_0;
    bytes32 private immutable HEAD_1;
    uint256 private immutable HEAD_LENGTH;

    constructor(IPublicVerifier verifier, Form memory own) {
        require(address(verifier).code.length > 0, NoVerifier());
        (VERIFIER, IS_STEP, WIDTH, TAG) = (verifier, own.isStep, own.width, own.tag);
        if (own.width == 0) {
            require(own.dtype == 0 && own.dims.length == 0 && own.tag == 0, BadForm());
            return;
        }
        (uint256 size, bool isSigned) = _integer(own.dtype);
        (uint256 length, uint256 columns) = _extent(own.dims, size);
        uint256 most = own.dtype == 9 ? 1 : 8 * size;
        require(!own.isStep && own.width <= most && own.tag < FIELD_ORDER, BadForm());
        require((length / size <= CAPACITY / own.width) == (own.tag == 0), BadForm());
        (SIZE, ROW, LENGTH) = (size, columns * size, length);
        OFFSET = isSigned ? 1 << (own.width - 1) : 0;
        bytes memory head = bytes.concat(bytes1(0x02), bytes1(own.dtype), bytes1(uint8(own.dims.length)));
        for (uint256 i = 0; i < own.dims.length; ++i) head = bytes.concat(head, bytes8(own.dims[i]));
        HEAD_LENGTH = head.length;
        (bytes32 first, bytes32 second) = abi.decode(bytes.concat(head, new bytes(64 - head.length)), (bytes32, bytes32));
        (HEAD_0, HEAD_1) = (first, second);
    }

    /// @dev Bytes of an element by its ONNX number.
    function _integer(uint8 dtype) private pure returns (uint256 size, bool isSigned) {
        isSigned = dtype == 3 || (dtype >= 5 && dtype <= 7);
        if (dtype == 2 || dtype == 3 || dtype == 9) size = 1;
        if (dtype == 4 || dtype == 5) size = 2;
        if (dtype == 6 || dtype == 12) size = 4;
        if (dtype == 7 || dtype == 13) size = 8;
        require(size != 0, BadForm());
    }

    function _extent(uint64[] memory dims, uint256 size) private pure returns (uint256 length, uint256 columns) {
        uint256 rank = dims.length;
        require(rank <= MAX_RANK, BadForm());
        length = size;
        for (uint256 i = 0; i < rank; ++i) {
            length *= dims[i];
            require(length != 0 && length <= MAX_OUTPUT, BadForm());
        }
        columns = rank < 2 ? 1 : dims[rank - 1];
    }

    /// @notice What the claims are about.
    function form() external view returns (Form memory) {
        if (WIDTH == 0) return Form(IS_STEP, 0, 0, new uint64[](0), 0);
        bytes memory head = abi.encode(HEAD_0, HEAD_1);
        uint64[] memory dims = new uint64[](uint8(head[2]));
        for (uint256 i = 0; i < 8 * dims.length; ++i) dims[i / 8] = dims[i / 8] << 8 | uint8(head[3 + i]);
        // casting is safe: it was given as one
        return Form(IS_STEP, uint8(WIDTH), uint8(head[1]), dims, TAG);
    }

    /// @inheritdoc IProofVerifier
    function verify(Job calldata job, Claim calldata claim, bytes32 context, bytes calldata proof)
        external
        view
        returns (bool)
    {
        require(proof.length >= HEAD, BadEncoding());
        Proven calldata proven;
        assembly ("memory-safe") {
            proven := proof.offset
        }
        (uint256 statement, uint256 rootIn, uint256 rootOut) = (proven.statement, proven.rootIn, proven.rootOut);
        // P4 (named): statement and inputs are those that the job named, before anybody worked.
        require(Receipts.hash(proven.policy) == job.policy, Receipts.WrongPolicy());
        bytes32 named = keccak256(abi.encode(NAMED, statement, rootIn));
        require(proven.policy.extension == named, NotNamed(statement, rootIn));
        // P5 (one step): a proof is about one step, and shows no run.
        require(job.steps == 1, ManySteps(job.steps));
        require(claim.run == 0, RunClaimed());
        _demandClaim(job, claim, rootOut, proven.output);
        // P7 (one payee): whoever copies a proof changes the context, and has none. Three bits fewer: below the order.
        return VERIFIER.verifyProof(proven.proof, [statement, rootIn, rootOut, uint256(context) >> 3]);
    }

    /// @dev P6 (one output): what is claimed is what the root is of.
    function _demandClaim(Job calldata job, Claim calldata claim, uint256 rootOut, bytes calldata output) private view {
        require(output.length == LENGTH, BadOutputLength(LENGTH, output.length));
        bytes32 outputs = WIDTH == 0 ? keccak256(abi.encode(SEALED, rootOut)) : _demandOutput(output, rootOut);
        require(claim.outputs == outputs, WrongOutputs(outputs));
        bytes32 last = IS_STEP ? outputs : job.initialState;
        require(claim.finalState == last, WrongFinalState(last));
    }

    /// @dev The ordinary root over a tensor, after its root in the circuit was found to be the one that is proven.
    function _demandOutput(bytes calldata output, uint256 rootOut) private view returns (bytes32) {
        uint256[] memory elements = _packed(output);
        uint256 found = TAG == 0 ? elements[0] : Poseidon.chain(TAG, elements);
        require(found == rootOut, WrongRoot(rootOut, found));
        return _listOf(_digestOf(output));
    }

    /// @dev As many integers in a field element as fit, the first one lowest, each within its width: so no two tensors pack to the same.
    function _packed(bytes calldata output) private view returns (uint256[] memory elements) {
        (uint256 size, uint256 width, uint256 offset) = (SIZE, WIDTH, OFFSET);
        uint256 each;
        // Whatever is beyond the width in any of the integers.
        uint256 beyond = 0;
        unchecked {
            each = CAPACITY / width;
            elements = new uint256[]((output.length / size + each - 1) / each);
        }
        assembly ("memory-safe") {
            let first := output.offset
            let end := add(first, output.length)
            let bits := mul(width, each)
            let last := sub(size, 1)
            for { let to := add(elements, 32) } lt(first, end) { to := add(to, 32) } {
                let sum := 0
                for { let place := 0 } and(lt(place, bits), lt(first, end)) { place := add(place, width) } {
                    // Eight bytes in reverse, little-endian; those behind the integer fall off where its sign is extended.
                    let value := shr(192, calldataload(first))
                    value := or(shl(8, and(value, 0x00ff00ff00ff00ff)), and(shr(8, value), 0x00ff00ff00ff00ff))
                    value := or(shl(16, and(value, 0x0000ffff0000ffff)), and(shr(16, value), 0x0000ffff0000ffff))
                    value := or(shl(32, and(value, 0xffffffff)), shr(32, value))
                    switch offset
                    case 0 { value := and(value, sub(shl(shl(3, size), 1), 1)) }
                    default { value := add(signextend(last, value), offset) }
                    beyond := or(beyond, shr(width, value))
                    sum := or(sum, shl(place, value))
                    first := add(first, size)
                }
                mstore(to, sum)
            }
        }
        // P8 (in range): an integer that does not fit would run over into its neighbour.
        require(beyond == 0, OutOfRange());
    }

    /// @dev The sized root of a list of outputs with this digest alone: Merkle.sizedRoot of Merkle.hashItem, cheaper.
    function _listOf(bytes32 digest) private view returns (bytes32 sized) {
        assembly ("memory-safe") {
            // Above the free memory pointer nothing is kept. 0x00, digest; then 0x03, kind 0x03, size 1 as uint64, item.
            let free := mload(0x40)
            mstore8(free, 0)
            mstore(add(free, 1), digest)
            let done := staticcall(gas(), 2, free, 33, add(free, 42), 32)
            mstore(add(free, 10), 0x03030000000000000001)
            done := and(and(done, staticcall(gas(), 2, add(free, 32), 42, 0, 32)), eq(returndatasize(), 32))
            if iszero(done) { revert(0, 0) }
            sized := mload(0)
        }
    }

    /// @dev The digest of the tensor (docs/formats.md): tiles of 32 columns with all rows.
    function _digestOf(bytes calldata output) private view returns (bytes32 digest) {
        (uint256 row, uint256 most) = (ROW, TILE * SIZE);
        // One tile, nearly always.
        bytes32 root = row > most ? _rootOf(output, row, most) : _hashTile(output, 0, row);
        (bytes32 first, bytes32 second, uint256 length) = (HEAD_0, HEAD_1, HEAD_LENGTH);
        assembly ("memory-safe") {
            // Above the free memory pointer nothing is kept.
            let at := mload(0x40)
            mstore(at, first)
            mstore(add(at, 32), second)
            mstore(add(at, length), root)
            let done := staticcall(gas(), 2, at, add(length, 32), 0, 32)
            if iszero(and(done, eq(returndatasize(), 32))) { revert(0, 0) }
            digest := mload(0)
        }
    }

    /// @dev The root over several tiles.
    function _rootOf(bytes calldata output, uint256 row, uint256 most) private view returns (bytes32) {
        bytes32[] memory tiles = new bytes32[]((row + most - 1) / most);
        for (uint256 i = 0; i < tiles.length; ++i) {
            uint256 left = i * most;
            tiles[i] = _hashTile(output, left, row - left < most ? row - left : most);
        }
        return Merkle.rootFrom(tiles);
    }

    /// @dev The leaf hash of so many bytes of every row, from `left` on.
    function _hashTile(bytes calldata output, uint256 left, uint256 width) private view returns (bytes32 leaf) {
        uint256 row = ROW;
        assembly ("memory-safe") {
            let at := mload(0x40)
            mstore8(at, 0)
            let to := add(at, 1)
            for { let from := left } lt(from, output.length) { from := add(from, row) } {
                calldatacopy(to, add(output.offset, from), width)
                to := add(to, width)
            }
            let done := staticcall(gas(), 2, at, sub(to, at), 0, 32)
            if iszero(and(done, eq(returndatasize(), 32))) { revert(0, 0) }
            leaf := mload(0)
        }
    }
}
