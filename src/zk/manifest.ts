/**
 * Manifests: somebody says that a tensor of this type has this ordinary digest and this Poseidon root. Nobody's manifest is believed: as
 * it comes it is `claimed`, and `checked` only for whoever had the tensor and recomputed both.
 * @module
 */
import { equal, type Bytes32 } from '../core/bytes.js'
import { demand } from '../core/faults.js'
import { DTYPES, type DType, type Tensor } from '../core/tensor.js'
import { digest } from '../merkle/index.js'
import * as fields from '../receipt/fields.js'
import { format, type Format } from '../receipt/typed-data.js'
import { SHAPES, commit, layoutOf, type Layout } from './commit.js'
import { element } from './field.js'

/** What is said of a tensor. */
interface Said {
  readonly layout: Layout
  /** The digest of receipts (src/merkle/tiles.ts). */
  readonly digest: Bytes32
  /** The root that circuits recompute (src/zk/commit.ts). */
  readonly poseidonRoot: bigint
}

/** A manifest as it came from somebody. */
export interface ClaimedManifest extends Said {
  readonly standing: 'claimed'
}

/** A manifest whose digest and root were recomputed from the tensor, here. */
export interface CheckedManifest extends Said {
  readonly standing: 'checked'
}

/** A manifest. Its type says whether it was checked. */
export type TensorManifest = ClaimedManifest | CheckedManifest

/** What hides a tensor from both sides: one without the other would hide nothing. */
export interface Hiding {
  /** Of the Poseidon root: 128 random bits or more. */
  readonly salt: bigint
  /** Of the digest: 32 random bytes. */
  readonly blind: Bytes32
}

/**
 * The manifest of a tensor that stands here.
 * Cost: that of both digests.
 * @throws Fault `zk/bad-length` (hidden just where the layout is salted; another tensor than the layout's), `zk/out-of-range`.
 */
export function manifestOf(tensor: Tensor, layout: Layout, hiding?: Hiding): CheckedManifest {
  const same = tensor.dtype === layout.dtype && `${tensor.dims}` === `${layout.dims}`
  demand(same, 'zk/bad-length', () => 'a tensor of another type than its layout')
  demand(
    layout.salted === (hiding !== undefined),
    'zk/bad-length',
    () => 'salt and blind stand just where the layout says',
  )
  const poseidonRoot = commit(tensor, { ...layout, salt: hiding?.salt })
  const made = digest(tensor, hiding && { blind: hiding.blind })
  return Object.freeze({ layout, digest: made, poseidonRoot, standing: 'checked' })
}

/**
 * Recomputes both sides of a manifest from the tensor.
 * @throws Fault `zk/refuted` where one differs, and as {@link manifestOf}.
 */
export function verifyManifest(manifest: TensorManifest, tensor: Tensor, hiding?: Hiding): CheckedManifest {
  const found = manifestOf(tensor, manifest.layout, hiding)
  demand(equal(found.digest, manifest.digest), 'zk/refuted', () => 'the digest is of another tensor')
  demand(found.poseidonRoot === manifest.poseidonRoot, 'zk/refuted', () => 'the Poseidon root is of another tensor')
  return found
}

const MOST_RANK = 16
const scale: fields.Field<number> = {
  from: (value, where) => inRange(value as number, where),
  fromJson: (json, where) => inRange(json as number, where),
  toJson: (value) => value,
  toTyped: (value) => value,
}

function inRange(value: number, where: string): number {
  const fits = Number.isInteger(value) && value >= -(2 ** 31) && value < 2 ** 31
  demand(fits, 'core/bad-number', () => 'not a scale', { where })
  return value
}

const layoutField: fields.Field<Layout> = fields.record<Layout>(
  {
    dtype: fields.oneOf(Object.keys(DTYPES) as DType[]),
    dims: fields.listOf(fields.uint(32), MOST_RANK),
    width: fields.uint(8),
    scale,
    salted: fields.bool,
    shape: fields.oneOf(SHAPES),
  },
  (layout) => void layoutOf(layout, layout),
)

const rootField: fields.Field<bigint> = {
  ...fields.bigUint(256),
  from: (value, where) => element(fields.bigUint(256).from(value, where)),
  fromJson: (json, where) => element(fields.bigUint(256).fromJson(json, where)),
}

const manifestFormat: Format<Said> = format(
  'tensor-manifest',
  fields.record<Said>({ layout: layoutField, digest: fields.bytes32, poseidonRoot: rootField }),
  4096,
)

/** Canonical JSON of a manifest, format `tensor-manifest`. That it was checked is never written: a reader cannot know. */
export function encodeManifest({ layout, digest, poseidonRoot }: TensorManifest): Uint8Array {
  return manifestFormat.encode({ layout, digest, poseidonRoot })
}

/** Reads a manifest: claimed, until {@link verifyManifest}. @throws Fault as {@link format}; `zk/unsupported`, `zk/not-in-field`. */
export function decodeManifest(bytes: Uint8Array): ClaimedManifest {
  return Object.freeze({ ...manifestFormat.decode(bytes), standing: 'claimed' })
}
