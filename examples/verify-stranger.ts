/**
 * A receipt arrives from a stranger, as a folder. What it takes to believe it, and how it is refused where something is wrong.
 */
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  Audit,
  Bundle,
  Difference,
  Fault,
  Program,
  Provider,
  Runtime,
  Signer,
  Tensor,
  Trace,
  type FaultCode,
} from 'countersign'
import { bundleReader, readModel, writeBundle } from 'countersign/disk'
import { isolated } from 'countersign/runtime/isolated'
import { DIGITS, MODEL } from './digits.js'

const folder = mkdtempSync(join(tmpdir(), 'countersign-'))
const work = await (async () => {
  const { model } = await readModel(MODEL)
  const { pixels } = DIGITS[5]
  const { program, state } = Program.compile(model, { inputs: { pixels } })
  return { program, state, inputs: [[pixels]] }
})()

/** What the stranger does: run the work, sign, send. A liar signs a run with other weights as if it were the one asked for. */
async function stranger(name: string, { lies }: { lies: boolean }): Promise<string> {
  const job = await Provider.jobFor(work)
  const signer = Signer.fromRandom()
  const honest = await Provider.provide(work, { job, runtime: Runtime.reference(), signer })
  const sealed = lies ? await lie(honest.trace, { job, signer }) : honest
  await writeBundle(Bundle.encode(await sealed.reveal()), join(folder, name))
  return join(folder, name)
}

async function lie(
  honest: Trace.Trace,
  as: { job: Parameters<typeof Provider.seal>[1]['job']; signer: Signer.Signer },
) {
  const state = work.state.map(({ dims, data }) =>
    Tensor.tensor(
      'float32',
      dims,
      [...data].map((w) => Number(w) / 2),
    ),
  )
  const other = await Trace.record({ ...work, state }, Runtime.reference())
  const leaves = [{ ...honest.leaves[0], outputs: other.leaves[0].outputs }]
  const metadata = await Provider.metadataOf(Runtime.reference())
  return Provider.seal({ ...honest, outputs: other.outputs, leaves, steps: leaves }, { ...as, metadata })
}

/**
 * What the receiver does. First: is everything in the folder what the receipt names, and was it signed? Then: run it again, in a process of
 * its own, since the program is a stranger's.
 */
async function receive(path: string): Promise<string> {
  try {
    const bundle = await Bundle.verify(await Bundle.decode(bundleReader(path)))
    const found = await Audit.replay(bundle, isolated('ort-web'))
    if (found.outcome === 'valid') return 'valid'
    return Difference.explain(Difference.firstDifference(Difference.viewOf(found.trace), bundle)!)
  } catch (error) {
    if (Fault.is(error)) return error.code
    throw error
  }
}

function expectThat(what: string, found: string, expected: string | FaultCode): void {
  if (!found.startsWith(expected)) throw new Error(`${what}: ${found} instead of ${expected}`)
  console.log(`${what.padEnd(34)} ${found}`)
}

try {
  expectThat('an honest bundle', await receive(await stranger('honest', { lies: false })), 'valid')

  const corrupted = await stranger('corrupted', { lies: false })
  const object = join(corrupted, 'objects', readdirSync(join(corrupted, 'objects'))[0])
  const bytes = readFileSync(object)
  bytes[0] ^= 1
  writeFileSync(object, bytes)
  expectThat('one bit of a tensor flipped', await receive(corrupted), 'bundle/wrong-object')

  const forged = await stranger('forged', { lies: false })
  const receipt = readFileSync(join(forged, 'receipt.json'), 'utf8')
  writeFileSync(join(forged, 'receipt.json'), receipt.replace(/"issuedAt":"\d/, '"issuedAt":"9'))
  expectThat('a changed field of the receipt', await receive(forged), 'receipt/bad-signature')

  expectThat('a liar, rightly signed', await receive(await stranger('liar', { lies: true })), 'step 0: value')
} finally {
  rmSync(folder, { recursive: true })
}
