/**
 * Gas of contracts/Merkle.sol and contracts/Receipts.sol: one call in a transaction of its own, with its base cost and its calldata.
 *
 * `npm run bench -- openings [--json]`
 */
import type { Contract } from 'ethers'
import { toHex } from '../src/core/bytes.js'
import { digest, openTile, proveConsistency, proveInclusion, rootOf, treeFrom } from '../src/merkle/index.js'
import { Claim, Job, Policy, Receipt, Seal, Signer, TypedData } from '../src/receipt/index.js'
import { CHAIN_ID, deploy, startNode } from '../test/contracts/node.js'
import { print } from './measure.js'

const hex = (bytes: Uint8Array): string => `0x${toHex(bytes)}`
const fill = (byte: number): Uint8Array => new Uint8Array(32).fill(byte)

/** Prints gas and bytes of calldata of one call. */
async function measure(harness: Contract, name: string, [method, ...values]: readonly [string, ...unknown[]]) {
  const data = harness.interface.encodeFunctionData(method, values)
  const sent = await harness.runner!.sendTransaction!({ to: await harness.getAddress(), data, gasLimit: 10_000_000 })
  const receipt = await sent.wait()
  const bytes = (data.length - 2) / 2
  print({ bench: 'openings', case: name, metric: 'gas', value: Number(receipt!.gasUsed), unit: 'gas' })
  print({ bench: 'openings', case: name, metric: 'calldata', value: bytes, unit: 'bytes' })
}

async function measureTrees(harness: Contract): Promise<void> {
  const size = 2 ** 20
  const hashes = new Uint8Array(32 * size).map((_, i) => (i * 167 + (i >> 13)) & 255)
  const tree = treeFrom(hashes)
  const leaf = hex(hashes.slice(32 * 699_050, 32 * 699_051))
  const path = proveInclusion(tree, 699_050).map(hex)
  await measure(harness, 'inclusion-2^20', ['verifyInclusion', hex(rootOf(tree)), leaf, [699_050, size], path])
  const first = treeFrom(hashes.slice(0, 32 * 699_051))
  const proof = proveConsistency(tree, 699_051).map(hex)
  const earlier = hex(rootOf(first))
  await measure(harness, 'consistency-2^20', ['verifyConsistency', earlier, 699_051, hex(rootOf(tree)), size, proof])
}

async function measureElement(harness: Contract): Promise<void> {
  const dims = [4096, 4096]
  const data = Float32Array.from({ length: 4096 * 4096 }, (_, i) => Math.fround((i % 8191) / 7))
  const tensor = { dtype: 'float32', dims, data } as const
  const { bytes, path } = openTile(tensor, 12_345)
  // Tile 12,345 of 128 x 128 holds rows from 96 x 32, columns from 57 x 32.
  const element = 96 * 32 * 4096 + 57 * 32 + 5
  const values = [hex(digest(tensor)), [1, dims], element, hex(bytes), path.map(hex)] as const
  await measure(harness, 'element-of-4096x4096', ['openElement', ...values])
}

async function measureQuorum(harness: Contract, size: number): Promise<void> {
  const here = TypedData.domain(CHAIN_ID, await harness.getAddress())
  const signers = Array.from({ length: size }, (_, i) => Signer.fromKey(fill(i + 1)))
  signers.sort((a, b) => (a.address.toLowerCase() < b.address.toLowerCase() ? -1 : 1))
  const threshold = (size >> 1) + 1
  const auditors = signers.map(({ address }) => address)
  const terms = { kind: 'quorum', replicas: size, threshold, samples: 0, window: 60, extension: fill(0) } as const
  const policy = Policy.from({ ...terms, auditors })
  const roots = { program: fill(1), initialState: fill(2), inputs: fill(3), policy: Policy.hash(policy), salt: fill(4) }
  const counts = { steps: 1, commitEvery: 1, operatorTrace: false, requester: auditors[0], deadline: 9 }
  const job = Job.from({ ...roots, ...counts })
  const claim = Claim.from({ job: Job.hash(job), outputs: fill(5), finalState: fill(2), run: fill(6) })
  const seals = signers.map(({ address }) => Seal.sealOf(claim, address.toLowerCase() as `0x${string}`, fill(7)))
  const rest = { claim, sealSet: Seal.setRoot(seals), metadata: fill(8), issuedAt: 10 }
  const reveals = signers.map(async (signer) => {
    const value = Receipt.from({ ...rest, provider: signer.address })
    const signature = await Signer.sign(signer, { struct: Receipt.receiptStruct, value, domain: here })
    return [Receipt.receiptStruct.toTyped(value), hex(fill(7)), hex(signature)]
  })
  const [wireJob, wirePolicy] = [Job.jobStruct.toTyped(job), Policy.policyStruct.toTyped(policy)]
  const list = seals.map((seal) => Seal.sealStruct.toTyped(seal))
  const values = [wireJob, wirePolicy, [], list, await Promise.all(reveals)] as const
  await measure(harness, `quorum-calldata-${size}`, ['verifyQuorum', ...values])
}

const node = await startNode()
try {
  const trees = await deploy(node, 'test/MerkleHarness')
  await measureTrees(trees)
  await measureElement(trees)
  await measureQuorum(await deploy(node, 'test/ReceiptsHarness'), 7)
} finally {
  await node.stop()
}
