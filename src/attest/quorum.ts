/**
 * Redundant execution: n replicas seal their claims, then reveal them; k that claim the same agree. Results are unique, so one
 * dissent proves that somebody lies. Votes never slash anybody; a dissent opens a dispute.
 *
 * A `Quorum` is what one observer has seen so far: a coordinator, a contract's event log, or a replica itself. Times are the observer's own
 * arrival times in Unix seconds; what a statement says about its own time decides nothing.
 * @module
 */
import { equal, toHex, type Bytes32 } from '../core/bytes.js'
import { Fault, demand, type FaultCode } from '../core/faults.js'
import { hash as hashClaim, type Claim } from '../receipt/claim.js'
import { fromReceipts, fromSeals, type Equivocation } from '../receipt/equivocation.js'
import type { Address } from '../receipt/fields.js'
import { hash as hashJob, verify as verifyJob, type JobOptions, type SignedJob } from '../receipt/job.js'
import { openSeal, verify as verifyReceipt, type SignedReceipt } from '../receipt/receipt.js'
import { setRoot, verify as verifySeal, type SignedSeal } from '../receipt/seal.js'
import type { SignatureOptions } from '../receipt/signature.js'
import { replicasOf } from './policies.js'

/** A statement that does not count, and why. */
export interface Rejection {
  /** Who it says it is by. Only where its signature was right is it that account's fault. */
  readonly provider: Address
  readonly code: FaultCode
  readonly message: string
}

/** What one observer has seen of a quorum. Frozen: every step gives a new one. */
export interface Quorum {
  readonly job: SignedJob
  /** hashStruct of the job. */
  readonly jobHash: Bytes32
  readonly witness: Witness
  /** Who may seal, ascending. */
  readonly replicas: readonly Address[]
  /** The seals that count, one a replica, in the order of arrival. */
  readonly seals: readonly SignedSeal[]
  /** The receipts that count, in the order of arrival. */
  readonly receipts: readonly SignedReceipt[]
  /** The first rightly signed receipt of each replica, counted or not: another claim beside it is equivocation. */
  readonly signed: readonly SignedReceipt[]
  /** Statements that do not count. */
  readonly rejections: readonly Rejection[]
  /** Equivocations: nothing of their providers counts. */
  readonly evidence: readonly Equivocation[]
}

/** What an observer relies on. */
export interface QuorumOptions extends JobOptions {
  /** Where the policy names nobody: the replicas that a later beacon drew. */
  readonly replicas?: readonly string[]
  /**
   * Who witnesses that all seals came before the first reveal. `seal-set` (the default): every replica, by signing the closed list.
   * `observer`: the caller, who saw them arrive; then a receipt that lists its own seal alone counts too, and convinces nobody else.
   */
  readonly witness?: Witness
}

/** Who witnesses the order of seals and reveals. */
export type Witness = 'seal-set' | 'observer'

/**
 * A quorum of which nothing is seen yet.
 * @throws Fault `attest/no-replicas`, `attest/bad-draw`, `receipt/bad-policy` where the policy asks for no quorum, and those of jobs.
 */
export async function open(job: SignedJob, options: QuorumOptions = {}): Promise<Quorum> {
  await verifyJob(job, options)
  const replicas = replicasOf(job.policy, options.replicas)
  const nothing = { seals: [], receipts: [], signed: [], rejections: [], evidence: [] }
  return Object.freeze({ job, jobHash: hashJob(job.job), replicas, witness: options.witness ?? 'seal-set', ...nothing })
}

/** When a statement arrived, by the observer's clock, in Unix seconds. */
export interface Arrival extends SignatureOptions {
  readonly at: bigint | number
}

/** True where the list of seals is final: all replicas have sealed, or the job's deadline has passed. */
export function isClosed(quorum: Quorum, at: bigint | number): boolean {
  return quorum.seals.length === quorum.replicas.length || isAfter(at, sealDeadline(quorum))
}

/** Seals are due by the job's deadline, reveals by the policy's window after it; a deadline of 0 never passes. */
function sealDeadline({ job }: Quorum): bigint | undefined {
  return job.job.deadline === 0n ? undefined : job.job.deadline
}

