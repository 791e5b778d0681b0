/**
 * What stands on a chain, for people: every transaction of some accounts with its gas, and what everybody holds.
 * @module
 */
import { Interface, formatEther, type InterfaceAbi } from 'ethers'
import type { JsonRpcProvider } from 'ethers'
import pc from 'picocolors'
import { Abis, type Deployment } from 'countersign/chain'

/** Whose transactions are told, by their addresses. */
export type Names = ReadonlyMap<string, string>

/** Reads a chain from one block on. */
export class Ledger {
  readonly #node: JsonRpcProvider
  readonly #names: Names
  readonly #contracts = new Map<string, readonly [string, Interface]>()
  readonly #fees = new Map<string, bigint>()
  /** What transactions are that call nothing. */
  readonly #what = new Map<string, string>()
  #next: number
  /** How many transactions, and what they used. */
  count = 0
  gas = 0n

  constructor(node: JsonRpcProvider, names: Names, next: number) {
    this.#node = node
    this.#names = names
    this.#next = next
  }

  /** From now on calls of these contracts are told by their names. */
  know({ settlement, dispute }: Deployment.Deployment): void {
    // The settlement answers for its quorums, too.
    const abi = [...Abis.SETTLEMENT_ABI, ...Abis.QUORUMS_ABI] as unknown as InterfaceAbi
    this.#contracts.set(settlement, ['Settlement', new Interface(abi)])
    this.#contracts.set(dispute, ['Dispute', new Interface(Abis.DISPUTE_ABI as unknown as InterfaceAbi)])
  }

  /** What a transaction does that makes a contract. */
  made({ contract, address, transaction }: Deployment.Deployed): void {
    this.#what.set(transaction, `${contract} at ${address.slice(0, 8)}…`)
  }

  /** Prints the transactions since the last time. */
  async tell(): Promise<void> {
    const head = await this.#node.getBlockNumber()
    for (; this.#next <= head; this.#next++) {
      const block = (await this.#node.getBlock(this.#next, true))!
      for (const { hash, from, to, data } of block.prefetchedTransactions) {
        const account = from.toLowerCase()
        const name = this.#names.get(account)
        if (name === undefined) continue
        const { gasUsed, fee } = (await this.#node.getTransactionReceipt(hash))!
        this.#fees.set(account, this.feesOf(account) + fee)
        this.count++
        this.gas += gasUsed
        const what = this.#what.get(hash) ?? this.#nameOf(to?.toLowerCase() ?? null, data)
        const bytes = (data.length - 2) / 2
        const words = [name.padEnd(8), what.padEnd(28), `${gasUsed.toLocaleString('en-US')} gas`.padStart(15)]
        console.log(`   ${words.join(' ')}  ${pc.dim(`${hash.slice(0, 12)}… ${bytes.toLocaleString('en-US')} bytes`)}`)
      }
    }
  }

  #nameOf(to: string | null, data: string): string {
    const known = to === null ? undefined : this.#contracts.get(to)
    if (known === undefined) return to === null ? 'puts a contract' : 'sends coins'
    const [name, calls] = known
    return `${name}.${calls.getFunction(data.slice(0, 10))?.name ?? '?'}`
  }

  /** What an account paid for its transactions. */
  feesOf(account: string): bigint {
    return this.#fees.get(account) ?? 0n
  }
}

/** Coins with their unit. */
export const ether = (amount: bigint): string => `${formatEther(amount)} ETH`
