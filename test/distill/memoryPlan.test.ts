/**
 * The plan of memory beside what runs really take: the most bytes of storages, and all that the device had to hold for
 * them, gaps and working memory included.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Device } from '../../src/backend/backend.js';
import { skewReverseKL } from '../../src/distill/losses/index.js';
import { methods } from '../../src/distill/methods/index.js';
import { adaptiveOffPolicy } from '../../src/distill/sgo/index.js';
import { distill, fineTune } from '../../src/distill/trainer/index.js';
import { LimitError, OptionError } from '../../src/errors.js';
import { generate, planGeneration } from '../../src/generation/index.js';
import { openDevice } from '../../src/index.js';
import { memoryStore } from '../../src/io/index.js';
import {
  createModel,
  exampleConfig,
  type LanguageModel,
  loadModel,
  requireMemory,
  saveModel,
} from '../../src/models/index.js';
import type { WeightFormat } from '../../src/tensor/index.js';
import { describeWebGPU, withWebGPU } from '../backend/webgpu/adapter.js';
import { collect, eos, succession, tinyTokenizer, vocabSize } from './fixtures.js';

/** A plan may be off what was needed by so much: batches of many lengths leave gaps that a rehearsal does not have. */
const apart = 0.01;
/** On a GPU, whose buffers come in classes of sizes. */
const apartOnGPU = 0.1;

const shapes = {
  gpt2: (width: number) => ({ model_type: 'gpt2', n_positions: 64, n_embd: width, n_layer: 3, n_head: 4 }),
  opt: (width: number) => ({
    ...{ model_type: 'opt', max_position_embeddings: 64, hidden_size: width, ffn_dim: 4 * width },
    ...{ num_hidden_layers: 3, num_attention_heads: 4, word_embed_proj_dim: width },
  }),
  llama: (width: number) => ({
    ...{ model_type: 'llama', max_position_embeddings: 64, hidden_size: width, intermediate_size: 3 * width },
    ...{ num_hidden_layers: 3, num_attention_heads: 4, num_key_value_heads: 2 },
  }),
  t5: (width: number) => ({
    ...{ model_type: 't5', d_model: width, d_kv: width / 4, d_ff: 3 * width, num_layers: 2, num_heads: 4 },
    ...{ num_decoder_layers: 3, feed_forward_proj: 'gated-gelu', eos_token_id: eos, decoder_start_token_id: eos },
  }),
} as const;
const families = Object.keys(shapes) as (keyof typeof shapes)[];

const modelOf = (
  family: keyof typeof shapes,
  device: Device,
  { width, ...options }: { width: number; seed?: number; trainable?: boolean; dtype?: WeightFormat },
): Promise<LanguageModel> => createModel({ ...shapes[family](width), vocab_size: vocabSize }, { device, ...options });

/** Samples of three lengths, in an order in which batches mix them. */
const train = Array.from({ length: 10 }, (_, x) => [40, 20, 8].map((length) => succession(length)[x]!)).flat();
const data = { train, validation: succession(30).slice(0, 6) };

/** What was planned over what the device had to hold. */
function expectNear(planned: number, needed: number, most = apart): void {
  expect(Math.abs(planned - needed)).toBeLessThan(Math.max(most * needed, 2 ** 17));
}

