/**
 * What committing costs: an exact step with its inputs, outputs and state committed, against the step alone, alternating.
 *
 * `npm run bench -- commitment [--json]`
 */
import { compile } from '../src/exact/compile.js'
import { ortNode } from '../src/runtime/ort-node.js'
import { commitStep } from '../src/trace/trace.js'
import { alternateBursts, median, print, ratio } from './measure.js'
import { transformer } from './models.js'

const { model, input } = transformer('transformer-128x768')
const { program, state } = compile(model)
const session = await ortNode({ threads: 1 }).open(program, state)

/** A step whose tensors were not hashed before; the state, which no step changes, was hashed once when the run began. */
async function committed(): Promise<void> {
  const inputs = [{ ...input }]
  const { outputs } = await session.step(inputs)
  commitStep(0, { before: session.state, inputs, values: undefined, after: session.state, outputs })
}

const times = await alternateBursts(
  { rounds: 41, done: (_, milliseconds) => milliseconds >= 50 },
  { exact: () => session.step([input]), committed },
)
await session.close()
const figure = (metric: string, value: number, unit: string) =>
  print({ bench: 'commitment', case: 'transformer-128x768', metric, value, unit })
figure('exact', median(times.exact.wall), 'ms')
figure('committed', median(times.committed.wall), 'ms')
figure('overhead', ratio(times.committed.wall, times.exact.wall) - 1, 'of the exact step')
