/**
 * Signal operators: discrete Fourier transforms as matrix products with constant tables, windows, mel weights.
 * @module
 */
import { demand } from '../../core/faults.js'
import { isFloat, sizeOf, tensor, type DType } from '../../core/tensor.js'
import { refuse, type Builder, type Ref } from '../builder.js'
import { operator, type NodeView, type OperatorRow } from '../operator.js'
import { floorOf, minus, over, plus, ratio, rational, times, toDouble, toSingle, type Rational } from './rational.js'
import { cosineOfTurn, exponentialOf, logarithmOf, sineOfTurn } from './series.js'
import { floats, inSingle } from './windows.js'

/** Elements of a transform's table: beyond this it is refused. */
const TABLE_LIMIT = 2 ** 24

interface Transform {
  readonly length: number
  readonly inverse: boolean
  /** Only the first half of the frequencies; of an inverse: only they are given, and the result is real. */
  readonly onesided: boolean
}

const halfOf = (length: number) => Math.floor(length / 2) + 1

/** Cosines and sines of all multiples of a turn's `length`th part. */
function circle(length: number, dtype: DType) {
  const round = dtype === 'float64' ? toDouble : toSingle
  return {
    cos: Array.from({ length }, (_, n) => round(cosineOfTurn(n, length))),
    sin: Array.from({ length }, (_, n) => round(sineOfTurn(n, length))),
  }
}

/** How elements of a transform come from [rows, parts] and go to [columns, parts], parts being real and imaginary. */
interface TableShape {
  readonly rows: number
  readonly parts: number
  readonly columns: number
  readonly outParts: number
}

/**
 * The matrix of a transform: element (j, p) to (k, q) is the part q of e^(-+ 2 pi i j k / length) times the unit p.
 * The inverse of half a spectrum counts every frequency twice that has a mirror image.
 */
function transformTable(b: Builder, { length, inverse, onesided }: Transform, shape: TableShape, dtype: DType): Ref {
  const { rows, parts, columns, outParts } = shape
  const [height, width] = [rows * parts, columns * outParts]
  if (height * width > TABLE_LIMIT) refuse(`a Fourier transform of ${rows} to ${columns} elements`)
  const { cos, sin } = circle(length, dtype)
  const mirrored = (j: number) => inverse && onesided && j > 0 && 2 * j < length
  const values = new Array<number>(height * width)
  for (let j = 0, at = 0; j < rows; j++)
    for (let p = 0; p < parts; p++)
      for (let k = 0; k < columns; k++)
        for (let q = 0; q < outParts; q++, at++) {
          const turn = (j * k) % length
          const imaginary = inverse ? sin[turn] : -sin[turn]
          const value = p === q ? cos[turn] : p === 0 ? imaginary : -imaginary
          values[at] = mirrored(j) ? 2 * value : value
        }
  return floats(b, dtype, { dims: [height, width], values })
}

/** Transforms rows [outer, n, parts] to [outer, columns, parts]. */
function transformed(b: Builder, x: Ref, transform: Transform): Ref {
  const { length, inverse, onesided } = transform
  const [outer, size, parts] = x.dims
  demand(length >= 1 && (parts === 1 || parts === 2), 'onnx/bad-node', () => `a transform of [${x.dims}] to ${length}`)
  const half = inverse && onesided
  const rows = Math.min(size, half ? halfOf(length) : length)
  const columns = onesided && !inverse ? halfOf(length) : length
  const outParts = half ? 1 : 2
  const used = b.reshape(b.slice(x, 1, { start: 0, end: rows }), [outer, rows * parts])
  const table = transformTable(b, transform, { rows, parts, columns, outParts }, x.dtype)
  const product = b.matmul(used, table)
  const scaled = inverse ? b.div(product, b.scalar(x.dtype, length)) : product
  return b.reshape(scaled, [outer, columns, outParts])
}

