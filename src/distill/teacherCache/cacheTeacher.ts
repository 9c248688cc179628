/**
 * Writes a teacher's predictions on the data of a run, from which students are trained without the teacher in memory. The
 * samples are cut into shards, which may be made by different machines, and a shard into parts, which are written one after
 * the other and each under its name at once: a kill loses one part at most, and the next call goes on.
 */
import * as z from 'zod';
import type { Sample } from '../../data/batch.js';
import { CheckpointError, CompatibilityError, OptionError, whole } from '../../errors.js';
import { giveTurn } from '../../eventLoop.js';
import { type FileStore, folderOption } from '../../io/fileStore.js';
import { idOutside } from '../../models/checkSample.js';
import { requireMemory } from '../../models/memory.js';
import { type LanguageModel, modelOption } from '../../models/model.js';
import { openFolder } from '../../platform/openFolder.js';
import { checkOptions, type Fields, ranges, signalOption, special } from '../../settings/index.js';
import { type Tokenizer, tokenizerOption } from '../../text/index.js';
import { writtenAs } from '../fileDigest.js';
import { chunks } from '../trainer/batches.js';
import { refuseNamedTeachers, requireSamples } from '../trainer/checkData.js';
import type { TrainingData } from '../trainer/options.js';
import { factsOf } from './facts.js';
import {
  type CachePart,
  type CacheShard,
  partName,
  readRecord,
  recordName,
  type ShardRecord,
  shardFolder,
  shardsIn,
  writeManifest,
  writeRecord,
} from './files.js';
import { planCaching, type TeacherCacheMemory } from './memory.js';
import { cachingOptions } from './options.js';
import { rowBytes, writePart } from './parts.js';
import { predict, rowsOf } from './predict.js';
import { requireSameFacts, whereDamaged, writtenBefore } from './writtenBefore.js';

const shardWords = 'an index from 1 and how many shards there are, { index: 1, of: 4 }';
const shardSchema = z
  .strictObject({ index: ranges.count, of: ranges.count }, shardWords)
  .refine(({ index, of }) => index <= of, shardWords);

const allOptions = z.strictObject({
  ...cachingOptions.shape,
  teacher: modelOption,
  data: special<TrainingData>('an object with train, as readInstructions gives it after await', (value) =>
    Array.isArray(Object(value).train),
  ),
  tokenizer: tokenizerOption.optional(),
  out: folderOption,
  shard: shardSchema.default({ index: 1, of: 1 }),
  signal: signalOption.optional(),
} satisfies Fields<Omit<CacheTeacherOptions, keyof typeof cachingOptions.shape>> & typeof cachingOptions.shape);

/** What `cacheTeacher` takes. */
export interface CacheTeacherOptions extends Readonly<z.input<typeof cachingOptions>> {
  /** On whatever device; it stays as it is. */
  readonly teacher: LanguageModel;
  /** What students are to be trained on: `train` and `template` count, as readInstructions gives them. */
  readonly data: TrainingData;
  /** With it, a run with another vocabulary is refused. */
  readonly tokenizer?: Tokenizer;
  /** Folder (path or store) of the cache. What is there of the same cache stays. */
  readonly out: string | FileStore;
  /** Which share of the samples is predicted. Default: all of them. */
  readonly shard?: CacheShard;
  /** Stops after the batch in progress. Parts that are written stay. */
  readonly signal?: AbortSignal;
}

