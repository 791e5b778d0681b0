/**
 * The one fault table. A code is `<room>/<what>`; it is the name of a refusal everywhere: in code, in the docs, as the
 * command line's exit code (1 refuted, 2 usage, 3 undecided, 4 could not run).
 */
export const FAULTS = {
  // core: bytes, canonical encodings
  'core/bad-hex': { exit: 2, summary: 'not lower-case hexadecimal of the expected length' },
  'core/bad-json': { exit: 2, summary: 'not canonical JSON (RFC 8785)' },
  'core/duplicate-key': { exit: 2, summary: 'an object that holds one key twice' },
  'core/bad-abi': { exit: 1, summary: 'not the canonical ABI encoding of these types' },
  'core/bad-number': { exit: 2, summary: 'a number outside the range that its field allows' },
  'core/unknown-field': { exit: 1, summary: 'a field that this version of the format does not have' },
  'core/missing-field': { exit: 1, summary: 'a field that the format demands is missing' },
  'core/bad-field': { exit: 1, summary: 'a field holds a value of the wrong form' },
  'core/unknown-version': { exit: 1, summary: 'a format version that this release does not know' },
  'core/too-large': { exit: 2, summary: 'larger than the limit, refused before reading' },
  'core/aborted': { exit: 4, summary: 'cancelled by the caller' },
  'core/bad-tensor': { exit: 2, summary: 'dtype, dims and data of a tensor do not fit together' },
  'core/bad-npy': { exit: 2, summary: 'not a NumPy array file that tensors can hold' },
  // merkle
  'merkle/index-out-of-range': { exit: 1, summary: 'the index is not below the size of the tree' },
  'merkle/bad-proof-length': { exit: 1, summary: 'the proof has more or fewer nodes than this index and size need' },
  'merkle/bad-node': { exit: 1, summary: 'a hash that is not 32 bytes' },
  'merkle/root-mismatch': { exit: 1, summary: 'the proof leads to another root' },
  'merkle/inconsistent': { exit: 1, summary: 'the earlier tree is not a prefix of the later one' },
  'merkle/bad-tile': { exit: 1, summary: 'the tile has another size than its place in the tensor demands' },
  'merkle/bad-element': { exit: 1, summary: 'a NaN that is not the canonical one, or a bool that is neither 0 nor 1' },
  'merkle/bad-entry': { exit: 1, summary: 'a settlement entry is malformed or stands twice' },
  // onnx
  'onnx/truncated': { exit: 2, summary: 'the file ends inside a field' },
  'onnx/bad-wire': { exit: 2, summary: 'not well-formed protobuf' },
  'onnx/unknown-field': { exit: 2, summary: 'a protobuf field that ONNX does not define' },
  'onnx/missing-field': { exit: 2, summary: 'a protobuf field that ONNX demands is missing' },
  'onnx/unsupported': { exit: 2, summary: 'something that ONNX defines and this reader does not carry' },
  'onnx/bad-version': { exit: 2, summary: 'an IR or opset version outside the supported range' },
  'onnx/bad-tensor': { exit: 2, summary: 'an initializer whose data does not fit its dtype and dims' },
  'onnx/bad-external-data': {
    exit: 2,
    summary: 'external data is missing, out of range or outside of the folder of the model',
  },
  'onnx/duplicate-name': { exit: 2, summary: 'a value is defined twice' },
  'onnx/undefined-name': { exit: 2, summary: 'a node reads a value that nothing defines' },
  'onnx/cycle': { exit: 2, summary: 'nodes depend on each other in a circle' },
  'onnx/bad-node': { exit: 2, summary: 'a node or attribute that its operator does not allow' },
  'onnx/too-deep': { exit: 2, summary: 'subgraphs or functions are nested deeper than the limit' },
  // exact
  'exact/unsupported-operator': { exit: 2, summary: 'an operator, or a use of it, that has no exact decomposition' },
  'exact/unsupported-type': { exit: 2, summary: 'a tensor type that exact programs do not carry' },
  'exact/shape-mismatch': { exit: 2, summary: 'shapes that do not fit together' },
  'exact/dynamic-shape': { exit: 2, summary: 'a shape that depends on data which was not bound when compiling' },
  'exact/too-large': { exit: 2, summary: 'a program, value or constant beyond the limits' },
  'exact/bad-program': { exit: 1, summary: 'program bytes that break a rule of the format' },
  'exact/missing-input': { exit: 2, summary: 'an input that the program needs was not given' },
  'exact/wrong-input': { exit: 2, summary: 'an input of another dtype or shape than the program was compiled for' },
  // autodiff
  'autodiff/no-gradient': { exit: 2, summary: 'an op without a gradient rule stands between the loss and a parameter' },
  'autodiff/not-scalar': { exit: 2, summary: 'what is differentiated is not one floating-point number' },
  'autodiff/nothing-to-train': { exit: 2, summary: 'the loss depends on no parameter that may be trained' },
  'autodiff/bad-option': {
    exit: 2,
    summary: 'a training option out of its range, or a name that the model does not have',
  },
  'autodiff/rate-out-of-bounds': { exit: 1, summary: 'a learning rate outside of the bounds that a policy sets' },
  'autodiff/wrong-program': { exit: 1, summary: 'the program is not the one that the recipe makes of the model' },
  // data
  'data/bad-dataset': { exit: 2, summary: 'columns that do not make a data set' },
  'data/bad-csv': { exit: 2, summary: 'text that is not numbers in lines of equally many fields' },
  'data/bad-raw': { exit: 2, summary: 'a raw file that is not a whole number of samples' },
  'data/wrong-dataset': { exit: 1, summary: 'the data set has another root than the schedule names' },
  'data/wrong-sample': { exit: 1, summary: 'a sample that is not the one that the schedule draws, or of another type' },
  'data/bad-schedule': {
    exit: 1,
    summary: 'a schedule that breaks a rule of the format, or does not fit its data set',
  },
  'data/wrong-beacon': {
    exit: 1,
    summary: 'the seed is made from other randomness than the beacon gave that the schedule names',
  },
  'data/unknown-beacon': {
    exit: 3,
    summary: 'the schedule names a beacon, and the verifier does not say what it gave',
  },
  'data/wrong-columns': { exit: 2, summary: 'the program takes other inputs than the data set and its schedule give' },
  'data/bad-initial': { exit: 2, summary: 'an initialisation rule that does not exist or does not fit its parameter' },
  'data/no-rule': { exit: 2, summary: 'a parameter whose first value follows from no rule' },
  'data/wrong-initial': { exit: 1, summary: 'rules or checkpoint are not those that the schedule names' },
  // runtime
  'runtime/unavailable': { exit: 4, summary: 'this runtime is not installed or cannot start here' },
  'runtime/refused': { exit: 1, summary: 'the run is refused: it met a fault point of its program' },
  'runtime/failed': { exit: 4, summary: 'the runtime failed while running the program' },
  // quantize
  'quantize/not-integer': { exit: 2, summary: 'an op, type or constant outside of the subset of integer programs' },
  'quantize/wide-operand': { exit: 2, summary: 'an operand of a product that may pass 22 bits' },
  'quantize/wide-sum': { exit: 2, summary: 'products or summands that may add up beyond what is summed exactly' },
  'quantize/wide-value': { exit: 2, summary: 'a value that may leave the integers that its type holds exactly' },
  'quantize/wide-index': { exit: 2, summary: 'an index that may be out of range' },
  'quantize/unsupported-operator': { exit: 2, summary: 'an operator, or a use of it, that has no integer form' },
  'quantize/bad-scale': { exit: 2, summary: 'a scale that is no power of two, or not known when the program is made' },
  'quantize/no-scale': { exit: 2, summary: 'a value whose scale nothing says: neither calibration data nor the model' },
  'quantize/bad-calibration': { exit: 2, summary: 'calibration data that is missing, uneven or not finite' },
  // trace
  'trace/bad-state': { exit: 1, summary: 'the state does not belong to the program' },
  'trace/not-recorded': { exit: 2, summary: 'the value was not recorded in this trace' },
  'trace/bad-step': { exit: 1, summary: 'a step does not follow from the one before it' },
  // receipt
  'receipt/bad-signature': { exit: 1, summary: 'the signature is not by the stated signer' },
  'receipt/malformed-signature': { exit: 1, summary: 'the signature has the wrong length, a high s or a bad v' },
  'receipt/undecided-signature': { exit: 3, summary: 'a contract signature cannot be checked without a chain' },
  'receipt/zero-address': { exit: 1, summary: 'the zero address where somebody must stand' },
  'receipt/wrong-domain': { exit: 1, summary: 'signed for another chain or contract than the one that counts' },
  'receipt/unrequested': { exit: 1, summary: 'the job has no requester that stands behind it' },
  'receipt/bad-policy': { exit: 1, summary: 'a policy whose numbers contradict its kind' },
  'receipt/bad-verdict': { exit: 1, summary: 'a verdict whose grade contradicts its sample' },
  'receipt/wrong-job': { exit: 1, summary: 'the claim answers another job' },
  'receipt/wrong-program': { exit: 1, summary: 'the program bytes have another root than the job names' },
  'receipt/wrong-state': { exit: 1, summary: 'the state has another root than the one named' },
  'receipt/wrong-inputs': { exit: 1, summary: 'the inputs have another root than the job names' },
  'receipt/wrong-outputs': { exit: 1, summary: 'the outputs have another root than the claim names' },
  'receipt/wrong-run': { exit: 1, summary: 'the steps have another root than the claim names' },
  'receipt/wrong-values': { exit: 1, summary: 'the operator values have another root than the step names' },
  'receipt/wrong-policy': { exit: 1, summary: 'the policy has another hash than the job names' },
  'receipt/wrong-metadata': { exit: 1, summary: 'the metadata has another hash than the receipt names' },
  'receipt/wrong-model': { exit: 1, summary: 'the model file has another hash than the metadata names' },
  'receipt/wrong-seal': { exit: 1, summary: 'the seal does not open to this claim' },
  'receipt/wrong-seal-set': { exit: 1, summary: 'the seal set is not the one that the receipt names' },
  'receipt/bad-keystore': { exit: 2, summary: 'no usable key: the keystore cannot be read or decrypted' },
  // bundle
  'bundle/missing-file': { exit: 1, summary: 'a file of the bundle is missing' },
  'bundle/unexpected-file': { exit: 1, summary: 'a file that does not belong to a bundle' },
  'bundle/not-regular': { exit: 1, summary: 'a link or special file in a bundle' },
  'bundle/wrong-object': { exit: 1, summary: 'an object whose bytes do not hash to its name' },
  'bundle/wrong-size': { exit: 1, summary: 'a file with another size than its place demands' },
  'bundle/exists': { exit: 2, summary: 'the output folder exists already' },
  // audit
  'audit/refused-run': { exit: 2, summary: 'a run that its program refused is audited by replay, not by samples' },
  // attest
  'attest/false-step': { exit: 1, summary: 'a challenged step does not follow from the one before it' },
  'attest/broken-chain': { exit: 1, summary: 'a challenged step does not begin in the state that the one before left' },
  'attest/wrong-start': { exit: 1, summary: 'the run does not begin in the state that its job fixes' },
  'attest/wrong-end': { exit: 1, summary: 'the last step is not the one that the claim names' },
  'attest/wrong-challenge': { exit: 1, summary: 'other steps are opened than the beacon challenges' },
  'attest/start-not-allowed': { exit: 1, summary: 'the run starts from a state that the verifier does not accept' },
  'attest/broken-link': {
    exit: 1,
    summary: 'a link of a chain of rounds does not take up what the links before it left',
  },
  'attest/wrong-terms': { exit: 1, summary: 'a link of a chain of rounds keeps other terms than were agreed' },
  'attest/no-schedule': { exit: 2, summary: 'a proof of learning needs a job that names a schedule' },
  'attest/needs-beacon': { exit: 1, summary: 'too few challenged steps to do without a beacon' },
  'attest/duplicate-signer': { exit: 1, summary: 'two statements by one signer where one counts' },
  'attest/equivocation': { exit: 1, summary: 'one provider signed two different claims for one job' },
  'attest/not-sealed': { exit: 1, summary: 'a receipt without its seal' },
  'attest/late-seal': { exit: 1, summary: 'a seal after the seal deadline or after a reveal' },
  'attest/early-reveal': { exit: 1, summary: 'a result shown before the seals were closed' },
  'attest/withheld': { exit: 1, summary: 'a seal that was never opened' },
  'attest/no-replicas': {
    exit: 2,
    summary: 'neither the policy nor a draw names the replicas; seats are never first come',
  },
  'attest/bad-draw': { exit: 1, summary: 'the replicas are not those that the beacon draws' },
  'attest/no-equivocation': { exit: 1, summary: 'the two statements do not contradict each other' },
  'attest/bad-order': { exit: 1, summary: 'a list that is not in its one right order' },
  'attest/not-a-replica': { exit: 1, summary: 'a provider that the policy does not name' },
  'attest/no-agreement': { exit: 1, summary: 'agreement is no longer possible' },
  'attest/pending': { exit: 3, summary: 'not enough receipts yet' },
  'attest/timed-out': { exit: 3, summary: 'the deadline passed without agreement' },
  'attest/wrong-beacon': { exit: 1, summary: 'evidence about another claim, job or provider' },
  'attest/self-witnessed': { exit: 1, summary: 'evidence of time by the provider itself' },
  'attest/unknown-witness': { exit: 3, summary: 'a time that nobody vouches for whom the verifier trusts' },
  'attest/unknown-network': { exit: 3, summary: 'a round of a network that the verifier does not trust' },
  'attest/beacon-not-later': { exit: 1, summary: 'randomness that was known when the claim was made' },
  'attest/chosen-round': { exit: 1, summary: 'another round or block than the one that follows by rule' },
  'attest/bad-beacon': { exit: 1, summary: 'a round that the network did not sign' },
  'attest/no-chain': { exit: 3, summary: 'the chain of a beacon cannot be asked' },
  'attest/not-committed': { exit: 1, summary: 'the chain does not hold the claim where the beacon says so' },
  'attest/pending-beacon': { exit: 3, summary: 'the block of a beacon does not exist yet' },
  // dispute
  'dispute/silent': { exit: 1, summary: 'a provider that does not open what it committed' },
  'dispute/not-provable': { exit: 1, summary: 'runs differ where no contract decides' },
  'dispute/not-known': { exit: 3, summary: 'a part of the run that its provider has not revealed' },
  'dispute/different-jobs': { exit: 2, summary: 'the two runs answer different jobs' },
  'dispute/no-difference': { exit: 2, summary: 'what is shown as false is right' },
  'dispute/no-expansion': { exit: 2, summary: 'an element that is not a sum, a product or a choice of others' },
  // zk
  'zk/not-in-field': { exit: 1, summary: 'a number that is no canonical element of the field of the circuits' },
  'zk/bad-length': { exit: 2, summary: 'more or fewer elements than a hash or commitment takes' },
  'zk/unsupported': { exit: 2, summary: 'an op, or a use of it, that has no circuit' },
  'zk/out-of-range': { exit: 2, summary: 'a value outside of the interval that the circuit was made for' },
  'zk/too-large': { exit: 2, summary: 'more constraints than the compiler can hold' },
  'zk/no-compiler': { exit: 4, summary: 'the circuit compiler is not installed' },
  'zk/compile-failed': { exit: 4, summary: 'the circuit compiler failed or took longer than its limit' },
  'zk/bad-r1cs': { exit: 2, summary: 'not a constraint system or witness file of this field' },
  'zk/unsatisfied': { exit: 1, summary: 'a witness that breaks a constraint' },
  'zk/not-a-member': { exit: 1, summary: 'an input that is not the sample at its position of a data set' },
  'zk/no-witness': { exit: 1, summary: 'inputs for which the circuit has no witness' },
  'zk/no-prover': { exit: 4, summary: 'the package that proves (snarkjs) is not installed' },
  'zk/prover-failed': { exit: 4, summary: 'the proving package failed on files that are well formed' },
  'zk/bad-file': { exit: 2, summary: 'not a well-formed file of powers of tau or of a proving key' },
  'zk/not-on-curve': { exit: 1, summary: 'coordinates of no point of the group' },
  'zk/powers-too-small': { exit: 2, summary: 'more constraints than the powers of tau hold' },
  'zk/unsafe-key': { exit: 1, summary: 'a development key, whose secrets are public, where none is allowed' },
  'zk/forgeable-key': { exit: 1, summary: 'a key with gamma equal to delta: anybody proves anything with it' },
  'zk/no-contribution': { exit: 1, summary: 'a key to which nobody contributed a secret' },
  'zk/wrong-key': { exit: 1, summary: 'a key of another circuit, of other powers of tau, or altered' },
  'zk/wrong-hash': { exit: 1, summary: 'another file than the pinned hash names' },
  'zk/refuted': { exit: 1, summary: 'a proof that does not hold for these public inputs and this key' },
  'zk/bad-kit': { exit: 1, summary: 'a proving kit whose parts do not belong together' },
  'zk/wrong-public': { exit: 1, summary: 'a proof of something else than was expected' },
  // chain
  'chain/reverted': { exit: 1, summary: 'a contract refused the call with an error of its own' },
  'chain/no-contract': { exit: 2, summary: 'no contract stands at this address' },
  'chain/wrong-contract': { exit: 1, summary: 'another contract stands at this address than the deployment says' },
  'chain/wrong-chain': { exit: 2, summary: 'the node is one of another chain' },
  'chain/no-signer': { exit: 2, summary: 'a transaction without an account that sends it' },
  'chain/no-funds': { exit: 2, summary: 'the account cannot pay for the transaction' },
  'chain/no-referee': { exit: 2, summary: 'the deployment has no such referee' },
  'chain/unknown-job': { exit: 2, summary: 'a job that was not posted on this chain' },
  'chain/unknown-claim': { exit: 2, summary: 'a claim that was not filed on this chain' },
  'chain/decided': { exit: 1, summary: 'the claim was decided before this could be done' },
  'chain/timed-out': { exit: 3, summary: 'what was sent is not on the chain yet' },
  'chain/failed': { exit: 4, summary: 'the node did not do what it was asked' },
  // cli
  'cli/usage': { exit: 2, summary: 'the command cannot be understood' },
  'cli/unfinished': { exit: 2, summary: 'a run that is not done stands where another one would begin' },
  'cli/not-found': { exit: 2, summary: 'a file that was named does not exist' },
} as const satisfies Record<string, { exit: 1 | 2 | 3 | 4; summary: string }>

