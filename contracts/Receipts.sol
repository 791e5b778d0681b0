// SPDX-License-Identifier: MIT
pragma solidity ^0.8.31;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {Merkle} from "./Merkle.sol";

struct Policy {
    uint8 kind;
    uint16 replicas;
    uint16 threshold;
    uint16 samples;
    uint64 window;
    address[] auditors;
    bytes32 extension;
}

struct Job {
    bytes32 program;
    bytes32 initialState;
    bytes32 inputs;
    uint64 steps;
    uint64 commitEvery;
    bool operatorTrace;
    bytes32 policy;
    address requester;
    uint64 deadline;
    bytes32 salt;
}

struct Claim {
    bytes32 job;
    bytes32 outputs;
    bytes32 finalState;
    bytes32 run;
}

struct Receipt {
    Claim claim;
    address provider;
    bytes32 sealSet;
    bytes32 metadata;
    uint64 issuedAt;
}

struct Seal {
    bytes32 job;
    address provider;
    bytes32 commitment;
}

struct Verdict {
    bytes32 receipt;
    bytes32 policy;
    uint8 outcome;
    uint8 grade;
    uint64 sampled;
    uint64 total;
    bytes32 evidence;
    address auditor;
    uint64 issuedAt;
}

/// @notice A receipt with its provider's signature and the salt that opens its seal.
struct Reveal {
    Receipt receipt;
    bytes32 salt;
    bytes signature;
}

