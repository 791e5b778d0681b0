/**
 * Measures which forged proofs of learning a distance-threshold verifier accepts, and writes the tables into docs/attacks.md:
 * `npm run pol-baseline`.
 */
import { NORMS, accepts, distances, inspect, perNorm } from '../test/attacks/baseline.js'
import type { Inspection, Norm, PerNorm } from '../test/attacks/baseline.js'
import { EXPECTED, type AttackKey } from '../test/attacks/expected.js'
import { TOP, scene, type Scene } from '../test/attacks/forgeries.js'
import { lossOf } from '../test/attacks/run.js'
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
  const hardware = await each(Object.entries(NOISE), (noise) => inspect(made.own, { top: TOP, noise }))
  const fitted = perNorm((norm) => 10 * results.honest.farthest[norm])
  return { scene: made, found: results, hardware, fitted }
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

function attackTable({ found, fitted }: Measurement): string {
  const rows = (Object.keys(EXPECTED) as AttackKey[]).map((key) => {
    const { attack, source, faults } = EXPECTED[key]
    const refused = faults.length === 0 ? 'accepts' : faults.map(code).join(', ')
    return [attack, source, short(found[key].farthest.l2), ...cellsOf(found[key], fitted), refused]
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
async function gains({ scene: { task, stolen, forgeries }, fitted }: Measurement): Promise<string> {
  const { states } = forgeries.adversarialDataI
  const crafted = states[states.length - 1]
  const [fresh, theirs, own] = [
    await lossOf(task, task.initial),
    await lossOf(task, stolen),
    await lossOf(task, crafted),
  ]
  const [far, near] = [distances(task.initial, stolen).l2, distances(crafted, stolen).l2]
  const updatesFor = (threshold: number) => Math.ceil(far / threshold)
  const begin = distances(forgeries.initBreak.states[0], stolen).l2
  return [
    `- Fresh weights lie ${far.toFixed(2)} (l2) from the stolen ones, so interpolation in n updates is off by ${far.toFixed(2)} / n in each: ${updatesFor(0.1)} updates pass the threshold 0.1, ${updatesFor(0.001)} pass 0.001, ${updatesFor(fitted.l2)} the fitted one.`,
    `- Init-break begins at a distance of ${begin.toFixed(2)} instead.`,
    `- Adversarial data I claims ${states.length - 1} updates where the honest run has ${forgeries.honest.states.length - 1}, and gets from ${far.toFixed(2)} to ${near.toFixed(2)}; mean loss on the data set: fresh ${fresh.toFixed(2)}, forged ${own.toFixed(2)}, stolen ${theirs.toFixed(2)}.`,
    `- Blindfold top-Q needs ${forgeries.blindfold.states.length - 1} updates to end in the stolen weights, bit for bit.`,
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
