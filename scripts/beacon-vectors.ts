/**
 * Writes test/vectors/{rounds,challenge}.json: which round follows from which time, rounds that a public network signed, and the leaves
 * that claims and randomness draw. Other implementations (a contract's tests) read the same files.
 *
 * Run: npx tsx scripts/beacon-vectors.ts
 */
import { writeFileSync } from 'node:fs'
import { challenged, detection, samplesFor, teleport, type Sample, type Source } from '../src/attest/challenge.js'
import { QUICKNET, hashNetwork, network, roundOf, timeOf, type Network } from '../src/attest/round.js'
import { concat, fromHex, toHex, uint64, utf8 } from '../src/core/bytes.js'
import { encodeJson, type Json } from '../src/core/json.js'
import { sha256 } from '../src/core/sha256.js'

const FOLDER = new URL('../test/vectors/', import.meta.url)

function write(name: string, content: { readonly [key: string]: Json }): void {
  writeFileSync(new URL(`${name}.json`, FOLDER), `${JSON.stringify(JSON.parse(encodeJson(content)), null, 1)}\n`)
  console.log(`test/vectors/${name}.json`)
}

const named = (name: string): Uint8Array => sha256(utf8(name))

// ---------------------------------------------------------------- rounds

function ruleOf(on: Network): Json {
  const { scheme, publicKey, genesis, period, delay } = on
  const times = [0n, genesis - delay, genesis - delay + 1n, genesis, 1_800_000_000n, 1_800_000_001n, 1_800_000_002n]
  return {
    network: {
      scheme,
      publicKey: toHex(publicKey),
      genesis: String(genesis),
      period: String(period),
      delay: String(delay),
    },
    hash: toHex(hashNetwork(on)),
    cases: times.map((seenAt) => {
      const round = roundOf(on, seenAt)
      return { seenAt: String(seenAt), round: String(round), time: String(timeOf(on, round)) }
    }),
  }
}

/** Signatures under the public key of the network, which anybody can check. */
const SIGNED: readonly (readonly [round: number, signature: string, source: string])[] = [
  [
    1000,
    'b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125e342b73a8dd2bacbe47e4b6b63ed5e39',
    'the network itself, /52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971/public/1000',
  ],
  [
    657413,
    'b713718a38ae728dfd477991af2822e08d2f305e47718cef9f7848ce4050e7be41076862b98fad56e91a6b85b89cd97b',
    'README of python-drand-verify (mcdcam)',
  ],
]

write('rounds', {
  about:
    'Which round follows from the time of a sighting, and rounds that the network quicknet of the League of Entropy signed (its description: drand-client, lib/defaults.ts, commit b9572b2e)',
  rules: [QUICKNET, network({ ...QUICKNET, period: 30, delay: 30 }), network({ ...QUICKNET, delay: 3600 })].map(ruleOf),
  signed: SIGNED.map(([round, signature, source]) => ({
    round,
    signature,
    randomness: toHex(sha256(fromHex(signature))),
    source,
  })),
})

// ---------------------------------------------------------------- drawn leaves

const sources: readonly Source[] = [1, 2].map((n) => ({
  claim: named(`claim ${n}`),
  provider: n === 1 ? '0x3eea25034397b249a3ed8614bb4d0533e5b03594' : `0x${'f'.repeat(40)}`,
  policy: named(`policy ${n}`),
  beacon: named(`beacon ${n}`),
}))

const samples: readonly Sample[] = [
  { count: 1, total: 1 },
  { count: 0, total: 7 },
  { count: 5, total: 5 },
  { count: 3, total: 4 },
  { count: 4, total: 10 },
  { count: 16, total: 100 },
  { count: 10, total: 100_000 },
  { count: 8, total: 2 ** 53 - 1 },
]

/** 2^64 / 2049, rounded up: of all totals below 2^53 one with the most numbers to skip, one in 2049. */
const SKIPPING = 9_002_803_354_665_472

/** A source whose first block is skipped for that total. */
function skippedFirst(): Source {
  const [{ claim, provider, policy }] = sources
  const limit = 2n ** 64n - (2n ** 64n % BigInt(SKIPPING))
  for (let n = 0; ; n++) {
    const beacon = named(`skipped ${n}`)
    const block = sha256(concat(claim, fromHex(provider), policy, beacon, uint64(0)))
    if (BigInt(`0x${toHex(block.subarray(0, 8))}`) >= limit) return { claim, provider, policy, beacon }
  }
}

function drawOf(source: Source, sample: Sample): Json {
  return {
    source: {
      claim: toHex(source.claim),
      provider: source.provider,
      policy: toHex(source.policy),
      beacon: toHex(source.beacon),
    },
    count: sample.count,
    total: String(sample.total),
    leaves: challenged(source, sample).map(String),
  }
}

write('challenge', {
  about:
    'Leaves drawn from (claim, provider, policy, beacon): SHA-256 of the four and a counter, the first 8 bytes modulo the total, numbers of floor(2^64 / total) total or more skipped, repeats drawn again',
  draws: [
    ...sources.flatMap((source) => samples.map((sample) => drawOf(source, sample))),
    drawOf(skippedFirst(), { count: 2, total: SKIPPING }),
  ],
  probabilities: [
    [459, 100_000, 0.01],
    [90, 100_000, 0.05],
    [44, 1000, 0.1],
    [10, 10, 0.5],
  ].map(([count, total, fraction]) => ({
    count,
    total,
    fraction,
    detection: detection({ count, total }, fraction),
    teleport: teleport({ count, total }),
  })),
  samples: [
    [0.01, 0.99],
    [0.05, 0.99],
    [0.1, 0.99],
    [0.5, 0.999],
  ].map(([fraction, confidence]) => ({ fraction, confidence, count: samplesFor(fraction, confidence) })),
})
