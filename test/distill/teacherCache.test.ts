/** A teacher's predictions in files, and training from them: on both backends, of decoders and encoder-decoders. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Device } from '../../src/backend/backend.js';
import { openWasm } from '../../src/backend/wasm/index.js';
import * as losses from '../../src/distill/losses/index.js';
import { adaptiveOffPolicy } from '../../src/distill/sgo/index.js';
import {
  type CacheTeacherOptions,
  cacheTeacher,
  mergeTeacherCache,
  openTeacherCache,
  type TeacherCacheEvent,
} from '../../src/distill/teacherCache/index.js';
import { requireRecords } from '../../src/distill/teacherCache/writtenBefore.js';
import { type DistillOptions, distill } from '../../src/distill/trainer/index.js';
import { httpStore, openSafetensors, readElements } from '../../src/io/index.js';
import { type MemoryStore, memoryStore } from '../../src/io/memoryStore.js';
import { createModel, type LanguageModel } from '../../src/models/index.js';
import { headLogits, tidy } from '../../src/tensor/index.js';
import { forEachBackend } from '../harness/backends.js';
import { collect, eos, letters, stepsOf, succession, tinyModel, tinyTokenizer, vocabSize } from './fixtures.js';

/** A GPU in software compiles every shader. */
const compilingMs = 240_000;
const tokenizer = tinyTokenizer();
/** Answers of 1 to 4 letters. */
const train = [1, 2, 3, 4].flatMap((length) => succession(length).slice(length, length + 2));
const data = { train, template: 'compact' };

async function eventsOf(run: AsyncIterable<TeacherCacheEvent>): Promise<TeacherCacheEvent[]> {
  const events: TeacherCacheEvent[] = [];
  for await (const event of run) events.push(event);
  return events;
}

const cached = async (options: Omit<CacheTeacherOptions, 'data'> & Partial<CacheTeacherOptions>) =>
  eventsOf(cacheTeacher({ data, tokenizer, ...options }));

async function cacheOf(teacher: LanguageModel, options: Partial<CacheTeacherOptions> = {}) {
  const out = memoryStore({}, { name: 'cache' });
  await cached({ teacher, out, ...options });
  return openTeacherCache(out);
}

const t5 = (device: Device, seed: number) =>
  createModel(
    {
      ...{ model_type: 't5', vocab_size: vocabSize, d_model: 8, d_kv: 4, d_ff: 12, num_layers: 1, num_heads: 2 },
      ...{ relative_attention_num_buckets: 8, eos_token_id: eos, decoder_start_token_id: eos, dropout_rate: 0 },
    },
    { device, seed },
  );

