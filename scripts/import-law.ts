/**
 * The import law of src/: a room imports only from rooms before it, files import each other without cycles, and only Node's own files
 * import node:. `npm run law` prints every violation and fails where there is one.
 * @module
 */
import { readFileSync, readdirSync } from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

/** The rooms, each allowed to know only those before it. */
export const ROOMS = [
  'core',
  'merkle',
  'onnx',
  'exact',
  'autodiff',
  'data',
  'runtime',
  'quantize',
  'trace',
  'receipt',
  'audit',
  'attest',
  'dispute',
  'zk',
  'chain',
  'disk',
  'cli',
] as const

/** Entries in the top folder, as the room whose place they have. */
const ENTRIES: Readonly<Record<string, string>> = { 'index.ts': 'cli' }

/** Files that may import node: modules. Everything else loads in a browser. */
const NODE_ONLY = /^(disk\/.*|cli\/.*|runtime\/isolated.*\.ts|runtime\/ort-node\.ts|zk\/(compile|export)\.ts)$/

/** The modules that a file imports, as it writes them: static, re-exported, dynamic with a literal, and of types alone. */
export function importsOf(name: string, text: string): string[] {
  const found: string[] = []
  const visit = (node: ts.Node): void => {
    const specifier = specifierOf(node)
    if (specifier !== undefined && ts.isStringLiteralLike(specifier)) found.push(specifier.text)
    ts.forEachChild(node, visit)
  }
  visit(ts.createSourceFile(name, text, ts.ScriptTarget.Latest))
  return found
}

function specifierOf(node: ts.Node): ts.Node | undefined {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return node.moduleSpecifier
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) return node.arguments[0]
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) return node.argument.literal
  return undefined
}

/** Files that name the type of a node: module and reach it, where there is one, by process.getBuiltinModule. */
const REACHING = ['core/sha256.ts', 'zk/worker.ts']

/** Every violation in a tree of files (path below src/ -> text), one line each. */
export function violations(files: ReadonlyMap<string, string>): string[] {
  const imports = new Map([...files].map(([file, text]) => [file, importsOf(file, text)]))
  return [...unknownRooms(files), ...upward(imports), ...nodeImports(imports), ...cycles(imports)]
}

type Imports = ReadonlyMap<string, readonly string[]>

const roomOf = (file: string): string => file.split('/')[0]
const rankOf = (file: string): number => ROOMS.indexOf((ENTRIES[file] ?? roomOf(file)) as (typeof ROOMS)[number])

function unknownRooms(files: ReadonlyMap<string, string>): string[] {
  return [...files.keys()].filter((file) => rankOf(file) < 0).map((file) => `${file}: in no room of the house`)
}

/** The file that a relative specifier names. */
function target(file: string, specifier: string): string | undefined {
  if (!specifier.startsWith('.')) return undefined
  return join(dirname(file), specifier).replaceAll(sep, '/').replace(/\.js$/, '.ts')
}

function upward(imports: Imports): string[] {
  return [...imports].flatMap(([file, list]) => list.flatMap((specifier) => upwardImport(imports, file, specifier)))
}

function upwardImport(imports: Imports, file: string, specifier: string): string[] {
  const other = target(file, specifier)
  if (other === undefined) return []
  if (!imports.has(other)) return [`${file}: imports ${specifier}, which is no file of src/`]
  return rankOf(other) <= rankOf(file) ? [] : [`${file}: the room ${roomOf(file)} must not know ${other}`]
}

function nodeImports(imports: Imports): string[] {
  return [...imports]
    .filter(([file]) => !NODE_ONLY.test(file) && !REACHING.includes(file))
    .flatMap(([file, list]) =>
      list
        .filter((specifier) => specifier.startsWith('node:'))
        .map((specifier) => `${file}: imports ${specifier} and would not load in a browser`),
    )
}

/** Each cycle once, as the path that closes it. */
function cycles(imports: Imports): string[] {
  const state = new Map<string, 'open' | 'done'>()
  const found: string[] = []
  const visit = (file: string, path: readonly string[]): void => {
    if (state.get(file) === 'done') return
    if (state.get(file) === 'open') {
      found.push(`a cycle of imports: ${[...path.slice(path.indexOf(file)), file].join(' -> ')}`)
      return
    }
    state.set(file, 'open')
    for (const specifier of imports.get(file) ?? []) {
      const other = target(file, specifier)
      if (other !== undefined && imports.has(other)) visit(other, [...path, file])
    }
    state.set(file, 'done')
  }
  for (const file of imports.keys()) visit(file, [])
  return found
}

/** The files of src/. */
export function sources(root: string): Map<string, string> {
  const paths = readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath, entry.name))
  return new Map(paths.sort().map((path) => [relative(root, path).replaceAll(sep, '/'), readFileSync(path, 'utf8')]))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const files = sources(fileURLToPath(new URL('../src', import.meta.url)))
  const lines = violations(files)
  for (const line of lines) console.error(line)
  console.log(`import law: ${files.size} files, ${lines.length} violations`)
  if (lines.length > 0) process.exitCode = 1
}
