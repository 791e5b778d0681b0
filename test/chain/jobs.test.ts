import { describe, expect, test } from 'vitest'
import { ABIS, artifacts, published, textOfAbis } from '../../scripts/contracts.js'
import { textOf } from '../../scripts/markdown.js'
import {
  Deployment,
  Jobs,
  Money,
  Terms,
  connect,
  domainOf,
  headOf,
  idOf,
  isRevert,
  revertOf,
} from '../../src/chain/index.js'
import { toHex } from '../../src/core/bytes.js'
import { Fault } from '../../src/core/faults.js'
import { codeOf } from '../../src/disk/contracts.js'
import { sign } from '../../src/receipt/signer.js'
import { domainSeparator } from '../../src/receipt/typed-data.js'
import { claimOf, fill, signerOf } from '../receipt/samples.js'
import { network } from '../trace/work.js'
import { node, world } from './own-world.js'
import { ALICE, ANYBODY, DAY, MALLORY, REQUESTER, TERMS, addressOf, later, referees, started } from './world.js'

const faultOf = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error: unknown) => error as Fault,
  )

test('the ABIs that stand as constants are those of the artifacts', async () => {
  expect(textOf(ABIS)).toBe(await textOfAbis(published(artifacts())))
})

describe('a deployment', () => {
  test('is verified by its code, and written as it is read', async () => {
    const read = Deployment.decode(Deployment.encode(world.deployment))
    expect(read).toEqual(world.deployment)
    expect(Object.keys(read.referees)).toEqual(expect.arrayContaining([...referees]))
    await expect(Deployment.verify(read, node.provider, codeOf)).resolves.toEqual(read)
  })

  test('with two contracts in each other’s place is refused, and so is one on another chain', async () => {
    const { settlement, dispute, quorums, batches } = world.deployment
    const swapped = { ...world.deployment, quorums: batches, batches: quorums }
    expect((await faultOf(Deployment.verify(swapped, node.provider, codeOf)))?.code).toBe('chain/wrong-contract')
    const empty = { ...world.deployment, settlement: addressOf(ALICE) }
    expect((await faultOf(Deployment.verify(empty, node.provider, codeOf)))?.code).toBe('chain/no-contract')
    expect((await faultOf(connect(empty, node.provider)))?.code).toBe('chain/no-contract')
    const elsewhere = { ...world.deployment, chainId: 1n }
    expect((await faultOf(connect(elsewhere, node.provider)))?.code).toBe('chain/wrong-chain')
    expect(settlement).not.toBe(dispute)
  })

  test('whose settlement works with another dispute contract is refused', async () => {
    const other = await Deployment.deploy((await world.as(MALLORY)).signer!, codeOf, { referees: [] })
    const mixed = { ...world.deployment, settlement: other.settlement }
    const fault = await faultOf(Deployment.verify(mixed, node.provider, codeOf))
    expect(fault?.code).toBe('chain/wrong-contract')
    expect(fault?.detail.where).toBe('Settlement.DISPUTE')
  })

  test('whose settlement was given the domain of another one to keep is refused', async () => {
    const { settlement, chainId } = world.deployment
    const own = toHex(domainSeparator(domainOf(world.deployment)))
    const other = toHex(domainSeparator(domainOf({ ...world.deployment, chainId: chainId + 1n })))
    const code = await node.provider.getCode(settlement)
    expect(code).toContain(own)
    await node.provider.send('anvil_setCode', [settlement, code.replaceAll(own, other)])
    const fault = await faultOf(Deployment.verify(world.deployment, node.provider, codeOf))
    await node.provider.send('anvil_setCode', [settlement, code])
    expect(fault?.code).toBe('chain/wrong-contract')
    expect(fault?.message).toContain('signs for another domain')
  })
})

