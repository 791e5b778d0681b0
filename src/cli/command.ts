/**
 * What all commands share: an action gives a result, and the result is printed.
 * @module
 */
import { Command } from 'commander'
import { print, printFault, type Result } from './output.js'

/** A command whose action gives a result. */
export function command<Options extends object>(
  usage: string,
  describe: (command: Command) => Command,
  action: (words: readonly string[], options: Options) => Promise<Result>,
): Command {
  const made = describe(new Command(usage))
  return made.action(async (...args: unknown[]) => {
    const options = args[args.length - 2] as Options & { json?: boolean }
    const words = args.slice(0, -2).flat() as string[]
    const json = options.json === true || process.argv.includes('--json')
    try {
      print(await action(words, options), { json })
    } catch (error) {
      printFault(error, { json })
    }
  })
}
