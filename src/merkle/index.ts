/**
 * Data trees, tensor digests and openings.
 * @module
 */
export * from './tree.js'
export * from './tiles.js'
