/**
 * Signers: the only place that handles private keys. A key lives in a closure; no property, no text form, no JSON and no fault
 * of a signer ever shows it.
 * @module
 */
import { SigningKey } from 'ethers/crypto'
import { TypedDataEncoder } from 'ethers/hash'
import { Transaction, computeAddress, type TransactionLike } from 'ethers/transaction'
import { decryptKeystoreJson, encryptKeystoreJson } from 'ethers/wallet'
import { fromHex, toHex } from '../core/bytes.js'
import { Fault, demand } from '../core/faults.js'
import { toAddress, type Address } from './fields.js'
import { compact, verify, type SignatureOptions } from './signature.js'
import { digest, wireDomain, type Domain, type Struct, type Types } from './typed-data.js'

/** Whatever can sign typed data for an account: one of ours, an ethers Wallet, or a wallet in a browser. */
export interface Signer {
  /** The account, in any case. */
  readonly address: string
  /** The signature as 0x text, over EIP-712 typed data. */
  signTypedData(domain: ReturnType<typeof wireDomain>, types: Types, value: Record<string, unknown>): Promise<string>
}

/** A signer that holds its key itself. */
export interface AccountSigner extends Signer {
  readonly address: Address
  /** The transaction, signed, as 0x text: for accounts that act on a chain. */
  signTransaction(transaction: TransactionLike): Promise<string>
}

/** The environment variable that may hold a private key. */
export const KEY_VARIABLE = 'COUNTERSIGN_KEY'

/**
 * A signer from 32 bytes of private key.
 * @throws Fault `receipt/bad-keystore` where they are no key of secp256k1. The bytes never appear in it.
 */
export function fromKey(key: Uint8Array): AccountSigner {
  return signerOf(signingKeyOf(key))
}

function signingKeyOf(key: Uint8Array): SigningKey {
  try {
    const signing = new SigningKey(`0x${toHex(key)}`)
    computeAddress(signing) // a key out of range shows here
    return signing
  } catch {
    throw new Fault('receipt/bad-keystore', 'not a private key of secp256k1') // no cause: it could quote the key
  }
}

function signerOf(key: SigningKey): AccountSigner {
  const address = toAddress(computeAddress(key))
  return Object.freeze({
    address,
    signTypedData: async (domain: ReturnType<typeof wireDomain>, types: Types, value: Record<string, unknown>) =>
      key.sign(TypedDataEncoder.hash(domain, types, value)).serialized,
    signTransaction: async (unsigned: TransactionLike) => {
      const transaction = Transaction.from(unsigned)
      transaction.signature = key.sign(transaction.unsignedHash)
      return transaction.serialized
    },
  })
}

/** A signer with a fresh key from the platform's random source. */
export function fromRandom(): AccountSigner {
  return signerOf(randomKey())
}

function randomKey(): SigningKey {
  return signingKeyOf(globalThis.crypto.getRandomValues(new Uint8Array(32))) // fails with probability 2^-128
}

/**
 * A signer from the environment variable COUNTERSIGN_KEY: 64 hexadecimal digits, with or without 0x.
 * @throws Fault `receipt/bad-keystore` where it is missing or malformed.
 */
export function fromEnvironment(
  environment: Readonly<Record<string, string | undefined>> = globalThis.process?.env ?? {},
): AccountSigner {
  const text = environment[KEY_VARIABLE]
  demand(text !== undefined, 'receipt/bad-keystore', () => `${KEY_VARIABLE} is not set`)
  const digits = text.trim().toLowerCase().replace(/^0x/, '')
  demand(/^[0-9a-f]{64}$/.test(digits), 'receipt/bad-keystore', () => `${KEY_VARIABLE} is not 64 hexadecimal digits`)
  return fromKey(fromHex(digits))
}

/** How a keystore is made or opened. */
export interface KeystoreOptions {
  /** 0 to 1, several times a second: key derivation is slow on purpose. */
  readonly onProgress?: (done: number) => void
  /** scrypt's N for new keystores: 2^17, the standard of the field. Less is for tests. */
  readonly unsafeScryptN?: number
}

/** The largest keystore file that is read, and the most work that opening one may ask for (scrypt memory is 128 N r bytes). */
const MAX_KEYSTORE = 16_384
const MAX_SCRYPT = { N: 2 ** 18, r: 8, p: 8 }
const MAX_PBKDF2_ROUNDS = 2_000_000

/**
 * A fresh key, encrypted under a password.
 * @returns the account and the keystore's JSON text (Web3 Secret Storage version 3, scrypt).
 * @remarks About a second; the key itself is never returned.
 */