describe('a plan on WASM', () => {
  for (const family of families) {
    it(`knows what a distillation of ${family} takes, and its storages to the byte`, async () => {
      const device = await openDevice({ kind: 'wasm', wasm: { threads: 2 } });
      const teacher = await modelOf(family, device, { width: 64, seed: 2, trainable: false, dtype: 'f16' });
      const student = await modelOf(family, device, { width: 64 });
      const run = distill({
        ...{ teacher, student, data, tokenizer: tinyTokenizer(), steps: 6, batchSize: 8, gradAccumulationSteps: 2 },
        ...{ maxNewTokens: 12, loss: skewReverseKL(), kdRatio: 0.5 },
        sgo: adaptiveOffPolicy({ initThreshold: 0.7, capacity: 20 }),
        validation: { every: 3, rougeL: { samples: 5 } },
      });
      const before = device.memory();
      const plan = await run.memory();
      expect(device.memory()).toEqual(before);
      await collect(run);
      const { peakBytes, reachedBytes } = device.memory();
      const { student: held, gradients, moments, activations, logits, caches, answering, rest, total } = plan;
      const holding = plan.teacher + held + gradients + moments;
      expect(holding + activations + logits).toBe(peakBytes);
      expect(holding + Math.max(activations + logits, caches + answering) + rest).toBe(total);
      expectNear(total, reachedBytes);
      await device.dispose();
    });
  }

  it.each(families)('knows what an adapter of %s over four bits takes, in batches of all lengths', async (family) => {
    const device = await openDevice({ kind: 'wasm', wasm: { threads: 2 } });
    const store = memoryStore();
    const whole = await modelOf(family, device, { width: 64 });
    await saveModel(whole, store);
    whole.dispose();
    const student = await loadModel(store, { device, dtype: 'int4', lora: { rank: 4 } });
    const run = fineTune({ model: student, data, steps: 6, batchSize: 4, validation: { every: 2 } });
    const { total } = await run.memory();
    await collect(run);
    expectNear(total, device.memory().reachedBytes);
    await device.dispose();
  });

  it('knows that pairs of answers fill a batch that takes the terms of both', async () => {
    const device = await openDevice({ kind: 'wasm', wasm: { threads: 1 } });
    const teacher = await modelOf('gpt2', device, { width: 64, seed: 2, trainable: false });
    const student = await modelOf('gpt2', device, { width: 64 });
    const run = distill({
      ...{ ...methods.distillm2(), teacher, student, tokenizer: tinyTokenizer(), maxNewTokens: 17 },
      // Of 9 records in batches of 5 the second one has four answers of the teacher and one of the student.
      ...{ data: { train: succession(34).slice(0, 9) }, batchSize: 5, gradAccumulationSteps: 2, steps: 3 },
    });
    const plan = await run.memory();
    await collect(run);
    const { peakBytes, reachedBytes } = device.memory();
    const { student: held, gradients, moments, activations, logits } = plan;
    expect(peakBytes).toBeLessThanOrEqual(plan.teacher + held + gradients + moments + activations + logits);
    expect(reachedBytes).toBeLessThan(1.01 * plan.total);
    await device.dispose();
  });

  it.each(['f32', 'f16', 'int8', 'int4'] as const)('knows what answers of a model in %s take', async (dtype) => {
    for (const family of families) {
      const device = await openDevice({ kind: 'wasm', wasm: { threads: 2 } });
      const model = await modelOf(family, device, { width: 64, trainable: false, dtype });
      const plan = await planGeneration(model, { promptLength: 20, maxNewTokens: 24, batchSize: 12 });
      const prompts = Array.from({ length: 12 }, (_, i) => Int32Array.from({ length: 20 - (i % 3) }, () => i % 9));
      // What follows finds the working memory and the gaps that the first answers left.
      for (let seed = 0; seed < 4; seed++) {
        const seeds = prompts.map((_, i) => 100 * seed + i);
        await generate(model, prompts, { maxNewTokens: 24, eosTokenId: [3, 5], temperature: 1, seeds });
      }
      const { peakBytes, reachedBytes } = device.memory();
      // Answers may end one by one, so that the caches of half of them are never copied.
      expect(peakBytes).toBeLessThanOrEqual(plan.weights + plan.caches + plan.answering);
      expect(peakBytes).toBeGreaterThan(plan.weights + plan.caches);
      expectNear(plan.total, reachedBytes);
      await device.dispose();
    }
  });
});

describe('a plan of any family', () => {
  it.each(['gemma3_text', 'mistral', 'mt5', 'qwen3'])('%s is rehearsed by its own code', async (family) => {
    const device = await openDevice({ kind: 'wasm', wasm: { threads: 1 } });
    const config = { ...(await exampleConfig(family)), vocab_size: vocabSize };
    const model = await createModel(config, { device });
    const options = { model, data: { train: succession(20) }, steps: 2, batchSize: 4 } as const;
    for (const gradientCheckpointing of [true, false]) {
      const run = fineTune({ ...options, gradientCheckpointing });
      const plan = await run.memory();
      await collect(run);
      const { peakBytes, reachedBytes } = device.memory();
      expect(plan.student + plan.gradients + plan.moments + plan.activations + plan.logits).toBe(peakBytes);
      expectNear(plan.total, reachedBytes);
    }
    await device.dispose();
  });
});

