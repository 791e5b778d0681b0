/**
 * Runs, recorded and committed, and openings of single elements.
 * @module
 */
export { digestOf, rootOfDigests, rootOfTensors } from './digests.js'
export { open, verify, type ElementOpening, type ElementPlace, type RunShape } from './open.js'
export { refusalRecord, type RunRefusal } from './refusal.js'
export { decodeState, encodeState, stateBytes } from './state.js'
export * from './step.js'
export * from './trace.js'
