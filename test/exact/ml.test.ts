import { describe, expect, test } from 'vitest'
import type { Fault } from '../../src/core/faults.js'
import { tensor } from '../../src/core/tensor.js'
import { compile } from '../../src/exact/compile.js'
import { expectNear, filled, valuesOf } from './naive.js'
import { modelOf, runNode, type Given } from './one-node.js'

const domain = 'ai.onnx.ml'

describe('ai.onnx.ml', () => {
  test('Binarizer, ArrayFeatureExtractor, Scaler, LinearRegressor', async () => {
    const x = tensor('float32', [2, 3], [1, 2, 3, 4, 5, 6])
    const run = async (
      op: string,
      attributes: Record<string, Given>,
      more: Parameters<typeof runNode>[0]['inputs'] = [],
    ) => (await runNode({ op, domain, opset: 1, inputs: [x, ...more], attributes }))[0]
    expect(valuesOf(await run('Binarizer', { threshold: { float: 3 } }))).toEqual([0, 0, 0, 1, 1, 1])
    expect(valuesOf(await run('ArrayFeatureExtractor', {}, [tensor('int64', [2], [2n, 0n])]))).toEqual([3, 1, 6, 4])
    expect(valuesOf(await run('Scaler', { offset: { floats: [1, 2, 3] }, scale: { floats: [2] } }))).toEqual([
      0, 0, 0, 6, 6, 6,
    ])
    const linear = { coefficients: { floats: [1, 0, 2, 0, 1, 0] }, intercepts: { floats: [10, 20] }, targets: 2 }
    expect(valuesOf(await run('LinearRegressor', linear))).toEqual([17, 22, 26, 25])
  })

  test('LabelEncoder looks labels up; the last of equal keys counts', async () => {
    const x = tensor('int64', [2, 2], [3n, 7n, 5n, 3n])
    const attributes = { keys_int64s: [7, 3, 7], values_floats: { floats: [1, 2, 4] }, default_float: { float: -1 } }
    const [y] = await runNode({ op: 'LabelEncoder', domain, opset: 2, inputs: [x], attributes })
    expect(valuesOf(y)).toEqual([2, 4, -1, 2])
    const tensors = {
      keys_tensor: tensor('int64', [1], [3n]),
      values_tensor: tensor('int16', [1], [9]),
      default_tensor: tensor('int16', [1], [4]),
    }
    const [z] = await runNode({ op: 'LabelEncoder', domain, opset: 4, inputs: [x], attributes: tensors })
    expect([z.dtype, ...valuesOf(z)]).toEqual(['int16', 9, 4, 4, 9])
  })

  /** x0 <= 0 ? (x1 > 0.5 ? 1 : 2) : 3, and a second tree: x1 < 0 ? 10 : 20. */
  const forest: Record<string, Given> = {
    nodes_splits: tensor('float32', [3], [0, 0.5, 0]),
    nodes_featureids: [0, 1, 1],
    nodes_modes: tensor('uint8', [3], [0, 3, 1]),
    nodes_truenodeids: [1, 0, 3],
    nodes_falsenodeids: [2, 1, 4],
    nodes_trueleafs: [0, 1, 1],
    nodes_falseleafs: [1, 1, 1],
    nodes_missing_value_tracks_true: [0, 1, 0],
    leaf_targetids: [0, 0, 0, 1, 1],
    leaf_weights: tensor('float32', [5], [1, 2, 3, 10, 20]),
    tree_roots: [0, 2],
    n_targets: 2,
  }
  const rows = tensor('float32', [4, 2], [-1, 1, 0, 0, 1, -1, -1, -2])

  test.each([
    [1, [1, 20, 2, 20, 3, 10, 2, 10]],
    [0, [0.5, 10, 1, 10, 1.5, 5, 1, 5]],
  ])('TreeEnsemble follows every tree to its leaf (aggregate_function %i)', async (aggregate_function, expected) => {
    const [y] = await runNode({
      op: 'TreeEnsemble',
      domain,
      opset: 5,
      inputs: [rows],
      attributes: { ...forest, aggregate_function },
    })
    expectNear(y, expected, { dims: [4, 2] })
  })

  test('a missing feature follows the branch that the node names', async () => {
    const x = tensor('float32', [2, 2], [NaN, 1, -1, NaN])
    const [y] = await runNode({ op: 'TreeEnsemble', domain, opset: 5, inputs: [x], attributes: forest })
    expect(valuesOf(y)).toEqual([3, 20, 1, 20])
  })

  test('TreeEnsembleRegressor is the same forest in its older form', async () => {
    const attributes: Record<string, Given> = {
      nodes_treeids: [0, 0, 0, 0, 0, 1, 1, 1],
      nodes_nodeids: [0, 1, 2, 3, 4, 0, 1, 2],
      nodes_featureids: [0, 1, 0, 0, 0, 1, 0, 0],
      nodes_modes: { strings: ['BRANCH_LEQ', 'BRANCH_GT', 'LEAF', 'LEAF', 'LEAF', 'BRANCH_LT', 'LEAF', 'LEAF'] },
      nodes_values: { floats: [0, 0.5, 0, 0, 0, 0, 0, 0] },
      nodes_truenodeids: [1, 3, 0, 0, 0, 1, 0, 0],
      nodes_falsenodeids: [2, 4, 0, 0, 0, 2, 0, 0],
      target_treeids: [0, 0, 0, 1, 1],
      target_nodeids: [2, 3, 4, 1, 2],
      target_ids: [0, 0, 0, 1, 1],
      target_weights: { floats: [3, 1, 2, 10, 20] },
      n_targets: 2,
      base_values: { floats: [100, 0] },
    }
    const [y] = await runNode({ op: 'TreeEnsembleRegressor', domain, opset: 3, inputs: [rows], attributes })
    expect(valuesOf(y)).toEqual([101, 20, 102, 20, 103, 10, 102, 10])
  })

  test('nodes in a circle or outside of the forest are refused', () => {
    const broken = (change: Record<string, Given>) =>
      modelOf({ op: 'TreeEnsemble', domain, opset: 5, inputs: [rows], attributes: { ...forest, ...change } })
    const bad = expect.objectContaining({ code: 'onnx/bad-node' }) as Fault
    expect(() => compile(broken({ nodes_truenodeids: [0, 0, 3] }))).toThrow(bad)
    expect(() => compile(broken({ nodes_truenodeids: [1, 99, 3] }))).toThrow(bad)
    expect(() => compile(broken({ nodes_featureids: [0, 7, 1] }))).toThrow(bad)
  })
})

