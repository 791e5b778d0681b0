import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { SNAPSHOT, entries, publicApi } from '../../scripts/api.js'

test('the exports of all entry points are those of the committed snapshot; a wanted change is written by `npm run api`', () => {
  expect([...entries().keys()]).toContain('countersign')
  expect(publicApi()).toBe(readFileSync(SNAPSHOT, 'utf8'))
}, 120_000)
