/**
 * Data: committed data sets, the schedules that draw batches from them, seeded streams, initial weights.
 * @module
 */
export * as Augmentation from './augmentation.js'
export * as Course from './course.js'
export * as Csv from './csv.js'
export * as Dataset from './dataset.js'
export * as Initial from './initial.js'
export * as Raw from './raw.js'
export * as Schedule from './schedule.js'
export * as Seeds from './seeds.js'
export * as Shuffle from './shuffle.js'