forEachBackend((backend) => {
  describe.each([
    ['a decoder', (seed: number) => tinyModel(backend(), { seed })],
    ['an encoder-decoder', (seed: number) => t5(backend(), seed)],
  ] as const)('the cache of %s', (_, make) => {
    it(
      'has the likeliest tokens of each position that counts, and the rest, of the teacher as it predicts',
      async () => {
        using teacher = await make(2);
        const cache = await cacheOf(teacher, { topK: 3, batchSize: 3 });
        expect(cache.facts).toMatchObject({
          topK: 3,
          temperature: 1,
          vocabSize,
          data: { samples: 8, template: 'compact' },
        });
        expect(cache.rows).toBe(2 * (2 + 3 + 4 + 5));
        for (const [index, sample] of train.entries()) {
          const { ids, logs } = await cache.read(index);
          const batch = teacher.collate([sample]);
          const logits = tidy(() => headLogits(teacher.forward(batch), teacher.head));
          const all = (await logits.read()) as Float32Array;
          logits.dispose();
          const counted = [...batch.labels.keys()].filter((row) => batch.labels[row] !== -100);
          expect(ids).toHaveLength(3 * counted.length);
          for (const [at, row] of counted.entries()) {
            const z = Array.from(all.subarray(row * vocabSize, (row + 1) * vocabSize));
            const total = Math.log(z.reduce((sum, value) => sum + Math.exp(value), 0));
            const p = z.map((value) => Math.exp(value - total));
            const likeliest = [...p.keys()]
              .sort((a, b) => p[b]! - p[a]! || a - b)
              .slice(0, 3)
              .sort((a, b) => a - b);
            expect([...ids.subarray(3 * at, 3 * at + 3)]).toEqual(likeliest);
            const rest = 1 - likeliest.reduce((sum, id) => sum + p[id]!, 0);
            [...likeliest.map((id) => p[id]!), rest].forEach((share, c) => {
              // f16 keeps a log-probability of up to -8 within 0.004.
              expect(Math.abs(logs[4 * at + c]! - Math.log(share))).toBeLessThan(0.004);
            });
          }
        }
      },
      compilingMs,
    );

    it(
      'teaches as the teacher itself where all tokens are named, and less where fewer are',
      async () => {
        const options = {
          ...{ data, tokenizer, steps: 3, batchSize: 3, optimizer: { lr: 1e-2 } },
          schedule: 'constant' as const,
        };
        const run = async (loss: losses.Divergence, teaching: Pick<DistillOptions, 'teacher' | 'teacherCache'>) => {
          using student = await make(1);
          return stepsOf(await collect(distill({ ...options, ...teaching, loss, student })));
        };
        using teacher = await make(2);
        for (const loss of [losses.skewKL({ temperature: 2 })]) {
          const { temperature } = loss;
          const live = await run(loss, { teacher });
          const firsts: number[] = [];
          for (const topK of [1, 3, vocabSize]) {
            const steps = await run(loss, { teacherCache: await cacheOf(teacher, { topK, temperature }) });
            firsts.push(steps[0]!.loss);
            if (topK < vocabSize) continue;
            steps.forEach((step, i) => {
              expect(Math.abs(step.loss - live[i]!.loss)).toBeLessThan(2e-3 * live[0]!.loss);
              expect(Math.abs(step.gradNorm - live[i]!.gradNorm)).toBeLessThan(4e-3 * live[0]!.gradNorm);
            });
          }
          // f16 rounds each share.
          const slack = 2e-3 * live[0]!.loss;
          firsts.forEach((value, i) => {
            expect(value).toBeGreaterThan(i === 0 ? 0 : firsts[i - 1]! - slack);
            expect(value).toBeLessThan(live[0]!.loss + slack);
          });
          expect(firsts[1]).toBeLessThan(0.97 * live[0]!.loss);
        }
      },
      compilingMs,
    );
  });
});

