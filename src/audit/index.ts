/**
 * Audits: runs computed again, whole or by samples.
 * @module
 */
export {
  compareLeaf,
  replayLeaf,
  stateBefore,
  type Apart,
  type LeafPlace,
  type Reached,
  type Replayed,
  type StateOptions,
  type Wanted,
} from './leaves.js'
export * from './replay.js'
export {
  largestChanges,
  leavesIn,
  sample,
  sampleVerdictOf,
  type Change,
  type Sampled,
  type SampleOptions,
} from './sample.js'
export { verdictAbout, type Found, type VerdictSigning } from './verdict.js'
