import { SigningKey } from 'ethers/crypto'
import { Wallet } from 'ethers/wallet'
import fc from 'fast-check'
import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { concat, fromHex, toHex } from '../../src/core/bytes.js'
import { keccak256 } from '../../src/core/keccak.js'
import { ZERO_ADDRESS, toAddress, type Address } from '../../src/receipt/fields.js'
import * as Job from '../../src/receipt/job.js'
import * as Policy from '../../src/receipt/policy.js'
import * as Seal from '../../src/receipt/seal.js'
import { ERC1271_GAS, compact, recover, verify, type StaticCall } from '../../src/receipt/signature.js'
import * as Signer from '../../src/receipt/signer.js'
import { digestOf, domain, OFF_CHAIN } from '../../src/receipt/typed-data.js'
import {
  addressOf,
  alice,
  anySeal,
  bob,
  claimOf,
  codeOf,
  fill,
  flip,
  jobUnder,
  ON_CHAIN,
  requester,
  signedJob,
} from './samples.js'

const key = new SigningKey(`0x${toHex(fill(0x22))}`)
const digest = keccak256(Uint8Array.of(1, 2, 3))
const { r, s, v } = key.sign(digest)
const long = concat(fromHex(r), fromHex(s), Uint8Array.of(v))
const short = compact(long)
const signer = addressOf(alice)
const off = { digest, signature: long, signer, domain: OFF_CHAIN }
const on = { ...off, domain: ON_CHAIN }
const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
const word = (value: bigint): Uint8Array => fromHex(value.toString(16).padStart(64, '0'))

/** The same signature with s in the upper half. */
const highS = concat(fromHex(r), word(ORDER - BigInt(s)), Uint8Array.of(v === 27 ? 28 : 27))

const MAGIC = concat(fromHex('1626ba7e'), new Uint8Array(28))