function revealDeadline({ job }: Quorum): bigint | undefined {
  return job.job.deadline === 0n ? undefined : job.job.deadline + job.policy.window
}

const isAfter = (at: bigint | number, deadline: bigint | undefined): boolean =>
  deadline !== undefined && BigInt(at) > deadline

/** The root of the seals so far; what replicas sign once the list is closed. */
export function sealSet(quorum: Quorum): Bytes32 {
  return setRoot(quorum.seals.map(({ seal }) => seal))
}

/**
 * What is seen after a seal has arrived. A seal that does not count is named in `rejections`; nothing is thrown for it.
 * @throws Fault `receipt/undecided-signature` where its signature cannot be checked here: then nothing was seen.
 */
export async function seal(quorum: Quorum, signed: SignedSeal, arrival: Arrival): Promise<Quorum> {
  const { provider } = signed.seal
  const fault = await faultOf(async () => {
    demandReplica(quorum, provider)
    await verifySeal(signed, { domain: quorum.job.domain, job: quorum.jobHash, staticcall: arrival.staticcall })
  })
  if (fault) return reject(quorum, provider, fault)
  const earlier = quorum.seals.find((one) => one.seal.provider === provider)
  return earlier ? sealAgain(quorum, earlier, signed) : sealFirst(quorum, signed, arrival.at)
}

function sealFirst(quorum: Quorum, signed: SignedSeal, at: bigint | number): Quorum {
  const late = isClosed(quorum, at) || quorum.receipts.length > 0
  if (late) return reject(quorum, signed.seal.provider, new Fault('attest/late-seal', 'the seals are closed'))
  return Object.freeze({ ...quorum, seals: Object.freeze([...quorum.seals, signed]) })
}

function sealAgain(quorum: Quorum, earlier: SignedSeal, signed: SignedSeal): Quorum {
  const evidence = fromSeals(earlier, signed)
  if (evidence) return exclude(quorum, evidence)
  return reject(quorum, signed.seal.provider, new Fault('attest/duplicate-signer', 'the same seal again'))
}

/**
 * What is seen after a receipt has arrived. One that does not count is named in `rejections`: not by a replica, wrongly signed, before the
 * seals were closed, without its own seal, with another seal set, a duplicate, too late. A second claim by one replica is equivocation:
 * neither counts, and the evidence is kept.
 * @throws Fault `receipt/undecided-signature` where its signature cannot be checked here: then nothing was seen.
 */
export async function reveal(quorum: Quorum, signed: SignedReceipt, arrival: Arrival): Promise<Quorum> {
  const { provider } = signed.receipt
  const unsigned = await faultOf(async () => {
    demandReplica(quorum, provider)
    await verifyReceipt(signed, { domain: quorum.job.domain, job: quorum.job.job, staticcall: arrival.staticcall })
  })
  if (unsigned) return reject(quorum, provider, unsigned)
  const earlier = quorum.signed.find((one) => one.receipt.provider === provider)
  const evidence = earlier && fromReceipts(earlier, signed)
  if (evidence) return exclude(quorum, evidence)
  return count(earlier ? quorum : freeze({ ...quorum, signed: [...quorum.signed, signed] }), signed, arrival.at)
}

async function count(quorum: Quorum, signed: SignedReceipt, at: bigint | number): Promise<Quorum> {
  const fault = await faultOf(() => demandCounts(quorum, signed, at))
  if (fault) return reject(quorum, signed.receipt.provider, fault)
  return freeze({ ...quorum, receipts: [...quorum.receipts, signed] })
}

/** An early receipt does not count now, and never will if it was signed early: it witnesses a list of seals that was not final. */
function demandCounts(quorum: Quorum, signed: SignedReceipt, at: bigint | number): void {
  const { provider } = signed.receipt
  demand(!isExcluded(quorum, provider), 'attest/equivocation', () => 'nothing of this replica counts any more')
  demand(isClosed(quorum, at), 'attest/early-reveal', () => 'the seals are not closed yet')
  const again = quorum.receipts.some((one) => one.receipt.provider === provider)
  demand(!again, 'attest/duplicate-signer', () => 'the same claim again')
  demand(!isAfter(at, revealDeadline(quorum)), 'attest/timed-out', () => 'the time to reveal is over')
  const own = quorum.seals.find(({ seal }) => seal.provider === provider)
  demand(own && signed.metadata.sealSalt, 'attest/not-sealed', () => 'a claim that was not sealed')
  openSeal(signed, own.seal)
  const alone = quorum.witness === 'observer' && equal(signed.receipt.sealSet, setRoot([own.seal]))
  if (!alone) demandSealSet(signed.receipt.sealSet, sealSet(quorum))
}