/** What happens while a cache is written: 'start', 'progress' after each batch, 'part' after each file, 'end'. */
export type TeacherCacheEvent =
  | {
      /** Before the first prediction. */
      readonly type: 'start';
      /** Samples of the shard. */
      readonly samples: number;
      /** Those that are written already. */
      readonly done: number;
      /** Of the shard's predictions when it is whole. */
      readonly bytes: number;
      /** Files that were damaged and are made anew. */
      readonly remarks: readonly string[];
    }
  | {
      /** After each batch. */
      readonly type: 'progress';
      /** Samples that are predicted, those that were there included. */
      readonly samples: number;
      /** Samples of the shard. */
      readonly of: number;
      /** Tokens of those of this call, prompts included. */
      readonly tokens: number;
      /** The same by the time of this call. */
      readonly tokensPerSecond: number;
    }
  | {
      /** After each file. */
      readonly type: 'part';
      /** Its path in the folder. */
      readonly file: string;
      /** Its first sample. */
      readonly first: number;
      /** How many it has. */
      readonly samples: number;
      /** Predicted positions. */
      readonly rows: number;
      /** Of the file. */
      readonly bytes: number;
    }
  | {
      /** Comes last. */
      readonly type: 'end';
      /** 'aborted' by the signal, which leaves files to be written. */
      readonly reason: 'finished' | 'aborted';
      /** Of the shard's files. */
      readonly bytes: number;
      /** Predicted positions in them. */
      readonly rows: number;
      /** The shards that are not whole yet: none where the cache can be used. */
      readonly missing: readonly CacheShard[];
      /** Time of this call. */
      readonly ms: number;
    };

/** The events of a call, as they happen. */
export interface TeacherCaching extends AsyncGenerator<TeacherCacheEvent, void, undefined> {
  /** How much memory it takes at most, without computing anything: the teacher may be on a meta device. */
  memory(): Promise<TeacherCacheMemory>;
}

/**
 * Predicts the samples of `data.train` by the teacher, and writes the `topK` likeliest tokens of each position that counts,
 * their log-probabilities and that of all other tokens together. Nothing happens until the result is iterated. A call with
 * the same options goes on where one before it was ended, and makes damaged files anew. When the last shard is whole, the
 * manifest is written that makes all of them one cache; see docs/teacher-cache.md.
 * @example
 * for await (const event of cacheTeacher({ teacher, tokenizer, data, out: './cache' }))
 *   if (event.type === 'progress') console.log(event.samples, event.of);
 * @throws OptionError, DataError, CompatibilityError, LimitError; while iterating LimitError (memory), CheckpointError (the
 * folder holds a cache of something else, files that cannot be written, another call that writes the same shard) and
 * TrainingError (predictions that are no numbers)
 */
export function cacheTeacher(options: CacheTeacherOptions): TeacherCaching {
  const checked = checkOptions('cacheTeacher', allOptions, options) as z.output<typeof allOptions> &
    CacheTeacherOptions;
  const { teacher, data, topK, shard } = checked;
  const { vocabSize = teacher.vocabSize } = checked;
  if (vocabSize > teacher.vocabSize) {
    throw new OptionError(
      `cacheTeacher: vocabSize is ${vocabSize}, expected at most the teacher's ${teacher.vocabSize}.`,
      { option: 'vocabSize', found: vocabSize, expected: teacher.vocabSize },
    );
  }
  if (topK > vocabSize) {
    throw new OptionError(
      `cacheTeacher: topK is ${topK}, expected at most the ${vocabSize} tokens of the vocabulary, which is all of each prediction.`,
      { option: 'topK', found: topK, expected: vocabSize },
    );
  }
  requireSamples('train', data.train, new Map([['teacher', teacher]]));
  refuseNamedTeachers('train', data.train);
  const far = data.train.findIndex(({ ids }) => idOutside(ids, vocabSize) !== undefined);
  if (far >= 0) {
    throw new CompatibilityError(
      `cacheTeacher: data.train[${far}] has a token id that is not below vocabSize (${vocabSize}). Raise it, or leave it out.`,
      { found: far, expected: vocabSize },
    );
  }
  if (shard.of > data.train.length) {
    throw new OptionError(
      `cacheTeacher: shard is ${shard.index} of ${shard.of}, expected at most as many shards as the ${data.train.length} samples.`,
      { option: 'shard', found: shard.of, expected: data.train.length },
    );
  }
  const work: Work = { ...checked, vocabSize };
  return Object.assign(events(work), { memory: () => planCaching(work) });
}

