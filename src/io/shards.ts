/** The files that an index lists (`{"weight_map": {tensor: file}}`), of whatever format, as one source of tensors. */
import { CheckpointError } from '../errors.js';
import type { FileStore } from './fileStore.js';
import { joined } from './joined.js';
import { isObject, kindOf, readJson } from './json.js';
import type { TensorSource } from './tensorSource.js';

/**
 * @param extension of the files: '.safetensors'
 * @param open opens one of them
 * @throws CheckpointError when a file is missing or malformed, or index and files do not agree
 */
export async function openShards(
  store: FileStore,
  index: string,
  extension: '.safetensors' | '.bin',
  open: (store: FileStore, path: string) => Promise<TensorSource>,
): Promise<TensorSource> {
  const where = `${store.name}/${index}`;
  const { weight_map: map } = await readJson(store, index);
  if (!isObject(map)) {
    throw new CheckpointError(`${where}: weight_map is ${kindOf(map)}, expected an object. Download it again.`);
  }
  const shardOf = new Map<string, string>();
  for (const [name, path] of Object.entries(map)) {
    // A name, never a path: an index from elsewhere must not reach out of its folder.
    if (typeof path !== 'string' || !/^[^/\\]+$/.test(path) || !path.endsWith(extension)) {
      throw new CheckpointError(
        `${where}: tensor '${name}' is in ${JSON.stringify(path)}, expected the name of a ${extension} file.`,
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
    const shard = await open(store, path);
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
  for (const [name, path] of shardOf) {
    if (shards.get(path)?.entries.has(name)) continue;
    throw new CheckpointError(`${where}: tensor '${name}' is not in '${path}', where the index lists it.`, {
      expected: path,
    });
  }
  return joined(where, [...shards.values()]);
}
