/**
 * What proofs cost on a chain, whole transactions with their base cost and calldata: `npm run bench -- zk-gas [--json] [--write]`; `--write` writes the
 * table of docs/contracts.md. Proofs are drawn, so the zero
 * bytes among their 256 differ from one to the next: by some hundred gas at the most.
 */
import { fill, table, textOf, write } from '../scripts/markdown.js'
import { formOf, type ClaimForm } from '../src/zk/bind.js'
import { unsafeKey } from '../src/zk/keys.js'
import { prove } from '../src/zk/prove.js'
import { openGasCourt, type GasCourt } from '../test/contracts/gas-court.js'
import { startNode } from '../test/contracts/node.js'
import { poseidonGas } from '../test/contracts/poseidon.js'
import { proofGas, settlementGas } from '../test/contracts/proof-gas.js'
import { classifierProver, image, proofOf, ran } from '../test/contracts/provers.js'
import { writtenVerifier } from '../test/contracts/written.js'
import { tiny } from '../test/zk/tiny.js'
import { print } from './measure.js'
import { CONTEXT } from './zk-cases.js'

/** Every case with its figures. */
async function cases(court: GasCourt): Promise<Figures> {
  const prover = await classifierProver()
  const run = await ran(prover, [image(1, -2, 3)])
  const [output] = run.outputs
  const proof = await proofOf(prover, run, CONTEXT)
  const key = prover.key.verification
  const small = await tiny()
  const own = await unsafeKey(small.r1cs, { scheme: 'plonk' })
  const plonk = await prove(own, small.witness(5n, CONTEXT))
  const sealed: ClaimForm = { step: false }
  return {
    'groth16-output-10': { ...(await proofGas(court.node, { key, form: formOf(prover.circuit), proof, output })) },
    'groth16-sealed': { ...(await proofGas(court.node, { key, form: sealed, proof })) },
    'plonk-sealed': {
      ...(await proofGas(court.node, {
        key: own.verification,
        form: sealed,
        proof: plonk,
        written: await writtenVerifier(own),
      })),
    },
    'job-output-10': await settlementGas(court, prover),
    poseidon: { hash: await poseidonGas(court.node) },
  }
}

/** What is counted, in words; and what it may take. */
const WORDS: Readonly<Record<string, Readonly<Record<string, readonly [counts: string, limit?: number]>>>> = {
  'groth16-sealed': {
    verify: ['`ProvenClaims.verify` as a transaction of its own, Groth16, outputs by their Poseidon root', 260_000],
    deploy: ['both contracts of a Groth16 key deployed'],
  },
  'groth16-output-10': { verify: ['the same with a public output: ten int64 in one field element', 260_000] },
  'plonk-sealed': {
    verify: ['the same of a PLONK proof, outputs by their Poseidon root'],
    deploy: ['all three contracts of a PLONK key deployed'],
  },
  'job-output-10': {
    post: ['a proven job posted with its payment'],
    settle: ['settled by a Groth16 proof with a public output of ten int64, and the provider credited'],
  },
  poseidon: { hash: ['one Poseidon hash of two elements, in a contract', 35_000] },
}

type Figures = Readonly<Record<string, Readonly<Record<string, number>>>>

/** Writes the table of docs/contracts.md. */
async function writeTable(figures: Figures): Promise<void> {
  const number = (value: number | undefined): string => value?.toLocaleString('en-US') ?? ''
  const rows = Object.entries(WORDS).flatMap(([name, metrics]) =>
    Object.entries(metrics).map(([metric, [counts, limit]]) => [
      `\`${name}\` ${metric}`,
      counts,
      number(figures[name][metric]),
      number(limit),
    ]),
  )
  const head =
    '`npm run bench -- zk-gas --write`; proofs are drawn, so that figures differ by some hundred gas from one to the next.'
  const text = [head, table(['case', 'what', 'gas', 'may take'], rows)].join('\n\n')
  await write('docs/contracts.md', fill(textOf('docs/contracts.md'), 'proof-gas', text))
}

const node = await startNode()
try {
  const all = await cases(await openGasCourt(node))
  if (process.argv.includes('--write')) await writeTable(all)
  for (const [name, figures] of Object.entries(all))
    for (const [metric, value] of Object.entries(figures))
      print({ bench: 'zk-gas', case: name, metric, value, unit: metric === 'calldata' ? 'bytes' : 'gas' })
} finally {
  await node.stop()
}