type Work = z.output<typeof allOptions> & CacheTeacherOptions & { readonly vocabSize: number };

async function* events(work: Work): AsyncGenerator<TeacherCacheEvent, void, undefined> {
  const { teacher, data, tokenizer, out, shard, topK, temperature, vocabSize, batchSize, partRows, signal } = work;
  const started = performance.now();
  requireMemory(await planCaching(work));
  const store = openFolder(out);
  const facts = await factsOf({ teacher, data, tokenizer }, { topK, temperature, vocabSize });
  await requireSameShards(store, shard);
  const folder = store.folder(shardFolder(shard));
  const giveBack = await folder.lock();
  try {
    const wanted = await partsOf(work);
    const cuts = new Map(wanted.map(({ first, rows }) => [first, rows.length]));
    const before = await writtenBefore(store, shard, { facts, partRows, cuts });
    const { kept, damaged } = await undamaged(folder, before.parts, cuts);
    if (before.isDamaged) damaged.unshift(`${folder.name}/${recordName}`);
    const parts = new Map(kept.map((part) => [part.first, part]));
    const record = (isWhole: boolean): ShardRecord => {
      const inOrder = [...parts.values()].sort((a, b) => a.first - b.first);
      return { facts, shard, partRows, isWhole, parts: inOrder };
    };
    const sum = (of: 'samples' | 'rows' | 'bytes') => [...parts.values()].reduce((total, part) => total + part[of], 0);
    const samples = wanted.reduce((total, part) => total + part.rows.length, 0);
    yield {
      type: 'start',
      samples,
      done: sum('samples'),
      bytes: wanted.reduce((total, { rows }) => total + rows.reduce((a, b) => a + b, 0) * rowBytes(facts), 0),
      remarks: damaged.map((file) => `${file} is damaged and made anew.`),
    };
    // From here on the folder says what it is of.
    await writeRecord(store, record(false));
    let tokens = 0;
    for (const { index, first, rows } of wanted) {
      if (parts.has(first)) continue;
      const own = data.train.slice(first, first + rows.length);
      const whole = { ids: new Int32Array(sumOf(rows) * topK), logs: new Float32Array(sumOf(rows) * (topK + 1)) };
      const starts = startsOf(rows);
      let done = sum('samples');
      // Samples of like length in one batch need little padding.
      const byLength = [...own.keys()].sort((a, b) => own[a]!.ids.length - own[b]!.ids.length || a - b);
      for (const batch of chunks(byLength, batchSize)) {
        if (signal?.aborted) break;
        const batched = batch.map((i) => own[i] as Sample);
        const found = await predict(teacher, batched, { topK, temperature, vocabSize });
        let at = 0;
        for (const i of batch) {
          const end = at + (rows[i] as number);
          whole.ids.set(found.ids.subarray(at * topK, end * topK), (starts[i] as number) * topK);
          whole.logs.set(found.logs.subarray(at * (topK + 1), end * (topK + 1)), (starts[i] as number) * (topK + 1));
          at = end;
        }
        done += batch.length;
        tokens += batched.reduce((total, { ids }) => total + ids.length, 0);
        const tokensPerSecond = (1000 * tokens) / (performance.now() - started);
        yield { type: 'progress', samples: done, of: samples, tokens, tokensPerSecond };
        await giveTurn();
      }
      if (signal?.aborted) break;
      const file = partName(index);
      const written = await writePart(folder, file, whole, { rows, topK, vocabSize });
      const part: CachePart = { file, first, samples: rows.length, rows: sumOf(rows), ...written };
      parts.set(first, part);
      await writeRecord(store, record(false));
      const { sha256: _, ...told } = part;
      yield { type: 'part', ...told, file: `${shardFolder(shard)}/${file}` };
    }
    const isWhole = parts.size === wanted.length;
    await writeRecord(store, record(isWhole));
    const missing = isWhole ? await mergeShards(store, shard.of) : await notWhole(store, shard.of);
    yield {
      type: 'end',
      reason: isWhole ? 'finished' : 'aborted',
      ...{ bytes: sum('bytes'), rows: sum('rows'), missing, ms: performance.now() - started },
    };
  } finally {
    await giveBack();
  }
}

