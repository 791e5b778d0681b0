import type { ExactOp } from '../op.js'
export const ELEMENTARY_OPS: readonly ExactOp[] = []
