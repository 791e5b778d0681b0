/**
 * Differentiation of programs: gradients are programs too.
 * @module
 */
export { graft } from './graft.js'
export { reverse, type Wanted } from './reverse.js'
export type { Arrival, Rule } from './rule.js'
export { RULES } from './rules/index.js'
