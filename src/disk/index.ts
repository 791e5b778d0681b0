/**
 * Files: models with external data, data sets, bundles as folders, runs that can go on after a crash. Reading follows no links and no path
 * outside of its folder; writing is whole or not at all. Node only.
 * @module
 */
export { bundleReader, writeBundle, type WriteOptions } from './bundles.js'
export { decodeCircuit, encodeCircuit, type CircuitRecord } from './circuit-record.js'
export {
  demandNew,
  draftCircuit,
  isKit,
  isUnsafe,
  keyFile,
  readKit,
  recordOf,
  writeKit,
  type CircuitChoice,
  type Drafted,
  type Kit,
} from './circuits.js'
export { codeOf } from './contracts.js'
export { readDataset, type ColumnSource } from './datasets.js'
export { readRegular, writeWhole } from './files.js'
export { externalData, readModel } from './models.js'
export { isQuantized, readQuantized, writeQuantized } from './programs.js'
export { runStore, type DiskRun, type Retention } from './runs.js'
