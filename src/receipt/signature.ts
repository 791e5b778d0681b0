/**
 * Signatures: ECDSA over secp256k1 by an account, or ERC-1271 by a contract.
 * @module
 */
import { SigningKey } from 'ethers/crypto'
import { computeAddress } from 'ethers/transaction'
import { concat, equal, fromHex, toHex, type Bytes32 } from '../core/bytes.js'
import { encodeAbi } from '../core/abi.js'
import { Fault, demand } from '../core/faults.js'
import { ZERO_ADDRESS, bytes, maybe, type Address, type Field } from './fields.js'
import type { Domain } from './typed-data.js'

/** The longest signature that is looked at; contracts may want more than 65 bytes. */
export const MAX_SIGNATURE = 2048

/** A signature inside a file. */
export const signatureField: Field<Uint8Array> = bytes(1, MAX_SIGNATURE)

/** A signature that may be absent. */
export const maybeSignature: Field<Uint8Array | undefined> = maybe(signatureField)

/**
 * A read-only call of a contract at the caller's node: its return data, or null where it reverts. It throws where the chain
 * cannot be asked; that leaves the signature undecided. At most `gas` may be spent.
 */
export type StaticCall = (to: Address, data: Uint8Array, gas: bigint) => Promise<Uint8Array | null> | Uint8Array | null

/** What a verifier may use. */
export interface SignatureOptions {
  /** How to ask a contract; without it, signatures by contracts stay undecided. */
  readonly staticcall?: StaticCall
}

/** A signature with everything that it is checked against. */
export interface SignedDigest {
  readonly digest: Bytes32
  readonly signature: Uint8Array
  readonly signer: Address
  readonly domain: Domain
}

/** The gas that isValidSignature may use: enough for a wallet of several owners, too little to harm the one who asks. */
export const ERC1271_GAS = 200_000n

/** bytes4(keccak256("isValidSignature(bytes32,bytes)")), selector and magic value alike. @see ERC-1271 */
const ERC1271_MAGIC = fromHex('1626ba7e')

/** Order of secp256k1 and its half. @see SEC 2 section 2.4.1; EIP-2 for the lower half */
const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
const HALF_ORDER = ORDER >> 1n

/**
 * The account that signed the digest.
 * @param signature 64 bytes (EIP-2098: r, yParity and s) or 65 (r, s, v of 27 or 28), with s in the lower half.
 * @throws Fault `receipt/malformed-signature` for any other form, `receipt/bad-signature` where no key can have made it.
 */
export function recover(digest: Bytes32, signature: Uint8Array): Address {
  const { r, s, yParity } = parse(signature)
  try {
    const key = SigningKey.recoverPublicKey(digest, { r: word(r), s: word(s), v: yParity === 1 ? 28 : 27 })
    return computeAddress(key).toLowerCase() as Address
  } catch {
    throw new Fault('receipt/bad-signature', 'no key can have made this signature')
  }
}

interface Parsed {
  readonly r: bigint
  readonly s: bigint
  readonly yParity: 0 | 1
}

function parse(signature: Uint8Array): Parsed {
  const malformed = (ok: boolean, what: string): void => demand(ok, 'receipt/malformed-signature', () => what)
  malformed(signature.length === 64 || signature.length === 65, 'neither 64 nor 65 bytes')
  const compactForm = signature.length === 64
  const v = compactForm ? 27 + (signature[32] >> 7) : signature[64]
  malformed(v === 27 || v === 28, 'v is neither 27 nor 28')
  const r = integer(signature.subarray(0, 32))
  const s = integer(signature.subarray(32, 64)) & (compactForm ? (1n << 255n) - 1n : (1n << 256n) - 1n)
  malformed(r > 0n && r < ORDER, 'r is out of range')
  malformed(s > 0n && s <= HALF_ORDER, 's is not in the lower half')
  return { r, s, yParity: v === 28 ? 1 : 0 }
}

const integer = (value: Uint8Array): bigint => BigInt(`0x${toHex(value)}`)
const word = (value: bigint): string => `0x${value.toString(16).padStart(64, '0')}`

/**
 * The same ECDSA signature in its 64-byte form; one that is none (a contract's) is returned as it is.
 * @see EIP-2098
 */
export function compact(signature: Uint8Array): Uint8Array {
  if (signature.length !== 65 || (signature[64] !== 27 && signature[64] !== 28)) return signature
  const out = signature.slice(0, 64)
  if (signature[64] === 28) out[32] |= 0x80
  return out
}

/**
 * The signer, after the signature was found to be the signer's: ecrecover first, then ERC-1271 where the domain names a chain
 * and a contract.
 * @throws Fault `receipt/zero-address`, `receipt/malformed-signature`, `receipt/bad-signature`, and
 * `receipt/undecided-signature` where only a chain could tell and none can be asked.
 * @remarks About 1.5 ms for an account. Trust for a contract: the node behind `staticcall`.
 */
export async function verify(signed: SignedDigest, options: SignatureOptions = {}): Promise<Address> {
  demand(signed.signer !== ZERO_ADDRESS, 'receipt/zero-address', () => 'the zero address signs nothing')
  const fault = recoveryFault(signed)
  if (fault === undefined) return signed.signer
  if (signed.domain.chainId === undefined || signed.domain.verifyingContract === undefined) throw fault
  if (await isValidAtContract(signed, options.staticcall)) return signed.signer
  throw fault
}

function recoveryFault({ digest, signature, signer }: SignedDigest): Fault | undefined {
  try {
    const found = recover(digest, signature)
    return found === signer
      ? undefined
      : new Fault('receipt/bad-signature', 'signed by another key, or other content', { expected: signer })
  } catch (error) {
    if (Fault.is(error)) return error
    throw error
  }
}

async function isValidAtContract(signed: SignedDigest, staticcall: StaticCall | undefined): Promise<boolean> {
  const { digest, signature, signer } = signed
  demand(staticcall, 'receipt/undecided-signature', () => 'this may be the signature of a contract', {
    hint: 'give a chain to ask',
  })
  const data = concat(ERC1271_MAGIC, encodeAbi(['bytes32', 'bytes'], [digest, signature]))
  const answer = await ask(staticcall, signer, data)
  return answer !== null && answer.length === 32 && equal(answer, MAGIC_WORD)
}

async function ask(staticcall: StaticCall, to: Address, data: Uint8Array): Promise<Uint8Array | null> {
  try {
    return await staticcall(to, data, ERC1271_GAS)
  } catch (cause) {
    throw new Fault('receipt/undecided-signature', 'the chain could not be asked', { cause })
  }
}

const MAGIC_WORD = concat(ERC1271_MAGIC, new Uint8Array(28))
