/** `countersign doctor`: does this platform give the bits that the definition demands? @module */
import type { Command } from 'commander'
import { Fault } from '../../core/faults.js'
import { conformance, type Conformance } from '../../runtime/conformance.js'
import { command } from '../command.js'
import { paint } from '../output.js'
import { withProgress } from '../progress.js'
import { RUNTIME_NAMES, runtimeNamed } from '../runtimes.js'

interface Finding {
  readonly runtime: string
  readonly platform: unknown
  readonly cases: number
  readonly failures: readonly Conformance[]
  readonly unavailable: string | undefined
}

export function doctor(): Command {
  return command<{ runtime?: string[] }>(
    'doctor',
    (c) =>
      c
        .description('run the conformance table on every runtime that is installed')
        .option('--runtime <name...>', `only these: ${RUNTIME_NAMES.join(', ')}`),
    async (_words, { runtime = [...RUNTIME_NAMES] }) => {
      const findings: Finding[] = []
      for (const name of runtime) findings.push(await examine(name))
      const sound = findings.filter((f) => f.unavailable === undefined && f.failures.length === 0)
      const broken = findings.some((f) => f.failures.length > 0)
      if (broken || sound.length === 0) process.exitCode = 4
      return {
        outcome: broken ? 'refuted' : sound.length === 0 ? 'undecided' : 'valid',
        data: { node: process.version, host: `${process.platform} ${process.arch}`, findings },
        lines: [`Node ${process.version}, ${process.platform} ${process.arch}`, ...findings.flatMap(describe)],
      }
    },
  )
}

async function examine(name: string): Promise<Finding> {
  const runtime = runtimeNamed(name)
  try {
    const platform = await runtime.describe()
    const results = await withProgress(name, (options) => conformance(runtime, options))
    return {
      runtime: name,
      platform,
      cases: results.length,
      failures: results.filter((r) => !r.conforms),
      unavailable: undefined,
    }
  } catch (error) {
    if (!Fault.is(error, 'runtime/unavailable')) throw error
    return { runtime: name, platform: null, cases: 0, failures: [], unavailable: error.message }
  }
}

function describe({ runtime, cases, failures, unavailable, platform }: Finding): string[] {
  if (unavailable !== undefined) return [`${paint.faint('absent')}   ${runtime}: ${unavailable}`]
  const { version } = platform as { version: string }
  const head =
    failures.length === 0
      ? `${paint.good('conforms')} ${runtime} ${version}: ${cases} cases, every bit as defined`
      : `${paint.bad('differs')}  ${runtime} ${version}: ${failures.length} of ${cases} cases; do not sign receipts with it`
  return [head, ...failures.map((f) => `  ${f.name}: ${f.found}`)]
}
