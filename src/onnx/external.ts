/**
 * External data: constants that live in files beside the model.
 * Source: docs/ExternalData.md and TensorProto.external_data of onnx/onnx at f7546912.
 * @module
 */
import { demand } from '../core/faults.js'
import { quoted } from './names.js'

/**
 * Gives `length` bytes from `offset` of the file at `location`, a path that `safeLocation` has passed, relative to
 * the model's folder. Must check the file's size before it allocates, and must not follow links.
 */
export type ExternalData = (location: string, offset: number, length: number) => Uint8Array

/** `basepath` is left behind by ONNX's own Python tools; it and the SHA-1 `checksum` are not used. */
const KEYS = new Set(['location', 'offset', 'length', 'checksum', 'basepath'])

/**
 * The bytes of an external constant.
 * @throws Fault `onnx/bad-external-data` where the reference is malformed, leads outside of the folder or gives another
 *   number of bytes than dtype and dims demand.
 */
export function readExternal(
  entries: ReadonlyMap<string, string>,
  expected: number,
  from: ExternalData | undefined,
): Uint8Array {
  for (const key of entries.keys()) demand(KEYS.has(key), 'onnx/bad-external-data', () => `key ${quoted(key)}`)
  const location = safeLocation(entries.get('location') ?? '')
  const offset = numberOf(entries.get('offset') ?? '0')
  const length = numberOf(entries.get('length') ?? String(expected))
  demand(length === expected, 'onnx/bad-external-data', () => `length of the data in ${location}`, {
    expected,
    found: length,
  })
  demand(from !== undefined, 'onnx/bad-external-data', () => `the data is in another file, ${location}`)
  const bytes = from(location, offset, length)
  demand(bytes.length === length, 'onnx/bad-external-data', () => `bytes from ${location}`, {
    expected,
    found: bytes.length,
  })
  return bytes
}

function numberOf(text: string): number {
  const value = /^[0-9]{1,16}$/.test(text) ? Number(text) : NaN
  demand(Number.isSafeInteger(value), 'onnx/bad-external-data', () => 'offset or length', {
    found: quoted(text),
  })
  return value
}

/**
 * The location as a path inside of the model's folder: one or more plain names with `/` between them.
 * Refused are absolute paths, `..`, backslashes, colons (drives, streams) and control characters, on every system alike.
 * @throws Fault `onnx/bad-external-data`.
 */
export function safeLocation(location: string): string {
  const names = location.split('/')
  while (names[0] === '.') names.shift()
  const plain = names.every((name) => name !== '' && name !== '.' && name !== '..' && !FORBIDDEN.test(name))
  demand(
    plain && names.length > 0 && location.length <= 1024,
    'onnx/bad-external-data',
    () => 'a location outside of the folder of the model',
    {
      found: quoted(location),
    },
  )
  return names.join('/')
}

const FORBIDDEN = /[\\:\u0000-\u001f\u007f]/
