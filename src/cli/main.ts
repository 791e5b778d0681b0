#!/usr/bin/env node
/**
 * The command line. Each command is one file that computes with the library and gives back a result to print.
 * @module
 */
import { Command, CommanderError } from 'commander'
import { Fault } from '../core/faults.js'
import { VERSION } from '../receipt/provide.js'

import { attest } from './commands/attest.js'
import { audit } from './commands/audit.js'
import { beacon } from './commands/beacon.js'
import { coverage } from './commands/coverage.js'
import { deploy } from './commands/deploy.js'
import { deployVerifier } from './commands/deploy-verifier.js'
import { diff } from './commands/diff.js'
import { doctor } from './commands/doctor.js'
import { inspect } from './commands/inspect.js'
import { job } from './commands/job.js'
import { key } from './commands/key.js'

import { prove } from './commands/prove.js'
import { quantize } from './commands/quantize.js'
import { reveal } from './commands/reveal.js'
import { run } from './commands/run.js'
import { settle, withdraw } from './commands/settle.js'
import { setup } from './commands/setup.js'
import { train } from './commands/train.js'
import { verify } from './commands/verify.js'
import { verifyProof } from './commands/verify-proof.js'
import { challenge, respond, watch } from './commands/watch.js'
import { printFault } from './output.js'

const json = process.argv.includes('--json')

/** The command line, without running it. */
export function commandLine(): Command {
  const program = new Command('countersign')
    .description('Run ONNX models with exact arithmetic; make and check receipts for what was computed.')
    .version(VERSION)
    .configureHelp({ showGlobalOptions: true })
    .enablePositionalOptions()
    .option('--json', 'print one JSON object {ok, outcome, data}')
    .addHelpText('after', '\nExit codes: 0 valid, 1 refuted, 2 usage, 3 undecided, 4 could not run.')
  const onChain = [deploy, deployVerifier, settle, withdraw, challenge, watch, respond]
  const commands = [
    key,
    job,
    run,
    train,
    quantize,
    setup,
    prove,
    verifyProof,
    reveal,
    verify,
    audit,
    attest,
    beacon,
    diff,
    inspect,
    doctor,
    coverage,
  ]
  for (const command of [...commands, ...onChain]) program.addCommand(command())
  for (const command of [program, ...descendants(program)])
    command.exitOverride().configureOutput({ writeErr: (text) => void (json || process.stderr.write(text)) })
  for (const command of descendants(program)) command.option('--json', 'print one JSON object {ok, outcome, data}')
  return program
}

function descendants(command: Command): Command[] {
  return command.commands.flatMap((child) => [child, ...descendants(child)])
}

try {
  await commandLine().parseAsync()
} catch (error) {
  if (!(error instanceof CommanderError)) printFault(error, { json })
  else if (error.exitCode === 0) process.exitCode = 0
  else if (json) printFault(new Fault('cli/usage', error.message), { json })
  else process.exitCode = 2
}