describe('a teacher cache', () => {
  let device: Device;
  let teacher: LanguageModel;
  let student: LanguageModel;
  beforeAll(async () => {
    device = await openWasm({ threads: 1 });
    teacher = await tinyModel(device, { seed: 2 });
    student = await tinyModel(device);
  });
  afterAll(() => device.dispose());

  /** Parts of a few rows, so that there are several. */
  const options = () => ({ teacher, topK: 3, partRows: 5 });
  const files = (store: MemoryStore) => new Map([...store.files].map(([name, bytes]) => [name, [...bytes]]));
  async function whole(extra: Partial<CacheTeacherOptions> = {}) {
    const out = memoryStore({}, { name: 'cache' });
    const events = await cached({ ...options(), out, ...extra });
    return { out, events };
  }

  it('is written in parts as safetensors files, a record of the shard, and a manifest', async () => {
    const { out, events } = await whole();
    const names = [...out.files.keys()].sort();
    const parts = names.filter((name) => name.endsWith('.safetensors'));
    expect(parts.length).toBeGreaterThan(3);
    expect(names).toEqual([...parts, 'shard-1-of-1/shard.json', 'teacher-cache.json']);
    expect(events.filter(({ type }) => type === 'part').map((event) => 'file' in event && event.file)).toEqual(parts);
    const file = await openSafetensors(out, parts[0]!);
    expect([...file.entries].map(([name, { dtype, shape }]) => [name, dtype, shape.length])).toEqual([
      ['rows', 'I32', 1],
      ['ids', 'U16', 2],
      ['logs', 'F16', 2],
    ]);
    expect((await readElements(file, 'ids', 'U16')).every((id) => id < vocabSize)).toBe(true);
    expect(events.at(-1)).toMatchObject({ type: 'end', reason: 'finished', missing: [], rows: 28 });
    expect(events[0]).toMatchObject({ type: 'start', samples: 8, done: 0, bytes: 28 * (3 * 2 + 4 * 2) });
  });

  it('is the same, to the byte, after a kill at any write and at any batch', async () => {
    const want = files((await whole()).out);
    let kills = 0;
    for (let alive = 0; ; alive++) {
      const out = memoryStore({}, { name: 'cache' });
      let writes = 0;
      const dying = (store: MemoryStore): MemoryStore => ({
        ...store,
        files: store.files,
        folder: (path: string) => dying(store.folder(path)),
        async write(path, chunks) {
          if (writes++ === alive) throw new Error('killed');
          await store.write(path, chunks);
        },
      });
      const died = await cached({ ...options(), out: dying(out) }).then(
        () => false,
        (error: Error) => error.message === 'killed',
      );
      if (died) {
        kills++;
        await expect(openTeacherCache(out)).rejects.toThrow("there is no file 'teacher-cache.json'");
        const again = await cached({ ...options(), out });
        // What was written is not made again.
        const [start] = again;
        if (start?.type !== 'start') throw new Error('no start');
        const made = again.flatMap((event) => (event.type === 'part' ? [event.samples] : []));
        expect(start.done + made.reduce((a, b) => a + b, 0)).toBe(8);
      }
      expect(files(out)).toEqual(want);
      if (!died) break;
    }
    expect(kills).toBeGreaterThan(10);
    const stopped = memoryStore({}, { name: 'cache' });
    const stop = new AbortController();
    for await (const event of cacheTeacher({ ...options(), data, tokenizer, out: stopped, signal: stop.signal }))
      if (event.type === 'progress' && event.samples > 2) stop.abort();
    expect(stopped.files.has('teacher-cache.json')).toBe(false);
    await cached({ ...options(), out: stopped });
    expect(files(stopped)).toEqual(want);
  });

  it('is made of shards in any order, in one folder or copied together', async () => {
    const { out: one } = await whole();
    const together = memoryStore({}, { name: 'cache' });
    const copied = memoryStore({}, { name: 'cache' });
    for (const [index, missing] of [
      [3, [1, 2]],
      [1, [2]],
      [2, []],
    ] as const) {
      const shard = { index, of: 3 };
      const events = await cached({ ...options(), out: together, shard });
      expect(events.at(-1)).toMatchObject({ missing: missing.map((each) => ({ index: each, of: 3 })) });
      const apart = memoryStore({}, { name: 'cache' });
      await cached({ ...options(), out: apart, shard });
      for (const [path, bytes] of apart.files) await copied.write(path, [bytes]);
      if (index === 1) await expect(mergeTeacherCache(copied)).rejects.toThrow('cache: not whole yet: shard-2-of-3.');
    }
    await mergeTeacherCache(copied);
    expect(files(copied)).toEqual(files(together));
    const [want, found] = [await openTeacherCache(one), await openTeacherCache(together)];
    expect(found.rows).toBe(want.rows);
    for (const index of train.keys()) expect(await found.read(index)).toEqual(await want.read(index));
    await expect(cached({ ...options(), out: together })).rejects.toThrow(
      'the cache in it has 3 shards, this is one of 1',
    );
    await expect(mergeTeacherCache(memoryStore({}, { name: 'empty' }))).rejects.toThrow('there is no shard');
  });

  it('that is of something else is refused by what differs, and stays as it is', async () => {
    const { out } = await whole();
    const before = files(out);
    using other = await tinyModel(device, { seed: 3 });
    using narrow = await tinyModel(device, { seed: 2, width: 4 });
    const few = { ...data, train: train.map((sample) => ({ ...sample, ids: sample.ids.map((id) => id % 11) })) };
    const renamed = tinyTokenizer([...letters.slice(0, -1), 'z']);
    for (const [extra, words] of [
      [{ topK: 4 }, 'topK is 3 there, 4 here'],
      [{ partRows: 6 }, 'partRows is 5 there, 6 here'],
      [{ temperature: 2 }, 'temperature is 1 there, 2 here'],
      [{ vocabSize: 11, data: few }, 'vocabSize is 12 there, 11 here'],
      [{ teacher: other }, 'the weights of the teacher are others'],
      [{ teacher: narrow }, 'the config of the teacher is another'],
      [{ tokenizer: renamed }, 'the tokenizer is another'],
      [{ data: { ...data, template: 'alpaca' } }, 'the template is compact there, alpaca here'],
      [{ data: { ...data, train: train.slice(1) } }, 'samples to train on are 8 there, 7 here'],
      [{ data: { ...data, train: train.toReversed() } }, 'the ids, masks or order of the samples are others'],
    ] as const) {
      await expect(cached({ ...options(), out, ...extra })).rejects.toThrow(words);
    }
    expect(files(out)).toEqual(before);
  });

  it('of which a file is damaged or gone says so before a run, and is mended by the same call', async () => {
    const { out: good } = await whole();
    const want = files(good);
    for (const name of want.keys()) {
      for (const damage of ['bit', 'cut', 'gone'] as const) {
        const out = memoryStore({}, { name: 'cache' });
        for (const [path, bytes] of want) {
          const spoilt = Uint8Array.from(bytes);
          if (path === name && damage === 'gone') continue;
          if (path === name && damage === 'bit') spoilt[spoilt.length - 3]! ^= 4;
          await out.write(path, [path === name && damage === 'cut' ? spoilt.subarray(0, -5) : spoilt]);
        }
        const isPart = name.endsWith('.safetensors');
        // The records of shards are not read by runs; see the next test.
        if (name.endsWith('shard.json')) continue;
        await expect(openTeacherCache(out)).rejects.toThrow(name);
        const events = await cached({ ...options(), out });
        if (isPart) expect(events[0]).toMatchObject({ remarks: [`cache/${name} is damaged and made anew.`] });
        expect(files(out)).toEqual(want);
      }
    }
  });

  it('of which the record of a shard is damaged or gone is verified as such, and mended by the same call', async () => {
    const record = 'shard-1-of-1/shard.json';
    const want = files((await whole()).out);
    const spoilt = async (text: string | undefined, { isWhole = true } = {}) => {
      const out = memoryStore({}, { name: 'cache' });
      for (const [path, bytes] of want) {
        if (path === 'teacher-cache.json' && !isWhole) continue;
        if (path !== record) await out.write(path, [Uint8Array.from(bytes)]);
        else if (text !== undefined) await out.write(path, [new TextEncoder().encode(text)]);
      }
      return out;
    };
    const good = new TextDecoder().decode(Uint8Array.from(want.get(record) ?? []));
    const parts = [...want.keys()].filter((path) => path.endsWith('.safetensors'));
    const remarks = [`cache/${record} is damaged and made anew.`];
    for (const text of [
      ...['', '{', '[]', 'not json', good.slice(0, -5), good.replace('"topK"', '"topL"')],
      // Still a record, of something else.
      good.replace('"topK": 3', '"topK": 2'),
      good.replace('"partRows": 5', '"partRows": 7'),
      good.replace(/"sha256": "./, '"sha256": "z'),
      undefined,
    ]) {
      expect(text).not.toBe(good);
      const out = await spoilt(text);
      await openTeacherCache(out);
      // Nothing tells how the parts were cut but the parts.
      if (!text?.includes('"partRows": 7'))
        await expect(requireRecords(out), text).rejects.toThrow(`cache/${record}: `);
      const events = await cached({ ...options(), out });
      expect(events[0]).toMatchObject({ done: train.length, remarks: text === undefined ? [] : remarks });
      expect(files(out)).toEqual(want);
      await requireRecords(out);
    }
    // Before the cache is whole, nothing else says what is there.
    const begun = await spoilt('{', { isWhole: false });
    await expect(mergeTeacherCache(begun)).rejects.toThrow(
      `cache/${record}: it is no JSON any more. Run cache-teacher again`,
    );
    const events = await cached({ ...options(), out: begun });
    expect(events[0]).toMatchObject({ done: 0, remarks });
    expect(events.filter(({ type }) => type === 'part')).toHaveLength(parts.length);
    expect(files(begun)).toEqual(want);
    // The manifest says what the cache is of, and that nothing else goes into its folder.
    for (const text of ['{', undefined]) {
      const other = await spoilt(text);
      const before = files(other);
      await expect(cached({ ...options(), out: other, topK: 4 })).rejects.toThrow('topK is 3 there, 4 here');
      expect(files(other)).toEqual(before);
    }
  });

  it('of which the record of another shard is damaged says which is to be made', async () => {
    const out = memoryStore({}, { name: 'cache' });
    await cached({ ...options(), out, shard: { index: 2, of: 2 } });
    await out.write('shard-2-of-2/shard.json', [Uint8Array.of(123)]);
    const events = await cached({ ...options(), out, shard: { index: 1, of: 2 } });
    expect(events.at(-1)).toMatchObject({ type: 'end', missing: [{ index: 2, of: 2 }] });
    await cached({ ...options(), out, shard: { index: 2, of: 2 } });
    await requireRecords(out);
  });

  const training = (extra: Partial<DistillOptions>) =>
    distill({ ...{ data, tokenizer, student, steps: 1, batchSize: 2, loss: losses.skewKL() }, ...extra });

  it('is refused by a run of other data, another tokenizer, or a student that it does not fit', async () => {
    const teacherCache = await openTeacherCache((await whole()).out);
    const longer = train.map((sample, i) => (i === 0 ? succession(6)[1]! : sample));
    using encoderDecoder = await t5(device, 1);
    using larger = await tinyModel(device, { vocab_size: vocabSize + 300 });
    using smaller = await tinyModel(device, { vocab_size: vocabSize - 1 });
    const few = train.map((sample) => ({ ...sample, ids: sample.ids.map((id) => Math.min(id, vocabSize - 2)) }));
    for (const [extra, words] of [
      [{ data: { ...data, train: longer } }, 'of other data: tokens of the longest sample are 7 there, 9 here'],
      [{ data: { ...data, train: train.toReversed() } }, 'the ids, masks or order of the samples are others'],
      [{ data: { ...data, template: 'alpaca' } }, 'the template is compact there, alpaca here'],
      [{ tokenizer: tinyTokenizer([...letters.slice(0, -1), 'z']) }, 'is of another tokenizer'],
      [{ student: encoderDecoder }, 'the teacher of cache is decoder-only, the student an encoder-decoder'],
      [{ student: larger, tokenizer: undefined }, "of 12 tokens, the student's vocabulary has 312"],
      [{ student: smaller, tokenizer: undefined, data: { ...data, train: few } }, 'Make the cache with vocabSize 11.'],
      [{ sgo: adaptiveOffPolicy() }, "sgo 'adaptiveOffPolicy' trains on the student's own answers"],
      [{ loss: losses.skewKL({ temperature: 2 }) }, 'loss.temperature is 2, the predictions in cache were made with 1'],
      [
        { loss: losses.skewKL({ teacherTemperature: 2 }) },
        'loss.teacherTemperature is 2, the predictions in cache were made with 1',
      ],
      ...[losses.alphaBeta(), losses.alphaMixture(), losses.taid()].map(
        (loss) => [{ loss }, `loss '${loss.kind}' needs each of the teacher's probabilities`] as const,
      ),
      [{ compareEvery: 2 }, 'compareEvery is 2, and comparing takes all of'],
      [{ loss: losses.skewKL({ topK: 3 }) }, 'loss.topK is 3, and which tokens of a prediction stand alone'],
      [{ teacher }, 'teacher and teacherCache are both given'],
    ] as const) {
      expect(() => training({ teacherCache, ...extra } as never)).toThrow(words);
    }
    expect(() => training({})).toThrow('Give a teacher, or a teacherCache');
  });

  it('in which all tokens are named serves at any temperature', async () => {
    const loss = losses.skewKL({ temperature: 2.5 });
    const first = async (teaching: Pick<DistillOptions, 'teacher' | 'teacherCache'>) => {
      using fresh = await tinyModel(device);
      return stepsOf(await collect(training({ ...teaching, loss, student: fresh })))[0]!.loss;
    };
    const [live, read] = [
      await first({ teacher }),
      await first({ teacherCache: await cacheOf(teacher, { topK: vocabSize }) }),
    ];
    expect(Math.abs(read - live)).toBeLessThan(2e-3 * live);
  });

  it('of fewer tokens than the teacher has rows for serves a student whose vocabulary is padded less', async () => {
    using padded = await tinyModel(device, { seed: 2, vocab_size: vocabSize + 4 });
    const teacherCache = await cacheOf(padded, { topK: vocabSize, vocabSize });
    const first = async (teaching: Pick<DistillOptions, 'teacher' | 'teacherCache'>) => {
      using fresh = await tinyModel(device);
      return stepsOf(await collect(training({ ...teaching, student: fresh })))[0]!.loss;
    };
    const [live, read] = [await first({ teacher: padded }), await first({ teacherCache })];
    expect(Math.abs(read - live)).toBeLessThan(2e-3 * live);
    expect(() => cacheTeacher({ teacher, data, topK: 2, out: memoryStore(), vocabSize: 11 })).toThrow(
      'not below vocabSize (11)',
    );
    expect(() => cacheTeacher({ teacher, data, out: memoryStore(), vocabSize: 99 })).toThrow(
      "at most the teacher's 12",
    );
    expect(() => cacheTeacher({ teacher, data, out: memoryStore() })).toThrow(
      'topK is 64, expected at most the 12 tokens',
    );
    expect(() => cacheTeacher({ teacher, data, topK: 2, out: memoryStore(), shard: { index: 9, of: 9 } })).toThrow(
      'shard is 9 of 9, expected at most as many shards as the 8 samples',
    );
  });

  it('is part of what a run is: one that goes on with another is refused by name', async () => {
    const checkpoint = memoryStore();
    const teacherCache = await cacheOf(teacher, { topK: 3 });
    using fresh = await tinyModel(device);
    await collect(training({ teacherCache, student: fresh, checkpoint, steps: 2 }));
    const other = await cacheOf(teacher, { topK: 4 });
    const goOn = (cache: typeof other) =>
      collect(training({ teacherCache: cache, student: fresh, checkpoint, steps: 4, resume: true }));
    await expect(goOn(other)).rejects.toThrow('the digest of the teacher cache was');
    expect(stepsOf(await goOn(teacherCache))).toHaveLength(2);
  });

  it('stands in the plan of memory for a teacher that is not there, and in what a run would take', async () => {
    const teacherCache = await cacheOf(teacher, { topK: 3 });
    const [live, read] = [await training({ teacher }).memory(), await training({ teacherCache }).memory()];
    expect(live.teacher).toBeGreaterThan(0);
    expect(read.teacher).toBe(0);
    expect(read.logits).toBe(live.logits / 2);
    const before = device.memory().liveStorages;
    const estimate = await training({ teacherCache, steps: 5 }).estimate();
    expect(estimate.time!.total).toBeGreaterThan(0);
    expect(device.memory().liveStorages).toBe(before);
    const { weights, total, fits } = await cacheTeacher({ ...options(), data, out: memoryStore() }).memory();
    expect([weights > 0, total > weights, fits]).toEqual([true, true, true]);
    const sized = await teacher.onMeta(device.meta());
    expect(
      (await cacheTeacher({ ...options(), teacher: sized, data, out: memoryStore() }).memory()).total,
    ).toBeGreaterThan(0);
  });

  it('is read from a web server as from a folder, part by part', async () => {
    const { out } = await whole();
    const asked: string[] = [];
    const serve = async (url: string, { headers }: RequestInit = {}) => {
      const path = new URL(url).pathname.slice(1);
      const bytes = out.files.get(path);
      if (!bytes) return new Response(null, { status: 404 });
      const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(new Headers(headers).get('range') ?? '') ?? [];
      asked.push(`${path} ${from ?? 'whole'}`);
      if (from === undefined)
        return new Response(Uint8Array.from(bytes), { headers: { 'content-length': `${bytes.length}` } });
      const end = to ? Number(to) + 1 : bytes.length;
      const range = { 'content-range': `bytes ${from}-${end - 1}/${bytes.length}` };
      return new Response(Uint8Array.from(bytes.subarray(Number(from), end)), { status: 206, headers: range });
    };
    const [here, there] = [
      await openTeacherCache(out),
      await openTeacherCache(httpStore('https://localhost/', { fetch: serve as typeof fetch })),
    ];
    expect(there.digest).toBe(here.digest);
    asked.length = 0;
    for (const index of train.keys()) expect(await there.read(index)).toEqual(await here.read(index));
    expect(asked.every((each) => !each.endsWith('whole'))).toBe(true);
  });

  it('in which a teacher predicts no numbers is not written', async () => {
    using spoilt = await tinyModel(device, { seed: 2 });
    const [weight] = spoilt.parameters.values();
    weight!.set(new Float32Array(weight!.size).fill(Number.NaN));
    const out = memoryStore();
    await expect(cached({ ...options(), teacher: spoilt, out })).rejects.toThrow('are no numbers');
    expect([...out.files.keys()].filter((name) => name.endsWith('.safetensors'))).toEqual([]);
  });
});