const sumOf = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);

function startsOf(rows: readonly number[]): number[] {
  let next = 0;
  return rows.map((count) => {
    next += count;
    return next - count;
  });
}

/** A part that is to be written: rows of each of its samples. */
interface WantedPart {
  readonly index: number;
  readonly first: number;
  readonly rows: readonly number[];
}

/** The parts of a shard: a function of data, teacher and options alone, so that a call that goes on makes the same. */
async function partsOf({ teacher, data: { train }, shard, partRows }: Work): Promise<WantedPart[]> {
  const [begin, end] = [shard.index - 1, shard.index].map((i) => Math.floor((train.length * i) / shard.of)) as [
    number,
    number,
  ];
  const parts: { index: number; first: number; rows: number[] }[] = [];
  let last: number[] | undefined;
  let total = 0;
  for (let at = begin; at < end; at++) {
    const [rows = 0] = rowsOf(teacher, [train[at] as Sample]);
    if (!last || total + rows > partRows) {
      last = [];
      total = 0;
      parts.push({ index: parts.length, first: at, rows: last });
    }
    last.push(rows);
    total += rows;
    if (at % 256 === 0) await giveTurn();
  }
  return parts;
}

/** Parts that are there as they were written, and the names of those that are not. */
async function undamaged(
  folder: FileStore,
  parts: readonly CachePart[],
  cuts: ReadonlyMap<number, number>,
): Promise<{ kept: CachePart[]; damaged: string[] }> {
  const kept: CachePart[] = [];
  const damaged: string[] = [];
  for (const part of parts) {
    const isWhole =
      cuts.get(part.first) === part.samples &&
      (await folder.exists(part.file)) &&
      (await writtenAs(folder, part.file, part));
    if (isWhole) kept.push(part);
    else damaged.push(`${folder.name}/${part.file}`);
    await giveTurn();
  }
  return { kept, damaged };
}

/** @throws CheckpointError where the samples were cut otherwise */
async function requireSameShards(store: FileStore, { of }: CacheShard): Promise<void> {
  const other = (await shardsIn(store)).find((shard) => shard.of !== of);
  if (!other) return;
  throw new CheckpointError(
    `${store.name}: the cache in it has ${whole(other.of)} shards, this is one of ${whole(of)}. Give as many, or another folder.`,
    { found: other.of, expected: of },
  );
}

const allShards = (of: number): CacheShard[] => Array.from({ length: of }, (_, i) => ({ index: i + 1, of }));

/** Shards that are to be made: one whose record is damaged is among them. */
async function notWhole(store: FileStore, of: number): Promise<CacheShard[]> {
  const missing: CacheShard[] = [];
  for (const shard of allShards(of)) {
    const record = await readRecord(store, shard).catch(whereDamaged(undefined));
    if (!record?.isWhole) missing.push(shard);
  }
  return missing;
}

/**
 * Makes one cache of shards where all are whole.
 * @returns those that are not
 * @throws CheckpointError where they are of different things
 */
export async function mergeShards(store: FileStore, of: number): Promise<CacheShard[]> {
  const missing = await notWhole(store, of);
  if (missing.length > 0) return missing;
  const records: ShardRecord[] = [];
  for (const shard of allShards(of)) records.push((await readRecord(store, shard)) as ShardRecord);
  const [{ facts }] = records as [ShardRecord];
  for (const { shard, facts: own } of records) requireSameFacts(`${store.name}/${shardFolder(shard)}`, own, facts);
  const parts = records.flatMap(({ shard, parts }) =>
    parts.map((part) => ({ ...part, file: `${shardFolder(shard)}/${part.file}` })),
  );
  await writeManifest(store, { facts, parts });
  return [];
}
