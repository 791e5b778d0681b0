/**
 * Keys: from an encrypted keystore file or from the environment, never from an argument.
 * @module
 */
import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import { Fault, demand } from '../core/faults.js'
import { KEY_VARIABLE, fromEnvironment, fromKeystore, type AccountSigner } from '../receipt/signer.js'
import { read } from './files.js'

/** Holds the password of a keystore where nobody is there to be asked. */
export const PASSWORD_VARIABLE = 'COUNTERSIGN_PASSWORD'

/** The password: from the environment, else asked for without echo. @throws Fault `receipt/bad-keystore`. */
export async function password(prompt: string): Promise<string> {
  const given = process.env[PASSWORD_VARIABLE]
  if (given !== undefined) return given
  demand(process.stdin.isTTY === true, 'receipt/bad-keystore', () => 'no password', {
    hint: `set ${PASSWORD_VARIABLE} where nobody can type`,
  })
  process.stderr.write(prompt)
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() })
  const lines = createInterface({ input: process.stdin, output: silent, terminal: true })
  try {
    return await lines.question('')
  } finally {
    lines.close()
    process.stderr.write('\n')
  }
}

/** The signer of `--keystore FILE`, else of the environment. @throws Fault `receipt/bad-keystore`. */
export async function signerFrom({ keystore }: { keystore?: string }): Promise<AccountSigner> {
  if (keystore !== undefined)
    return fromKeystore(new TextDecoder().decode(await read(keystore, 1 << 16)), await password('Password: '))
  if (process.env[KEY_VARIABLE] !== undefined) return fromEnvironment()
  throw new Fault('receipt/bad-keystore', 'no key', {
    hint: `give --keystore FILE (make one with "countersign key new") or set ${KEY_VARIABLE}`,
  })
}

/** The same, or undefined where no key was given at all. */
export async function optionalSigner(options: { keystore?: string }): Promise<AccountSigner | undefined> {
  const given = options.keystore !== undefined || process.env[KEY_VARIABLE] !== undefined
  return given ? signerFrom(options) : undefined
}
