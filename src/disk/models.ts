/**
 * Model files, with external data from their own folder and from nowhere else.
 * @module
 */
import { closeSync, constants, fstatSync, lstatSync, openSync, readSync, realpathSync } from 'node:fs'
import { dirname, join, sep } from 'node:path'
import { Fault, demand } from '../core/faults.js'
import { decode } from '../onnx/decode.js'
import type { ExternalData } from '../onnx/external.js'
import type { Model } from '../onnx/graph.js'
import { readRegular } from './files.js'

/** Reads external tensor data from the folder of a model, and from nowhere else. */
export function externalData(folder: string): ExternalData {
  const root = realpathSync(folder)
  return (location, offset, length) => {
    const path = join(root, location)
    const stat = lstatSync(path, { throwIfNoEntry: false })
    const inside = stat?.isFile() && realpathSync(path).startsWith(root + sep)
    if (!inside)
      throw new Fault('onnx/bad-external-data', `${JSON.stringify(location)} is not a regular file beside the model`)
    return readRange(path, { offset, length })
  }
}

function readRange(path: string, { offset, length }: { offset: number; length: number }): Uint8Array {
  const file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW)
  try {
    const { size } = fstatSync(file)
    demand(
      offset >= 0 && length >= 0 && offset + length <= size,
      'onnx/bad-external-data',
      () => 'a range outside of the file',
      { found: `${offset}+${length} of ${size}` },
    )
    const bytes = new Uint8Array(length)
    demand(
      readSync(file, bytes, 0, length, offset) === length,
      'onnx/bad-external-data',
      () => 'the file changed while it was read',
    )
    return bytes
  } finally {
    closeSync(file)
  }
}

const MAX_MODEL = 2 ** 31 - 1

/** A model file with its bytes. @throws Fault `cli/not-found`, and those of `decode`. */
export async function readModel(path: string): Promise<{ model: Model; bytes: Uint8Array }> {
  const bytes = await readRegular(path, MAX_MODEL)
  demand(bytes !== undefined, 'cli/not-found', () => path)
  return { model: decode(bytes, { externalData: externalData(dirname(path)) }), bytes }
}
