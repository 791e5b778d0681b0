/**
 * The contract of the runtimes, and the reference.
 * @module
 */
export { reference } from './reference.js'
export * from './runtime.js'
