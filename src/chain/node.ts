/**
 * Nodes by their URLs.
 * @module
 */
import { JsonRpcProvider } from 'ethers/providers'
import { FetchRequest } from 'ethers/utils'
import { Fault, demand } from '../core/faults.js'

/** Milliseconds until a node that says nothing counts as absent. */
const PATIENCE = 15_000

/**
 * The node behind a URL (JSON-RPC over HTTP), after it said which chain it is one of. Nothing that it says is kept: every question is put to it.
 * @throws Fault `chain/failed` where nobody answers there, or something that is no node.
 */
export async function nodeAt(url: string): Promise<JsonRpcProvider> {
  const chainId = await chainOf(url)
  return new JsonRpcProvider(url, chainId, { staticNetwork: true, batchMaxCount: 1, cacheTimeout: -1 })
}

/** Asked by hand: the provider of the library asks for the chain again and again, for ever, where nobody answers. */
async function chainOf(url: string): Promise<bigint> {
  const known = /^https?:\/\//.test(url)
  demand(known, 'chain/failed', () => 'a node has a URL with http or https', { where: url.slice(0, 200) })
  try {
    const request = new FetchRequest(url)
    request.timeout = PATIENCE
    request.body = { jsonrpc: '2.0', id: 1, method: 'eth_chainId', params: [] }
    const { result } = (await request.send()).bodyJson as { result: string }
    return BigInt(result)
  } catch (cause) {
    throw new Fault('chain/failed', 'no node answers there', { where: url.slice(0, 200), cause })
  }
}
