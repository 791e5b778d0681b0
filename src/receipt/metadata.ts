/**
 * Metadata: what a provider says about how it ran a job. Its hash is signed, so that no bit can change; its content is the
 * provider's own word and decides nothing.
 * @module
 */
import { sha256 } from '../core/sha256.js'
import type { Bytes32 } from '../core/bytes.js'
import * as fields from './fields.js'
import type { Field, Input } from './fields.js'
import { format } from './typed-data.js'

/** The provider's word about its run; a name is at most 64 printable ASCII characters. */
export interface Metadata {
  /** Version of the compiler that made the program from the .onnx file. */
  readonly compiler: string
  /** SHA-256 of the original .onnx file. */
  readonly model: Bytes32
  /** Kind of processor. */
  readonly processor: string
  /** Name of the runtime. */
  readonly runtime: string
  /** The salt that opens the provider's seal, once it may be known: nobody trusts it, the seal either opens or it does not. */
  readonly sealSalt?: Bytes32 | undefined
  /** Versions of what took part: runtime, host, operating system. */
  readonly versions: string
}

const name = fields.ascii(0, 64)

/** Metadata inside a file. */
export const metadataField: Field<Metadata> = fields.record<Metadata>({
  compiler: name,
  model: fields.bytes32,
  processor: name,
  runtime: name,
  sealSalt: fields.maybe(fields.bytes32),
  versions: name,
})

const metadataFormat = format('metadata', metadataField, 1024)

/** Metadata, checked and frozen. @throws Fault `core/bad-field`, `core/missing-field`, `core/unknown-field`. */
export const from: (metadata: Input<Metadata>) => Metadata = metadataFormat.from

/** Canonical JSON, at most 1 KiB. */
export const encode: (metadata: Metadata) => Uint8Array = metadataFormat.encode

/** Metadata from its canonical JSON. @throws Fault, by the name of what is wrong. */
export const decode: (bytes: Uint8Array) => Metadata = metadataFormat.decode

/** SHA-256 of the canonical JSON: what a receipt names. JSON begins with `{`, which no tag of a tree or record is. */
export function hash(metadata: Metadata): Bytes32 {
  return sha256(encode(metadata))
}

/** The longest name; longer ones are cut by `shorten`. */
const LONGEST = 64

/** A name made to fit: other characters than printable ASCII become `?`, and what is too long is cut. */
export function shorten(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?').slice(0, LONGEST)
}
