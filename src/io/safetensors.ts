/**
 * Safetensors files, each a source of tensors: the header is read and checked when a file is opened, bytes when asked
 * for.
 */
import { CheckpointError } from '../errors.js';
import type { FileStore } from './fileStore.js';
import { isObject, kindOf, readJson } from './json.js';
import { readSafetensorsHeader } from './safetensorsHeader.js';
import type { StoredTensor, TensorSource } from './tensorSource.js';

export interface SafetensorsFile extends TensorSource {
  /** The header's `__metadata__`. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** One safetensors file. @throws CheckpointError when it is missing or malformed, or replaced while it is read */
export async function openSafetensors(store: FileStore, path: string): Promise<SafetensorsFile> {
  const where = `${store.name}/${path}`;
  const stamp = await store.stamp(path);
  /** Bytes that were read while the file was replaced may be those of another, at which this header does not look. */
  const requireSame = async () => {
    if ((await store.stamp(path)) === stamp) return;
    throw new CheckpointError(`${where}: the file was replaced while it was read. Load it again.`);
  };
  const ofOneFile = <T>(reading: Promise<T>): Promise<T> => reading.finally(requireSame);
  const { entries, metadata } = await ofOneFile(readSafetensorsHeader(store, path));
  const find = (name: string) => {
    const entry = entries.get(name);
    if (!entry) throw new CheckpointError(`${where}: there is no tensor '${name}'.`, { expected: name });
    return entry;
  };
  return {
    name: where,
    entries,
    metadata,
    async read(name) {
      const { begin, byteLength } = find(name);
      return ofOneFile(store.read(path, begin, byteLength));
    },
    async readInto(name, offset, target) {
      const { begin, byteLength } = find(name);
      const end = offset + target.byteLength;
      if (end > byteLength) {
        throw new CheckpointError(`${where}: byte ${end} of tensor '${name}' was asked for, it has ${byteLength}.`, {
          found: byteLength,
          expected: end,
        });
      }
      await ofOneFile(store.readInto(path, begin + offset, target));
    },
  };
}

/**
 * The safetensors files that an index lists (`{"weight_map": {tensor: file}}`) as one source.
 * @throws CheckpointError when a file is missing or malformed, or index and files do not agree
 */
export async function openShards(store: FileStore, index: string): Promise<TensorSource> {
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
  const shards = new Map<string, TensorSource>();
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
  const entries = new Map<string, StoredTensor>();
  for (const [name, path] of shardOf) {
    const entry = shards.get(path)?.entries.get(name);
    if (!entry) {
      throw new CheckpointError(`${where}: tensor '${name}' is not in '${path}', where the index lists it.`, {
        expected: path,
      });
    }
    entries.set(name, entry);
  }
  const holding = (name: string) => {
    const shard = shards.get(shardOf.get(name) ?? '');
    if (!shard) throw new CheckpointError(`${where}: there is no tensor '${name}'.`, { expected: name });
    return shard;
  };
  return {
    name: where,
    entries,
    read: async (name) => holding(name).read(name),
    readInto: async (name, offset, target) => holding(name).readInto(name, offset, target),
  };
}