describe('TfIdfVectorizer', () => {
  const x = tensor('int32', [2, 6], [1, 1, 3, 3, 3, 7, 8, 6, 7, 5, 6, 8])
  const attributes: Record<string, Given> = {
    ngram_counts: [0, 4],
    ngram_indexes: [0, 1, 2, 3, 4, 5, 6],
    pool_int64s: [2, 3, 5, 4, 5, 6, 7, 8, 6, 7],
  }
  const count = async (mode: string, lengths: [number, number, number], more: Record<string, Given> = {}) => {
    const [min_gram_length, max_gram_length, max_skip_count] = lengths
    const given = { ...attributes, ...more, mode, min_gram_length, max_gram_length, max_skip_count }
    return valuesOf((await runNode({ op: 'TfIdfVectorizer', opset: 9, inputs: [x], attributes: given }))[0])
  }

  test('counts n-grams of the pool, their tokens apart by every distance', async () => {
    expect(await count('TF', [1, 1, 0])).toEqual([0, 3, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0])
    expect(await count('TF', [2, 2, 0])).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1])
    expect(await count('TF', [1, 2, 5])).toEqual([0, 3, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 1, 1])
  })

  test('weighs them by mode', async () => {
    const weights = { weights: { floats: [1, 2, 3, 4, 5, 6, 7] } }
    expect((await count('IDF', [1, 1, 0], weights)).slice(0, 7)).toEqual([0, 2, 0, 0, 0, 0, 0])
    expect((await count('TFIDF', [1, 1, 0], weights)).slice(0, 7)).toEqual([0, 6, 0, 0, 0, 0, 0])
  })
})