describe('accounts', () => {
  test('64 and 65 bytes of one signature give the same signer', async () => {
    expect(short.length).toBe(64)
    expect(recover(digest, short)).toBe(signer)
    expect(recover(digest, long)).toBe(signer)
    expect(await verify({ ...off, signature: short })).toBe(signer)
  })

  // EIP-2098, "Test Cases": one key, two messages, one signature of each parity
  test.each([
    [
      'Hello World',
      '68a020a209d3d56c46f38cc50a33f704f4a9a10a59377f8dd762ac66910e9b907e865ad05c4035ab5792787d4a0297a43617ae897930a6fe4d822b8faea52064',
    ],
    [
      "It's a small(er) world",
      '9328da16089fcba9bececa81663203989f2df5fe1faa6291a45381c81bd17f76939c6d6b623b42da56557e5e734a43dc83345ddfadec52cbe24d0cc64f550793',
    ],
  ])('the published compact signature of "%s" gives its signer', (message, signature) => {
    const prefixed = new TextEncoder().encode(`\x19Ethereum Signed Message:\n${message.length}${message}`)
    const wallet = new Wallet('0x1234567890123456789012345678901234567890123456789012345678901234')
    expect(recover(keccak256(prefixed), fromHex(signature))).toBe(toAddress(wallet.address))
  })

  test('any flipped bit of signature, digest or signer is refused by name', async () => {
    for (let bit = 0; bit < 520; bit++) {
      const code = await codeOf(() => verify({ ...off, signature: flip(long, bit) }))
      expect(['receipt/bad-signature', 'receipt/malformed-signature']).toContain(code)
    }
    for (let bit = 0; bit < 256; bit += 7) {
      expect(await codeOf(() => verify({ ...off, digest: flip(digest, bit) }))).toBe('receipt/bad-signature')
    }
    expect(await codeOf(() => verify({ ...off, signer: addressOf(bob) }))).toBe('receipt/bad-signature')
  })

  test('D12 a signature with a high s is malformed, though its curve point is right', async () => {
    expect(
      SigningKey.recoverPublicKey(digest, {
        r: toHex0x(highS.subarray(0, 32)),
        s: toHex0x(fromHex(s)),
        v: v as 27 | 28,
      }),
    ).toBe(key.publicKey)
    expect(await codeOf(() => verify({ ...off, signature: highS }))).toBe('receipt/malformed-signature')
  })

  test.each([0, 1, 2, 26, 29, 31, 35, 255])('v of %i is malformed', async (other) => {
    const signature = concat(long.subarray(0, 64), Uint8Array.of(other))
    expect(await codeOf(() => verify({ ...off, signature }))).toBe('receipt/malformed-signature')
  })

  test('r or s of zero, the order or above is malformed', async () => {
    for (const bad of [0n, ORDER, ORDER + 1n, (1n << 256n) - 1n]) {
      for (const signature of [
        concat(word(bad), long.subarray(32)),
        concat(long.subarray(0, 32), word(bad), Uint8Array.of(27)),
      ]) {
        expect(await codeOf(() => verify({ ...off, signature }))).toBe('receipt/malformed-signature')
      }
    }
  })

  test('every other length is malformed off chain', async () => {
    for (const length of [0, 1, 63, 66, 96, 2048]) {
      expect(await codeOf(() => verify({ ...off, signature: new Uint8Array(length).fill(1) }))).toBe(
        'receipt/malformed-signature',
      )
    }
  })

  test('D12 the zero address signs nothing, even where recovery fails', async () => {
    expect(await codeOf(() => verify({ ...off, signer: ZERO_ADDRESS, signature: new Uint8Array(65) }))).toBe(
      'receipt/zero-address',
    )
    const always: StaticCall = () => MAGIC
    expect(await codeOf(() => verify({ ...on, signer: ZERO_ADDRESS }, { staticcall: always }))).toBe(
      'receipt/zero-address',
    )
  })

  test('random bytes are never accepted', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 70 }), async (signature) => {
        expect(await codeOf(() => verify({ ...off, signature }))).toMatch(/^receipt\/(bad|malformed)-signature$/)
      }),
      { numRuns: 50 },
    )
  })
})

const toHex0x = (bytes: Uint8Array): string => `0x${toHex(bytes)}`

describe('contracts (ERC-1271)', () => {
  const wallet = addressOf(bob)
  const byWallet = { ...on, signer: wallet, signature: Uint8Array.of(1, 2, 3) }
  const answer = (value: Uint8Array | null): { staticcall: StaticCall } => ({ staticcall: () => value })

  test('a contract that answers the magic value has signed', async () => {
    expect(await verify(byWallet, answer(MAGIC))).toBe(wallet)
  })

  test('the contract is asked isValidSignature(bytes32,bytes) at its address with capped gas', async () => {
    const calls: [Address, string, bigint][] = []
    const staticcall: StaticCall = (to, data, gas) => {
      calls.push([to, toHex(data), gas])
      return MAGIC
    }
    await verify(byWallet, { staticcall })
    const data = `1626ba7e${toHex(digest)}${'40'.padStart(64, '0')}${'3'.padStart(64, '0')}${'010203'.padEnd(64, '0')}`
    expect(calls).toEqual([[wallet, data, ERC1271_GAS]])
  })

  test('an account never costs a call', async () => {
    expect(await verify(on, { staticcall: () => expect.unreachable() })).toBe(signer)
  })

  test.each([
    ['a revert', null],
    ['nothing', new Uint8Array(0)],
    ['zero', new Uint8Array(32)],
    ['the bare selector', fromHex('1626ba7e')],
    ['the magic value with something behind it', concat(fromHex('1626ba7e'), new Uint8Array(27), Uint8Array.of(1))],
    ['the magic value at the wrong end', concat(new Uint8Array(28), fromHex('1626ba7e'))],
    ['a megabyte', new Uint8Array(1 << 20)],
  ])('%s means no', async (_, value) => {
    expect(await codeOf(() => verify(byWallet, answer(value)))).toMatch(/^receipt\/(bad|malformed)-signature$/)
  })

  test('without a chain to ask, and with one that fails, it is undecided, never refuted', async () => {
    expect(await codeOf(() => verify(byWallet))).toBe('receipt/undecided-signature')
    const broken: StaticCall = () => Promise.reject(new Error('no connection'))
    expect(await codeOf(() => verify(byWallet, { staticcall: broken }))).toBe('receipt/undecided-signature')
  })

  test('off chain no contract is asked', async () => {
    expect(await codeOf(() => verify({ ...byWallet, domain: OFF_CHAIN }, answer(MAGIC)))).toBe(
      'receipt/malformed-signature',
    )
  })
})

