/**
 * Runs a command for as long as standard input stays open, and no longer than a time in seconds: when the test run ends in any way at all,
 * the pipe closes and the command is killed by its own process id. `node guard.mjs SECONDS COMMAND [ARGUMENT ...]`
 */
import { spawn } from 'node:child_process'

const [seconds, command, ...words] = process.argv.slice(2)
const child = spawn(command, words, { stdio: ['ignore', 'inherit', 'inherit'] })
const stop = () => child.kill('SIGKILL')

process.stdin.on('end', stop).on('error', stop).resume()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, stop)
setTimeout(stop, Number(seconds) * 1000)
child.on('error', (error) => {
  console.error(error.message)
  process.exit(1)
})
child.on('exit', (code) => process.exit(code ?? 0))
