/**
 * Claims as they come up on a chain: filed, revealed, or agreed on by a quorum.
 * @module
 */
import type { Log } from 'ethers/providers'
import { Fault } from '../core/faults.js'
import type { EventValues } from './abi.js'
import type { QUORUMS_ABI } from './abi.generated.js'
import { wholeSpan, type Connection } from './connection.js'
import { claimIn, type FiledClaim } from './jobs.js'

/**
 * The claims that came up in some logs of the settlement, in their order. One that says what no run can say is left out, so that it does not keep
 * anybody from the others. @throws Fault `chain/failed`.
 */
export async function claimsIn(connection: Connection, logs: readonly Log[]): Promise<readonly FiledClaim[]> {
  const { settlement } = connection
  const filed = settlement.eventsIn('ClaimFiled', logs).flatMap(({ values }) => readable(values))
  const shown = settlement
    .eventsIn('ClaimRevealed', logs)
    .flatMap(({ values: { job, provider, content, declared } }) =>
      readable({ job, provider, claim: content.receipt.claim, declared }),
    )
  const agreed: FiledClaim[] = []
  for (const { values } of settlement.eventsIn('QuorumAgreed', logs))
    agreed.push(...(await seatsOf(connection, values)))
  return [...filed, ...shown, ...agreed]
}

/** The claim is that of every seat whose bit is set. */
async function seatsOf(
  connection: Connection,
  { job, seats, receipt, declared }: Agreed,
): Promise<readonly FiledClaim[]> {
  const taken = await connection.settlement.events('JobTakenBy', await wholeSpan(connection), [job])
  return taken
    .filter(({ values }) => (seats >> values.seat) & 1n)
    .flatMap(({ values: { provider } }) => readable({ job, provider, claim: receipt.claim, declared }))
}

function readable(said: Parameters<typeof claimIn>[0]): readonly FiledClaim[] {
  try {
    return [claimIn(said)]
  } catch (error) {
    if (Fault.is(error)) return []
    throw error
  }
}

type Agreed = EventValues<typeof QUORUMS_ABI, 'QuorumAgreed'>
