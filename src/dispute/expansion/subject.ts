/**
 * What a proof about an expansion speaks of: the expanded element, and somebody else's expansion of it.
 * @module
 */
import type { Bytes32 } from '../../core/bytes.js'
import type { Program } from '../../exact/program.js'
import type { Path } from '../../merkle/tree.js'
import type { Form, ListView, StepOpening } from '../openings.js'

/** The expanded element, and where its step's values are known. */
export interface Subject {
  readonly program: Program
  readonly step: StepOpening
  readonly values: ListView
  readonly value: number
  readonly element: number
}

/** A tensor without its elements: form, root of its tiles, the digest's way to the values (FormOpening). */
export interface FormOpening {
  readonly form: Form
  readonly root: Bytes32
  readonly path: Path
}

/** Somebody else's expansion as far as its first leaf that differs; `index` is undefined where none does. */
export interface OtherExpansion {
  readonly index: number | undefined
  readonly leaf: Uint8Array
  readonly tree: { path(index: number): Path }
}

/** A function of a referee, and what it takes behind the case. */
export interface ExpansionProof {
  readonly referee: 'expansion' | 'choice'
  readonly fault: string
  readonly evidence: readonly unknown[]
}
