/**
 * Jobs, claims and disputes on an EVM chain: deployments, typed calls, and both roles of a dispute (`countersign/chain`).
 *
 * `connect` a deployment with an account, then `Jobs.post`, `Jobs.take`, `Jobs.fileClaim`, `Jobs.settle` ...
 * @module
 */
export * as Abis from './abi.generated.js'
export type { Abi, AbiEntry, AbiParameter, EventValues, Found, Given, Result, Values } from './abi.js'
export { accountOn } from './account.js'
export { askOver, type AskOptions, type OwnGame } from './ask.js'
export * as Batches from './batches.js'
export type { Caller, Calls, Happened, Landed, Sending, Span } from './calls.js'
export {
  accountOf,
  connect,
  domainOf,
  headOf,
  type Connection,
  type ConnectionOptions,
  type Head,
} from './connection.js'
export * as Deployment from './deployment.js'
export * as Disputes from './disputes.js'
export * as Jobs from './jobs.js'
export * as Money from './money.js'
export { nodeAt } from './node.js'
export * as Proofs from './proofs.js'
export * as Quorums from './quorums.js'
export { respond, type RespondOptions, type ResponderNews } from './respond.js'
export { isRevert, revertOf, type Revert } from './revert.js'
export * as Terms from './terms.js'
export { challengeClaim, watchClaims, type Published, type WatchOptions, type WatcherNews } from './watch.js'
export { idOf } from './wire.js'