/** Refuses a receipt that witnesses another list of seals. @throws Fault `receipt/wrong-seal-set`. */
export function demandSealSet(found: Bytes32, expected: Bytes32): void {
  demand(equal(found, expected), 'receipt/wrong-seal-set', () => 'the receipt witnesses another list of seals', {
    expected: toHex(expected),
    found: toHex(found),
  })
}

function demandReplica({ replicas }: Quorum, provider: Address): void {
  demand(replicas.includes(provider), 'attest/not-a-replica', () => 'seats are named or drawn, never first come')
}

const isExcluded = ({ evidence }: Quorum, provider: Address): boolean =>
  evidence.some((one) => one.provider === provider)

/** The fault that the check throws, if it throws one; an undecided signature is thrown on. */
async function faultOf(check: () => Promise<unknown> | unknown): Promise<Fault | undefined> {
  try {
    await check()
    return undefined
  } catch (error) {
    if (!Fault.is(error) || error.code === 'receipt/undecided-signature') throw error
    return error
  }
}

const rejectionOf = (provider: Address, { code, message }: Fault): Rejection =>
  Object.freeze({ provider, code, message })

/** How many rejections are kept: whoever floods an observer with rubbish does not fill its memory. */
export const MAX_REJECTIONS = 4096

function reject(quorum: Quorum, provider: Address, fault: Fault): Quorum {
  if (quorum.rejections.length >= MAX_REJECTIONS) return quorum
  return freeze({ ...quorum, rejections: [...quorum.rejections, rejectionOf(provider, fault)] })
}

/** Nothing of an equivocator counts: not what came before either. Its seal stays in the list, which others may have signed. */
function exclude(quorum: Quorum, evidence: Equivocation): Quorum {
  const { provider } = evidence
  const receipts = quorum.receipts.filter(({ receipt }) => receipt.provider !== provider)
  const fault = new Fault('attest/equivocation', 'two statements that contradict each other')
  const kept = isExcluded(quorum, provider) ? quorum.evidence : [...quorum.evidence, evidence] // one proof is enough
  return freeze({ ...reject(quorum, provider, fault), receipts, evidence: kept })
}

function freeze(quorum: Quorum): Quorum {
  for (const list of Object.values(quorum)) if (Array.isArray(list)) Object.freeze(list)
  return Object.freeze(quorum)
}

/** How a quorum stands. Each is its own case; "impossible" is disagreement, "timed-out" is silence. */
export type QuorumOutcome = 'agreed' | 'impossible' | 'pending' | 'timed-out'

/** A claim and who made it. */
export interface Votes {
  readonly claim: Claim
  readonly providers: readonly Address[]
}

/** A replica that claims something else than what was agreed; without agreement, than another replica. Somebody lies. */
export interface Dissent {
  readonly provider: Address
  readonly claim: Claim
}

/** How a quorum stands, and who does not stand with it. */
export interface Decision {
  readonly outcome: QuorumOutcome
  /** The claim that was agreed. */
  readonly claim: Claim | undefined
  /** How many make the claim with the most votes. */
  readonly agreed: number
  readonly threshold: number
  readonly replicas: number
  /** Most votes first; ties by claim hash. */
  readonly votes: readonly Votes[]
  readonly dissents: readonly Dissent[]
  /** Everything that does not count, with its fault; after the deadlines also who never sealed or never opened. */
  readonly rejections: readonly Rejection[]
  readonly evidence: readonly Equivocation[]
}

/**
 * How the quorum stands at a time: by head count, as early as it is known. Agreed as soon as the threshold is reached; impossible as soon as
 * no claim could reach it even if every silent replica joined it; timed out as soon as silence past a deadline made it so.
 */
