/**
 * Bundles that lie in a folder, by the jobs that they are about.
 * @module
 */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { equal } from '../core/bytes.js'
import { Fault, demand } from '../core/faults.js'
import type { FiledClaim } from '../chain/jobs.js'
import { bundleReader, readRegular } from '../disk/index.js'
import * as Bundle from '../receipt/bundle.js'
import * as Claim from '../receipt/claim.js'
import * as Job from '../receipt/job.js'
import * as Receipt from '../receipt/receipt.js'
import { isFolder } from './bundles.js'

/** A bundle's folder, and what its receipt says. */
interface Shelved {
  readonly path: string
  readonly receipt: Receipt.SignedReceipt
}

/** The bundles in a folder: itself, or those that lie in it. What is no bundle is passed over. */
async function shelved(folder: string): Promise<Shelved[]> {
  const inner = (await readdir(folder, { withFileTypes: true })).filter((entry) => entry.isDirectory())
  const found: Shelved[] = []
  for (const path of [folder, ...inner.map(({ name }) => join(folder, name))]) {
    const receipt = await receiptIn(path)
    if (receipt !== undefined) found.push({ path, receipt })
  }
  return found
}

async function receiptIn(path: string): Promise<Receipt.SignedReceipt | undefined> {
  try {
    const bytes = await readRegular(join(path, 'receipt.json'), 1 << 17)
    return bytes && Receipt.decode(bytes)
  } catch (error) {
    if (Fault.is(error)) return undefined
    throw error
  }
}

/** @throws Fault `cli/usage`, `cli/not-found`. */
export async function demandFolder(path: string): Promise<string> {
  demand(await isFolder(path), 'cli/usage', () => `${path} is no folder`)
  return path
}

/**
 * The bundle of a claim among those in a folder: its own, or another one of the same job, which says as well what there is to compute. Looked for
 * anew each time. @throws Fault, by what is wrong with the bundle.
 */
export async function bundleFor(folder: string, claim: FiledClaim): Promise<Bundle.Bundle | undefined> {
  const about = (await shelved(folder)).filter(({ receipt }) => equal(Job.hash(receipt.job), claim.claim.job))
  const own = about.find(({ receipt }) => isOf(receipt, claim))
  const [chosen] = own === undefined ? about : [own]
  return chosen && Bundle.decode(bundleReader(chosen.path))
}

function isOf({ receipt }: Receipt.SignedReceipt, { provider, claim }: FiledClaim): boolean {
  return receipt.provider === provider && equal(Claim.hash(receipt.claim), Claim.hash(claim))
}

/** The bundle of exactly this claim. @throws Fault, by what is wrong with the bundle. */
export async function ownBundle(folder: string, claim: FiledClaim): Promise<Bundle.Bundle | undefined> {
  const found = (await shelved(folder)).find(({ receipt }) => isOf(receipt, claim))
  return found && Bundle.decode(bundleReader(found.path))
}
