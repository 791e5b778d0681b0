/**
 * A chain with all contracts on it, accounts with coins, and jobs over small networks.
 * @module
 */
import {
  Deployment,
  Disputes,
  Jobs,
  Terms,
  accountOn,
  connect,
  domainOf,
  headOf,
  type Connection,
} from '../../src/chain/index.js'
import { REFEREES } from '../../src/dispute/proof.js'
import { codeOf } from '../../src/disk/contracts.js'
import { artifacts } from '../../scripts/contracts.js'
import { toAddress, type Address } from '../../src/receipt/fields.js'
import * as Job from '../../src/receipt/job.js'
import * as Policy from '../../src/receipt/policy.js'
import { termsOf, type Work } from '../../src/trace/trace.js'
import type { EvmNode } from '../contracts/node.js'
import { fill, signerOf } from '../receipt/samples.js'

export const [REQUESTER, ALICE, MALLORY, WATCHER, ANYBODY] = [0x11, 0x22, 0x66, 0x77, 0x99]
export const DAY = 86_400

export const TERMS = Terms.from({ payment: 70_000, stake: 9001, bond: 500, replayTime: 3600, refusedShare: 5000 })

/** Everything on one chain. */
export interface World {
  readonly node: EvmNode
  readonly deployment: Deployment.Deployment
  /** The deployment as an account sees it; accounts are known by the byte that their key is made of. */
  as(byte: number): Promise<Connection>
}

export const addressOf = (byte: number): Address => toAddress(signerOf(byte).address)

const present = new Set(artifacts().map(({ contract }) => contract))
/** The referees that there are. */
export const referees = REFEREES.filter((name) => present.has(Deployment.contractOf(name)))

/** Gives coins to accounts and deploys. */
export async function worldOn(node: EvmNode): Promise<World> {
  const { provider } = node
  const account = (byte: number) => accountOn(signerOf(byte), provider)
  for (const byte of [REQUESTER, ALICE, MALLORY, WATCHER, ANYBODY])
    await provider.send('anvil_setBalance', [addressOf(byte), `0x${(10n ** 21n).toString(16)}`])
  const deployment = await Deployment.deploy(account(ANYBODY), codeOf, { referees })
  const known = new Map<number, Promise<Connection>>()
  const as = (byte: number): Promise<Connection> => {
    const found = known.get(byte) ?? connect(deployment, account(byte), { poll: 20, patience: 20_000 })
    known.set(byte, found)
    return found
  }
  return { node, deployment, as }
}

/** A block so many seconds after the last one. */
export async function later({ node }: World, seconds: number): Promise<void> {
  await node.provider.send('evm_increaseTime', [seconds])
  await node.provider.send('evm_mine', [])
}

/** How a job is made. */
export interface Making {
  readonly commitEvery?: number
  readonly operatorTrace?: boolean
  readonly terms?: Terms.Terms
}

let salts = 0

/** A job over some work, described, posted by the requester and taken by a provider, to be claimed within a day. */
export async function started(
  world: World,
  work: Work,
  provider: number,
  { commitEvery = 1, operatorTrace = false, terms = TERMS }: Making = {},
): Promise<Jobs.PostedJob> {
  const requester = await world.as(REQUESTER)
  const policy = Policy.optimistic(2 * DAY)
  const job = Job.from({
    ...termsOf(work),
    commitEvery,
    operatorTrace,
    policy: Policy.hash(policy),
    requester: addressOf(REQUESTER),
    deadline: (await headOf(requester)).time + BigInt(DAY),
    salt: fill(0).with(0, salts++),
  })
  const posted = { hash: Job.hash(job), job, policy, terms }
  await Disputes.describe(requester, work.program)
  await Jobs.post(requester, posted)
  await Jobs.take(await world.as(provider), posted)
  return posted
}

export { domainOf }
