import { defineConfig, mergeConfig } from 'vitest/config'
import short from './vitest.config.js'

const { test, ...rest } = short

/** The long suites: `npm run test:long`. */
export default mergeConfig(
  defineConfig(rest),
  defineConfig({
    test: { ...test, include: ['test/long/**/*.test.ts'], exclude: [], testTimeout: 600_000, hookTimeout: 600_000 },
  }),
)
