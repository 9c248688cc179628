/**
 * What an architecture of GGUF files says of itself: the fields of config.json that its keys stand for, and what its
 * tensors are called in a Hugging Face folder. An architecture is a file that makes one of these, and a line in
 * architectures.ts.
 */
import type { Change } from '../../io/changed.js';
import type { StoredTensor, TensorSource } from '../../io/tensorSource.js';
import type { Metadata } from './metadata.js';

/** What a file says of its model. */
export interface GgufModel {
  readonly metadata: Metadata;
  readonly tensors: TensorSource;
}

export interface Architecture {
  /** The fields of config.json, but for the ids of special tokens. @throws CheckpointError for what cannot be had here */
  fields(model: GgufModel): Promise<Readonly<Record<string, unknown>>>;
  /** Names of the tensors outside of blocks, without `.weight` and `.bias`, and ours; undefined for those that are left out. */
  readonly outer: Readonly<Record<string, string | undefined>>;
  /** Begins the names of the tensors of a block: 'model.layers'. */
  readonly blocks: string;
  /** The same of the tensors in a block. */
  readonly inner: Readonly<Record<string, string>>;
  /** What must be changed of a tensor. `part`: its name in its block, or outside of blocks, without `.weight`. */
  change?(part: string, stored: StoredTensor, fields: Readonly<Record<string, unknown>>): Change | undefined;
}

/** Our name of a tensor, and the end by which `change` knows it; its own name where it is not known: models refuse it. */
export function nameOf(
  { outer, blocks, inner }: Architecture,
  stored: string,
): { readonly name: string; readonly part: string } | undefined {
  const [, block, part = '', end = ''] = /^(?:blk\.(\d+)\.)?(.*?)(\.weight|\.bias)$/.exec(stored) ?? [];
  const names = block === undefined ? outer : inner;
  if (!Object.hasOwn(names, part)) return { name: stored, part };
  const ours = names[part];
  if (ours === undefined) return undefined;
  return { name: block === undefined ? ours + end : `${blocks}.${block}.${ours}${end}`, part };
}
