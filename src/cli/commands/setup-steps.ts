/** `countersign setup contribute|check|export`: what is done with keys beside making them. @module */
import type { Command } from 'commander'
import { randomBytes } from 'node:crypto'
import { equal, toHex, utf8 } from '../../core/bytes.js'
import { demand } from '../../core/faults.js'
import { sha256 } from '../../core/sha256.js'
import { demandNew, isUnsafe, keyFile, readKit, writeWhole, type Kit } from '../../disk/index.js'
import { hash } from '../../exact/format.js'
import { hex0x } from '../../receipt/typed-data.js'
import { compile } from '../../zk/compile.js'
import { calldataOf, solidityVerifier } from '../../zk/export.js'
import {
  checkKey,
  contribute as contributeTo,
  powerOf,
  provingKeyOf,
  type ProvingKey,
  type VerificationKey,
} from '../../zk/keys.js'
import { unsafePowers } from '../../zk/powers.js'
import { decodeProof } from '../../zk/prove.js'
import { command } from '../command.js'
import { read } from '../files.js'
import { size, type Result } from '../output.js'
import { demandHash, pinned, pinsOf } from '../pins.js'
import { withProgress } from '../progress.js'
import { UNSAFE, keyData, keyLine, unsafeMark } from '../proving.js'

// ---------------------------------------------------------------- contribute

interface ContributeWords {
  readonly name: string
  readonly entropy?: string
  readonly out: string
}

export function contribute(): Command {
  return command<ContributeWords>(
    'contribute',
    (c) =>
      c
        .description('add your secret to a key (.zkey), and forget it: who trusts one contributor trusts the key')
        .argument('<key>', 'initial.zkey, or the file of whoever contributed before you')
        .requiredOption('--name <name>', 'how the contribution is called, in public')
        .option('--entropy <file>', 'a file of your own randomness, beside that of this machine')
        .requiredOption('--out <file>', 'the key after your contribution; must not exist'),
    async ([path], { name, entropy: file, out }) => {
      await demandNew(out)
      const own = file === undefined ? '' : toHex(sha256(await read(file)))
      const entropy = `${randomBytes(64).toString('hex')}${own}`
      const zkey = await withProgress('contribute', async () => contributeTo(await read(path), { name, entropy }))
      await writeWhole(out, zkey)
      const digest = toHex(sha256(zkey))
      const { verification } = provingKeyOf(zkey)
      const [mark, unsafe] = [unsafeMark(verification), isUnsafe(verification)]
      return {
        outcome: 'done',
        data: { name, out, sha256: digest, bytes: zkey.length, setUp: unsafe ? 'unsafe' : verification.setUp },
        lines: [
          `written   ${out} (${mark}key, ${size(zkey.length)})`,
          `hash      ${digest} (SHA-256 of the ${mark}file: publish it with your name)`,
          unsafe
            ? `hand on   nothing: the key stays ${UNSAFE}, whoever contributes`
            : 'hand on   the file to the next contributor, or to "setup --key"; your secret was never written',
        ],
        next: unsafe ? [] : [`countersign setup contribute ${out} --name NAME --out NAME.zkey`],
      }
    },
  )
}

// ---------------------------------------------------------------- check

interface CheckWords {
  readonly powers?: string
  readonly powersHash?: string
  readonly keyHash?: string
  readonly unsafe?: boolean
}

export function check(): Command {
  return command<CheckWords>(
    'check',
    (c) =>
      c
        .description(
          'compile the circuit of a kit again, and check its key against it: for whoever is to believe in its proofs',
        )
        .argument('<kit>', "a kit's folder")
        .option('--powers <file>', 'the powers of tau that the key was made from')
        .option(
          '--powers-hash <hex>',
          'SHA-256 or BLAKE2b-512 of that file, from where you trust it; without one they are checked point by point, which takes minutes',
        )
        .option('--key-hash <hex>', 'the same of the proving key')
        .option('--unsafe', 'a development key is no fault; without --powers, one from the unsafe development powers'),
    async ([path], { powers: file, powersHash, keyHash, unsafe }) => {
      demand(file !== undefined || unsafe === true, 'cli/usage', () => '--powers says what the key was made from')
      const kit = await readKit(path)
      if (keyHash !== undefined) demandHash(kit.zkey, keyHash, keyFile(kit.verification))
      const given = file === undefined ? undefined : await pinned(file, powersHash)
      const key = await withProgress('check', async () => {
        const { r1cs } = await compile(kit.circuit)
        demand(equal(sha256(r1cs), sha256(kit.r1cs)), 'zk/bad-kit', () => 'the program has another constraint system')
        const powers = given ?? (await unsafePowers(powerOf(r1cs, kit.choice.scheme)))
        return checkKey(kit.zkey, { r1cs, powers, pins: pinsOf(powers, powersHash), allowUnsafe: unsafe })
      })
      demandSameKey(key, kit)
      return checkedResult(kit, key.verification)
    },
  )
}

function demandSameKey({ verification }: ProvingKey, kit: Kit): void {
  const same = kit.verification !== undefined && equal(verification.hash, kit.verification.hash)
  demand(same, 'zk/bad-kit', () => 'verification-key.json is that of another key')
}

function checkedResult({ circuit }: Kit, verification: VerificationKey): Result {
  const program = toHex(hash(circuit.program))
  return {
    outcome: 'valid',
    data: { program, constraints: circuit.constraints, key: keyData(verification) },
    lines: [
      keyLine(verification),
      `circuit   that of program ${program}: compiled again to the same ${circuit.constraints.toLocaleString('en-US')} constraints`,
      isUnsafe(verification)
        ? `trust     none: the key is ${UNSAFE}`
        : 'trust     proofs hold if one contributor forgot the secret; what the powers of tau are worth is said by their hash alone',
    ],
  }
}

// ---------------------------------------------------------------- export

interface ExportWords {
  readonly out: string
  readonly proof?: string
}

export function exported(): Command {
  return command<ExportWords>(
    'export',
    (c) =>
      c
        .description("write a kit's verifier as Solidity, and the call that shows it a proof")
        .argument('<kit>', "a kit's folder")
        .requiredOption('--out <file>', 'the .sol file; must not exist')
        .option('--proof <file>', 'print the calldata of this proof')
        .addHelpText(
          'after',
          "\nThe source is snarkjs' own: GPL-3.0, and of PLONK without a check that public inputs are below the order of the field. The\ncontracts of this package (deploy-verifier) need neither.",
        ),
    async ([path], { out, proof: file }) => {
      await demandNew(out)
      const { zkey, verification } = await readKit(path)
      demand(verification !== undefined, 'zk/no-contribution', () => 'the key of this kit is not finished')
      const calldata = file === undefined ? undefined : hex0x(calldataOf(decodeProof(await read(file, 1 << 13))))
      const source = await withProgress('export', () => solidityVerifier({ verification, zkey }))
      await writeWhole(out, utf8(source))
      return {
        outcome: 'done',
        data: { file: out, key: keyData(verification), calldata: calldata ?? null },
        lines: [
          keyLine(verification),
          `written   ${out} (${unsafeMark(verification)}verifier, ${size(source.length)})`,
          ...(calldata === undefined ? [] : [`calldata  ${calldata}`]),
        ],
      }
    },
  )
}
