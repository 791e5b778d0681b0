/**
 * The twin of every `verify`: a union instead of a throw.
 * @module
 */
import { Fault } from './faults.js'

/** What a verification found. */
export type Checked<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly fault: Fault }

/**
 * Runs a verification and gives its result or its fault. Anything that is not a fault is thrown on.
 * @example
 * const checked = await check(() => Bundle.verify(bundle))
 * if (!checked.ok) console.log(checked.fault.code)
 */
export async function check<T>(verify: () => T | Promise<T>): Promise<Checked<T>> {
  try {
    return { ok: true, value: await verify() }
  } catch (error) {
    if (!Fault.is(error)) throw error
    return { ok: false, fault: error }
  }
}