/// @title Signed structures: EIP-712 hashes, signatures, quorums and verdicts. See docs/formats.md.
/// @notice Everything that does not count reverts; nothing is skipped over.
library Receipts {
    error ZeroAddress();
    error MalformedSignature();
    error BadSignature(address signer);
    error WrongPolicy();
    error BadPolicy();
    error WrongJob();
    error WrongSeal(address provider);
    error WrongSealSet(address provider);
    error BadVerdict();
    error DuplicateSigner(address signer);
    error BadOrder(address signer);
    error NoReplicas();
    error NotAReplica(address provider);
    error NotSealed(address provider);
    error NoAgreement();
    error Pending(uint256 threshold, uint256 found);

    uint8 internal constant QUORUM = 2;
    uint8 internal constant UNDECIDED = 0;
    uint8 internal constant VALID = 1;
    uint8 internal constant REFUTED = 2;
    uint8 private constant SAMPLED = 2;
    uint8 private constant REPLAYED = 3;
    uint8 private constant PROVEN = 4;

    /// @notice What isValidSignature may use.
    uint256 internal constant ERC1271_GAS = 200_000;
    uint256 internal constant MAX_SIGNATURE = 2048;

    bytes32 internal constant DOMAIN_TYPE =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 internal constant POLICY_TYPE = keccak256(
        "Policy(uint8 kind,uint16 replicas,uint16 threshold,uint16 samples,uint64 window,address[] auditors,bytes32 extension)"
    );
    bytes32 internal constant JOB_TYPE = keccak256(
        "Job(bytes32 program,bytes32 initialState,bytes32 inputs,uint64 steps,uint64 commitEvery,bool operatorTrace,bytes32 policy,address requester,uint64 deadline,bytes32 salt)"
    );
    bytes32 internal constant CLAIM_TYPE =
        keccak256("Claim(bytes32 job,bytes32 outputs,bytes32 finalState,bytes32 run)");
    bytes32 internal constant RECEIPT_TYPE = keccak256(
        "Receipt(Claim claim,address provider,bytes32 sealSet,bytes32 metadata,uint64 issuedAt)Claim(bytes32 job,bytes32 outputs,bytes32 finalState,bytes32 run)"
    );
    bytes32 internal constant SEAL_TYPE = keccak256("Seal(bytes32 job,address provider,bytes32 commitment)");
    bytes32 internal constant VERDICT_TYPE = keccak256(
        "Verdict(bytes32 receipt,bytes32 policy,uint8 outcome,uint8 grade,uint64 sampled,uint64 total,bytes32 evidence,address auditor,uint64 issuedAt)"
    );

    // --- hashes

    /// @notice The domain of jobs that a contract settles.
    function separator(uint256 chainId, address verifyingContract) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(DOMAIN_TYPE, keccak256("Countersign"), keccak256("1"), chainId, verifyingContract)
        );
    }

    function hash(Policy calldata policy) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                POLICY_TYPE,
                policy.kind,
                policy.replicas,
                policy.threshold,
                policy.samples,
                policy.window,
                keccak256(abi.encodePacked(policy.auditors)),
                policy.extension
            )
        );
    }

    function hash(Job calldata job) internal pure returns (bytes32) {
        return keccak256(abi.encode(JOB_TYPE, job));
    }

    function hash(Claim calldata claim) internal pure returns (bytes32) {
        return keccak256(abi.encode(CLAIM_TYPE, claim));
    }

    function hash(Receipt calldata receipt) internal pure returns (bytes32) {
        return _hashAbout(hash(receipt.claim), receipt);
    }

    /// @dev The receipt's hash from that of its claim.
    function _hashAbout(bytes32 claim, Receipt calldata receipt) private pure returns (bytes32) {
        return keccak256(
            abi.encode(
                RECEIPT_TYPE,
                claim,
                receipt.provider,
                receipt.sealSet,
                receipt.metadata,
                receipt.issuedAt
            )
        );
    }

    function hash(Seal calldata own) internal pure returns (bytes32) {
        return keccak256(abi.encode(SEAL_TYPE, own));
    }

    function hash(Verdict calldata verdict) internal pure returns (bytes32) {
        return keccak256(abi.encode(VERDICT_TYPE, verdict));
    }

    /// @notice What a provider seals: copied by another it opens to nothing.
    function commitmentOf(bytes32 claim, address provider, bytes32 salt) internal pure returns (bytes32) {
        return keccak256(abi.encode(claim, provider, salt));
    }

    // --- signatures

    /// @notice Reverts unless the signature over the structure is the signer's: ECDSA with 65 bytes or 64 (EIP-2098) and a low s, else
    /// ERC-1271. A wallet that reverts, runs out of its gas or answers with anything but the magic word has not signed.
    function verifySignature(bytes32 domain, bytes32 structHash, address signer, bytes calldata signature)
        internal
        view
    {
        require(signer != address(0), ZeroAddress());
        bytes32 digest = MessageHashUtils.toTypedDataHash(domain, structHash);
        (address found, ECDSA.RecoverError problem) = _recover(digest, signature);
        if (problem == ECDSA.RecoverError.NoError && found == signer) return;
        if (_isValidAtContract(digest, signer, signature)) return;
        bool formed = problem == ECDSA.RecoverError.NoError || problem == ECDSA.RecoverError.InvalidSignature;
        require(formed, MalformedSignature());
        revert BadSignature(signer);
    }

    function _recover(bytes32 digest, bytes calldata signature)
        private
        pure
        returns (address found, ECDSA.RecoverError problem)
    {
        (found, problem,) = signature.length == 64
            ? ECDSA.tryRecover(digest, bytes32(signature[:32]), bytes32(signature[32:]))
            : ECDSA.tryRecoverCalldata(digest, signature);
    }

    /// @dev OpenZeppelin's SignatureChecker gives the wallet all gas; this call is capped, and takes no more than a word back.
    function _isValidAtContract(bytes32 digest, address signer, bytes calldata signature)
        private
        view
        returns (bool isValid)
    {
        if (signature.length > MAX_SIGNATURE) return false;
        bytes memory data = abi.encodeCall(IERC1271.isValidSignature, (digest, signature));
        bytes32 magic = IERC1271.isValidSignature.selector;
        assembly ("memory-safe") {
            let done := staticcall(ERC1271_GAS, signer, add(data, 32), mload(data), 0, 32)
            isValid := and(and(done, eq(returndatasize(), 32)), eq(mload(0), magic))
        }
    }

    /// @notice The hash of the job, after policy and requester's signature were found to be the ones it names.
    function verifyJob(bytes32 domain, Job calldata job, Policy calldata policy, bytes calldata signature)
        internal
        view
        returns (bytes32 found)
    {
        require(job.policy == hash(policy), WrongPolicy());
        found = hash(job);
        verifySignature(domain, found, job.requester, signature);
    }

    /// @notice The hash of the receipt, after it was found to be about the job and signed by its provider.
    function verifyReceipt(bytes32 domain, bytes32 job, Receipt calldata receipt, bytes calldata signature)
        internal
        view
        returns (bytes32 found)
    {
        require(receipt.claim.job == job, WrongJob());
        found = hash(receipt);
        verifySignature(domain, found, receipt.provider, signature);
    }

    // --- quorums

    /// @notice The root of a closed list of seals, which ascends by provider.
    function sealSetOf(Seal[] calldata list) internal view returns (bytes32) {
        uint256 count = list.length;
        bytes32[] memory level = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            if (i > 0) _demandAfter(list[i].provider, list[i - 1].provider);
            level[i] = Merkle.hashItem(hash(list[i]));
        }
        return Merkle.sizedRoot(Merkle.SEALS, count, Merkle.rootFrom(level));
    }

    function _demandAfter(address next, address before) private pure {
        require(next != before, DuplicateSigner(next));
        require(next > before, BadOrder(next));
    }

    /// @notice The hash of the claim on which enough replicas agree. Reveals ascend by provider; each is signed, is by a replica, opens its own
    /// seal, and witnesses exactly this list of seals. `drawn` counts where the policy names nobody: who was drawn, ascending.
    function verifyQuorum(
        bytes32 domain,
        Job calldata job,
        Policy calldata policy,
        address[] calldata drawn,
        Seal[] calldata list,
        Reveal[] calldata reveals
    ) internal view returns (bytes32 claim) {
        require(job.policy == hash(policy), WrongPolicy());
        bool sound = policy.kind == QUORUM && policy.threshold <= policy.replicas
            && 2 * uint256(policy.threshold) > policy.replicas;
        require(sound, BadPolicy());
        address[] calldata replicas = policy.auditors.length == 0 ? drawn : policy.auditors;
        require(replicas.length == policy.replicas, NoReplicas());
        require(reveals.length >= policy.threshold, Pending(policy.threshold, reveals.length));
        claim = hash(reveals[0].receipt.claim);
        bytes32 jobHash = hash(job);
        bytes32 set = sealSetOf(list);
        uint256 seat = 0;
        uint256 place = 0;
        for (uint256 i = 0; i < reveals.length; ++i) {
            address provider = reveals[i].receipt.provider;
            if (i > 0) _demandAfter(provider, reveals[i - 1].receipt.provider);
            while (seat < replicas.length && replicas[seat] < provider) ++seat;
            require(seat < replicas.length && replicas[seat] == provider, NotAReplica(provider));
            while (place < list.length && list[place].provider < provider) ++place;
            require(place < list.length && list[place].provider == provider, NotSealed(provider));
            bytes32 own = hash(reveals[i].receipt.claim);
            _verifyReveal(reveals[i], own, list[place], jobHash, set);
            require(own == claim, NoAgreement());
            verifySignature(domain, _hashAbout(own, reveals[i].receipt), provider, reveals[i].signature);
        }
    }

    function _verifyReveal(Reveal calldata reveal, bytes32 claim, Seal calldata own, bytes32 job, bytes32 set) private pure {
        Receipt calldata receipt = reveal.receipt;
        require(receipt.claim.job == job, WrongJob());
        bytes32 commitment = commitmentOf(claim, receipt.provider, reveal.salt);
        require(own.job == job && own.commitment == commitment, WrongSeal(receipt.provider));
        require(receipt.sealSet == set, WrongSealSet(receipt.provider));
    }

    // --- verdicts

    /// @notice The outcome of a verdict on this receipt, after it was found to be sound and signed by an auditor whom the policy names.
    function verifyVerdict(
        bytes32 domain,
        Policy calldata policy,
        bytes32 receipt,
        Verdict calldata verdict,
        bytes calldata signature
    ) internal view returns (uint8 outcome) {
        require(verdict.policy == hash(policy), WrongPolicy());
        require(verdict.receipt == receipt && _isSound(verdict), BadVerdict());
        bool named = false;
        for (uint256 i = 0; i < policy.auditors.length && !named; ++i) named = policy.auditors[i] == verdict.auditor;
        require(named, BadVerdict());
        verifySignature(domain, hash(verdict), verdict.auditor, signature);
        return verdict.outcome;
    }

    /// @dev A grade says no more than its sample; only a refutation may stop early.
    function _isSound(Verdict calldata verdict) private pure returns (bool) {
        if (verdict.outcome > REFUTED || verdict.grade > PROVEN || verdict.sampled > verdict.total) return false;
        if (verdict.grade == SAMPLED) return verdict.sampled > 0;
        if (verdict.grade != REPLAYED) return true;
        return verdict.total > 0 && (verdict.sampled == verdict.total || verdict.outcome == REFUTED);
    }
}
