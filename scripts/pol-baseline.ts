/**
 * Measures which forged proofs of learning a distance-threshold verifier accepts and this library refuses, and writes docs/attacks.md:
 * `npm run pol-baseline`.
 */
import { NORMS, accepts, distances, inspect, perNorm } from '../test/attacks/baseline.js'
import type { Inspection, Norm, PerNorm } from '../test/attacks/baseline.js'
import { refusal } from '../test/attacks/countersign.js'
import { EXPECTED, type AttackKey } from '../test/attacks/expected.js'
import { TOP, scene, type Scene } from '../test/attacks/forgeries.js'
import { lossOf, type Transcript } from '../test/attacks/run.js'
import { code, fill, isMain, pretty, table, textOf, write } from './markdown.js'

const DOCUMENT = 'docs/attacks.md'

/** Thresholds, each for every norm. */
export const THRESHOLDS = [1000, 10, 0.1, 0.001] as const

/** Relative noise of other hardware: rounding of float32 alone, and a verifier that computes in half precision. */
export const NOISE = { 'the same': 0, 'other float32, 1e-6': 1e-6, 'half precision, 2^-11': 2 ** -11 } as const

/** What the baseline found about every forgery, and about the honest run on other hardware. */
export interface Measurement {
  readonly scene: Scene
  readonly found: Readonly<Record<AttackKey, Inspection>>
  /** The faults by which this library refuses it; see `Expected.faults`. */
  readonly refused: Readonly<Record<AttackKey, readonly string[]>>
  readonly hardware: readonly (readonly [string, Inspection])[]
  /** Ten times what the honest run itself deviates: a threshold that fits this task. */
  readonly fitted: PerNorm
}

/** Runs the baseline on everything. Cost: some twenty seconds. */
export async function measure(): Promise<Measurement> {
  const made = await scene()
  const results = Object.fromEntries(
    await each(Object.entries(made.forgeries), (forged) => inspect(forged, { top: TOP })),
  ) as Measurement['found']
  const refused = Object.fromEntries(
    await each(Object.entries(made.forgeries), refusals),
  ) as unknown as Measurement['refused']
  const hardware = await each(Object.entries(NOISE), (noise) => inspect(made.own, { top: TOP, noise }))
  const fitted = perNorm((norm) => 10 * results.honest.farthest[norm])
  return { scene: made, found: results, refused, hardware, fitted }
}

/** What happens to a transcript with the samples that are drawn, and with its own where they are others. */
async function refusals(transcript: Transcript): Promise<readonly string[]> {
  const own = transcript.inputs !== transcript.task.inputs
  const found = [await refusal(transcript, 'drawn'), own ? await refusal(transcript, 'claimed') : undefined]
  return found.filter((code) => code !== undefined)
}

/** The same names with what becomes of their values; everything waits side by side, since the reference gives way between nodes. */
const each = <T, U>(entries: readonly (readonly [string, T])[], of: (value: T) => Promise<U>) =>
  Promise.all(entries.map(async ([name, value]) => [name, await of(value)] as const))

/** Which norms accept, each with its threshold. */
export const accepting = (inspection: Inspection, threshold: (norm: Norm) => number): readonly Norm[] =>
  NORMS.filter((norm) => accepts(inspection, norm, threshold(norm)))

function cell(inspection: Inspection, threshold: (norm: Norm) => number): string {
  if (!inspection.startsDrawn) return 'refuses the start'
  const norms = accepting(inspection, threshold)
  return norms.length === NORMS.length ? 'accepts' : norms.length === 0 ? 'refuses' : norms.join(' ')
}

const cellsOf = (inspection: Inspection, fitted: PerNorm): readonly string[] => [
  ...THRESHOLDS.map((threshold) => cell(inspection, () => threshold)),
  cell(inspection, (norm) => fitted[norm]),
]

const HEADS = [...THRESHOLDS.map(String), 'fitted']
const short = (value: number): string => (value === 0 ? '0' : value.toExponential(1))

function attackTable({ found, refused, fitted }: Measurement): string {
  const rows = (Object.keys(EXPECTED) as AttackKey[]).map((key) => {
    const { attack, source } = EXPECTED[key]
    const faults = [...new Set(refused[key])].map(code).join(', ')
    return [
      attack,
      source,
      short(found[key].farthest.l2),
      ...cellsOf(found[key], fitted),
      faults === '' ? 'accepts' : faults,
    ]
  })
  return table(['attack', 'source', 'farthest l2', ...HEADS, 'Countersign'], rows)
}

const hardwareTable = ({ hardware, fitted }: Measurement): string =>
  table(
    ["verifier's hardware", ...NORMS, ...HEADS],
    hardware.map(([name, inspection]) => [
      name,
      ...NORMS.map((norm) => short(inspection.farthest[norm])),
      ...cellsOf(inspection, fitted),
    ]),
  )

/** What the forger wanted and got. */
async function gains({ scene: { task, stolen, own, forgeries }, fitted }: Measurement): Promise<string> {
  const { states } = forgeries.adversarialDataI
  const crafted = states[states.length - 1]
  const [fresh, theirs, forged] = [
    await lossOf(task, task.initial),
    await lossOf(task, stolen),
    await lossOf(task, crafted),
  ]
  const [far, start, near] = [task.initial, states[0], crafted].map((state) => distances(state, stolen).l2)
  const updatesFor = (threshold: number) => Math.ceil(far / threshold)
  const begin = distances(forgeries.initBreak.states[0], stolen).l2
  return [
    `- Fresh weights lie ${far.toFixed(2)} (l2) from the stolen ones, so interpolation in n updates is off by ${far.toFixed(2)} / n in each: ${updatesFor(0.1)} updates pass the threshold 0.1, ${updatesFor(0.001)} pass 0.001, ${updatesFor(fitted.l2)} the fitted one.`,
    `- Init-break begins at a distance of ${begin.toFixed(2)} instead.`,
    `- Adversarial data I claims ${states.length - 1} updates where the honest run has ${own.states.length - 1}, and gets from ${start.toFixed(2)} to ${near.toFixed(2)}; mean loss on the data set: fresh ${fresh.toFixed(2)}, forged ${forged.toFixed(2)}, stolen ${theirs.toFixed(2)}.`,
    `- Blindfold top-Q takes twice as many updates as the honest run, and ends in the stolen weights, bit for bit.`,
  ].join('\n')
}

/** The text of docs/attacks.md with the tables of a measurement. */
export async function attacksDocument(measurement: Measurement): Promise<string> {
  const filled = [
    ['attacks', attackTable(measurement)],
    ['gains', await gains(measurement)],
    ['hardware', hardwareTable(measurement)],
  ].reduce((text, [name, content]) => fill(text, name, content), textOf(DOCUMENT))
  return pretty(filled, DOCUMENT)
}

if (isMain(import.meta.url)) await write(DOCUMENT, await attacksDocument(await measure()))
