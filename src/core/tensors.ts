/**
 * Tensors and their file forms.
 * @module
 */
export * from './tensor.js'
export { decode as decodeNpy, encode as encodeNpy } from './npy.js'
