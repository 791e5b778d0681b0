// SPDX-License-Identifier: MIT
pragma solidity ^0.8.31;

import {Hashes} from "@openzeppelin/contracts/utils/cryptography/Hashes.sol";
import {Payment, Payments} from "./Payments.sol";
import {Vault} from "./Vault.sol";

/// @notice A settlement tree that somebody paid for. Its hash names it, so that no field of it is stored.
struct Batch {
    address payer;
    address token;
    /// Root of the settlement tree. See docs/formats.md.
    bytes32 root;
    /// The tree has 2^depth leaves.
    uint8 depth;
    /// Unix seconds from which on the payer may take back what is left.
    uint64 expires;
}

/// @notice What a provider collects.
struct Item {
    bytes32 job;
    bytes32 claim;
    uint256 amount;
    bytes32[] path;
}

/// @title Batches: many payments under one root, each fetched by its provider.
/// @notice The pairs of a tree are sorted, so which of two siblings is the larger one says where a leaf is: that place, and with it the one entry
/// of a job and provider, is marked as paid. A payer whose list names a job and provider twice pays twice, from its own deposit.
contract Batches is Vault {
    /// @dev One word: what is left of the deposit, and the marks of the first places.
    struct Till {
        uint120 left;
        bool posted;
        uint128 marks;
    }

    error AlreadyPosted(bytes32 batch);
    error UnknownBatch(bytes32 batch);
    error BadBatch();
    error NotThePayer(address account);
    error TooEarly(uint256 opens);
    error WrongDepth(uint256 expected, uint256 found);
    error AlreadyCollected(bytes32 job, address provider);
    error Exhausted(uint256 left);
    error NothingLeft();

    event BatchPosted(bytes32 indexed batch, address indexed payer, Batch content, uint256 total);
    event PaymentCollected(bytes32 indexed batch, bytes32 indexed job, address indexed provider, bytes32 claim, uint256 amount);
    event BatchReclaimed(bytes32 indexed batch, uint256 amount);

    uint256 private constant MAX_DEPTH = 20;
    uint256 private constant FIRST_PLACES = 128;
    /// @notice Marks in a word behind the first places; its last bit is set in a word that was prepared.
    uint256 private constant PLACES = 255;

    mapping(bytes32 batch => Till) private _tills;
    mapping(bytes32 batch => mapping(uint256 word => uint256)) private _marks;

    /// @notice What names a batch.
    function idOf(Batch calldata batch) public pure returns (bytes32) {
        return keccak256(abi.encode(batch));
    }

    /// @notice What is left of a batch's deposit.
    function leftOf(bytes32 batch) external view returns (uint256) {
        return _tills[batch].left;
    }

    /// @notice Pays for a settlement tree. The sender is its payer.
    function postBatch(Batch calldata batch, uint256 total) external payable nonReentrant returns (bytes32 id) {
        id = idOf(batch);
        require(batch.payer == msg.sender, NotThePayer(msg.sender));
        require(batch.depth <= MAX_DEPTH && total > 0 && total <= type(uint120).max, BadBatch());
        // B1 (once): marks belong to one deposit.
        require(!_tills[id].posted, AlreadyPosted(id));
        // casting is safe: checked above
        _tills[id] = Till(uint120(total), true, 0);
        emit BatchPosted(id, msg.sender, batch, total);
        _receive(batch.token, total);
    }

    /// @notice Writes to the words of marks from number `first` on, so that the provider that collects first in each of them does not pay for a
    /// fresh one. By anybody, who gains nothing by it; word w has the marks of places 255 w to 255 w + 254.
    function prepare(bytes32 batch, uint256 first, uint256 count) external {
        for (uint256 word = first; word < first + count; ++word) _marks[batch][word] |= 1 << PLACES;
    }

    /// @notice Fetches the sender's payment for a job.
    function collect(Batch calldata batch, Item calldata item) external nonReentrant {
        bytes32 id = idOf(batch);
        _spend(id, _collect(id, batch, item));
        _send(batch.token, msg.sender, item.amount);
    }

    /// @notice Fetches several of the sender's payments out of one batch.
    function collectMany(Batch calldata batch, Item[] calldata items) external nonReentrant {
        bytes32 id = idOf(batch);
        uint256 amount = 0;
        for (uint256 i = 0; i < items.length; ++i) amount += _collect(id, batch, items[i]);
        _spend(id, amount);
        _send(batch.token, msg.sender, amount);
    }

    /// @dev Finds the payment in the tree and marks it.
    function _collect(bytes32 id, Batch calldata batch, Item calldata item) private returns (uint256 amount) {
        amount = item.amount;
        // B2 (whose): the leaf names the sender.
        bytes32 node = Payments.hash(Payment(item.job, msg.sender, item.claim, amount));
        // B3 (where): leaves at one depth, so that a place has one leaf.
        uint256 depth = item.path.length;
        require(depth == batch.depth, WrongDepth(batch.depth, depth));
        uint256 place = 0;
        for (uint256 i = 0; i < depth; ++i) {
            bytes32 other = item.path[i];
            if (node > other) place |= 1 << i;
            node = Hashes.commutativeKeccak256(node, other);
        }
        require(node == batch.root, Payments.NotInSettlement());
        // B4 (paid once): a place is marked before it is paid.
        require(_mark(id, place), AlreadyCollected(item.job, msg.sender));
        emit PaymentCollected(id, item.job, msg.sender, item.claim, amount);
    }

    function _mark(bytes32 id, uint256 place) private returns (bool isNew) {
        if (place < FIRST_PLACES) {
            Till storage till = _tills[id];
            // casting is safe: below 2^128
            uint128 first = uint128(1 << place);
            isNew = till.marks & first == 0;
            till.marks |= first;
            return isNew;
        }
        uint256 bit = 1 << (place % PLACES);
        uint256 word = _marks[id][place / PLACES];
        isNew = word & bit == 0;
        _marks[id][place / PLACES] = word | bit;
    }

    /// @dev B5 (deposit): no batch pays more than came in for it.
    function _spend(bytes32 id, uint256 amount) private {
        Till storage till = _tills[id];
        (uint256 left, bool posted) = (till.left, till.posted);
        require(posted, UnknownBatch(id));
        require(amount <= left, Exhausted(left));
        // casting is safe: less than before
        till.left = uint120(left - amount);
    }

    /// @notice The payer takes back what nobody collected, once the batch has expired.
    function reclaim(Batch calldata batch) external nonReentrant {
        bytes32 id = idOf(batch);
        require(batch.payer == msg.sender, NotThePayer(msg.sender));
        // B6 (time): providers have until then.
        require(block.timestamp >= batch.expires, TooEarly(batch.expires));
        uint256 left = _tills[id].left;
        require(left > 0, NothingLeft());
        _tills[id].left = 0;
        _credit(batch.token, msg.sender, left);
        emit BatchReclaimed(id, left);
    }
}
