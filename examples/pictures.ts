/**
 * Pictures of digits for the training examples: the handwritten ones of ../shared/data/optdigits where they are there, else drawn ones.
 * @module
 */
import { existsSync } from 'node:fs'
import { Data, Program, Tensor, Trace, type Model, type Runtime } from 'countersign'
import { readDataset } from 'countersign/disk'
import { drawMany, type Sample } from '../scripts/digits/draw.js'

/** Where the handwritten ones are looked for. */
export const OPTDIGITS = new URL('../../shared/data/optdigits', import.meta.url).pathname

/** Pictures to learn from, and others to test with: columns `pixels` [1, 8, 8], ink from 0 to 16, and `targets`. */
export interface Pictures {
  readonly kind: 'handwritten' | 'drawn'
  readonly known: Data.Dataset.Dataset
  readonly unseen: Data.Dataset.Dataset
}

/** The data sets of a folder with optdigits.tra and optdigits.tes (UCI, E. Alpaydin and C. Kaynak), or drawn ones. */
export async function readPictures(folder: string): Promise<Pictures> {
  if (!existsSync(`${folder}/optdigits.tra`)) return drawnPictures()
  const [known, unseen] = await Promise.all(['tra', 'tes'].map((part) => readOptdigits(`${folder}/optdigits.${part}`)))
  return { kind: 'handwritten', known, unseen }
}

/** One line a picture: a name or ink for each of 64 fields, then the digit. */
function readOptdigits(path: string): Promise<Data.Dataset.Dataset> {
  const file = { format: 'csv', path, header: 'names' } as const
  return readDataset({
    pixels: { ...file, dtype: 'float32', dims: [1, 8, 8], first: 0 },
    targets: { ...file, dtype: 'int64', first: 64 },
  })
}

function drawnPictures(): Pictures {
  const draw = (seed: string, count: number) => datasetOf(drawMany(seed, count).map(halved), { side: 8 })
  return { kind: 'drawn', known: draw('examples, known', 2000), unseen: draw('examples, unseen', 500) }
}

/** A drawing of 16 x 16 with ink to 255 as one of 8 x 8 with ink to 16: means of every 2 x 2. */
function halved({ label, pixels }: Sample): Sample {
  const ink = (i: number) => {
    const corner = 32 * Math.floor(i / 8) + 2 * (i % 8)
    return pixels[corner] + pixels[corner + 1] + pixels[corner + 16] + pixels[corner + 17]
  }
  return { label, pixels: Uint8Array.from({ length: 64 }, (_, i) => Math.floor((ink(i) * 16) / 1020)) }
}

/** A data set of drawings. */
export function datasetOf(drawings: readonly Sample[], { side }: { side: number }): Data.Dataset.Dataset {
  const inks = drawings.flatMap(({ pixels }) => [...pixels])
  return Data.Dataset.from({
    pixels: Tensor.tensor('float32', [drawings.length, 1, side, side], inks),
    targets: Tensor.tensor(
      'int64',
      [drawings.length],
      drawings.map(({ label }) => BigInt(label)),
    ),
  })
}

/** A model compiled for pictures in batches of this size. */
export function compileFor(model: Model.Model, { side, batch }: { side: number; batch: number }): Program.Compiled {
  return Program.compile(model, { inputs: { pixels: { dtype: 'float32', dims: [batch, 1, side, side] } } })
}

/** How many pictures a model reads rightly: every score is exact, so everybody counts the same. */
export async function rightOf(
  work: { readonly program: Program.Program; readonly state: readonly Tensor.Tensor[] },
  { columns: [pixels, targets] }: Data.Dataset.Dataset,
  runtime: Runtime.Runtime,
): Promise<number> {
  const { outputs } = await Trace.record({ ...work, inputs: [[pixels]] }, runtime)
  const scores = outputs[0].data as Float32Array
  const best = (row: Float32Array) => row.indexOf(row.reduce((a, b) => Math.max(a, b)))
  return Array.from(targets.data, Number).filter((digit, i) => best(scores.subarray(10 * i, 10 * i + 10)) === digit)
    .length
}
