/**
 * The limits of what is read: generous for real models, small enough that no file can exhaust a machine.
 * @module
 */

/** Limits of the ONNX reader. */
export const LIMITS = {
  /** Protobuf's own limit for one message. */
  fileBytes: 2 ** 31 - 1,
  /** Exclusive, for one dimension. */
  dimension: 2n ** 40n,
  rank: 64,
  /** Graphs inside of attributes inside of graphs. */
  depth: 32,
  /** Sequences of optionals of ... */
  typeDepth: 16,
  /** Functions that call functions. */
  callDepth: 64,
  /** Nodes after every function call is replaced by the body of the function. */
  expandedNodes: 2 ** 22,
} as const
