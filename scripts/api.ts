/**
 * The public API as text: every export of every entry point, with its kind. `npm run api` writes test/package/api.txt; a test compares,
 * so that a change of the API is seen.
 * @module
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

const root = fileURLToPath(new URL('..', import.meta.url))

/** Where the snapshot stands. */
export const SNAPSHOT = fileURLToPath(new URL('../test/package/api.txt', import.meta.url))

/** The entry points of package.json and the source file of each. */
export function entries(): Map<string, string> {
  const { name, exports } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as {
    name: string
    exports: Record<string, { default: string } | string>
  }
  const pairs = Object.entries(exports).flatMap(([path, target]) =>
    typeof target === 'string'
      ? []
      : [[path.replace(/^\./, name), root + target.default.replace(/^\.\/dist\/(.*)\.js$/, 'src/$1.ts')] as const],
  )
  return new Map(pairs)
}

/** One line for each export: entry point, name, kind. */
export function publicApi(): string {
  const files = entries()
  const { config } = ts.readConfigFile(`${root}tsconfig.json`, (path) => ts.sys.readFile(path))
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, root)
  const program = ts.createProgram([...files.values()], options)
  const checker = program.getTypeChecker()
  const lines = [...files].flatMap(([entry, file]) => {
    const module = checker.getSymbolAtLocation(program.getSourceFile(file)!)!
    return exportsOf(module, checker).map((line) => `${entry}: ${line}`)
  })
  return `${lines.join('\n')}\n`
}

function exportsOf(module: ts.Symbol, checker: ts.TypeChecker, prefix = ''): string[] {
  return checker
    .getExportsOfModule(module)
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((symbol) => {
      const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol
      const name = prefix + symbol.name
      if (target.flags & ts.SymbolFlags.ValueModule) return exportsOf(target, checker, `${name}.`)
      return [`${name} (${kindsOf(target, checker).join(', ')})`]
    })
}

function kindsOf(symbol: ts.Symbol, checker: ts.TypeChecker): string[] {
  const { flags } = symbol
  const callable = () => checker.getTypeOfSymbol(symbol).getCallSignatures().length > 0
  const kinds: (readonly [boolean, string])[] = [
    [(flags & ts.SymbolFlags.Class) !== 0, 'class'],
    [(flags & ts.SymbolFlags.Function) !== 0 || ((flags & ts.SymbolFlags.Variable) !== 0 && callable()), 'function'],
    [(flags & ts.SymbolFlags.Variable) !== 0 && !callable(), 'constant'],
    [(flags & (ts.SymbolFlags.Interface | ts.SymbolFlags.TypeAlias)) !== 0, 'type'],
  ]
  return kinds.filter(([holds]) => holds).map(([, kind]) => kind)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(SNAPSHOT, publicApi())
  console.log(`wrote ${SNAPSHOT}`)
}
