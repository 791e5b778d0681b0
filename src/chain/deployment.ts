/**
 * Deployments: which contracts of ours stand where on a chain, in one file a chain.
 * @module
 */
import { getCreateAddress } from 'ethers/address'
import type { Provider, Signer } from 'ethers/providers'
import { equal, toHex } from '../core/bytes.js'
import { demand } from '../core/faults.js'
import { REFEREES, type RefereeName } from '../dispute/proof.js'
import * as fields from '../receipt/fields.js'
import type { Address, Field, Input } from '../receipt/fields.js'
import { domain, domainSeparator, format } from '../receipt/typed-data.js'
import { DISPUTE_ABI, ELEMENT_REFEREE_ABI, SETTLEMENT_ABI } from './abi.generated.js'
import { callsOf, type Caller, type Calls } from './calls.js'
import { PATIENCE, put, verifyCode, type CodeOf, type Deployed, type Putting } from './code.js'
import { onChain } from './revert.js'

/** Referees by their names. A deployment from before a referee was written has none of that name. */
export type Referees = { readonly [Name in RefereeName]?: Address | undefined }

/** The contracts on one chain. */
export interface Deployment {
  readonly chainId: bigint
  /** The block from which on events are looked for. */
  readonly block: bigint
  readonly settlement: Address
  readonly dispute: Address
  /** Runs on the state of the settlement; nobody calls it. */
  readonly quorums: Address
  readonly batches: Address
  /** What the element referee computes with. */
  readonly evaluator: Address
  readonly referees: Referees
}

const refereesField: Field<Referees> = fields.record<Referees>(
  Object.fromEntries(REFEREES.map((name) => [name, fields.maybe(fields.holder)])) as fields.FieldsOf<Referees>,
)

const deploymentFormat = format(
  'deployment',
  fields.record<Deployment>({
    chainId: fields.bigUint(256),
    block: fields.bigUint(64),
    settlement: fields.holder,
    dispute: fields.holder,
    quorums: fields.holder,
    batches: fields.holder,
    evaluator: fields.holder,
    referees: refereesField,
  }),
  1 << 14,
)

/** A deployment, checked and frozen. @throws Fault `core/bad-field`, `core/missing-field`, `core/unknown-field`, `receipt/zero-address`. */
export const from: (deployment: Input<Deployment>) => Deployment = deploymentFormat.from

/** Canonical JSON of a deployment. */
export const encode: (deployment: Deployment) => Uint8Array = deploymentFormat.encode

/** A deployment from its canonical JSON; that the contracts stand there is not checked yet. @throws Fault, by the name of what is wrong. */
export const decode: (bytes: Uint8Array) => Deployment = deploymentFormat.decode

export { PATIENCE, type CodeOf, type ContractCode, type Deployed } from './code.js'

// ---------------------------------------------------------------- deploying

/** Options of {@link deploy}. */
export interface DeployOptions {
  /** Which referees; all unless told. */
  readonly referees?: readonly RefereeName[]
  readonly onProgress?: (deployed: Deployed) => void
  /** Milliseconds until a transaction counts as lost; 10 minutes unless told. */
  readonly patience?: number
}

/** The contract of a referee. */
export const contractOf = (referee: RefereeName): string => `${referee[0].toUpperCase()}${referee.slice(1)}Referee`

/** What a referee's constructor is given. */
const NEEDS: { readonly [Name in RefereeName]?: 'evaluator' } = { element: 'evaluator' }

interface Deploying extends Putting {
  readonly signer: Signer
  readonly referees: readonly RefereeName[]
}

/**
 * Puts all contracts on the signer's chain: a dozen transactions, some 60 million gas in all.
 * @throws Fault `chain/no-funds`, `chain/timed-out`, `chain/failed`, and `chain/wrong-contract` where another transaction of the same account came between.
 */
export async function deploy(signer: Signer, codeOf: CodeOf, options: DeployOptions = {}): Promise<Deployment> {
  const { provider } = signer
  demand(provider !== null, 'chain/no-signer', () => 'the signer is not connected to a chain')
  const { referees: names = REFEREES, patience = PATIENCE, onProgress } = options
  const by: Deploying = { signer, provider, patience, codeOf, onProgress, referees: names }
  const { chainId } = await onChain('deploy', () => provider.getNetwork())
  const [quorums, block] = await put(by, 'Quorums', [])
  const [batches] = await put(by, 'Batches', [])
  const [evaluator] = await put(by, 'Evaluator', [])
  const referees = await putReferees(by, { evaluator })
  const { dispute, settlement } = await putPair(by, { quorums, referees })
  return from({ chainId, block, settlement, dispute, quorums, batches, evaluator, referees })
}

