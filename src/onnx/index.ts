/**
 * ONNX files: read, write, explain.
 * @module
 */
export { decode, decodeTensor, type DecodeOptions } from './decode.js'
export { encode, encodeTensor } from './encode.js'
export { explain, toText, type Explanation } from './explain.js'
export type { ExternalData } from './external.js'
export * from './graph.js'
