import { describe, expect, it } from 'vitest';
import type { Sample } from '../../src/data/batch.js';
import { forwardKL } from '../../src/distill/losses/index.js';
import { adaptiveOffPolicy } from '../../src/distill/sgo/index.js';
import {
  type DistillOptions,
  distill,
  type EndEvent,
  type FineTuneOptions,
  fineTune,
  type StartEvent,
  type TrainingEvent,
} from '../../src/distill/trainer/index.js';
import { CompatibilityError } from '../../src/errors.js';
import { createModel, exampleConfig } from '../../src/models/index.js';
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
      expect.stringMatching(/^2 of 10 records are left out of each epoch, by turns: what fills no whole batch of 4 /),
    ]);
    expect(await of(10, { gradAccumulationSteps: 2 })).toEqual([expect.stringMatching(/^2 of 10 .* batch of 8 /)]);
    expect(await of(9)).toEqual([expect.stringMatching(/^1 of 9 records is left out of each epoch/)]);
    expect(await of(8)).toEqual([]);
    // Less than a batch is one.
    expect(await of(3)).toEqual([]);
  });

  it('how many training samples have no token of an answer', async () => {
    const prompts = succession(2).map(({ ids }) => ({ ids: ids.subarray(0, 2), promptLength: 2 }));
    expect(await atStart({ data: { train: [...succession(2).slice(0, 5), ...prompts.slice(0, 3)] } })).toEqual([
      expect.stringMatching(
        /^3 of 8 training samples have no token of an answer: a step learns nothing from such samples\. /,
      ),
    ]);
  });

  it('that validation samples have no token of an answer, all of them or some', async () => {
    const prompts = succession(3).map(({ ids }) => ({ ids: ids.subarray(0, 2), promptLength: 2, references: ['c'] }));
    const scored = { validation: { rougeL: { samples: 2 } } };
    expect(await atStart({ ...scored, data: { ...data, validation: prompts } })).toEqual([
      expect.stringMatching(/^Of 10 validation samples none has a token of an answer: there is no validation loss/),
    ]);
    const some = [...succession(3).slice(0, 7), ...prompts.slice(0, 3)];
    expect(await atStart({ data: { ...data, validation: some } })).toEqual([
      expect.stringMatching(
        /^3 of 10 validation samples have no token of an answer: the validation loss is that of the/,
      ),
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

  it('that the teacher was trained with another template than that of the data', async () => {
    const device = openReference();
    const told = async (template: string | undefined, own: { student?: string; teacher?: string }, more = {}) => {
      const [student, teacher] = [await tinyModel(device), await tinyModel(device, { seed: 2, trainable: false })];
      student.promptTemplate = own.student;
      teacher.promptTemplate = own.teacher;
      const options = { data: { ...data, ...(template && { template }) }, tokenizer, steps: 1, batchSize: 4, ...more };
      const start = (await collect(distill({ ...options, loss: forwardKL(), student, teacher })))[0] as StartEvent;
      return start.remarks;
    };
    expect(await told('compact', { teacher: 'alpaca', student: 'mine' })).toEqual([
      expect.stringMatching(
        /^The prompts are in the template 'compact'; the student was trained with 'mine', the teacher was trained with 'alpaca': a/,
      ),
    ]);
    expect(await told('compact', { teacher: 'compact', student: 'alpaca' })).toEqual([]);
    expect(await told('compact', {})).toEqual([]);
    expect(await told(undefined, { teacher: 'alpaca' })).toEqual([]);
    const vocab = Object.fromEntries([...letters, '<eos>'].map((name, id) => [name, id]));
    const chatting = (chat_template: string) =>
      createTokenizer({ vocab, merges: [], specialTokens: { eos: '<eos>' }, config: { chat_template } });
    const both = (ours: string, theirs: string) => ({ tokenizer: chatting(ours), teacherTokenizer: chatting(theirs) });
    expect(await told('chat', {}, both('A', 'B'))).toEqual([
      expect.stringMatching(/^The teacher's chat template is another than the student's/),
    ]);
    expect(await told('chat', {}, both('A', 'A'))).toEqual([]);
    expect(await told('compact', {}, both('A', 'B'))).toEqual([]);
    const header = '{% for m in messages %}{{ m.role }}: {{ m.content }}{% endfor %}';
    expect(await told('chat', {}, both(header, header))).toEqual([
      expect.stringMatching(
        /^The chat template ignores add_generation_prompt: the student is to write "assistant: " itself before each/,
      ),
    ]);
    expect(await told('compact', {}, both(header, header))).toEqual([]);
  });

  it('that a model ends with another token than its tokenizer', async () => {
    const named = { eos_token_id: 5 };
    expect(await atStart({}, named)).toEqual(
      ['student', 'teacher'].map((model) =>
        expect.stringMatching(
          `^The ${model} ends with "f" \\(id 5: eos_token_id .*the tokenizer with "<eos>" \\(id 11\\).* eos_token_id 11`,
        ),
      ),
    );
    expect(await atStart({}, { eos_token_id: 11 })).toEqual([]);
    expect(await atStart({}, { eos_token_id: [5, 11] })).toEqual([]);
    const model = await createModel(
      {
        ...(await exampleConfig('t5')),
        vocab_size: 12,
        ...{ d_model: 4, d_kv: 2, d_ff: 4, num_layers: 1, num_heads: 1 },
      },
      { device: openReference() },
    );
    const run = fineTune({ model, data: { train: succession(2) }, tokenizer, steps: 1, batchSize: 10 });
    const [start] = await collect(run);
    expect((start as StartEvent).remarks).toEqual([expect.stringMatching(/^The model ends with "b" \(id 1/)]);
  });

  it('that many rows belong to no token, and refuses a vocabulary far from the tokenizer', async () => {
    const names = [...letters, ...Array.from({ length: 188 }, (_, i) => `t${i}`)];
    const many = tinyTokenizer(names);
    expect(await atStart({ tokenizer: many }, { vocab_size: 390 })).toEqual([
      expect.stringMatching(/vocabulary of the student has 390 rows, the tokenizer 200 tokens: 190 rows/),
    ]);
    // As OPT is padded.
    expect(await atStart({ tokenizer: many }, { vocab_size: 256 })).toEqual([]);
    await expect(atStart({ tokenizer: many }, { vocab_size: 401 })).rejects.toThrow(CompatibilityError);
    await expect(atStart({}, { vocab_size: 3000 })).rejects.toThrow(
      '12 tokens, the vocabulary of the student has 3,000',
    );
  });

  it('that ROUGE-L does not know the script of the answers, once', async () => {
    const validation = succession(3).map((sample, i) => ({ ...sample, references: [i % 2 ? 'привет' : 'ab'] }));
    const scored = { data: { ...data, validation }, validation: { rougeL: { samples: 4 } } };
    expect(await atStart(scored)).toEqual([
      expect.stringMatching(
        /^2 of 4 scored validation samples have no reference .* chooses the best\. .* validation\.bestBy to 'exactMatch'/,
      ),
    ]);
    expect(await atStart({ ...scored, validation: { rougeL: { samples: 1 } } })).toEqual([]);
    expect(await atStart({ data: { ...data, validation } })).toEqual([]);
  });
});

describe('answers that are all empty are told', () => {
  const eos = 11;
  const empty = succession(2).map(({ ids }) => ({ ids: Int32Array.of(ids[0]!, ids[1]!, eos), promptLength: 2 }));

  it('at the start, of the data', async () => {
    expect(await atStart({ data: { train: [...succession(2).slice(0, 7), empty[0]!] } })).toEqual([
      '1 of 8 training samples has an empty answer: there the student is to end at once. Leave such records out where that ' +
        'is not meant.',
    ]);
    expect(await atStart({ data: { train: empty.slice(0, 8), validation: empty } })).toEqual([
      expect.stringMatching(/^8 of 8 training samples have an empty answer/),
      expect.stringMatching(/^10 of 10 validation samples have an empty answer/),
    ]);
  });

  it('at the end, of the student', async () => {
    // Soon it has learnt nothing but to end.
    const options = {
      ...{
        data: { train: empty.slice(0, 8), validation: succession(3) },
        steps: 40,
        optimizer: { lr: 0.05 },
        kdRatio: 0.01,
      },
      validation: { every: 40, rougeL: { samples: 3 } },
      sgo: adaptiveOffPolicy({ initThreshold: 0.3 }),
    };
    const remarks = await atEnd(options);
    expect(remarks).toContainEqual(
      'The scored answers of the last validation are all empty (3): the student ends each at once. Check that the answers ' +
        'of the data are not empty; else train longer, or lower optimizer.lr.',
    );
    const full = { ...options, data: { ...options.data, train: succession(2).slice(0, 8) } };
    expect((await atEnd(full)).join()).not.toContain('all empty');
  });
});

describe('at the end a run says', () => {
  it('that it never used a student output, and what to set', async () => {
    const [remark, ...others] = await atEnd({ sgo: adaptiveOffPolicy() });
    expect(remark).toMatch(
      /^Of 2 steps none trained on student outputs: phi was 0 .* sgo\.initThreshold .* sgo\.lossEps/,
    );
    expect(others).toEqual([]);
  });

  it('nothing of it where outputs were used, where none were meant, or where it was stopped', async () => {
    expect(await atEnd({ sgo: adaptiveOffPolicy({ initThreshold: 1 }) })).toEqual([]);
    expect(await atEnd({})).toEqual([]);
    expect(await atEnd({ sgo: adaptiveOffPolicy(), signal: AbortSignal.abort() })).toEqual([]);
  });
});

it('numbers are rounded', async () => {
  const [remark] = await atEnd({ sgo: adaptiveOffPolicy({ initThreshold: 1.23456e-12 }) });
  expect(remark).toMatch(/: phi was 1\.23e-12 at the end/);
  expect(await atStart({ loss: forwardKL({ temperature: 1.23456 }), kdRatio: 0.5 })).toEqual([
    expect.stringContaining(' 1.52 times less'),
  ]);
});

describe('fine-tuning knows no student', () => {
  const names = [...letters, ...Array.from({ length: 188 }, (_, i) => `t${i}`)];
  const tune = async (options: Partial<FineTuneOptions> = {}, shape = {}) =>
    fineTune({ data, steps: 1, batchSize: 4, ...options, model: await tinyModel(openReference(), shape) });
  const remarksOf = async (...given: Parameters<typeof tune>) =>
    ((await collect(await tune(...given)))[0] as StartEvent).remarks.join('\n');
  const message = (given: Partial<FineTuneOptions>, shape = {}) =>
    tune(given, shape).then(
      () => '',
      (error: Error) => error.message,
    );

  it('in its remarks', async () => {
    const validation = succession(3).map((sample) => ({ ...sample, references: ['привет'] }));
    const told = await remarksOf(
      { tokenizer: tinyTokenizer(names), validation: { rougeL: { samples: 2 } }, data: { ...data, validation } },
      { vocab_size: 390 },
    );
    expect(told).toMatch(/vocabulary of the model has 390 rows/);
    expect(told).toMatch(/whatever the model says/);
    expect(told).not.toContain('student');
    const prompts = succession(2).map(({ ids }) => ({ ids: ids.subarray(0, 2), promptLength: 2 }));
    const unanswered = await remarksOf({ data: { train: [...succession(2).slice(0, 5), ...prompts.slice(0, 3)] } });
    expect(unanswered).toMatch(/a step learns nothing from such samples\. Leave them out/);
  });

  it('in its refusals', async () => {
    const [sample] = succession(2) as [Sample];
    for (const [given, expected] of [
      [{ tokenizer: tinyTokenizer([...letters, 'x']) }, /the vocabulary of the model has 12/],
      [{ data: { train: [{ ids: Int32Array.of(1, 99), promptLength: 1 }] } }, /outside the model's vocabulary of 12/],
      [{ data: { train: [{ ...sample, ids: new Int32Array(40) }] } }, /40 tokens, the model takes 16/],
      [
        {
          tokenizer,
          validation: { rougeL: { samples: 1 } },
          data: { ...data, validation: [{ ...sample, promptLength: 0 }] },
        },
        /the model cannot answer one/,
      ],
    ] as const) {
      const told = await message(given as Partial<FineTuneOptions>);
      expect(told).toMatch(expected);
      expect(told).not.toContain('student');
    }
    const model = await tinyModel(openReference());
    model.setTrainable(false);
    expect(() => fineTune({ model, data, steps: 1 })).toThrow('no parameter of the model is trainable');
    model.setTrainable(true);
    const first = fineTune({ model, data, steps: 2 });
    await first.next();
    await expect(fineTune({ model, data, steps: 2 }).next()).rejects.toThrow(
      'the model is being trained by another run',
    );
    await first.return();
  });
});

it('fine-tuning says what concerns it', async () => {
  const model = await tinyModel(openReference());
  const [start] = await collect(fineTune({ model, data: { train: succession(2) }, steps: 1, batchSize: 4 }));
  expect((start as StartEvent).remarks).toEqual([expect.stringContaining('2 of 10 records')]);
});