export function decide(quorum: Quorum, at: bigint | number): Decision {
  const votes = tally(quorum.receipts)
  const { threshold } = quorum.job.policy
  const agreed = votes[0]?.providers.length ?? 0
  const outcome = outcomeOf(quorum, agreed, at)
  const claim = outcome === 'agreed' ? votes[0].claim : undefined
  return Object.freeze({
    outcome,
    claim,
    agreed,
    threshold,
    replicas: quorum.replicas.length,
    votes,
    dissents: dissentsOf(votes, claim),
    rejections: Object.freeze([...quorum.rejections, ...silenceOf(quorum, at)]),
    evidence: quorum.evidence,
  })
}

function outcomeOf(quorum: Quorum, agreed: number, at: bigint | number): QuorumOutcome {
  const { threshold } = quorum.job.policy
  const silent = silentOf(quorum)
  if (agreed >= threshold) return 'agreed'
  if (agreed + silent.length < threshold) return 'impossible'
  const open = silent.filter((provider) => canReveal(quorum, provider, at))
  return agreed + open.length < threshold ? 'timed-out' : 'pending'
}

/** Replicas in good standing whose claim is not known. */
function silentOf(quorum: Quorum): readonly Address[] {
  const known = new Set(quorum.receipts.map(({ receipt }) => receipt.provider))
  return quorum.replicas.filter((provider) => !known.has(provider) && !isExcluded(quorum, provider))
}

function canReveal(quorum: Quorum, provider: Address, at: bigint | number): boolean {
  if (isAfter(at, revealDeadline(quorum))) return false
  return !isClosed(quorum, at) || hasSealed(quorum, provider)
}

const hasSealed = ({ seals }: Quorum, provider: Address): boolean =>
  seals.some(({ seal }) => seal.provider === provider)

/** Who is silent past its deadline: counted against, and named. */
function silenceOf(quorum: Quorum, at: bigint | number): readonly Rejection[] {
  const late = silentOf(quorum).filter((provider) => !canReveal(quorum, provider, at))
  return late.map((provider) => {
    const withheld = new Fault('attest/withheld', 'sealed, and never opened')
    const never = new Fault('attest/not-sealed', 'no seal before the seals were closed')
    return rejectionOf(provider, hasSealed(quorum, provider) ? withheld : never)
  })
}

/** Votes by claim: most first, ties by claim hash. */
export function tally(receipts: readonly { readonly receipt: SignedReceipt['receipt'] }[]): readonly Votes[] {
  const byClaim = new Map<string, { claim: Claim; providers: Address[] }>()
  for (const { receipt } of receipts) {
    const key = toHex(hashClaim(receipt.claim))
    const votes = byClaim.get(key) ?? { claim: receipt.claim, providers: [] }
    votes.providers.push(receipt.provider)
    byClaim.set(key, votes)
  }
  const rows = [...byClaim].sort(([a, x], [b, y]) => y.providers.length - x.providers.length || (a < b ? -1 : 1))
  return Object.freeze(
    rows.map(([, { claim, providers }]) => Object.freeze({ claim, providers: Object.freeze(providers.sort()) })),
  )
}

/** Who claims something else than `agreed`; where nothing is agreed, everybody as soon as there are two claims. */
export function dissentsOf(votes: readonly Votes[], agreed: Claim | undefined): readonly Dissent[] {
  const others = agreed === undefined ? (votes.length > 1 ? votes : []) : votes.slice(1)
  return Object.freeze(
    others.flatMap(({ claim, providers }) => providers.map((provider) => Object.freeze({ provider, claim }))),
  )
}

/**
 * The agreed decision, or the fault that says how the quorum stands instead.
 * @throws Fault `attest/no-agreement`, `attest/timed-out`, `attest/pending`.
 */
export function demandAgreed(decision: Decision): Decision & { readonly claim: Claim } {
  const { outcome, agreed, threshold, replicas } = decision
  const code = CODES[outcome]
  demand(code === undefined, code ?? 'attest/pending', () => `${agreed} of ${replicas} agree`, {
    expected: threshold,
    found: agreed,
  })
  return decision as Decision & { readonly claim: Claim }
}

const CODES: Record<QuorumOutcome, FaultCode | undefined> = {
  agreed: undefined,
  impossible: 'attest/no-agreement',
  'timed-out': 'attest/timed-out',
  pending: 'attest/pending',
}
