/**
 * Money: what comes along with a transaction, and what everybody fetches for itself.
 * @module
 */
import { ZERO_ADDRESS, type Address } from '../receipt/fields.js'
import { callsOf, type Landed, type Sending } from './calls.js'
import { accountOf, type Connection } from './connection.js'
import { isRevert, onChain } from './revert.js'

/** What is used of an ERC-20 token. @see ERC-20 */
const TOKEN_ABI = [
  {
    type: 'function',
    name: 'allowance',
    inputs: [
      { name: 'owner', type: 'address' },
      { name: 'spender', type: 'address' },
    ],
    outputs: [{ name: '', type: 'uint256' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'balanceOf',
    inputs: [{ name: 'account', type: 'address' }],
    outputs: [{ name: '', type: 'uint256' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'approve',
    inputs: [
      { name: 'spender', type: 'address' },
      { name: 'amount', type: 'uint256' },
    ],
    outputs: [{ name: '', type: 'bool' }],
    stateMutability: 'nonpayable',
  },
] as const

const tokenAt = (connection: Connection, address: Address) => callsOf(TOKEN_ABI, { name: 'Token', address }, connection)

/** An amount that a contract of the deployment takes in. */
export interface Due {
  /** Zero for the chain's own coin. */
  readonly token: Address
  readonly amount: bigint
  readonly to: Address
}

/** Makes an amount ready: as the transaction's value, or for a token by allowing the contract to fetch it. @throws Fault `chain/reverted`. */
export async function ready(connection: Connection, { token, amount, to }: Due): Promise<Sending> {
  if (token === ZERO_ADDRESS) return { value: amount }
  const calls = tokenAt(connection, token)
  const allowed = await calls.read('allowance', await accountOf(connection), to)
  if (allowed < amount) await calls.send('approve', [to, amount])
  return {}
}

/** What an account holds of a token, or of the chain's own coin. */
export async function holdingOf(connection: Connection, token: Address, account: Address): Promise<bigint> {
  if (token === ZERO_ADDRESS) return onChain('balance', () => connection.provider.getBalance(account))
  return tokenAt(connection, token).read('balanceOf', account)
}

/** Where credit stands: jobs and stakes in the settlement, bonds of games in the dispute contract. */
export interface Credit {
  readonly settlement: bigint
  readonly dispute: bigint
}

/** What an account may withdraw. */
export async function creditOf({ settlement, dispute }: Connection, token: Address, account: Address): Promise<Credit> {
  return {
    settlement: await settlement.read('balanceOf', token, account),
    dispute: await dispute.read('balanceOf', token, account),
  }
}

/** Fetches everything that the account is owed in one token; no transaction where that is nothing. @throws Fault `chain/reverted`. */
export async function withdraw(connection: Connection, token: Address = ZERO_ADDRESS): Promise<readonly Landed[]> {
  const { settlement, dispute } = connection
  const credit = await creditOf(connection, token, await accountOf(connection))
  return [
    ...(credit.settlement > 0n ? await unlessFetched(settlement.send('withdraw', [token])) : []),
    ...(credit.dispute > 0n ? await unlessFetched(dispute.send('withdraw', [token])) : []),
  ]
}

/** Nothing, where the account fetched it meanwhile elsewhere: somebody who acts in several jobs does. */
async function unlessFetched(fetching: Promise<Landed>): Promise<readonly Landed[]> {
  try {
    return [await fetching]
  } catch (error) {
    if (isRevert(error, 'NothingToWithdraw')) return []
    throw error
  }
}
