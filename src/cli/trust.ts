/**
 * Whom a verifier trusts about time and randomness, from words.
 * @module
 */
import type { Command } from 'commander'
import { fromHex, type Bytes32 } from '../core/bytes.js'
import { decodeJson } from '../core/json.js'
import { demand } from '../core/faults.js'
import type { BeaconOptions } from '../attest/beacon.js'
import { QUICKNET, network, type Network } from '../attest/round.js'
import { read } from './files.js'

/** Words about trust. */
export interface TrustWords {
  readonly verifier?: string
  readonly witness?: string[]
  readonly network?: string[]
}

/** Adds the words about trust to a command. */
export function withTrustWords(command: Command): Command {
  return command
    .option('--verifier <address>', 'your own account: nonces that it signed convince you')
    .option('--witness <address...>', 'accounts whose word about time you take')
    .option('--network <name...>', 'networks whose rounds you take: quicknet, or a .json file that describes one')
}

/** What the words say. */
export async function trustFrom({ verifier, witness, network: names = [] }: TrustWords): Promise<BeaconOptions> {
  const networks: Network[] = []
  for (const name of names) networks.push(await networkFrom(name))
  return { verifier, witnesses: witness, networks }
}

/** A network by name, or from JSON {scheme, publicKey, genesis, period, delay}: the key hexadecimal, numbers of seconds. */
export async function networkFrom(name: string): Promise<Network> {
  if (name === 'quicknet') return QUICKNET
  const json = decodeJson(await read(name, 1 << 16)) as Record<string, unknown>
  demand(typeof json === 'object' && json !== null && typeof json.publicKey === 'string', 'cli/usage', () => name, {
    hint: 'a network is {"scheme", "publicKey", "genesis", "period", "delay"}',
  })
  return network({ ...json, publicKey: fromHex(json.publicKey as string) } as unknown as Parameters<typeof network>[0])
}

/** 32 bytes from a word. @throws Fault `core/bad-hex`. */
export const bytes32From = (word: string): Bytes32 => fromHex(word.replace(/^0x/, ''), 32)
