/**
 * ABIs as types: what a call of a contract takes and gives, out of the constants of abi.generated.ts.
 * Integers of up to 32 bits come as numbers and wider ones as bigints, bytes as Uint8Array, accounts in lower case: as everywhere in this library.
 * @module
 */
import type { Interface, ParamType } from 'ethers/abi'
import { fromHex } from '../core/bytes.js'
import type { Address } from '../receipt/fields.js'

/** A parameter of a function, an event or an error. */
export interface AbiParameter {
  readonly name: string
  readonly type: string
  readonly components?: readonly AbiParameter[]
  readonly indexed?: boolean
}

/** A function, an event, an error or a constructor. */
export interface AbiEntry {
  readonly type: string
  readonly name?: string
  readonly inputs?: readonly AbiParameter[]
  readonly outputs?: readonly AbiParameter[]
  readonly stateMutability?: string
  readonly anonymous?: boolean
}

/** An ABI as the compiler writes it. */
export type Abi = readonly AbiEntry[]

/** What a call accepts for a parameter. */
export type Given<P extends AbiParameter> = GivenAs<P['type'], P>
type GivenAs<T extends string, P extends AbiParameter> = T extends `${infer Item}[${string}]`
  ? readonly GivenAs<Item, P>[]
  : T extends 'tuple'
    ? { readonly [C in NonNullable<P['components']>[number] as C['name']]: Given<C> }
    : T extends 'bool'
      ? boolean
      : T extends `bytes${string}`
        ? Uint8Array | `0x${string}`
        : T extends `uint${string}` | `int${string}`
          ? bigint | number
          : string

/** What a call or an event gives for a parameter. */
export type Found<P extends AbiParameter> = FoundAs<P['type'], P>
type Narrow = 'uint8' | 'uint16' | 'uint32' | 'int8' | 'int16' | 'int32'
type FoundAs<T extends string, P extends AbiParameter> = T extends `${infer Item}[${string}]`
  ? readonly FoundAs<Item, P>[]
  : T extends 'tuple'
    ? FoundByName<NonNullable<P['components']>>
    : T extends 'bool'
      ? boolean
      : T extends 'address'
        ? Address
        : T extends `bytes${string}`
          ? Uint8Array
          : T extends Narrow
            ? number
            : T extends `uint${string}` | `int${string}`
              ? bigint
              : string
type FoundByName<Ps extends readonly AbiParameter[]> = { readonly [C in Ps[number] as C['name']]: Found<C> }

type Functions<A extends Abi> = Extract<A[number], { type: 'function'; name: string }>
type View = { stateMutability: 'view' | 'pure' }

/** Names of the functions that change nothing. */
export type Readable<A extends Abi> = Extract<Functions<A>, View>['name']
/** Names of the functions that are transactions. */
export type Sendable<A extends Abi> = Exclude<Functions<A>, View>['name']
/** Names of the events. */
export type EventName<A extends Abi> = Extract<A[number], { type: 'event'; name: string }>['name']

type Named<A extends Abi, T extends string, N> = Extract<A[number], { type: T; name: N }>
type InputsOf<E> = E extends { inputs: infer Ps extends readonly AbiParameter[] } ? Ps : never
type OutputsOf<E> = E extends { outputs: infer Ps extends readonly AbiParameter[] } ? Ps : never

/** The values of a call, in order. */
export type Values<A extends Abi, N extends string> = GivenList<InputsOf<Named<A, 'function', N>>>
type GivenList<Ps extends readonly AbiParameter[]> = { readonly [I in keyof Ps]: Given<Ps[I]> }

/** What a function returns: one value, or several by their names. */
export type Result<A extends Abi, N extends string> = ResultOf<OutputsOf<Named<A, 'function', N>>>
type ResultOf<Ps extends readonly AbiParameter[]> = Ps extends readonly []
  ? undefined
  : Ps extends readonly [infer P extends AbiParameter]
    ? Found<P>
    : FoundByName<Ps>

/** The values of an event by their names. */
export type EventValues<A extends Abi, N extends string> = FoundByName<InputsOf<Named<A, 'event', N>>>

/** A decoded value as this library has it. Lists and tuples are as long as the ABI says: the decoder checked. */
export function plainOf(type: ParamType, value: unknown): unknown {
  if (type.isArray()) return (value as readonly unknown[]).map((item) => plainOf(type.arrayChildren, item))
  if (type.isTuple()) return byName(type.components, value as readonly unknown[])
  if (/^u?int(8|16|32)$/.test(type.type)) return Number(value)
  if (type.type.startsWith('bytes')) return fromHex((value as string).slice(2))
  return type.type === 'address' ? (value as string).toLowerCase() : value
}

/** Decoded values by the names of their parameters. */
export function byName(types: readonly ParamType[], values: readonly unknown[]): Readonly<Record<string, unknown>> {
  return Object.freeze(Object.fromEntries(types.map((type, i) => [type.name, plainOf(type, values[i])])))
}

/** What a function returned, as {@link Result} has it. */
export function resultOf(of: Interface, name: string, data: string): unknown {
  const { outputs } = of.getFunction(name)!
  const values = [...of.decodeFunctionResult(name, data)] as unknown[]
  if (outputs.length === 0) return undefined
  return outputs.length === 1 ? plainOf(outputs[0], values[0]) : byName(outputs, values)
}
