/**
 * Runs one bench: `npm run bench -- NAME [--json]`. Each bench is a file of this folder that also runs alone.
 */
import { printMachine } from './measure.js'

const BENCHES: Readonly<Record<string, () => Promise<unknown>>> = {
  contracts: () => import('./contracts.js'),
  exact: () => import('./exact.js'),
  training: () => import('./training.js'),
  accuracy: () => import('./accuracy.js'),
  commitment: () => import('./commitment.js'),
  gas: () => import('./gas.js'),
  hashing: () => import('./hashing.js'),
  learning: () => import('./learning.js'),
  onnx: () => import('./onnx.js'),
  openings: () => import('./openings.js'),
  receipts: () => import('./receipts.js'),
  zk: () => import('./zk.js'),
  'zk-gas': () => import('./zk-gas.js'),
}

const name = process.argv.slice(2).find((word) => !word.startsWith('-')) ?? ''
if (Object.hasOwn(BENCHES, name)) {
  printMachine()
  await BENCHES[name]()
} else {
  console.error(`usage: npm run bench -- ${Object.keys(BENCHES).join('|')} [--json]`)
  process.exitCode = 2
}
