/**
 * Fits a small network to drawings by plain gradient descent in binary64: convolution 3x3 to 8 channels, Relu, MaxPool 2x2, one dense
 * layer, softmax cross-entropy. Written out by hand and without any function that differs between processors.
 * @module
 */
import { evaluate } from '../../src/exact/elementary/index.js'
import { SIDE, below, streamOf, type Sample } from './draw.js'

const CHANNELS = 8
const CLASSES = 10
const HALF = SIDE / 2
const FEATURES = CHANNELS * HALF * HALF

/** The weights, row-major as ONNX's Conv and Gemm (transB = 0) want them. */
export interface Network {
  /** [CHANNELS, 1, 3, 3] */
  readonly kernel: Float64Array
  readonly kernelBias: Float64Array
  /** [FEATURES, CLASSES] */
  readonly dense: Float64Array
  readonly denseBias: Float64Array
}

export const SHAPES = {
  kernel: [CHANNELS, 1, 3, 3],
  kernelBias: [CHANNELS],
  dense: [FEATURES, CLASSES],
  denseBias: [CLASSES],
} as const

const zeros = (): Network => ({
  kernel: new Float64Array(CHANNELS * 9),
  kernelBias: new Float64Array(CHANNELS),
  dense: new Float64Array(FEATURES * CLASSES),
  denseBias: new Float64Array(CLASSES),
})

/** What the forward pass leaves for the backward pass. */
interface Activations {
  /** The image scaled to [0, 1) with a border of zeros, (SIDE + 2) squared. */
  readonly padded: Float64Array
  readonly pooled: Float64Array
  /** For each pooled value the position that was largest; -1 where Relu cut it off. */
  readonly source: Int32Array
  readonly logits: Float64Array
}

const WIDE = SIDE + 2

function pad(pixels: Uint8Array): Float64Array {
  const padded = new Float64Array(WIDE * WIDE)
  for (let y = 0; y < SIDE; y++)
    for (let x = 0; x < SIDE; x++) padded[(y + 1) * WIDE + x + 1] = pixels[y * SIDE + x] / 256
  return padded
}

function forward(net: Network, pixels: Uint8Array): Activations {
  const padded = pad(pixels)
  const pooled = new Float64Array(FEATURES)
  const source = new Int32Array(FEATURES).fill(-1)
  for (let c = 0; c < CHANNELS; c++)
    for (let y = 0; y < SIDE; y++)
      for (let x = 0; x < SIDE; x++) {
        const value = tap(net, padded, { c, y, x })
        const slot = c * HALF * HALF + (y >> 1) * HALF + (x >> 1)
        if (value <= pooled[slot]) continue // pooled starts at 0, so this is Relu as well
        pooled[slot] = value
        source[slot] = y * SIDE + x
      }
  const logits = net.denseBias.slice()
  for (let f = 0; f < FEATURES; f++)
    if (pooled[f] !== 0) for (let k = 0; k < CLASSES; k++) logits[k] += pooled[f] * net.dense[f * CLASSES + k]
  return { padded, pooled, source, logits }
}

function tap(net: Network, padded: Float64Array, { c, y, x }: { c: number; y: number; x: number }): number {
  let sum = net.kernelBias[c]
  for (let i = 0; i < 3; i++)
    for (let j = 0; j < 3; j++) sum += net.kernel[c * 9 + i * 3 + j] * padded[(y + i) * WIDE + x + j]
  return sum
}

/** Probabilities; the exponential is the project's own, the same on every machine. */
function softmax(logits: Float64Array): Float64Array {
  const largest = logits.reduce((a, b) => Math.max(a, b))
  const powers = logits.map((x) => evaluate('Exp', Math.fround(x - largest)))
  const total = powers.reduce((a, b) => a + b)
  return powers.map((p) => p / total)
}

/** Adds the gradient of one sample's cross-entropy. */
function accumulate(net: Network, gradient: Network, { label, pixels }: Sample): void {
  const { padded, pooled, source, logits } = forward(net, pixels)
  const error = softmax(logits)
  error[label] -= 1
  for (let k = 0; k < CLASSES; k++) gradient.denseBias[k] += error[k]
  for (let f = 0; f < FEATURES; f++) {
    if (source[f] < 0) continue
    let back = 0
    for (let k = 0; k < CLASSES; k++) {
      gradient.dense[f * CLASSES + k] += pooled[f] * error[k]
      back += net.dense[f * CLASSES + k] * error[k]
    }
    const c = Math.floor(f / (HALF * HALF))
    const [y, x] = [Math.floor(source[f] / SIDE), source[f] % SIDE]
    gradient.kernelBias[c] += back
    for (let i = 0; i < 3; i++)
      for (let j = 0; j < 3; j++) gradient.kernel[c * 9 + i * 3 + j] += back * padded[(y + i) * WIDE + x + j]
  }
}

/** Uniform in +-sqrt(6 / (fan in + fan out)). */
function initialize(next: () => number): Network {
  const net = zeros()
  const fill = (weights: Float64Array, fans: number) => {
    const limit = Math.sqrt(6 / fans)
    weights.forEach((_, i) => (weights[i] = (next() * 2 - 1) * limit))
  }
  fill(net.kernel, 9 + 9 * CHANNELS)
  fill(net.dense, FEATURES + CLASSES)
  return net
}

/** How to fit. */
export interface FitOptions {
  readonly seed: string
  readonly epochs: number
  readonly batch: number
  readonly rate: number
}

/** A network fitted to the samples. The same samples and options give the same bits everywhere. */
export function fit(samples: readonly Sample[], { seed, epochs, batch, rate }: FitOptions): Network {
  const next = streamOf(seed)
  const net = initialize(next)
  const names = Object.keys(SHAPES) as (keyof Network)[]
  for (let epoch = 0; epoch < epochs; epoch++) {
    const order = shuffled(samples, next)
    for (let at = 0; at < order.length; at += batch) {
      const gradient = zeros()
      const part = order.slice(at, at + batch)
      for (const sample of part) accumulate(net, gradient, sample)
      for (const name of names)
        for (let i = 0; i < net[name].length; i++) net[name][i] -= (rate * gradient[name][i]) / part.length
    }
  }
  return net
}

/** Fisher and Yates. */
function shuffled<T>(items: readonly T[], next: () => number): T[] {
  const out = [...items]
  for (let i = out.length - 1; i > 0; i--) {
    const j = below(next, i + 1)
    ;[out[i], out[j]] = [out[j], out[i]]
  }
  return out
}

/** The digit that the network sees. */
export function classify(net: Network, pixels: Uint8Array): number {
  const { logits } = forward(net, pixels)
  return logits.indexOf(logits.reduce((a, b) => Math.max(a, b)))
}
