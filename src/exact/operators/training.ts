/**
 * The optimizers of ai.onnx.preview.training: one update of any number of tensors.
 * @module
 */
import { demand } from '../../core/faults.js'
import type { Builder, Ref } from '../builder.js'
import type { NodeView, OperatorRow } from '../operator.js'

const row = (op: string, decompose: OperatorRow['decompose']): OperatorRow => ({
  op,
  domain: 'ai.onnx.preview.training',
  since: 1,
  decompose,
})

/** Learning rate R and the number of updates so far, and for every tensor its operands: itself, its gradient, its states. */
interface Update {
  readonly rate: Ref
  /** True where this is not the first update. */
  readonly started: Ref
  readonly count: Ref
  readonly groups: readonly (readonly Ref[])[]
}

/** Operands come sorted by kind: all tensors, all gradients, all first states ... */
function updateOf(b: Builder, node: NodeView, kinds: number): Update {
  const tensors = (node.inputCount - 2) / kinds
  demand(Number.isInteger(tensors) && tensors >= 1, 'onnx/bad-node', () => `${node.inputCount} operands`)
  const groups = Array.from({ length: tensors }, (_, i) =>
    Array.from({ length: kinds }, (_, kind) => node.input(2 + kind * tensors + i)),
  )
  const { dtype } = groups[0][0]
  demand(
    groups.flat().every((ref) => ref.dtype === dtype),
    'exact/unsupported-type',
    () => 'tensors of different types in one update',
  )
  const t = b.reshape(node.input(1), [])
  return {
    rate: b.cast(b.reshape(node.input(0), []), dtype),
    started: b.less(b.scalar(t.dtype, 0), t),
    count: b.cast(t, dtype),
    groups,
  }
}

/** Results sorted by kind, as the operands are. */
function byKind(results: readonly (readonly Ref[])[]): Ref[] {
  return results[0].flatMap((_, kind) => results.map((result) => result[kind]))
}

const constant = (b: Builder, node: NodeView, { x, name, fallback }: { x: Ref; name: string; fallback?: number }) =>
  b.scalar(x.dtype, node.float(name, fallback))

/** The gradient with its share of weight decay: norm_coefficient * X + G. */
function regularised(b: Builder, node: NodeView, [x, g]: readonly Ref[]): Ref {
  const decay = node.float('norm_coefficient', 0)
  return decay === 0 ? g : b.add(b.mul(b.scalar(x.dtype, decay), x), g)
}

/** H' = H + G^2; X' = X - R / (1 + T * decay) * G / (sqrt(H') + epsilon). */
function adagrad(b: Builder, node: NodeView): Ref[] {
  const { rate, count, groups } = updateOf(b, node, 3)
  const decay = constant(b, node, { x: rate, name: 'decay_factor', fallback: 0 })
  const r = b.div(rate, b.add(b.scalar(rate.dtype, 1), b.mul(count, decay)))
  return byKind(
    groups.map(([x, g, h]) => {
      const gradient = regularised(b, node, [x, g])
      const squares = b.add(h, b.mul(gradient, gradient))
      const scale = b.add(b.sqrt(squares), constant(b, node, { x, name: 'epsilon', fallback: 1e-6 }))
      return [b.sub(x, b.div(b.mul(r, gradient), scale)), squares]
    }),
  )
}

/** R * sqrt(1 - beta^T) / (1 - alpha^T) once T > 0. */
function adamRate(b: Builder, node: NodeView, { rate, started, count }: Update): Ref {
  const number = (name: string, fallback: number) => constant(b, node, { x: rate, name, fallback })
  const rest = (base: Ref) => b.sub(b.scalar(rate.dtype, 1), b.op('Pow', [base, count]))
  const corrected = b.div(b.mul(rate, b.sqrt(rest(number('beta', 0.999)))), rest(number('alpha', 0.9)))
  return b.where(started, corrected, rate)
}

/** V' = alpha V + (1 - alpha) G; H' = beta H + (1 - beta) G^2; X' = X - R V' / (sqrt(H') + epsilon). */
function adam(b: Builder, node: NodeView): Ref[] {
  const update = updateOf(b, node, 4)
  const r = adamRate(b, node, update)
  const [alpha, beta] = [node.float('alpha', 0.9), node.float('beta', 0.999)]
  const post = node.float('norm_coefficient_post', 0)
  return byKind(
    update.groups.map(([x, g, v, h]) => {
      const number = (value: number) => b.scalar(x.dtype, value)
      const gradient = regularised(b, node, [x, g])
      const first = b.add(b.mul(number(alpha), v), b.mul(number(1 - alpha), gradient))
      const second = b.add(b.mul(number(beta), h), b.mul(number(1 - beta), b.mul(gradient, gradient)))
      const scale = b.add(b.sqrt(second), number(node.float('epsilon', 1e-6)))
      const moved = b.sub(x, b.mul(r, b.div(first, scale)))
      return [post === 0 ? moved : b.mul(number(1 - post), moved), first, second]
    }),
  )
}

/** V' = alpha V + beta G (G alone at first); X' = X - R V', or X - R (G + alpha V') with Nesterov. */
function momentum(b: Builder, node: NodeView): Ref[] {
  const { rate, started, groups } = updateOf(b, node, 3)
  const mode = node.string('mode')
  demand(['standard', 'nesterov'].includes(mode), 'onnx/bad-node', () => `mode ${mode}`)
  const alpha = constant(b, node, { x: rate, name: 'alpha' })
  const share = b.where(started, constant(b, node, { x: rate, name: 'beta' }), b.scalar(rate.dtype, 1))
  return byKind(
    groups.map(([x, g, v]) => {
      const gradient = regularised(b, node, [x, g])
      const velocity = b.add(b.mul(alpha, v), b.mul(share, gradient))
      const step = mode === 'standard' ? velocity : b.add(gradient, b.mul(alpha, velocity))
      return [b.sub(x, b.mul(rate, step)), velocity]
    }),
  )
}

/** Adagrad, Adam, Momentum. */
export const TRAINING: readonly OperatorRow[] = [row('Adagrad', adagrad), row('Adam', adam), row('Momentum', momentum)]
