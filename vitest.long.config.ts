import { defineConfig } from 'vitest/config'
import short, { reporters } from './vitest.config.js'

/** The long suites: `npm run test:long`. */
export default defineConfig({
  resolve: short.resolve,
  test: {
    include: ['test/long/**/*.test.ts'],
    testTimeout: 600_000,
    hookTimeout: 600_000,
    maxWorkers: '100%', // as in the short suites
    reporters: reporters('long'),
  },
})