describe('D12 replay', () => {
  const domains = [OFF_CHAIN, ON_CHAIN, domain(2, ON_CHAIN.verifyingContract!), domain(1, addressOf(bob))]

  test('a signature for one chain and contract is none for another', async () => {
    const job = await signedJob(Policy.claimed(), ON_CHAIN)
    for (const other of domains.filter((one) => one !== ON_CHAIN)) {
      const replayed = { ...job, domain: other }
      expect(await codeOf(() => Job.verify(replayed, { staticcall: () => null }))).toBe('receipt/bad-signature')
      expect(await codeOf(() => Job.verify(job, { domain: other }))).toBe('receipt/wrong-domain')
    }
    expect(await Job.verify(job, { domain: ON_CHAIN })).toBe(job)
  })

  test('D11 one hash under each domain, and each structure, is signed as another digest', () => {
    const digests = domains.map((one) => toHex(digestOf(one, fill(1))))
    expect(new Set(digests).size).toBe(domains.length)
  })

  test('half a domain is refused', async () => {
    const job = await signedJob()
    expect(await codeOf(() => Job.decode(Job.encode({ ...job, domain: { chainId: 1n } })))).toBe('core/missing-field')
  })
})

describe('signers', () => {
  const SECRET = toHex(fill(0x22))
  const hides = (value: unknown): void => {
    for (const text of [inspect(value, { depth: 9, showHidden: true }), JSON.stringify(value), String(value)]) {
      expect(text.toLowerCase()).not.toContain(SECRET.slice(0, 16))
    }
  }

  test('no text form of a signer shows its key', () => {
    hides(alice)
    expect(Object.keys(alice)).toEqual(['address', 'signTypedData', 'signTransaction'])
  })

  test('a key from the environment signs, and its faults never quote it', async () => {
    for (const form of [SECRET, `0x${SECRET}`, `${SECRET.toUpperCase()}\n`]) {
      expect(Signer.fromEnvironment({ COUNTERSIGN_KEY: form }).address).toBe(alice.address)
    }
    for (const bad of [
      undefined,
      '',
      `${SECRET}00`,
      SECRET.slice(1),
      `g${SECRET.slice(1)}`,
      'ff'.repeat(32),
      '00'.repeat(32),
    ]) {
      try {
        Signer.fromEnvironment({ COUNTERSIGN_KEY: bad })
        expect.unreachable()
      } catch (error) {
        expect(error).toMatchObject({ code: 'receipt/bad-keystore' })
        hides(error)
        if (bad) expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(bad)
      }
    }
  })

  test('a keystore opens with its password, in ethers too, and holds no plain key', async () => {
    const { address, keystore } = await Signer.keystoreFrom(fill(0x22), 'correct horse', { unsafeScryptN: 1024 })
    expect(keystore).not.toContain(SECRET)
    expect((await Signer.fromKeystore(keystore, 'correct horse')).address).toBe(address)
    expect(toAddress((await Wallet.fromEncryptedJson(keystore, 'correct horse')).address)).toBe(address)
  })

  test('a wrong password is refused without quoting it', async () => {
    const { keystore } = await Signer.newKeystore('correct horse', { unsafeScryptN: 1024 })
    const refused = await Signer.fromKeystore(keystore, 'battery staple').catch((error: unknown) => error)
    expect(refused).toMatchObject({ code: 'receipt/bad-keystore' })
    expect(inspect(refused, { depth: 9 })).not.toContain('battery')
  })

  test.each([
    ['not JSON', 'x'],
    ['null', 'null'],
    ['a list', '[]'],
    ['no crypto', '{"version":3}'],
    ['too large', ' '.repeat(20_000)],
  ])('a keystore that is %s is refused', async (_, text) => {
    expect(await codeOf(() => Signer.fromKeystore(text, 'x'))).toBe('receipt/bad-keystore')
  })

  test('a keystore that asks for gigabytes, in any case of its keys, is refused at once', async () => {
    const { keystore } = await Signer.newKeystore('x', { unsafeScryptN: 1024 })
    for (const [from, to] of [
      ['"n":1024', '"n":1073741824'],
      ['"r":8', '"r":100000'],
      ['"p":1', '"p":100000'],
      ['"n":1024', '"N":1024,"n":1073741824'],
      ['"n":1024', '"n":"1073741824"'],
    ]) {
      expect(keystore).toContain(from)
      expect(await codeOf(() => Signer.fromKeystore(keystore.replace(from, to), 'x'))).toBe('receipt/bad-keystore')
    }
  })

  test('two fresh signers are different', () => {
    expect(Signer.fromRandom().address).not.toBe(Signer.fromRandom().address)
  })

  test('an ethers Wallet is a signer', async () => {
    const wallet = new Wallet(`0x${SECRET}`)
    const claim = claimOf(jobUnder(Policy.claimed()))
    const { signed } = await Seal.sign(claim, wallet)
    expect((await Seal.verify(signed)).seal.provider).toBe(addressOf(alice))
  })

  test('a wallet that signs something else is caught before its signature is used', async () => {
    const lying: Signer.Signer = { address: alice.address, signTypedData: () => Promise.resolve(toHex0x(long)) }
    expect(await codeOf(() => Seal.sign(claimOf(jobUnder(Policy.claimed())), lying))).toBe('receipt/bad-signature')
  })

  test('nobody signs a job in the name of another', async () => {
    const policy = Policy.claimed()
    expect(await codeOf(() => Job.sign(jobUnder(policy), alice, { policy }))).toBe('receipt/bad-signature')
    expect((await Job.sign(jobUnder(policy), requester, { policy })).signature?.length).toBe(64)
  })

  test('a seal never opens to another claim, provider or salt', async () => {
    const claim = claimOf(jobUnder(Policy.claimed()))
    const seal = Seal.sealOf(claim, addressOf(alice), fill(5))
    expect(Seal.open(seal, claim, fill(5))).toBe(claim)
    const wrong: [Seal.Seal, typeof claim, Uint8Array][] = [
      [seal, { ...claim, outputs: fill(8) }, fill(5)],
      [seal, { ...claim, job: fill(8) }, fill(5)],
      [{ ...seal, provider: addressOf(bob) }, claim, fill(5)],
      [seal, claim, fill(6)],
    ]
    for (const [a, b, c] of wrong) expect(await codeOf(() => Seal.open(a, b, c))).toBe('receipt/wrong-seal')
  })

  test('the seal set does not depend on the order of arrival and binds every seal', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(anySeal, { minLength: 1, maxLength: 6, selector: (seal) => seal.provider }),
        (seals) => {
          const root = toHex(Seal.setRoot(seals))
          expect(toHex(Seal.setRoot([...seals].reverse()))).toBe(root)
          expect(toHex(Seal.setRoot(seals.slice(1)))).not.toBe(root)
          expect(
            toHex(Seal.setRoot([{ ...seals[0], commitment: flip(seals[0].commitment, 3) }, ...seals.slice(1)])),
          ).not.toBe(root)
        },
      ),
      { numRuns: 30 },
    )
  })
})
