/**
 * The files of a teacher cache, which docs/teacher-cache.md describes: a folder a shard, in it parts as safetensors files
 * and a record of what was written; and, once all shards are whole, one manifest beside them.
 */
import * as z from 'zod';
import { CheckpointError } from '../../errors.js';
import { short } from '../../inWords.js';
import { type FileStore, NothingThere } from '../../io/fileStore.js';
import { parseJson, readSmall } from '../../io/json.js';
import { decodeText } from '../../io/utf8.js';
import { parse, ranges } from '../../settings/index.js';
import { writeHashed } from '../fileDigest.js';
import { factsSchema, type TeacherCacheFacts } from './facts.js';

/** Names the whole cache. */
export const manifestName = 'teacher-cache.json';
/** In the folder of each shard. */
export const recordName = 'shard.json';

/** One of several shards of a cache, by number from 1. */
export interface CacheShard {
  /** From 1. */
  readonly index: number;
  /** How many there are. */
  readonly of: number;
}

export const shardFolder = ({ index, of }: CacheShard): string => `shard-${index}-of-${of}`;
/** The shard whose folder this is; undefined for another folder. */
export function shardNamed(folder: string): CacheShard | undefined {
  const [, index, of] = /^shard-(\d+)-of-(\d+)$/.exec(folder) ?? [];
  const shard = { index: Number(index), of: Number(of) };
  return shardFolder(shard) === folder ? shard : undefined;
}
export const partName = (index: number): string => `part-${String(index).padStart(5, '0')}.safetensors`;

const { count, countOrZero, text } = ranges;

const partSchema = z.strictObject({
  /** Its path from the manifest, or from the record of its shard. */
  file: text.regex(/^(?:shard-\d+-of-\d+\/)?part-\d+\.safetensors$/),
  first: countOrZero,
  samples: count,
  rows: countOrZero,
  bytes: count,
  sha256: text,
});
/** One file of predictions: of `samples` samples from the `first` on. */
export type CachePart = z.output<typeof partSchema>;

const manifestSchema = z.strictObject({
  format: z.literal('distillm teacher cache 1'),
  ...factsSchema.shape,
  parts: z.array(partSchema),
});
const recordSchema = z.strictObject({
  ...manifestSchema.shape,
  format: z.literal('distillm teacher cache shard 1'),
  shard: z.strictObject({ index: count, of: count }),
  partRows: count,
  /** All parts are there. */
  isWhole: ranges.switched,
});

/** A whole cache. */
export interface Manifest {
  readonly facts: TeacherCacheFacts;
  readonly parts: readonly CachePart[];
}

/** One shard, as far as it is written. */
export interface ShardRecord extends Manifest {
  readonly shard: CacheShard;
  /** Predicted positions of a part, at most. */
  readonly partRows: number;
  readonly isWhole: boolean;
}

/** @throws NothingThere; DamagedFile where it is malformed */
export async function readManifest(store: FileStore): Promise<Manifest> {
  const { format: _, parts, ...facts } = await readAs(manifestSchema, store, manifestName);
  return { facts: facts as TeacherCacheFacts, parts };
}

/** @returns undefined where the shard was not begun. @throws DamagedFile for a record that is malformed */
export async function readRecord(store: FileStore, shard: CacheShard): Promise<ShardRecord | undefined> {
  const folder = store.folder(shardFolder(shard));
  const found = await readAs(recordSchema, folder, recordName).catch((error: unknown) => {
    if (error instanceof NothingThere) return undefined;
    throw error;
  });
  if (!found) return undefined;
  const { format: _, parts, shard: own, partRows, isWhole, ...facts } = found;
  return { facts: facts as TeacherCacheFacts, parts, shard: own, partRows, isWhole };
}

async function readAs<Schema extends z.ZodType>(
  schema: Schema,
  store: FileStore,
  path: string,
): Promise<z.output<Schema>> {
  const where = `${store.name}/${path}`;
  const bytes = await readSmall(store, path);
  const damaged = (what: string, details: { found?: unknown; cause?: unknown }) =>
    new DamagedFile(`${where}: ${what}. ${makeAnew}`, details);
  let json: unknown;
  try {
    json = parseJson(decodeText(bytes, where, 'JSON'), where);
  } catch (cause) {
    throw damaged('it is no JSON any more', { cause });
  }
  return parse(schema, json, ({ path: field, found, message }) =>
    damaged(`${field || 'it'} is ${short(JSON.stringify(found) ?? 'missing')}, expected ${message}`, { found }),
  );
}

/** What to do about files that are not what was written. */
export const makeAnew = 'Run cache-teacher again with the options that made it: it makes damaged files anew.';

/** A file that can be read, and is not what was written. */
export class DamagedFile extends CheckpointError {}

const asJson = (value: object): Uint8Array[] => [new TextEncoder().encode(`${JSON.stringify(value, null, 1)}\n`)];

export const writeRecord = (store: FileStore, { facts, parts, ...own }: ShardRecord): Promise<void> =>
  store
    .folder(shardFolder(own.shard))
    .write(recordName, asJson({ format: 'distillm teacher cache shard 1', ...facts, ...own, parts }));

/** @returns the digest of the manifest, by which a cache is known */
export async function writeManifest(store: FileStore, { facts, parts }: Manifest): Promise<string> {
  const content = asJson({ format: 'distillm teacher cache 1', ...facts, parts });
  const { sha256 } = await writeHashed((chunks) => store.write(manifestName, chunks), content);
  return sha256;
}

/** The shards whose folders are in a store. */
export async function shardsIn(store: FileStore): Promise<CacheShard[]> {
  const { folders } = await store.list().catch((error: unknown) => {
    if (error instanceof NothingThere) return { folders: [] };
    throw error;
  });
  return folders.flatMap((name) => shardNamed(name) ?? []);
}
