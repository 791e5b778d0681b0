/**
 * What each attack on proofs of learning must meet: the faults by which this library refuses it.
 * @module
 */
import type { FaultCode } from '../../src/core/faults.js'

/** One attack. */
export interface Expected {
  /** Its published name. */
  readonly attack: string
  readonly source: string
  /**
   * Empty: it is accepted. Else the fault where the samples are opened that the schedule draws; then, where the forger trained on others,
   * the fault where it opens those.
   */
  readonly faults: readonly FaultCode[]
}

const FANG = 'Fang et al. 2023'
const ZHANG = 'Zhang et al. 2022'
const CHOI = 'Choi et al. 2023'

/** All attacks of the comparison with the distance-threshold verifier, by the keys of `forgeries`. */
export const EXPECTED = {
  honest: { attack: 'none: an honest run', source: '', faults: [] },
  infinitesimal: {
    attack: 'infinitesimal update',
    source: FANG,
    faults: ['attest/false-step'],
  },
  infinitesimalLong: {
    attack: 'infinitesimal update, three times as many steps',
    source: FANG,
    faults: ['attest/false-step'],
  },
  blindfold: {
    attack: 'blindfold top-Q',
    source: FANG,
    faults: ['attest/false-step'],
  },
  adversarialDataI: {
    attack: 'adversarial data I',
    source: ZHANG,
    faults: ['attest/false-step', 'merkle/root-mismatch'],
  },
  adversarialDataII: {
    attack: 'adversarial data II',
    source: ZHANG,
    faults: ['attest/false-step', 'merkle/root-mismatch'],
  },
  adversarialDataIII: {
    attack: 'adversarial data III (no gradient)',
    source: ZHANG,
    faults: ['attest/false-step', 'merkle/root-mismatch'],
  },
  initBreak: {
    attack: 'init-break',
    source: ZHANG,
    faults: ['attest/wrong-start'],
  },
  ownStart: { attack: 'stolen model as own start', source: '', faults: ['attest/wrong-start'] },
  interpolated: {
    attack: 'interpolation of two runs',
    source: CHOI,
    faults: ['attest/false-step'],
  },
  glued: {
    attack: 'gluing of two runs',
    source: CHOI,
    faults: ['attest/false-step', 'attest/false-step'],
  },
  hiddenData: {
    attack: 'hidden extra data, one batch',
    source: CHOI,
    faults: ['attest/false-step'],
  },
  hiddenDataLong: {
    attack: 'hidden extra data, eight batches',
    source: CHOI,
    faults: ['attest/false-step'],
  },
  omittedData: {
    attack: 'omitted data (skipped step)',
    source: CHOI,
    faults: ['attest/false-step'],
  },
  repeatedData: {
    attack: 'repeated steps',
    source: '',
    faults: ['attest/false-step'],
  },
  stopped: { attack: 'missing steps (early stop)', source: '', faults: ['attest/false-step'] },
  chosenOrder: { attack: 'chosen data order', source: '', faults: ['attest/false-step', 'data/wrong-sample'] },
  teleport: { attack: 'teleport', source: '', faults: ['attest/false-step'] },
  otherProgram: {
    attack: 'another learning rate than declared (1 % less)',
    source: '',
    faults: ['attest/false-step'],
  },
  lowerPrecision: {
    attack: 'lower precision (weights kept in bfloat16)',
    source: '',
    faults: ['attest/false-step'],
  },
  random: { attack: 'states drawn at random', source: '', faults: ['attest/false-step'] },
} as const satisfies Readonly<Record<string, Expected>>

/** A key of {@link EXPECTED}. */
export type AttackKey = keyof typeof EXPECTED
