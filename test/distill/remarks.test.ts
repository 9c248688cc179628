import { describe, expect, it } from 'vitest';
import { forwardKL } from '../../src/distill/losses/index.js';
import { adaptiveOffPolicy } from '../../src/distill/sgo/index.js';
import {
  type DistillOptions,
  distill,
  type EndEvent,
  fineTune,
  type StartEvent,
  type TrainingEvent,
} from '../../src/distill/trainer/index.js';
import { CompatibilityError } from '../../src/errors.js';
import { createTokenizer } from '../../src/text/index.js';
import { openReference } from '../harness/referenceBackend.js';
import { collect, letters, succession, tinyModel, tinyTokenizer } from './fixtures.js';

const tokenizer = tinyTokenizer();
const data = { train: succession(2).slice(0, 8), validation: succession(3) };

async function events(options: Partial<DistillOptions> = {}, student = {}): Promise<TrainingEvent[]> {
  const device = openReference();
  const run = distill({
    ...{ data, tokenizer, steps: 2, batchSize: 4, maxNewTokens: 4, loss: forwardKL() },
    ...options,
    student: await tinyModel(device, student),
    teacher: await tinyModel(device, { ...student, seed: 2, trainable: false }),
  });
  return collect(run);
}
const atStart = async (...given: Parameters<typeof events>) =>
  ((await events(...given)).find(({ type }) => type === 'start') as StartEvent).remarks;
const atEnd = async (options: Partial<DistillOptions>) => ((await events(options)).at(-1) as EndEvent).remarks;

describe('before the first step a run says', () => {
  it('nothing where there is nothing to say', async () => {
    expect(await atStart()).toEqual([]);
  });

  it('how many records the batch size leaves out of each epoch', async () => {
    const of = (count: number, more = {}) => atStart({ data: { train: succession(2).slice(0, count) }, ...more });
    expect(await of(10)).toEqual([
      expect.stringMatching(/^2 of 10 records are left out of each epoch.* a batch of 4\./),
    ]);
    expect(await of(10, { gradAccumulationSteps: 2 })).toEqual([expect.stringMatching(/^2 of 10 .* a batch of 8\./)]);
    expect(await of(8)).toEqual([]);
    // Less than a batch is one.
    expect(await of(3)).toEqual([]);
  });

  it('how many training samples have no token of an answer', async () => {
    const prompts = succession(2).map(({ ids }) => ({ ids: ids.subarray(0, 2), promptLength: 2 }));
    expect(await atStart({ data: { train: [...succession(2).slice(0, 5), ...prompts.slice(0, 3)] } })).toEqual([
      expect.stringMatching(/^3 of 8 training samples have no token of an answer: a step learns nothing from them/),
    ]);
  });

  it('that a temperature makes the divergence small beside cross-entropy', async () => {
    const loss = forwardKL({ temperature: 4 });
    expect(await atStart({ loss, kdRatio: 0.5 })).toEqual([
      expect.stringMatching(/square of loss\.temperature \(4\).* 16 times less .* kdRatio/),
    ]);
    expect(await atStart({ loss })).toEqual([]);
    expect(await atStart({ kdRatio: 0.5 })).toEqual([]);
  });

  it('that teacher and student end their answers with different tokens', async () => {
    const vocab = Object.fromEntries([...letters, '<eos>'].map((name, id) => [name, id]));
    const teacherTokenizer = createTokenizer({ vocab, merges: [], specialTokens: { eos: 'k' } });
    expect(await atStart({ teacherTokenizer })).toEqual([
      expect.stringMatching(/student ends its answers with "<eos>" \(id 11\), the teacher with "k" \(id 10\)/),
    ]);
    expect(await atStart({ teacherTokenizer: tokenizer })).toEqual([]);
  });

  it('that many rows belong to no token, and refuses a vocabulary far from the tokenizer', async () => {
    const names = [...letters, ...Array.from({ length: 188 }, (_, i) => `t${i}`)];
    const many = tinyTokenizer(names);
    expect(await atStart({ tokenizer: many }, { vocab_size: 390 })).toEqual([
      expect.stringMatching(/vocabulary is 390, the tokenizer has 200 tokens: 190 rows/),
    ]);
    // As OPT is padded.
    expect(await atStart({ tokenizer: many }, { vocab_size: 256 })).toEqual([]);
    await expect(atStart({ tokenizer: many }, { vocab_size: 401 })).rejects.toThrow(CompatibilityError);
    await expect(atStart({}, { vocab_size: 3000 })).rejects.toThrow("12 tokens, the model's vocabulary is 3000");
  });

  it('that ROUGE-L does not know the script of the answers, once', async () => {
    const validation = succession(3).map((sample, i) => ({ ...sample, references: [i % 2 ? 'привет' : 'ab'] }));
    const scored = { data: { ...data, validation }, validation: { rougeL: { samples: 4 } } };
    expect(await atStart(scored)).toEqual([
      expect.stringMatching(
        /^2 of the 4 validation answers .* chooses the best\. .* validation\.bestBy to 'exactMatch'/,
      ),
    ]);
    expect(await atStart({ ...scored, validation: { rougeL: { samples: 1 } } })).toEqual([]);
    expect(await atStart({ data: { ...data, validation } })).toEqual([]);
  });
});

describe('at the end a run says', () => {
  it('that it never used a student output, and what to set', async () => {
    const [remark, ...others] = await atEnd({ sgo: adaptiveOffPolicy() });
    expect(remark).toMatch(
      /^None of the 2 steps trained on student outputs: phi was 0 .* sgo\.initThreshold .* sgo\.lossEps/,
    );
    expect(others).toEqual([]);
  });

  it('nothing of it where outputs were used, where none were meant, or where it was stopped', async () => {
    expect(await atEnd({ sgo: adaptiveOffPolicy({ initThreshold: 1 }) })).toEqual([]);
    expect(await atEnd({})).toEqual([]);
    expect(await atEnd({ sgo: adaptiveOffPolicy(), signal: AbortSignal.abort() })).toEqual([]);
  });
});

it('fine-tuning says what concerns it', async () => {
  const model = await tinyModel(openReference());
  const [start] = await collect(fineTune({ model, data: { train: succession(2) }, steps: 1, batchSize: 4 }));
  expect((start as StartEvent).remarks).toEqual([expect.stringContaining('2 of 10 records')]);
});
