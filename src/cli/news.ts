/**
 * What watchers and providers do on a chain, line by line while it happens.
 * @module
 */
import { toHex } from '../core/bytes.js'
import type { Landed } from '../chain/calls.js'
import type { Engagement, FiledClaim } from '../chain/jobs.js'
import type { ResponderNews } from '../chain/respond.js'
import type { WatcherNews } from '../chain/watch.js'
import { paint } from './output.js'

/** The beginning of a hash or address. */
export const short = (value: Uint8Array | string): string =>
  typeof value === 'string' ? `${value.slice(0, 10)}…` : `${toHex(value).slice(0, 12)}…`

const gas = ({ gas: used, hash }: Landed): string => paint.faint(`${used.toLocaleString('en-US')} gas, ${short(hash)}`)
const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** A claim for people. */
export const claimName = ({ claim, provider }: FiledClaim): string => `${short(claim.job)} by ${provider}`

/** A line of a watcher, or nothing where it is not worth one. */
export function watcherLine(news: WatcherNews): string | undefined {
  const name = claimName(news.claim)
  switch (news.kind) {
    case 'found':
      return `claim    ${name}`
    case 'unavailable':
      return `waiting  ${name}: no bundle of the job here${news.error === undefined ? '' : ` (${textOf(news.error)})`}`
    case 'replayed':
      return undefined
    case 'true':
      return `${paint.good('true')}     ${name}: the same in every bit`
    case 'opened':
      return `game     ${news.game} against ${name}, ${gas(news.landed)}`
    case 'asked':
      return news.answer === undefined
        ? `asked    game ${news.game}: ${news.move.name}`
        : `answered game ${news.game}: ${news.answer.name}`
    case 'proving':
      return `${paint.bad('false')}    ${name}: ${news.proof.summary}`
    case 'proved':
      return `${paint.bad('proved')}   ${name}: ${news.proof.referee}.${news.proof.fault}, ${gas(news.proved.proved)}`
    case 'silent':
      return `${paint.bad('silent')}   ${name}: no answer in game ${news.game}`
    case 'undecided':
      return `undecided ${name}: ${textOf(news.error)}`
    case 'closed':
      return `closed   game ${news.game}: the bond is back, ${gas(news.landed)}`
    case 'rewarded':
      return `rewarded ${name}, ${gas(news.landed)}`
    case 'withdrawn':
      return `fetched  what was owed, ${news.landed.map(gas).join('; ')}`
    case 'trouble':
      return `trouble  ${name}: ${textOf(news.error)}`
  }
}

/** A line of a provider. */
export function responderLine(news: ResponderNews): string {
  switch (news.kind) {
    case 'claim':
      return `claim    ${claimName(news.claim)}: questions about it are answered`
    case 'asked':
      return `asked    game ${news.game}: ${news.question.form}`
    case 'answered':
      return `answered game ${news.game}: ${news.answer.name}, ${gas(news.landed)}`
    case 'unanswerable':
      return `${paint.bad('unknown')}  game ${news.game}: the bundle has no answer to this ${news.question.form}`
    case 'won':
      return `${paint.good('won')}      game ${news.game}: its challenger gave up, ${gas(news.landed)}`
    case 'settled':
      return `${paint.good('settled')}  ${claimName(news.claim)}, ${gas(news.landed)}`
    case 'trouble':
      return `trouble  ${textOf(news.error)}`
  }
}

/** What people say of the states of an engagement. */
export const STATE_WORDS: Readonly<Record<Engagement['state'], string>> = {
  none: 'nobody took it',
  taken: 'taken, and no claim yet',
  sealed: 'sealed, and not revealed yet',
  claimed: 'claimed, and open to disputes',
  paid: 'settled',
  slashed: 'the claim was false: the stake is lost',
  expired: 'no claim came in time: the stake is lost',
  void: 'the job is void: everybody gets back what it paid',
}
