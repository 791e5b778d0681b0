/**
 * What each attack on proofs of learning must meet: the faults by which Countersign refuses it, and the test that shows it.
 * @module
 */

/** One attack. */
export interface Expected {
  /** Its published name. */
  readonly attack: string
  readonly source: string
  /** Empty: a proof that is accepted. Several: the transcript is false in several ways, and what is opened decides which is met. */
  readonly faults: readonly string[]
  /** File in test/attacks. */
  readonly test: string
}

const FANG = 'Fang et al. 2023'
const ZHANG = 'Zhang et al. 2022'
const CHOI = 'Choi et al. 2023'

/** All attacks of the comparison with the distance-threshold verifier, by the keys of `forgeries`. */
export const EXPECTED = {
  honest: { attack: 'none: an honest run', source: '', faults: [], test: 'baseline.test.ts' },
  infinitesimal: {
    attack: 'infinitesimal update',
    source: FANG,
    faults: ['attest/false-step'],
    test: 'infinitesimal-update.test.ts',
  },
  infinitesimalLong: {
    attack: 'infinitesimal update, 25 times as many steps',
    source: FANG,
    faults: ['attest/false-step'],
    test: 'infinitesimal-update.test.ts',
  },
  blindfold: {
    attack: 'blindfold top-Q',
    source: FANG,
    faults: ['attest/false-step'],
    test: 'blindfold-top-q.test.ts',
  },
  adversarialDataI: {
    attack: 'adversarial data I',
    source: ZHANG,
    faults: ['data/wrong-sample'],
    test: 'adversarial-data.test.ts',
  },
  adversarialDataII: {
    attack: 'adversarial data II',
    source: ZHANG,
    faults: ['data/wrong-sample', 'attest/false-step'],
    test: 'adversarial-data.test.ts',
  },
  adversarialDataIII: {
    attack: 'adversarial data III (no gradient)',
    source: ZHANG,
    faults: ['data/wrong-sample', 'attest/false-step'],
    test: 'adversarial-data.test.ts',
  },
  initBreak: {
    attack: 'init-break',
    source: ZHANG,
    faults: ['attest/wrong-start', 'attest/false-step'],
    test: 'start.test.ts',
  },
  ownStart: { attack: 'stolen model as own start', source: '', faults: ['attest/wrong-start'], test: 'start.test.ts' },
  interpolated: {
    attack: 'interpolation of two runs',
    source: CHOI,
    faults: ['attest/false-step'],
    test: 'gluing.test.ts',
  },
  glued: {
    attack: 'gluing of two runs',
    source: CHOI,
    faults: ['data/wrong-sample', 'attest/false-step'],
    test: 'gluing.test.ts',
  },
  hiddenData: {
    attack: 'hidden extra data, one batch',
    source: CHOI,
    faults: ['attest/false-step'],
    test: 'hidden-and-omitted-data.test.ts',
  },
  hiddenDataLong: {
    attack: 'hidden extra data, eight batches',
    source: CHOI,
    faults: ['attest/false-step'],
    test: 'hidden-and-omitted-data.test.ts',
  },
  omittedData: {
    attack: 'omitted data (skipped step)',
    source: CHOI,
    faults: ['attest/false-step'],
    test: 'hidden-and-omitted-data.test.ts',
  },
  repeatedData: {
    attack: 'repeated steps',
    source: '',
    faults: ['attest/false-step'],
    test: 'steps.test.ts',
  },
  stopped: { attack: 'missing steps (early stop)', source: '', faults: ['attest/false-step'], test: 'steps.test.ts' },
  chosenOrder: { attack: 'chosen data order', source: '', faults: ['data/wrong-sample'], test: 'data-order.test.ts' },
  teleport: { attack: 'teleport', source: '', faults: ['attest/false-step'], test: 'teleport.test.ts' },
  otherProgram: {
    attack: 'another learning rate than declared (1 % less)',
    source: '',
    faults: ['attest/false-step'],
    test: 'optimizer.test.ts',
  },
  lowerPrecision: {
    attack: 'lower precision (weights kept in bfloat16)',
    source: '',
    faults: ['attest/false-step'],
    test: 'precision.test.ts',
  },
  random: { attack: 'states drawn at random', source: '', faults: ['attest/false-step'], test: 'baseline.test.ts' },
} as const satisfies Readonly<Record<string, Expected>>

/** A key of {@link EXPECTED}. */
export type AttackKey = keyof typeof EXPECTED