describe('a job', () => {
  test('is posted, taken, claimed and paid', async () => {
    const posted = await started(world, network(), ALICE)
    const [alice, anybody] = [await world.as(ALICE), await world.as(ANYBODY)]
    await expect(Jobs.read(anybody, posted.hash)).resolves.toEqual(posted)
    const claim = claimOf(posted.job)
    await Jobs.fileClaim(alice, claim)
    const provider = addressOf(ALICE)
    const id = idOf(posted.hash, provider)
    await expect(Jobs.readClaim(anybody, posted.hash, provider)).resolves.toEqual({
      id,
      provider,
      claim,
      refusal: undefined,
    })
    expect((await Jobs.engagementOf(anybody, id)).state).toBe('claimed')
    const { closes } = await Jobs.engagementOf(anybody, id)
    const early = await faultOf(Jobs.settle(anybody, { ...posted, provider }))
    expect(early).toBeInstanceOf(Fault)
    expect(revertOf(early)).toEqual({ name: 'TooEarly', values: [closes] })
    expect(early?.detail.found).toBe(`TooEarly(${closes})`)
    expect(early?.detail.where).toBe('Settlement.settle')
    await later(world, Number(closes - (await headOf(anybody)).time) + 1)
    await Jobs.settle(anybody, { ...posted, provider })
    const { settlement: credit } = await Money.creditOf(anybody, TERMS.token, provider)
    expect(credit).toBe(TERMS.payment + TERMS.stake)
    const [fetched] = await Money.withdraw(alice)
    expect(fetched.gas).toBeGreaterThan(0n)
    expect(await Money.withdraw(alice)).toEqual([])
    expect(isRevert(await faultOf(Jobs.settle(anybody, { ...posted, provider })), 'WrongState')).toBe(true)
  })

  test('is taken and claimed for a provider that signed', async () => {
    const posted = await started(world, network({ seed: 5 }), ALICE)
    const [anybody] = [await world.as(ANYBODY)]
    const claim = claimOf(posted.job)
    const provider = addressOf(ALICE)
    const wrong = await Jobs.signFiling(anybody, { claim }, signerOf(MALLORY))
    const bad = await faultOf(Jobs.fileClaim(anybody, claim, { provider, signature: wrong }))
    expect(revertOf(bad)).toEqual({ name: 'BadSignature', values: [provider] })
    const signature = await Jobs.signFiling(anybody, { claim }, signerOf(ALICE))
    await Jobs.fileClaim(anybody, claim, { provider, signature })
    expect((await Jobs.engagementOf(anybody, idOf(posted.hash, provider))).state).toBe('claimed')
  })

  test('goes back to its requester where nobody claims in time', async () => {
    const posted = await started(world, network({ seed: 6 }), MALLORY)
    const anybody = await world.as(ANYBODY)
    await later(world, DAY + 1)
    await Jobs.expire(anybody, { ...posted, provider: addressOf(MALLORY) })
    const { settlement: credit } = await Money.creditOf(anybody, TERMS.token, addressOf(REQUESTER))
    expect(credit).toBe(TERMS.payment + TERMS.stake)
  })

  test('that was never posted is unknown, and without a signer nothing is sent', async () => {
    const anybody = await world.as(ANYBODY)
    expect((await faultOf(Jobs.read(anybody, fill(3))))?.code).toBe('chain/unknown-job')
    const looker = await connect(world.deployment, node.provider)
    expect((await faultOf(Jobs.cancel(looker, { hash: fill(3), terms: TERMS })))?.code).toBe('chain/no-signer')
    expect(isRevert(await faultOf(Jobs.cancel(anybody, { hash: fill(3), terms: TERMS })), 'UnknownJob')).toBe(true)
  })
})

test('the hash of terms is the one that the settlement stores', async () => {
  const posted = await started(world, network({ seed: 7 }), ALICE)
  const anybody = await world.as(ANYBODY)
  const { terms } = await anybody.settlement.read('jobOf', posted.hash)
  expect(terms).toEqual(Terms.hash(TERMS))
  expect(Terms.decode(Terms.encode(TERMS))).toEqual(TERMS)
})

test('what is signed counts for this deployment alone', async () => {
  const anybody = await world.as(ANYBODY)
  const value = { job: fill(1), terms: fill(2) }
  const signature = await sign(signerOf(ALICE), {
    struct: Jobs.postingStruct,
    value,
    domain: domainOf(world.deployment),
  })
  expect(signature).toHaveLength(64)
  await expect(anybody.settlement.read('domainSeparator')).resolves.toHaveLength(32)
})