describeWebGPU('a plan on WebGPU', () => {
  // A GPU in software compiles every shader anew for each.
  it.each(families.filter((family) => family !== 't5'))(
    'knows what a run of %s takes',
    (family) =>
      withWebGPU({}, async (device) => {
        const model = await modelOf(family, device, { width: 16 });
        const run = fineTune({ model, data: { train: succession(12) }, steps: 2, batchSize: 5 });
        const plan = await run.memory();
        expect([plan.limit, plan.fits]).toEqual([undefined, true]);
        await collect(run);
        expectNear(plan.total, device.memory().reachedBytes, apartOnGPU);
      }),
    180_000,
  ); // a software GPU compiles every shader here

  it('refuses what no buffer or binding of the adapter can hold, before anything is computed', async () => {
    await withWebGPU({ maxBindingBytes: 2 ** 16 }, async (device) => {
      const model = await modelOf('gpt2', device, { width: 64 });
      const { dispatches } = device.counts();
      const options = { model, data: { train: succession(50) }, steps: 1 } as const;
      expect(await fineTune({ ...options, batchSize: 1 }).memory()).toMatchObject({ fits: true, fitting: [] });
      const run = fineTune({ ...options, batchSize: 8 });
      const plan = await run.memory();
      expect(plan.fits).toBe(false);
      expect(plan.tooLarge).toContain('this device allows 64.0 KiB');
      expect(plan.fitting.map(({ options: change }) => Object.keys(change)[0])).toEqual(['batchSize']);
      await expect(collect(run)).rejects.toThrow(LimitError);
      expect(device.counts().dispatches).toBe(dispatches);
      model.dispose();
    });
  });
});

describe('a plan that does not fit', () => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice({ kind: 'wasm', wasm: { threads: 1 } });
  });
  afterAll(() => device.dispose());
  /** Says that the device has so much memory. */
  const limitTo = (bytes: number) => Object.assign(device.info, { maxStorageBytes: bytes });

  it('is refused before the first validation, with the sum as a table and what would fit', async () => {
    using teacher = await modelOf('gpt2', device, { width: 64, seed: 2, trainable: false });
    using student = await modelOf('gpt2', device, { width: 64 });
    const options = { teacher, student, data, steps: 4, loss: skewReverseKL() } as const;
    limitTo(2 ** 32);
    const whole = await distill({ ...options, batchSize: 8 }).memory();
    const small = await distill({ ...options, batchSize: 2 }).memory();
    limitTo(Math.round((whole.total + small.total) / 2));
    const run = distill({ ...options, batchSize: 8 });
    const plan = await run.memory();
    expect([plan.fits, plan.total, plan.limit]).toEqual([false, whole.total, device.info.maxStorageBytes]);
    // Each of them does fit.
    expect(plan.fitting.length).toBeGreaterThan(1);
    for (const { options: change, total } of plan.fitting) {
      expect(total).toBeLessThanOrEqual(device.info.maxStorageBytes);
      if ('maxLength' in change || 'teacherDtype' in change) continue;
      const milder = await distill({ ...options, batchSize: 8, ...change }).memory();
      expect([milder.fits, milder.total]).toEqual([true, total]);
    }
    const error = await run.next().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(LimitError);
    const { message, parts, fitting, found, expected } = error as LimitError;
    expect(message).toMatch(
      /^memory: [\d.]+ MiB are needed, the device has [\d.]+ MiB\.\n {2}teacher's weights +[\d.]+ KiB\n {2}student's weights +[\d.]+ KiB\n {2}gradients +[\d.]+ KiB\n {2}AdamW's moments +[\d.]+ MiB\n {2}activations +[\d.]+ MiB\n(?: .*\n)*? {2}in all, at most +[\d.]+ MiB\nWhat would fit: gradientCheckpointing: true \([\d.]+ MiB\); batchSize [24] with gradAccumulationSteps [24] \([\d.]+ MiB\)[;.]/,
    );
    expect([found, expected, fitting]).toEqual([plan.total, device.info.maxStorageBytes, plan.fitting]);
    expect(parts).toMatchObject({ student: plan.student, activations: plan.activations });
    expect([...student.parameters.values()].some(({ grad }) => grad)).toBe(false);
  });

  it('that has no room for weights, gradients and moments says that no smaller batch is enough', async () => {
    using model = await modelOf('gpt2', device, { width: 64 });
    limitTo(7 * 2 ** 18);
    const plan = await fineTune({ model, data, steps: 1 }).memory();
    expect([plan.fits, plan.fitting]).toEqual([false, []]);
    expect(() => requireMemory(plan)).toThrow(/No smaller batch or length is enough: take a smaller model\.$/);
  });

  it('advises a smaller rank of a new adapter, and fewer bits of what stands beside it', async () => {
    limitTo(2 ** 32);
    const store = memoryStore();
    using base = await modelOf('gpt2', device, { width: 64, seed: 2 });
    await saveModel(base, store);
    const planOf = async (model: LanguageModel) => fineTune({ model, data, steps: 1, batchSize: 2 }).memory();
    const lora = { targetModules: ['c_fc'] };
    const large = await loadModel(store, { device, lora: { ...lora, rank: 4096 } });
    using small = await loadModel(store, { device, lora: { ...lora, rank: 8 } });
    const [most, least] = [await planOf(large), await planOf(small)];
    // Half of what the weights, gradients and moments of the larger one take alone.
    limitTo(Math.round((most.student + most.gradients + most.moments) / 2));
    expect(device.info.maxStorageBytes).toBeGreaterThan(least.total);
    const plan = await planOf(large);
    expect(plan.fits).toBe(false);
    const rank = plan.fitting.map(({ options }) => options['lora.rank']).find((each) => each !== undefined) as number;
    expect(rank).toBeGreaterThan(8);
    expect(rank).toBeLessThan(4096);
    expect(() => requireMemory(plan)).toThrow(/What would fit: .*lora\.rank \d+/);
    large.dispose();
    limitTo(2 ** 32);
    limitTo((await planOf(small)).total - 40_000);
    const narrow = await planOf(small);
    expect(narrow.fitting.map(({ options }) => options)).toContainEqual({ studentDtype: 'f16' });
  });

  it('counts what else is on the device', async () => {
    limitTo(2 ** 32);
    using model = await modelOf('gpt2', device, { width: 64 });
    const alone = await fineTune({ model, data, steps: 1 }).memory();
    using _other = await modelOf('opt', device, { width: 64, trainable: false });
    const beside = await fineTune({ model, data, steps: 1 }).memory();
    expect(beside.total - alone.total).toBe(beside.other - alone.other);
    expect(beside.other - alone.other).toBeGreaterThan(500_000);
  });

  it('of answers names the dtype, the batch and the length with which they would fit', async () => {
    limitTo(2 ** 32);
    using model = await modelOf('llama', device, { width: 64, trainable: false });
    const asked = { promptLength: 20, maxNewTokens: 44, batchSize: 16 };
    const { total } = await planGeneration(model, asked);
    limitTo(total - 1);
    const plan = await planGeneration(model, asked);
    expect(plan.fits).toBe(false);
    expect(plan.fitting.map(({ options }) => options)).toEqual([
      { batchSize: 8 },
      { dtype: 'f16' },
      { maxNewTokens: 22 },
    ]);
    expect(() => requireMemory(plan)).toThrow(
      /What would fit: batchSize 8 \(.*\); give dtype 'f16' \(.*\); maxNewTokens 22/,
    );
  });

  it('of several changes takes as few together as are needed', async () => {
    limitTo(2 ** 32);
    using model = await modelOf('gpt2', device, { width: 64 });
    const options = { model, data, steps: 1 } as const;
    const least = await fineTune({ ...options, batchSize: 1, gradientCheckpointing: true }).memory();
    const alone = [
      await fineTune({ ...options, batchSize: 1 }).memory(),
      await fineTune({ ...options, batchSize: 8, gradientCheckpointing: true }).memory(),
    ].map(({ total }) => total);
    expect(Math.min(...alone)).toBeGreaterThan(least.total);
    limitTo(least.total);
    const { fitting } = await fineTune({ ...options, batchSize: 8 }).memory();
    expect(fitting).toHaveLength(1);
    expect(Object.keys(fitting[0]!.options)).toContain('gradientCheckpointing');
  });
});