export async function newKeystore(
  password: string,
  options: KeystoreOptions = {},
): Promise<{ address: Address; keystore: string }> {
  return encryptKey(randomKey(), password, options)
}

/** A keystore for an existing private key of 32 bytes. @throws Fault `receipt/bad-keystore`. */
export async function keystoreFrom(
  key: Uint8Array,
  password: string,
  options: KeystoreOptions = {},
): Promise<{ address: Address; keystore: string }> {
  return encryptKey(signingKeyOf(key), password, options)
}

async function encryptKey(
  key: SigningKey,
  password: string,
  options: KeystoreOptions,
): Promise<{ address: Address; keystore: string }> {
  const address = computeAddress(key)
  const keystore = await encryptKeystoreJson({ address, privateKey: key.privateKey }, password, {
    scrypt: { N: options.unsafeScryptN ?? 2 ** 17, r: 8, p: 1 },
    ...(options.onProgress && { progressCallback: options.onProgress }),
  })
  return { address: toAddress(address), keystore }
}

/**
 * A signer from an encrypted keystore (Web3 Secret Storage version 3, as wallets write it).
 * @throws Fault `receipt/bad-keystore` where it is malformed, asks for too much work, or the password is wrong; neither key nor
 * password appear in it.
 */
export async function fromKeystore(
  keystore: string,
  password: string,
  options: KeystoreOptions = {},
): Promise<AccountSigner> {
  checkWork(keystore)
  const key = await decrypt(keystore, password, options)
  return fromKey(key)
}

async function decrypt(keystore: string, password: string, { onProgress }: KeystoreOptions): Promise<Uint8Array> {
  try {
    const { privateKey } = await decryptKeystoreJson(keystore, password, onProgress)
    return fromHex(privateKey, 32)
  } catch {
    throw new Fault('receipt/bad-keystore', 'the keystore cannot be decrypted', { hint: 'is the password right?' })
  }
}

/** A hostile keystore could ask for any amount of memory or time: refused before the derivation starts. */
function checkWork(keystore: string): void {
  demand(keystore.length <= MAX_KEYSTORE, 'receipt/bad-keystore', () => 'the keystore is too large')
  const { kdf, kdfparams } = kdfOf(keystore)
  const within = (value: unknown, limit: number): boolean =>
    Number.isInteger(value) && (value as number) > 0 && (value as number) <= limit
  const fine =
    kdf === 'scrypt'
      ? within(kdfparams.n, MAX_SCRYPT.N) && within(kdfparams.r, MAX_SCRYPT.r) && within(kdfparams.p, MAX_SCRYPT.p)
      : kdf === 'pbkdf2' && within(kdfparams.c, MAX_PBKDF2_ROUNDS)
  demand(fine, 'receipt/bad-keystore', () => 'the keystore asks for a key derivation beyond the limits')
}

function kdfOf(keystore: string): { kdf: unknown; kdfparams: Record<string, unknown> } {
  try {
    const { crypto } = lowerKeys(JSON.parse(keystore)) as { crypto: unknown }
    const { kdf, kdfparams } = lowerKeys(crypto)
    return { kdf, kdfparams: lowerKeys(kdfparams) }
  } catch {
    throw new Fault('receipt/bad-keystore', 'not a keystore')
  }
}

/** Wallets differ in the case of keys ("Crypto", "crypto"), and the decryptor reads them without regard to it. */
function lowerKeys(value: unknown): Record<string, unknown> {
  const entries = Object.entries(value as object).map(([key, entry]): [string, unknown] => [key.toLowerCase(), entry])
  demand(
    new Set(entries.map(([key]) => key)).size === entries.length,
    'receipt/bad-keystore',
    () => 'a key stands twice',
  )
  return Object.fromEntries(entries)
}

/** A structure to be signed, and where the signature counts. */
export interface ToSign<T> {
  readonly struct: Struct<T>
  readonly value: T
  readonly domain: Domain
}

/**
 * The signature by this signer, in 64 bytes where it is an account's, checked before it is returned.
 * @throws Fault `receipt/bad-signature` where the wallet signed something else; `receipt/undecided-signature` where the wallet is
 * a contract and no chain was given.
 */
export async function sign<T>(signer: Signer, toSign: ToSign<T>, options: SignatureOptions = {}): Promise<Uint8Array> {
  const { struct, value, domain } = toSign
  const text = await signer.signTypedData(
    wireDomain(domain),
    struct.types,
    struct.toTyped(value) as Record<string, unknown>,
  )
  const signature = compact(fromHex(text.toLowerCase()))
  await verify({ digest: digest(domain, struct, value), signature, signer: toAddress(signer.address), domain }, options)
  return signature
}
