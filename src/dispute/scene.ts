/**
 * Where a search stands: at a claim, at a leaf of its run, at a step, at an element and its node.
 * @module
 */
import type { Tensor } from '../core/tensor.js'
import type { Course } from '../data/course.js'
import type { NodeValue } from '../exact/program.js'
import type { RunRefusal } from '../trace/refusal.js'
import type { Step } from '../trace/step.js'
import type { OwnRun } from './book.js'
import type { Case, ListView, StepOpening } from './openings.js'
import type { OtherTree } from './other-tree.js'
import type { Ask } from './question.js'
import type { TracedStep } from './retrace.js'

/** A claim that is looked at, and one's own run of the same job. */
export interface Challenge {
  readonly case: Case
  /** The refusal that the claim declares. */
  readonly declared: RunRefusal | undefined
  /** The leaves of the claimed run, where they are public: then nobody has to be asked for them. */
  readonly leaves?: readonly Step[] | undefined
  readonly own: OwnRun
  /** Where the job names a schedule. */
  readonly course?: Course | undefined
}

/** A leaf of the claimed run that is not one's own. */
export interface AtLeaf {
  readonly challenge: Challenge
  readonly ask: Ask
  readonly run: OtherTree
  readonly index: number
  readonly leaf: Step
}

/** A step whose values are compared. */
export interface AtStep {
  readonly challenge: Challenge
  readonly ask: Ask
  readonly opening: StepOpening
  /** The provider's own leaf of the step. */
  readonly step: Step
  readonly own: TracedStep
}

/** An element that is not one's own, while all values before its own are. */
export interface AtElement {
  /** The provider's values, with the tile that was revealed. */
  readonly values: ListView
  readonly value: number
  readonly element: number
  readonly where: string
}

/** The node and its operands, which both runs have. */
export interface AtNode extends AtElement {
  readonly at: AtStep
  readonly node: NodeValue
  readonly operands: readonly Tensor[]
}
