import { defineConfig, type TestUserConfig as UserConfig } from 'vitest/config'

/** In CI the counts of a suite are also written to .cache/results, where .ci/run sums them up. */
export const reporters = (suite: string): NonNullable<UserConfig['reporters']> =>
  process.env.CI ? ['default', ['json', { outputFile: `.cache/results/${suite}.json` }]] : ['default']

export default defineConfig({
  resolve: {
    alias: [
      { find: /^countersign$/, replacement: new URL('./src/index.ts', import.meta.url).pathname },
      { find: /^countersign\/(chain|disk|zk)$/, replacement: new URL('./src/$1/index.ts', import.meta.url).pathname },
      {
        find: /^countersign\/settlement$/,
        replacement: new URL('./src/merkle/settlement.ts', import.meta.url).pathname,
      },
      { find: /^countersign\/(.*)$/, replacement: new URL('./src/$1.ts', import.meta.url).pathname },
    ],
  },
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/long/**'],
    testTimeout: 30_000,
    maxWorkers: '100%', // the default leaves one core to the watcher
    reporters: reporters('short'),
  },
})