/** The transform along one axis of [..., parts]. */
function dftAlong(
  b: Builder,
  x: Ref,
  { axis, length, node }: { axis: number; length: number | undefined; node: NodeView },
): Ref {
  const rank = x.dims.length
  demand(axis < rank - 1, 'onnx/bad-node', () => `a transform along the real and imaginary parts`)
  const [inverse, onesided] = [node.int('inverse', 0) === 1, node.int('onesided', 0) === 1]
  // ONNX's own case expects 1.9e-7 of rounding noise where the exact result is 5.5e-15, beyond the tolerance of coverage (docs/decisions.md).
  if (inverse && !onesided) refuse('an inverse transform to complex values')
  const size = x.dims[axis]
  const points = length ?? (inverse && onesided ? 2 * (size - 1) : size)
  const others = x.dims.map((_, i) => i).filter((i) => i !== axis && i !== rank - 1)
  const moved = b.transpose(x, [...others, axis, rank - 1])
  const outer = others.map((i) => x.dims[i])
  const result = transformed(b, b.reshape(moved, [sizeOf(outer), size, x.dims[rank - 1]]), {
    length: points,
    inverse,
    onesided,
  })
  const shaped = b.reshape(result, [...outer, ...result.dims.slice(1)])
  const back = x.dims.map((_, i) => (i === rank - 1 ? rank - 1 : i === axis ? rank - 2 : others.indexOf(i)))
  return b.transpose(shaped, back)
}

function dft(b: Builder, node: NodeView, axis: number): Ref[] {
  const x = node.input(0)
  const length = node.constantInts(1)?.[0]
  const options = { axis: node.axis(axis, x.dims.length), length, node }
  return [inSingle(b, x, (y) => dftAlong(b, y, options))]
}

/** STFT: frames of the signal, weighted by the window, each transformed. */
function stft(b: Builder, node: NodeView): Ref[] {
  const signal = node.input(0)
  const step = node.constantInts(1)![0]
  const window = node.optional(2)
  const given = node.constantInts(3)?.[0]
  const length = given ?? window?.dims[0] ?? signal.dims[1]
  demand(
    signal.dims.length === 3 &&
      step >= 1 &&
      length >= 1 &&
      (window === undefined || window.dims.join() === `${length}`),
    'exact/shape-mismatch',
    () => `STFT of [${signal.dims}] by frames of ${length} and a window of [${window?.dims}]`,
  )
  const [batch, size, parts] = signal.dims
  const frames = Math.floor((size - length) / step) + 1
  demand(frames >= 1, 'exact/shape-mismatch', () => `STFT of ${size} elements by frames of ${length}`)
  const places = Array.from({ length: frames }, (_, f) => Array.from({ length }, (_, i) => BigInt(f * step + i)))
  const compute = (x: Ref) => {
    const cut = b.gather(x, b.constant(tensor('int64', [frames, length], places.flat())), 1)
    const weights = window === undefined ? undefined : b.reshape(b.cast(window, x.dtype), [length, 1])
    const weighted = weights === undefined ? cut : b.mul(cut, weights)
    const rows = b.reshape(weighted, [batch * frames, length, parts])
    const onesided = node.int('onesided', 1) === 1
    const spectrum = transformed(b, rows, { length, inverse: false, onesided })
    return b.reshape(spectrum, [batch, frames, ...spectrum.dims.slice(1)])
  }
  return [inSingle(b, signal, compute)]
}

// ---------------------------------------------------------------- windows

/** A window as a sum of cosines: coefficients of cos(2 pi k n / N), k = 0, 1, 2. */
function cosineWindow(coefficients: readonly Rational[]): OperatorRow['decompose'] {
  return (b, node) => {
    const size = node.constantInts(0)![0]
    const dtype = node.dtype('output_datatype', 'float32')
    const period = node.int('periodic', 1) === 1 ? size : size - 1
    demand(size >= 0 && size <= TABLE_LIMIT, 'exact/too-large', () => `a window of ${size} elements`)
    if (!isFloat(dtype)) refuse(`a window of ${dtype}`)
    if (size > 0 && period === 0) refuse('a symmetric window of one element')
    const round = dtype === 'float64' ? toDouble : toSingle
    const valueAt = (n: number) =>
      coefficients.map((c, k) => times(c, k === 0 ? ratio(1) : cosineOfTurn(k * n, period))).reduce(plus)
    const values = Array.from({ length: size }, (_, n) => round(valueAt(n)))
    return [floats(b, dtype, { dims: [size], values })]
  }
}

