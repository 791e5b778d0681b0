/**
 * Draws digits from a seed: strokes with jitter, in arithmetic that gives the same pixels on every machine (+ - * / and square roots).
 * @module
 */
import { uint64, utf8 } from '../../src/core/bytes.js'
import { sha256Of } from '../../src/core/sha256.js'

/** Width and height of a drawing. */
export const SIDE = 16

/** A drawing with the digit that it shows. */
export interface Sample {
  readonly label: number
  /** SIDE x SIDE gray values, 0 is paper and 255 is ink, row by row. */
  readonly pixels: Uint8Array
}

type Point = readonly [x: number, y: number]

/** The strokes of each digit as polylines on a field of 8 x 12, y downwards. */
const STROKES: readonly (readonly (readonly Point[])[])[] = [
  [
    [
      [4, 0],
      [7, 2],
      [8, 6],
      [7, 10],
      [4, 12],
      [1, 10],
      [0, 6],
      [1, 2],
      [4, 0],
    ],
  ],
  [
    [
      [1, 3],
      [4, 0],
      [4, 12],
    ],
    [
      [1, 12],
      [7, 12],
    ],
  ],
  [
    [
      [0, 3],
      [2, 0],
      [6, 0],
      [8, 3],
      [7, 6],
      [0, 12],
      [8, 12],
    ],
  ],
  [
    [
      [0, 1],
      [5, 0],
      [8, 3],
      [4, 6],
      [8, 9],
      [5, 12],
      [0, 11],
    ],
  ],
  [
    [
      [6, 12],
      [6, 0],
      [0, 8],
      [8, 8],
    ],
  ],
  [
    [
      [8, 0],
      [1, 0],
      [0, 5],
      [5, 5],
      [8, 8],
      [5, 12],
      [0, 11],
    ],
  ],
  [
    [
      [7, 0],
      [2, 4],
      [0, 9],
      [3, 12],
      [7, 11],
      [8, 8],
      [5, 6],
      [1, 8],
    ],
  ],
  [
    [
      [0, 0],
      [8, 0],
      [3, 12],
    ],
    [
      [2, 6],
      [7, 6],
    ],
  ],
  [
    [
      [4, 6],
      [1, 3],
      [4, 0],
      [7, 3],
      [4, 6],
      [0, 9],
      [4, 12],
      [8, 9],
      [4, 6],
    ],
  ],
  [
    [
      [7, 5],
      [3, 6],
      [0, 3],
      [3, 0],
      [7, 2],
      [7, 5],
      [5, 12],
    ],
  ],
]

/** Numbers from a seed: each a fraction in [0, 1) with 24 bits. SHA-256 over text and counter. */
export function streamOf(seed: string): () => number {
  let block = new Uint8Array(0)
  let counter = 0
  return () => {
    if (block.length < 3) block = sha256Of(utf8(seed), uint64(counter++)).slice()
    const [a, b, c] = block
    block = block.subarray(3)
    return (a * 65536 + b * 256 + c) / 16777216
  }
}

/** One drawing: the digit's strokes stretched, slanted, moved, each corner displaced, a pen of some width, a little dirt. */
export function draw(label: number, next: () => number): Sample {
  const spread = (amount: number) => (next() - 0.5) * 2 * amount
  const [width, height] = [0.9 + spread(0.2), 0.95 + spread(0.15)]
  const [left, top] = [8 - 4 * width + spread(1.2), 8 - 6 * height + spread(0.8)]
  const [slant, pen] = [spread(0.25), 0.9 + spread(0.35)]
  const place = ([x, y]: Point): Point => [
    left + (x + spread(0.5)) * width + slant * (6 - y),
    top + (y + spread(0.5)) * height,
  ]
  const strokes = STROKES[label].map((stroke) => stroke.map(place))
  const pixels = Uint8Array.from({ length: SIDE * SIDE }, (_, i) => {
    const at: Point = [(i % SIDE) + 0.5, Math.floor(i / SIDE) + 0.5]
    return Math.floor(255 * clamp(pen + 0.5 - distance(at, strokes) + spread(0.08)))
  })
  return { label, pixels }
}

const clamp = (x: number) => Math.min(1, Math.max(0, x))

/** From a point to the nearest stroke. */
function distance(point: Point, strokes: readonly (readonly Point[])[]): number {
  const segments = strokes.flatMap((stroke) => stroke.slice(1).map((end, i) => [stroke[i], end] as const))
  return segments.reduce((least, [a, b]) => Math.min(least, toSegment(point, a, b)), SIDE)
}

function toSegment([x, y]: Point, [ax, ay]: Point, [bx, by]: Point): number {
  const [dx, dy] = [bx - ax, by - ay]
  const along = clamp(((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy))
  const [ex, ey] = [x - ax - along * dx, y - ay - along * dy]
  return Math.sqrt(ex * ex + ey * ey)
}

/** As many drawings as asked for, the digits in turn. */
export function drawMany(seed: string, count: number): Sample[] {
  const next = streamOf(seed)
  return Array.from({ length: count }, (_, i) => draw(i % 10, next))
}
