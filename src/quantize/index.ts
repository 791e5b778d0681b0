/**
 * Integer programs: the subset of exact programs whose values are integers, and how models become one.
 * @module
 */
export { bitsOf, exactRange, type Interval } from './interval.js'
export { intervals, type IntervalOptions } from './intervals.js'
