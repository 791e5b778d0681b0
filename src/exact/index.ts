/**
 * Programs of exact ops: compile them from ONNX files, encode and hash them, lower them to standard ONNX.
 * @module
 */
export { Builder, type Ref } from './builder.js'
export { compile, type CompileOptions, type Compiled } from './compile.js'
export { estimate, type Estimate } from './estimate.js'
export { FORMAT_VERSION, NUMERICS_VERSION, decode, encode, hash, leavesOf, treeOfProgram } from './format.js'
export { lower, standalone, type LowerOptions, type Lowered } from './lower.js'
export type { EmittedAttribute, EmittedNode, Emitter } from './emitter.js'
export {
  REASONS,
  type ExactOp,
  type FaultPoint,
  type Finding,
  type LoweredNode,
  type Reason,
  type Referee,
} from './op.js'
export type { NodeView, OperatorRow } from './operator.js'
export { OPS } from './ops/index.js'
export { OPERATORS } from './operators/index.js'
export {
  ABSENT,
  inputsOf,
  outputsOf,
  parametersOf,
  type Attributes,
  type ConstantValue,
  type InputValue,
  type NodeValue,
  type ParameterValue,
  type Carry,
  type Program,
  type Value,
} from './program.js'
