import { CheckpointError } from '../errors.js';
import { bf16ToF32, f16ToF32 } from '../halfFloats.js';
import type { FileStore } from './fileStore.js';
import { isObject, kindOf, readJson } from './json.js';
import { readSafetensorsHeader, type SafetensorsDType, type SafetensorsEntry } from './safetensorsHeader.js';

/** Named tensors in files, read one at a time. */
export interface WeightFiles {
  /** For messages: "./gpt2/model.safetensors". */
  readonly name: string;
  readonly entries: ReadonlyMap<string, { readonly dtype: SafetensorsDType; readonly shape: readonly number[] }>;
  /** The header's `__metadata__`, of the first file when there are several. */
  readonly metadata: Readonly<Record<string, string>>;
  /**
   * The elements of a tensor as f32, row-major; F16 and BF16 widen exactly.
   * @throws CheckpointError when there is no such tensor, its dtype is another, or the file has changed
   */
  read(name: string): Promise<Float32Array<ArrayBuffer>>;
}

const single = 'model.safetensors';
const index = 'model.safetensors.index.json';

/**
 * The weights of a Hugging Face folder: `model.safetensors`, or the shards of `model.safetensors.index.json`.
 * @throws CheckpointError when neither is there or a file is malformed
 */
export async function openWeights(store: FileStore): Promise<WeightFiles> {
  if (await store.exists(single)) return openSafetensors(store, single);
  if (await store.exists(index)) return openShards(store);
  const files = (await store.list().catch(() => undefined))?.files;
  const found = files ? `, found ${files.length ? files.join(', ') : 'no files'}` : '';
  const pickled = files?.some((file) => file.endsWith('.bin') || file.endsWith('.pt'));
  throw new CheckpointError(
    `${store.name}: there is no ${single} and no ${index}${found}. ` +
      (pickled
        ? 'Pickled PyTorch weights are not read: load them with transformers and save_pretrained them again.'
        : 'Check the name of the folder, and that it is complete.'),
    { expected: [single, index], ...(files ? { found: files } : {}) },
  );
}

/** One safetensors file. @throws CheckpointError when it is missing or malformed */
export async function openSafetensors(store: FileStore, path: string): Promise<WeightFiles> {
  const where = `${store.name}/${path}`;
  const { entries, metadata } = await readSafetensorsHeader(store, path);
  const load = async (name: string) => {
    const entry = entries.get(name);
    if (!entry) throw new CheckpointError(`${where}: there is no tensor '${name}'.`, { expected: name });
    return { entry, bytes: await store.read(path, entry.begin, entry.byteLength) };
  };
  return {
    name: where,
    entries,
    metadata,
    async read(name) {
      const { entry, bytes } = await load(name);
      return toF32(where, name, entry, bytes);
    },
  };
}

async function openShards(store: FileStore): Promise<WeightFiles> {
  const where = `${store.name}/${index}`;
  const { weight_map: map } = await readJson(store, index);
  if (!isObject(map)) {
    throw new CheckpointError(`${where}: weight_map is ${kindOf(map)}, expected an object. Download it again.`);
  }
  const shardOf = new Map<string, string>();
  for (const [name, path] of Object.entries(map)) {
    // A name, never a path: an index from elsewhere must not reach out of its folder.
    if (typeof path !== 'string' || !/^[^/\\]+\.safetensors$/.test(path)) {
      throw new CheckpointError(
        `${where}: tensor '${name}' is in ${JSON.stringify(path)}, expected the name of a .safetensors file.`,
        { found: path },
      );
    }
    shardOf.set(name, path);
  }
  const shards = new Map<string, WeightFiles>();
  for (const path of [...new Set(shardOf.values())].sort()) {
    if (!(await store.exists(path))) {
      throw new CheckpointError(`${where}: shard '${path}' is missing. Download it into the same folder.`, {
        expected: path,
      });
    }
    const shard = await openSafetensors(store, path);
    for (const name of shard.entries.keys()) {
      if (shardOf.get(name) !== path) {
        const listed = shardOf.has(name) ? `in '${shardOf.get(name)}'` : 'nowhere';
        throw new CheckpointError(`${shard.name}: tensor '${name}' is here, the index lists it ${listed}.`, {
          found: path,
          expected: shardOf.get(name),
        });
      }
    }
    shards.set(path, shard);
  }
  const entries: [string, SafetensorsEntry][] = [];
  for (const [name, path] of shardOf) {
    const entry = shards.get(path)?.entries.get(name);
    if (!entry) {
      throw new CheckpointError(`${where}: tensor '${name}' is not in '${path}', where the index lists it.`, {
        expected: path,
      });
    }
    entries.push([name, entry as SafetensorsEntry]);
  }
  const [first] = shards.values();
  const holding = (name: string) => {
    const shard = shards.get(shardOf.get(name) ?? '');
    if (!shard) throw new CheckpointError(`${where}: there is no tensor '${name}'.`, { expected: name });
    return shard;
  };
  return {
    name: where,
    entries: new Map(entries),
    metadata: first?.metadata ?? {},
    read: async (name) => holding(name).read(name),
  };
}

/** Typed arrays want their bytes aligned; a store may hand out a view at any byte. */
const aligned = (bytes: Uint8Array<ArrayBuffer>) => (bytes.byteOffset % 4 === 0 ? bytes : bytes.slice());

function toF32(
  where: string,
  name: string,
  { dtype }: SafetensorsEntry,
  bytes: Uint8Array<ArrayBuffer>,
): Float32Array<ArrayBuffer> {
  const { buffer, byteOffset, byteLength } = aligned(bytes);
  switch (dtype) {
    case 'F32':
      return new Float32Array(buffer, byteOffset, byteLength / 4);
    case 'F16':
      return f16ToF32(new Uint16Array(buffer, byteOffset, byteLength / 2));
    case 'BF16':
      return bf16ToF32(new Uint16Array(buffer, byteOffset, byteLength / 2));
    default:
      throw new CheckpointError(`${where}: tensor '${name}' has dtype ${dtype}, expected F32, F16 or BF16.`, {
        found: dtype,
        expected: ['F32', 'F16', 'BF16'],
      });
  }
}
