/**
 * Accounts: a signer of this library (keystore, environment) as one that sends transactions through a node.
 * @module
 */
import { resolveAddress } from 'ethers/address'
import { AbstractSigner, copyRequest, type Provider, type TransactionRequest } from 'ethers/providers'
import type { TransactionLike } from 'ethers/transaction'
import type { AccountSigner } from '../receipt/signer.js'
import type { Types, wireDomain } from '../receipt/typed-data.js'

/** An account of ours on a node. The key stays in the signer. */
class Account extends AbstractSigner<Provider> {
  readonly #signer: AccountSigner

  constructor(signer: AccountSigner, provider: Provider) {
    super(provider)
    this.#signer = signer
  }

  override async getAddress(): Promise<string> {
    return this.#signer.address
  }

  override connect(provider: Provider): Account {
    return new Account(this.#signer, provider)
  }

  override async signTransaction(request: TransactionRequest): Promise<string> {
    const unsigned = copyRequest(request)
    delete unsigned.from // the signature says who
    const { to } = unsigned
    const receiver = to === undefined || to === null ? undefined : await resolveAddress(to, this)
    return this.#signer.signTransaction({ ...unsigned, to: receiver } as TransactionLike)
  }

  override signTypedData(
    domain: ReturnType<typeof wireDomain>,
    types: Types,
    value: Record<string, unknown>,
  ): Promise<string> {
    return this.#signer.signTypedData(domain, types, value)
  }

  override async signMessage(): Promise<string> {
    throw new Error('this account signs transactions and typed data alone')
  }
}

/** The signer's account on a node: what `connect` and `deploy` take. */
export function accountOn(signer: AccountSigner, provider: Provider): AbstractSigner<Provider> {
  return new Account(signer, provider)
}
