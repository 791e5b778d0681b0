/**
 * Claims as they come up on a chain: filed, revealed, or agreed on by a quorum.
 * @module
 */
import type { Log } from 'ethers/providers'
import type { EventValues } from './abi.js'
import type { QUORUMS_ABI } from './abi.generated.js'
import { wholeSpan, type Connection } from './connection.js'
import { claimIn, type FiledClaim } from './jobs.js'

/** The claims that came up in some logs of the settlement, in their order. @throws Fault `chain/failed`. */
export async function claimsIn(connection: Connection, logs: readonly Log[]): Promise<readonly FiledClaim[]> {
  const { settlement } = connection
  const filed = settlement.eventsIn('ClaimFiled', logs).map(({ values }) => claimIn(values))
  const shown = settlement.eventsIn('ClaimRevealed', logs).map(({ values: { job, provider, content, declared } }) => {
    return claimIn({ job, provider, claim: content.receipt.claim, declared })
  })
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
    .map(({ values: { provider } }) => claimIn({ job, provider, claim: receipt.claim, declared }))
}

type Agreed = EventValues<typeof QUORUMS_ABI, 'QuorumAgreed'>
