/** Nodes, accounts, files of deployments, and errors by their names. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Interface } from 'ethers/abi'
import { Transaction } from 'ethers/transaction'
import { Deployment, accountOn, nodeAt, revertOf } from '../../src/chain/index.js'
import { decodeRevert, onChain, revertFault } from '../../src/chain/revert.js'
import { utf8 } from '../../src/core/bytes.js'
import { Fault } from '../../src/core/faults.js'
import { REFEREES } from '../../src/dispute/proof.js'
import { startNode, type EvmNode } from '../contracts/node.js'
import { fill, signerOf } from '../receipt/samples.js'

const faultOf = async (work: () => unknown) => {
  try {
    await work()
  } catch (error) {
    return error as Fault
  }
  return undefined
}

let node: EvmNode
let liar: Server
beforeAll(async () => {
  node = await startNode()
  liar = createServer((_, response) => void response.end('no node'))
  await new Promise<void>((resolve) => liar.listen(0, '127.0.0.1', resolve))
})
afterAll(async () => {
  liar?.close()
  await node?.stop()
})

describe('a node', () => {
  test('says which chain it is one of, and keeps no answers', async () => {
    const found = await nodeAt(node.url)
    expect((await found.getNetwork()).chainId).toBe(31337n)
    const before = await found.getBlockNumber()
    await node.provider.send('evm_mine', [])
    expect(await found.getBlockNumber()).toBe(before + 1)
    found.destroy()
  })

  test('that is none is refused at once', async () => {
    const { port } = liar.address() as AddressInfo
    for (const url of [`http://127.0.0.1:${port}`, 'http://127.0.0.1:9', 'ws://127.0.0.1:9', 'nowhere', ''])
      expect((await faultOf(() => nodeAt(url)))?.code, url).toBe('chain/failed')
  })
})

describe('an account', () => {
  test('signs transactions of its own, for its own address', async () => {
    const account = accountOn(signerOf(0x22), node.provider)
    const signed = await account.signTransaction({
      to: signerOf(0x33).address,
      value: 5n,
      chainId: 31337,
      gasLimit: 21000,
    })
    const { from, to, value } = Transaction.from(signed)
    expect([from!.toLowerCase(), to!.toLowerCase(), value]).toEqual([
      signerOf(0x22).address,
      signerOf(0x33).address,
      5n,
    ])
    expect(account.connect(node.provider).provider).toBe(node.provider)
    await expect(account.signMessage('hello')).rejects.toThrow()
  })

  test('without coins is told so by name', async () => {
    const account = accountOn(signerOf(0x55), node.provider)
    const fault = await faultOf(() =>
      Deployment.deploy(account, async () => ({ bytecode: '0x00', deployedBytecode: '0x' })),
    )
    expect(fault?.code).toBe('chain/no-funds')
  })
})

describe('the file of a deployment', () => {
  const address = (byte: number) => `0x${byte.toString(16).repeat(20)}` as const
  const deployment = Deployment.from({
    ...{ chainId: 31337, block: 7, settlement: address(0x11), dispute: address(0x22) },
    ...{ quorums: address(0x33), batches: address(0x44), evaluator: address(0x55) },
    referees: { binding: address(0x66), element: address(0x77) },
  })

  test('is read as it was written, and a referee that is not there stays away', () => {
    const read = Deployment.decode(Deployment.encode(deployment))
    expect(read).toEqual(deployment)
    for (const name of REFEREES) expect(read.referees[name] === undefined).toBe(!['binding', 'element'].includes(name))
  })

  test('with anything wrong in it is refused by name', () => {
    const text = new TextDecoder().decode(Deployment.encode(deployment))
    const codeOf = async (changed: string) => {
      expect(changed).not.toBe(text)
      return (await faultOf(() => Deployment.decode(utf8(changed))))?.code
    }
    const wrong = [
      [text.replace('"chainId"', '"chain"'), /core\/(unknown|missing)-field/],
      [text.replace(address(0x11), '0x'.padEnd(42, '0')), /receipt\/zero-address/],
      [text.replace(address(0x22), '0x22'), /core\/|receipt\//],
      [text.slice(0, -2), /core\//],
      [text.replace('"element"', '"judge"'), /core\/unknown-field/],
      [`${text.slice(0, -1)}${' '.repeat(1 << 14)}}`, /core\//],
    ] as const
    return Promise.all(wrong.map(async ([changed, code]) => expect(await codeOf(changed)).toMatch(code)))
  })
})

describe('what a contract refused with', () => {
  test('has its name and its values', () => {
    const errors = new Interface(['error TooEarly(uint256 closes)', 'error NotThere()'])
    expect(decodeRevert(errors.encodeErrorResult('TooEarly', [77n]))).toEqual({ name: 'TooEarly', values: [77n] })
    const own = new Interface(['error Error(string)', 'error Panic(uint256)'])
    expect(decodeRevert(own.encodeErrorResult('Error', ['why']))).toEqual({ name: 'Error', values: ['why'] })
    expect(decodeRevert(own.encodeErrorResult('Panic', [17n]))).toEqual({ name: 'Panic', values: [17n] })
    const foreign = errors.encodeErrorResult('NotThere', [])
    expect(decodeRevert(foreign)).toEqual({ name: foreign, values: [] })
  })

  test('may be nothing, or cut off, and is told nevertheless', () => {
    for (const data of [undefined, null, '0x']) expect(decodeRevert(data)).toEqual({ name: 'nothing', values: [] })
    const cut = new Interface(['error TooEarly(uint256 closes)']).encodeErrorResult('TooEarly', [1n]).slice(0, 20)
    expect(decodeRevert(cut)).toEqual({ name: cut, values: [] })
  })

  test('is a fault with bytes as text', () => {
    const job = fill(0xab)
    const data = new Interface(['error UnknownJob(bytes32 job)']).encodeErrorResult('UnknownJob', [job])
    const fault = revertFault('Settlement.take', data)
    expect(fault.code).toBe('chain/reverted')
    expect(fault.detail.found).toBe(`UnknownJob(0x${'ab'.repeat(32)})`)
    expect(revertOf(fault)).toEqual({ name: 'UnknownJob', values: [job] })
    expect(revertOf(new Error('something else'))).toBe(undefined)
  })

  test('is told apart from a node that does not work', async () => {
    const broken = await faultOf(() => onChain('here', () => Promise.reject(new Error('broken pipe'))))
    expect([broken?.code, broken?.detail.found]).toEqual(['chain/failed', 'broken pipe'])
    const own = new Fault('core/aborted', 'stopped')
    expect(await faultOf(() => onChain('here', () => Promise.reject(own)))).toBe(own)
  })
})
