/**
 * The operator table: one row per ONNX operator and range of opsets. The row in force is the newest that is not newer than the file's opset.
 * @module
 */
import type { OperatorRow } from '../operator.js'
import { ATTENTION } from './attention.js'
import { BASIC } from './basic.js'
import { CAST } from './cast.js'
import { CONTROL } from './control.js'
import { CONV } from './conv.js'
import { DETERMINANT } from './determinant.js'
import { EINSUM } from './einsum.js'
import { GATHER } from './gather.js'
import { IMAGE } from './image.js'
import { LOGIC } from './logic.js'
import { LOSS } from './loss.js'
import { MATH } from './math.js'
import { NORMALIZATION } from './normalization.js'
import { ML } from './ml.js'
import { NGRAMS } from './ngrams.js'
import { POOL } from './pool.js'
import { QUANTIZATION } from './quantization.js'
import { RECURRENT } from './recurrent.js'
import { REDUCE } from './reduce.js'
import { RESIZE } from './resize.js'
import { SHAPE } from './shape.js'
import { SIGNAL } from './signal.js'
import { TRAINING } from './training.js'

/** Every operator that decomposes. */
export const OPERATORS: readonly OperatorRow[] = [
  ...BASIC,
  ...ATTENTION,
  ...CAST,
  ...LOGIC,
  ...MATH,
  ...CONTROL,
  ...CONV,
  ...DETERMINANT,
  ...EINSUM,
  ...GATHER,
  ...IMAGE,
  ...LOSS,
  ...NORMALIZATION,
  ...ML,
  ...NGRAMS,
  ...POOL,
  ...QUANTIZATION,
  ...RECURRENT,
  ...REDUCE,
  ...RESIZE,
  ...SHAPE,
  ...SIGNAL,
  ...TRAINING,
]

const TABLE = new Map<string, OperatorRow[]>()
for (const row of OPERATORS) {
  const key = `${row.domain}:${row.op}`
  TABLE.set(
    key,
    [...(TABLE.get(key) ?? []), row].sort((a, b) => b.since - a.since),
  )
}

/** The row for an operator at an opset version, or undefined where the table has none. */
export function rowOf(domain: string, op: string, opset: number): OperatorRow | undefined {
  return TABLE.get(`${domain === 'ai.onnx' ? '' : domain}:${op}`)?.find((row) => row.since <= opset)
}