async function putReferees(by: Deploying, known: { readonly evaluator: Address }): Promise<Referees> {
  const referees: Partial<Record<RefereeName, Address>> = {}
  for (const name of by.referees) {
    const need = NEEDS[name]
    const [address] = await put(by, contractOf(name), need === undefined ? [] : [known[need]])
    referees[name] = address
  }
  return referees
}

/** Each names the other: the settlement's address follows from the account and the number of its next transaction but one. */
async function putPair(
  by: Deploying,
  { quorums, referees }: { readonly quorums: Address; readonly referees: Referees },
): Promise<{ dispute: Address; settlement: Address }> {
  const from = await by.signer.getAddress()
  const nonce = await onChain('deploy', () => by.provider.getTransactionCount(from))
  const expected = getCreateAddress({ from, nonce: nonce + 1 }).toLowerCase() as Address
  const [dispute] = await put(by, 'Dispute', [expected, Object.values(referees)])
  const [settlement] = await put(by, 'Settlement', [dispute, quorums])
  demand(settlement === expected, 'chain/wrong-contract', () => 'another transaction of this account came between', {
    expected,
    found: settlement,
  })
  return { dispute, settlement }
}

// ---------------------------------------------------------------- verifying

/**
 * The deployment, after the code of every contract of it was found to be that of the artifacts, and every contract to know those that it works
 * with. Trust: the node that is asked.
 * @throws Fault `chain/wrong-chain`, `chain/no-contract`, `chain/wrong-contract`.
 */
export async function verify(deployment: Deployment, provider: Provider, codeOf: CodeOf): Promise<Deployment> {
  const { settlement, dispute, quorums, batches, evaluator, referees } = deployment
  await demandChain(deployment, provider)
  const named = REFEREES.flatMap((name) => (referees[name] ? [[contractOf(name), referees[name]] as const] : []))
  const all = [
    ['Settlement', settlement],
    ['Dispute', dispute],
    ['Quorums', quorums],
    ['Batches', batches],
    ['Evaluator', evaluator],
    ...named,
  ] as const
  for (const [contract, address] of all) await verifyCode(contract, await codeOf(contract), { address, provider })
  await verifyLinks(deployment, provider)
  return deployment
}

/** Refuses a node of another chain. @throws Fault `chain/wrong-chain`. */
export async function demandChain({ chainId }: Pick<Deployment, 'chainId'>, provider: Provider): Promise<void> {
  const network = await onChain('chain', () => provider.getNetwork())
  demand(network.chainId === chainId, 'chain/wrong-chain', () => 'the node is one of another chain', {
    expected: chainId,
    found: network.chainId,
  })
}

/** The domain that the contract keeps must be its own: whoever deployed it could have kept another one there. */
async function verifyDomain({ chainId, settlement }: Deployment, calls: Calls<typeof SETTLEMENT_ABI>): Promise<void> {
  const [expected, found] = [domainSeparator(domain(chainId, settlement)), await calls.read('domainSeparator')]
  demand(equal(found, expected), 'chain/wrong-contract', () => 'signs for another domain', {
    where: settlement,
    expected: toHex(expected),
    found: toHex(found),
  })
}

/** What immutables and storage say, asked of code that is known now. */
async function verifyLinks(deployment: Deployment, provider: Provider): Promise<void> {
  const by: Caller = { provider, signer: undefined, patience: PATIENCE }
  const settlement = callsOf(SETTLEMENT_ABI, { name: 'Settlement', address: deployment.settlement }, by)
  const dispute = callsOf(DISPUTE_ABI, { name: 'Dispute', address: deployment.dispute }, by)
  const links: (readonly [string, Address, Address])[] = [
    ['Settlement.DISPUTE', await settlement.read('DISPUTE'), deployment.dispute],
    ['Settlement.QUORUMS', await settlement.read('QUORUMS'), deployment.quorums],
    ['Dispute.settlement', await dispute.read('settlement'), deployment.settlement],
  ]
  const { element } = deployment.referees
  if (element !== undefined) {
    const referee = callsOf(ELEMENT_REFEREE_ABI, { name: 'ElementReferee', address: element }, by)
    links.push(['ElementReferee.EVALUATOR', await referee.read('EVALUATOR'), deployment.evaluator])
  }
  for (const [where, found, expected] of links)
    demand(found === expected, 'chain/wrong-contract', () => 'works with another contract', { where, expected, found })
  await verifyDomain(deployment, settlement)
  for (const address of Object.values(deployment.referees))
    demand(
      await dispute.read('isReferee', address!),
      'chain/wrong-contract',
      () => 'no referee of this dispute contract',
      {
        where: address,
      },
    )
}