// ---------------------------------------------------------------- mel

/** What is this near below an integer counts as it: far above the series' error, far below any real difference. */
const NEARLY = ratio(1, 1n << 100n)

/** Edges of the mel bands in bins of the spectrum: equal steps of log(1 + f / 700). */
function melEdges({
  bands,
  length,
  rate,
  range,
}: {
  bands: number
  length: number
  rate: number
  range: readonly [number, number]
}): number[] {
  const [low, high] = range.map((hertz) => logarithmOf(plus(ratio(1), over(rational(hertz), ratio(700)))))
  const step = over(minus(high, low), ratio(bands + 2))
  return Array.from({ length: bands + 2 }, (_, k) => {
    const scale = exponentialOf(plus(low, times(step, ratio(k))))
    const hertz = times(ratio(700), minus(scale, ratio(1)))
    return floorOf(plus(over(times(hertz, ratio(length + 1)), ratio(rate)), NEARLY))
  })
}

/** MelWeightMatrix: a triangle over the bins of the spectrum for every band. */
function melWeights(b: Builder, node: NodeView): Ref[] {
  const [bands, length, rate] = [0, 1, 2].map((i) => node.constantInts(i)![0])
  const range = [3, 4].map((i) => Number(node.constant(i).data[0])) as [number, number]
  const dtype = node.dtype('output_datatype', 'float32')
  const bins = halfOf(length)
  if (!isFloat(dtype)) refuse(`mel weights of ${dtype}`)
  demand(
    bands >= 1 && length >= 1 && rate >= 1 && range[0] >= 0 && range[1] >= range[0] && Number.isFinite(range[1]),
    'onnx/bad-node',
    () => `mel weights of ${bands} bands from ${range[0]} to ${range[1]} Hz`,
  )
  demand(bins * bands <= TABLE_LIMIT, 'exact/too-large', () => `mel weights [${bins}, ${bands}]`)
  const edges = melEdges({ bands, length, rate, range })
  demand(
    edges.at(-1)! <= bins && edges.every((edge) => edge >= 0),
    'onnx/bad-node',
    () => `mel bands beyond the spectrum`,
  )
  const round = dtype === 'float64' ? toDouble : toSingle
  const values = new Array<number>(bins * bands).fill(0)
  for (let band = 0; band < bands; band++) {
    const [left, middle, right] = edges.slice(band, band + 3)
    demand(middle < bins, 'onnx/bad-node', () => 'mel bands beyond the spectrum')
    for (let j = left; j < middle; j++) values[j * bands + band] = round(ratio(j - left, middle - left))
    for (let j = middle; j < right; j++) values[j * bands + band] = round(ratio(right - j, right - middle))
    if (left === middle || middle >= right) values[middle * bands + band] = 1
  }
  return [floats(b, dtype, { dims: [bins, bands], values })]
}

/** DFT, STFT, windows, MelWeightMatrix. */
export const SIGNAL: readonly OperatorRow[] = [
  operator('DFT', 17, (b, node) => dft(b, node, node.int('axis', 1))),
  operator('DFT', 20, (b, node) => dft(b, node, node.constantInts(2)?.[0] ?? -2)),
  operator('STFT', 17, stft),
  operator('HannWindow', 17, cosineWindow([ratio(1, 2), ratio(-1, 2)])),
  operator('HammingWindow', 17, cosineWindow([ratio(25, 46), ratio(-21, 46)])),
  operator('BlackmanWindow', 17, cosineWindow([ratio(42, 100), ratio(-1, 2), ratio(8, 100)])),
  operator('MelWeightMatrix', 17, melWeights),
]
