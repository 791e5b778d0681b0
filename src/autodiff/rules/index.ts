/**
 * The table of gradient rules: one for every exact op through which a gradient can flow. Each is written in exact ops, so the
 * backward pass is a graph like any other. Ops that give integers or truth values stop gradients and need none.
 * @module
 */
import type { Rule } from '../rule.js'
import { ELEMENTWISE_RULES } from './elementwise.js'
import { MOVEMENT_RULES } from './movement.js'
import { PRODUCT_RULES } from './products.js'
import { REDUCTION_RULES } from './reductions.js'

/** By name of the exact op. */
export const RULES: ReadonlyMap<string, Rule> = new Map(
  Object.entries({ ...ELEMENTWISE_RULES, ...MOVEMENT_RULES, ...PRODUCT_RULES, ...REDUCTION_RULES }),
)
