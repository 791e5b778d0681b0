import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { tensor } from '../../src/core/tensor.js'
import type { Case } from '../../src/dispute/openings.js'
import { Builder } from '../../src/exact/builder.js'
import type { Program } from '../../src/exact/program.js'
import { hash as hashProgram } from '../../src/exact/format.js'
import { Job, Policy, Receipt, Signer, TypedData, Verdict } from '../../src/receipt/index.js'
import { addressOf, bob, carol, fill, mallory } from '../receipt/samples.js'
import { PROVIDER, jobOver, wire as wireCase } from '../dispute/arena.js'
import { courtOf, type Court } from './cases.js'
import { CHAIN_ID, gasUsed, startNode, type EvmNode } from './node.js'
import { wire } from './settlement.js'

let node: EvmNode
let court: Court
let here: TypedData.Domain

beforeAll(async () => {
  node = await startNode({ unlimited: true })
  court = await courtOf(node, 'VerdictReferee')
  here = TypedData.domain(CHAIN_ID, await court.records.getAddress())
  await set('setDomain', TypedData.domainSeparator(here))
}, 60_000)
afterAll(() => node?.stop())

async function set(method: string, ...values: readonly unknown[]): Promise<void> {
  const data = court.records.interface.encodeFunctionData(method, values)
  const tx = { from: node.signer.address, to: await court.records.getAddress(), data }
  await gasUsed(node, (await node.provider.send('eth_sendTransaction', [tx])) as string)
}

/** A program with an op that no contract decides, or without one. */
function programOf(op: 'TopK' | 'ArgMax'): Program {
  const b = new Builder()
  const x = b.input('x', { dtype: 'float32', dims: [4] })
  const y = op === 'TopK' ? b.op(op, [x], { axis: 0, k: 2, largest: 1 }) : b.op(op, [x], { axis: 0 })
  return b.finish({ outputs: [['y', y]] }).program
}

const POLICY = Policy.audited(0, { auditors: [addressOf(bob), addressOf(carol)], window: 3600 })

/** A claim about a job under the policy. */
async function caseOf(program: Program, named: boolean, policy = POLICY): Promise<Case> {
  const { counts, outputs, carries } = program
  const known = { ...counts, outputs: outputs.length, carries: carries.length, flags: Number(named) }
  await set('setCounts', hashProgram(program), known)
  const job = {
    ...jobOver({ program, state: [], inputs: [[tensor('float32', [4], [1, 2, 3, 4])]] }),
    policy: Policy.hash(policy),
  }
  const claim = { job: Job.hash(job), outputs: fill(2), finalState: fill(3), run: fill(4) }
  return { job, claim, provider: PROVIDER }
}

/** What is said otherwise than it ought to be. */
interface Said {
  readonly policy?: Policy.Policy
  readonly receipt?: Partial<Receipt.Receipt>
  readonly verdict?: Partial<Verdict.Verdict>
  readonly by?: Signer.Signer
  readonly domain?: TypedData.Domain
}

/** The word of a referee about a case. */
async function ruling(of: Case, said: Said = {}): Promise<string> {
  const { policy = POLICY, by = bob, domain = here } = said
  const claim = of.claim
  const receipt = Receipt.receiptStruct.from(
    { claim, provider: of.provider, sealSet: fill(0), metadata: fill(8), issuedAt: 5n, ...said.receipt },
    'receipt',
  )
  const value = Verdict.verdictStruct.from(
    {
      receipt: Receipt.hash(receipt),
      policy: Policy.hash(policy),
      outcome: 'refuted',
      grade: 'replayed',
      sampled: 1n,
      total: 1n,
      evidence: fill(0),
      auditor: addressOf(bob),
      issuedAt: 1n,
      ...said.verdict,
    },
    'verdict',
  )
  const signature = await Signer.sign(by, { struct: Verdict.verdictStruct, value, domain })
  const evidence = [
    wire(Policy.policyStruct, policy),
    wire(Receipt.receiptStruct, receipt),
    wire(Verdict.verdictStruct, value),
    signature,
  ]
  const [found] = await court.rulings([court.callOf({ case: wireCase(of) as Case }, 'verdict', ...evidence)])
  return found
}

describe('the word of a referee whom the policy names', () => {
  test('is enough for a program with an op that no contract decides', async () => {
    const of = await caseOf(programOf('TopK'), true)
    expect(await ruling(of)).toBe('false claim')
    expect(await ruling(of, { by: carol, verdict: { auditor: addressOf(carol) } })).toBe('false claim')
  })

  test('is nothing for a program whose ops contracts decide', async () => {
    expect(await ruling(await caseOf(programOf('ArgMax'), false))).toBe('NoNamedReferee')
  })

  test('is nothing where it says something else than that the claim is false', async () => {
    const of = await caseOf(programOf('TopK'), true)
    for (const outcome of ['undecided', 'valid'] as const)
      expect(await ruling(of, { verdict: { outcome } })).toBe('NotRefuted')
  })

  test.each<readonly [string, string, (of: Case) => Said]>([
    [
      'another policy than the job’s',
      'WrongPolicy',
      () => ({ policy: Policy.audited(1, { auditors: [addressOf(bob)], window: 3600 }) }),
    ],
    ['a verdict under another policy', 'WrongPolicy', () => ({ verdict: { policy: fill(5) } })],
    ['a receipt by another provider', 'WrongJob', () => ({ receipt: { provider: addressOf(mallory) } })],
    ['a receipt of another claim', 'WrongJob', ({ claim }) => ({ receipt: { claim: { ...claim, run: fill(9) } } })],
    ['a verdict on another receipt', 'BadVerdict', () => ({ verdict: { receipt: fill(5) } })],
    ['a verdict by somebody else', 'BadVerdict', () => ({ by: mallory, verdict: { auditor: addressOf(mallory) } })],
    ['another one’s signature', 'BadSignature', () => ({ by: mallory })],
    ['a signature for another contract', 'BadSignature', () => ({ domain: TypedData.domain(CHAIN_ID, PROVIDER) })],
  ])('%s is refused: %s', async (_, error, said) => {
    const of = await caseOf(programOf('TopK'), true)
    expect(await ruling(of, said(of))).toBe(error)
  })
})