describe('ai.onnx.preview.training', () => {
  const training = 'ai.onnx.preview.training'
  const [x, g, v, h] = [filled([3], 1), filled([3], 2), filled([3], 3), tensor('float32', [3], [0.5, 1, 2])]
  const rate = tensor('float32', [], [0.1])
  const step = (t: number) => tensor('int64', [], [BigInt(t)])
  const each = (f: (i: number, x: number, g: number) => number) =>
    [0, 1, 2].map((i) => f(i, Number(x.data[i]), Number(g.data[i])))
  const at = (t: { data: ArrayLike<number | bigint> }, i: number) => Number(t.data[i])

  test('Adagrad', async () => {
    const attributes = { epsilon: { float: 1e-5 }, decay_factor: { float: 0.5 }, norm_coefficient: { float: 0.25 } }
    const [y, squares] = await runNode({
      op: 'Adagrad',
      domain: training,
      opset: 1,
      inputs: [rate, step(2), x, g, h],
      attributes,
      outputs: 2,
    })
    const gradient = (i: number) => 0.25 * at(x, i) + at(g, i)
    expectNear(
      squares,
      each((i) => at(h, i) + gradient(i) ** 2),
    )
    expectNear(
      y,
      each((i, xi) => xi - ((0.1 / 2) * gradient(i)) / (Math.sqrt(at(h, i) + gradient(i) ** 2) + 1e-5)),
    )
  })

  test.each([0, 3])('Adam at update %i', async (t) => {
    const attributes = {
      alpha: { float: 0.9 },
      beta: { float: 0.99 },
      epsilon: { float: 1e-3 },
      norm_coefficient_post: { float: 0.5 },
    }
    const [y, first, second] = await runNode({
      op: 'Adam',
      domain: training,
      opset: 1,
      inputs: [rate, step(t), x, g, v, h],
      attributes,
      outputs: 3,
    })
    const [m, s] = [
      (i: number) => 0.9 * at(v, i) + 0.1 * at(g, i),
      (i: number) => 0.99 * at(h, i) + 0.01 * at(g, i) ** 2,
    ]
    const r = t === 0 ? 0.1 : (0.1 * Math.sqrt(1 - 0.99 * 0.99 * 0.99)) / (1 - 0.9 * 0.9 * 0.9)
    expectNear(
      first,
      each((i) => m(i)),
    )
    expectNear(
      second,
      each((i) => s(i)),
    )
    expectNear(
      y,
      each((i, xi) => 0.5 * (xi - (r * m(i)) / (Math.sqrt(s(i)) + 1e-3))),
      { relative: 1e-5 },
    )
  })

  test.each(['standard', 'nesterov'])('Momentum, %s, of two tensors', async (mode) => {
    const attributes = { alpha: { float: 0.75 }, beta: { float: 0.5 }, norm_coefficient: { float: 0 }, mode }
    for (const t of [0, 1]) {
      const inputs = [rate, step(t), x, h, g, g, v, v]
      const [y, other, velocity] = await runNode({
        op: 'Momentum',
        domain: training,
        opset: 1,
        inputs,
        attributes,
        outputs: 4,
      })
      const next = (i: number) => 0.75 * at(v, i) + (t === 0 ? 1 : 0.5) * at(g, i)
      const move = (i: number) => 0.1 * (mode === 'standard' ? next(i) : at(g, i) + 0.75 * next(i))
      expectNear(
        velocity,
        each((i) => next(i)),
      )
      expectNear(
        y,
        each((i, xi) => xi - move(i)),
      )
      expectNear(
        other,
        each((i) => at(h, i) - move(i)),
      )
    }
  })
})