describe('a meta device', () => {
  it('takes a model whose weights are never read, and gives the same plan', async () => {
    const device = await openDevice({ kind: 'wasm', wasm: { threads: 1 } });
    const store = memoryStore();
    using model = await modelOf('opt', device, { width: 32 });
    await saveModel(model, store);
    let reads = 0;
    const watched = {
      ...store,
      read: (path: string, ...range: [number?, number?]) => {
        // The length of the header and the header, once.
        if (path === 'model.safetensors') reads++;
        return store.read(path, ...range);
      },
      readInto: () => Promise.reject(new Error('a weight was read')),
    };
    const meta = device.meta();
    const before = device.memory();
    const sized = await loadModel(watched, { device: meta, trainable: true });
    expect(reads).toBeLessThanOrEqual(2);
    expect(device.memory()).toEqual(before);
    const options = { data, steps: 3, batchSize: 4 };
    const plan = await fineTune({ ...options, model: sized }).memory();
    expect({ ...plan, other: 0 }).toEqual({ ...(await fineTune({ ...options, model }).memory()), other: 0 });
    await expect(fineTune({ ...options, model: sized }).next()).rejects.toThrow(OptionError);
    await expect(generate(sized, [Int32Array.of(1)], { maxNewTokens: 1 })).rejects.toThrow(OptionError);
    await expect(saveModel(sized, memoryStore())).rejects.toThrow(OptionError);
    await device.dispose();
  });
});
