import { CheckpointError, whole } from '../../errors.js';
import { type FileStore, folderOption } from '../../io/fileStore.js';
import { openFolder } from '../../platform/openFolder.js';
import { checkOption } from '../../settings/index.js';
import { mergeShards } from './cacheTeacher.js';
import { manifestName, readRecord, shardFolder, shardsIn } from './files.js';
import { requireRecords } from './writtenBefore.js';

/**
 * Makes one cache of shards that were written into other folders and have been copied together: writes the manifest that
 * names the files of all of them. Where all shards were written into one folder, `cacheTeacher` has done so; a manifest that
 * is there stays as it is, and the record of each shard is compared with it.
 * @throws CheckpointError where a record is damaged, shards are missing or not whole, or are of different things; OptionError
 */
export async function mergeTeacherCache(folder: string | FileStore): Promise<void> {
  checkOption('mergeTeacherCache', 'folder', folder, folderOption);
  const store = openFolder(folder);
  if (await store.exists(manifestName)) return requireRecords(store);
  const shards = await shardsIn(store);
  const [first] = shards;
  if (!first) {
    throw new CheckpointError(
      `${store.name}: there is no shard of a teacher cache. Check the path: its folders are called shard-1-of-4, and so on.`,
    );
  }
  const other = shards.find(({ of }) => of !== first.of);
  if (other) {
    throw new CheckpointError(
      `${store.name}: there are shards of ${whole(first.of)} and of ${whole(other.of)}. Remove those that do not belong to the cache.`,
      { found: other.of, expected: first.of },
    );
  }
  // A record that is damaged is named.
  for (const shard of shards) await readRecord(store, shard);
  const missing = await mergeShards(store, first.of);
  if (missing.length === 0) return;
  throw new CheckpointError(
    `${store.name}: not whole yet: ${missing.map(shardFolder).join(', ')}. Make them by cacheTeacher, or copy their folders here.`,
    { found: missing },
  );
}