/** A name in the fault table. */
export type FaultCode = keyof typeof FAULTS

/** What a fault knows beside its name. Never holds secrets, weights or inputs. */
export interface FaultDetail {
  readonly expected?: unknown
  readonly found?: unknown
  readonly where?: string
  readonly hint?: string
  readonly cause?: unknown
}

/**
 * The error of this library: a code from the fault table, one sentence, and where it applies what was expected and found.
 *
 * @example
 * try { decode(bytes) } catch (error) { if (Fault.is(error, 'onnx/truncated')) console.log(error.message) }
 */
export class Fault extends Error {
  override readonly name = 'Fault'
  readonly code: FaultCode
  readonly detail: FaultDetail

  constructor(code: FaultCode, message: string, detail: FaultDetail = {}) {
    super(describe(code, message, detail), detail.cause === undefined ? undefined : { cause: detail.cause })
    this.code = code
    this.detail = detail
  }

  /** Exit code of the command line for this fault. */
  get exit(): 1 | 2 | 3 | 4 {
    return FAULTS[this.code].exit
  }

  /** True where `error` is a fault, of this code if one is given. */
  static is(error: unknown, code?: FaultCode): error is Fault {
    return error instanceof Fault && (code === undefined || error.code === code)
  }
}

function describe(code: FaultCode, message: string, { expected, found, where, hint }: FaultDetail): string {
  const parts = [`${message} (${code})`]
  if (where !== undefined) parts.push(`at ${where}`)
  if (expected !== undefined) parts.push(`expected ${String(expected)}`)
  if (found !== undefined) parts.push(`found ${String(found)}`)
  if (hint !== undefined) parts.push(hint)
  return parts.join('; ')
}

/** Throws the fault unless the condition holds. The message is made only when it is needed. */
export function demand(
  condition: unknown,
  code: FaultCode,
  message: () => string,
  detail?: FaultDetail,
): asserts condition {
  if (!condition) throw new Fault(code, message(), detail)
}

/** Throws `core/aborted` where the signal has fired. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new Fault('core/aborted', 'cancelled', { cause: signal.reason })
}
