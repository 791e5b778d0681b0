/**
 * Bundles and receipts by path.
 * @module
 */
import { stat } from 'node:fs/promises'
import { toHex } from '../core/bytes.js'
import { demand } from '../core/faults.js'
import type { Schedule } from '../data/schedule.js'
import { bundleReader } from '../disk/index.js'
import { isProof } from '../attest/proof.js'
import * as Bundle from '../receipt/bundle.js'

/** True where a path is a folder. @throws Fault `cli/not-found`. */
export async function isFolder(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined)
  demand(found !== undefined, 'cli/not-found', () => path)
  return found.isDirectory()
}

/** The bundle in a folder, read and not yet verified. */
export async function readBundle(path: string): Promise<Bundle.Bundle> {
  demand(await isFolder(path), 'cli/usage', () => `${path} is not a bundle's folder`)
  const reader = bundleReader(path)
  demand(!(await isProof(reader)), 'cli/usage', () => `${path} is a proof of learning`, {
    hint: 'it is checked by running again what it opens: "countersign audit"',
  })
  return Bundle.decode(reader)
}

/** What a run was trained on and from where, for people. */
export function scheduleLine({ samples, batchSize, order, start }: Schedule): string {
  const from = start.from === 'seed' ? 'fresh weights' : `state ${toHex(start.root)}`
  return `trained on ${samples} samples, ${batchSize} a step, order ${order}, from ${from}`
}
