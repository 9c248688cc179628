/**
 * What calls before this one have written of a shard. The record of the shard says so while it is made; once the cache is
 * whole its manifest says the same, so that a record that is damaged loses nothing.
 */
import { CheckpointError } from '../../errors.js';
import { type FileStore, NothingThere } from '../../io/fileStore.js';
import { factDifferences, type TeacherCacheFacts } from './facts.js';
import {
  type CachePart,
  type CacheShard,
  DamagedFile,
  type Manifest,
  makeAnew,
  readManifest,
  readRecord,
  recordName,
  shardFolder,
  shardNamed,
} from './files.js';

/** Parts that are cut otherwise would be made anew: `partRows` is compared where there is one. */
type Compared = TeacherCacheFacts & { readonly partRows?: number };

/** @throws CheckpointError naming what differs */
export function requireSameFacts(where: string, there: Compared, here: Compared): void {
  const differences = [
    ...factDifferences(there, here),
    ...(there.partRows === here.partRows ? [] : [`partRows is ${there.partRows} there, ${here.partRows} here`]),
  ];
  if (differences.length === 0) return;
  throw new CheckpointError(
    `${where}: the cache is of something else: ${differences.join('; ')}. Give what it was begun with, or another folder.`,
    { found: there, expected: here },
  );
}

/**
 * The parts of a shard that calls before have written, and whether its record is damaged.
 * @param cuts the first sample of each part of the shard, and how many it has
 * @throws CheckpointError where the shard or the whole cache is of something else, or cannot be read
 */
export async function writtenBefore(
  store: FileStore,
  shard: CacheShard,
  { facts, partRows, cuts }: { facts: TeacherCacheFacts; partRows: number; cuts: ReadonlyMap<number, number> },
): Promise<{ parts: readonly CachePart[]; isDamaged: boolean }> {
  const record = await readRecord(store, shard).catch(whereDamaged('damaged' as const));
  const manifest = await readManifest(store).catch(whereDamaged(undefined));
  const parts = manifest && partsOfShard(manifest, shard);
  const isOurs =
    manifest !== undefined &&
    factDifferences(manifest.facts, facts).length === 0 &&
    parts?.length === cuts.size &&
    parts.every(({ first, samples }) => cuts.get(first) === samples);
  if (record === 'damaged' || record === undefined) {
    if (manifest) requireSameFacts(store.name, manifest.facts, facts);
    return { parts: isOurs ? (parts ?? []) : [], isDamaged: record === 'damaged' };
  }
  if (isOurs && (record.partRows !== partRows || !agrees(record, { facts, parts: parts ?? [] })))
    return { parts: parts ?? [], isDamaged: true };
  requireSameFacts(
    `${store.name}/${shardFolder(shard)}`,
    { ...record.facts, partRows: record.partRows },
    { ...facts, partRows },
  );
  return { parts: record.parts, isDamaged: false };
}

/** @throws CheckpointError naming the record of a shard that is missing, or is not what the manifest was made of */
export async function requireRecords(store: FileStore): Promise<void> {
  const manifest = await readManifest(store);
  const folders = new Set(manifest.parts.map(({ file }) => file.split('/', 1)[0] as string));
  for (const folder of folders) {
    const shard = shardNamed(folder);
    const path = `${store.name}/${folder}/${recordName}`;
    const record = shard && (await readRecord(store, shard));
    if (!record) throw new CheckpointError(`${path}: the file is missing. ${makeAnew}`);
    const parts = partsOfShard(manifest, shard);
    if (record.isWhole && record.parts.length === parts.length && agrees(record, { facts: manifest.facts, parts }))
      continue;
    throw new CheckpointError(`${path}: it says otherwise than the manifest of the cache. ${makeAnew}`);
  }
}

/** Whether a record says of the parts that it has what the manifest says. */
const agrees = (record: Manifest, { facts, parts }: Manifest): boolean => {
  const known = new Set(parts.map((part) => JSON.stringify(part)));
  return (
    factDifferences(record.facts, facts).length === 0 && record.parts.every((part) => known.has(JSON.stringify(part)))
  );
};

/** Of a whole cache, by their names in the folder of the shard. */
const partsOfShard = ({ parts }: Manifest, shard: CacheShard): CachePart[] => {
  const folder = `${shardFolder(shard)}/`;
  return parts.flatMap((part) =>
    part.file.startsWith(folder) ? [{ ...part, file: part.file.slice(folder.length) }] : [],
  );
};

/** Of what cannot be read: `instead` where it is damaged, undefined where it is not there. Other errors are thrown. */
export const whereDamaged =
  <Instead>(instead: Instead) =>
  (error: unknown): Instead | undefined => {
    if (error instanceof DamagedFile) return instead;
    if (error instanceof NothingThere) return undefined;
    throw error;
  };
