/**
 * How many questions a search asks at the most, so that a game with fewer left is not begun again (docs/disputes.md, time and money).
 * @module
 */
import { sizeOf } from '../core/tensor.js'
import type { Program } from '../exact/program.js'
import { tileGrid } from '../merkle/tiles.js'

/** What the way down leads through: steps, steps to a leaf, values of the program, tiles of the largest, leaves of the largest expansion. */
export interface WaySizes {
  readonly steps: number
  readonly commitEvery: number
  readonly values: number
  readonly tiles: number
  readonly expansion: number
}

/** Questions about a tree whose root is known: one for each level of 64, and one for the leaf. */
export function questionsBelow(size: number): number {
  let levels = 0
  for (let covered = 1; covered < size; covered *= 64) levels++
  return levels + 1
}

/** The same of a sized root, whose single child is asked for too. */
const questionsOfList = (size: number): number => Math.max(2, questionsBelow(size))

/**
 * The way on which everything is asked for: the run to a leaf; that leaf once more and its list of inputs, in which one is missing; its trace to an earlier
 * step that differs; that step's values, the tensor, its tiles; the expansion of an element. All other ways leave one of these out.
 */
export function longestWay({ steps, commitEvery, values, tiles, expansion }: WaySizes): number {
  const held = Math.min(commitEvery, steps)
  const inputs = held > 1 ? 2 + questionsOfList(held) : 0
  const [trace, tensor, sums] = [held, tiles, expansion].map((size) => 1 + questionsBelow(size))
  return questionsOfList(Math.ceil(steps / commitEvery)) + inputs + trace + questionsOfList(values) + tensor + sums
}

/** The longest way of a run of this program; an expansion has no more leaves than eight and the elements of the largest value. */
export function wayOf(program: Program, run: Pick<WaySizes, 'steps' | 'commitEvery'>): number {
  const largest = (of: (value: Program['values'][number]) => number) =>
    program.values.reduce((most, value) => Math.max(most, of(value)), 1)
  const tiles = largest((value) => tileGrid(value).count)
  const expansion = 8 + largest(({ dims }) => sizeOf(dims))
  return longestWay({ ...run, values: program.values.length, tiles, expansion })
}
