/**
 * Integer programs: the subset of exact programs whose values are integers, and how models become one.
 * @module
 */
export { quantizeFeed, type Feed, type InputScale } from './feeds.js'
export { bitsOf, exactRange, type Interval } from './interval.js'
export { intervals, type IntervalOptions } from './intervals.js'
export { OPERATORS } from './operators.js'
export { quantize, read, type Quantized, type QuantizeOptions, type ReadOptions } from './quantize.js'
export { decode, encode } from './record.js'
export type { Layer, OutputScale, Report } from './report.js'
export { hiddenLayerStep, linearStep, logisticStep, type IntegerStep, type StepOptions } from './steps.js'
