/** An encoder-decoder from the command line, with a tokenizer of T5's kind: trained, distilled, resumed, asked, scored. */
import { readFileSync } from 'node:fs';
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readInstructions } from '../../src/data/index.js';
import { openDevice } from '../../src/index.js';
import { loadModel } from '../../src/models/index.js';
import { loadTokenizer } from '../../src/text/index.js';
import { distillm, type Finished, makeWorkspace } from './workspace.js';

let folder: string;
let teacher: Finished;
const path = (...parts: string[]) => join(folder, ...parts);
const tiny = '--device wasm --threads 1 --template compact --batch-size 4 --lr 1e-2';
const train = (line: string) => distillm(`train --data ${path('train.jsonl')} ${tiny} ${line}`);
const stepsIn = (log: string) =>
  readFileSync(path(log), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter(({ type }) => type === 'step');

beforeAll(async () => {
  folder = await makeWorkspace();
  const shape = { model_type: 't5', d_model: 16, d_kv: 8, d_ff: 32, num_layers: 1, num_heads: 2, dropout_rate: 0 };
  await writeFile(path('t5.json'), JSON.stringify(shape));
  await mkdir(path('tokenizer'));
  const model = fileURLToPath(new URL('../oracles/pipelines/unigram.model', import.meta.url));
  await copyFile(model, path('tokenizer/spiece.model'));
  await writeFile(
    path('tokenizer/tokenizer_config.json'),
    JSON.stringify({ tokenizer_class: 'T5Tokenizer', extra_ids: 4 }),
  );
  teacher = await train(
    `--method sft --student-config ${path('t5.json')} --tokenizer ${path('tokenizer')} --epochs 8 ` +
      `--validation ${path('held-out.jsonl')} --out ${path('teacher')}`,
  );
}, 60_000);
afterAll(() => rm(folder, { recursive: true }));

describe('a T5', () => {
  it('is trained from random weights, without a limit of positions', async () => {
    expect(teacher.code, teacher.err).toBe(0);
    const { best, initial, improved } = JSON.parse(teacher.out);
    expect([improved, best.loss < 0.8 * initial.loss]).toEqual([true, true]);
    expect(teacher.err).not.toContain('positions');
    const tokenizer = await loadTokenizer(path('tokenizer'));
    const config = JSON.parse(await readFile(path('teacher/best/config.json'), 'utf8'));
    expect(config).toMatchObject({
      ...{ model_type: 't5', vocab_size: tokenizer.vocabSize, eos_token_id: 1, decoder_start_token_id: 0 },
      ...{ tie_word_embeddings: true, architectures: ['T5ForConditionalGeneration'] },
    });
    expect('n_positions' in config).toBe(false);
  });

  it('reads and learns the end token of its tokenizer once, and its sentinels as tokens', async () => {
    const tokenizer = await loadTokenizer(path('teacher/best'));
    expect([tokenizer.eosTokenId, tokenizer.padTokenId]).toEqual([1, 0]);
    const sentinel = tokenizer.tokenToId('<extra_id_0>')!;
    expect(sentinel).toBe(tokenizer.vocabSize - 1);
    const text = '{"instruction": "The <extra_id_0> sat.", "output": "<extra_id_0> cat <extra_id_1>"}';
    const data = await readInstructions({ text }, { tokenizer, template: 'compact' });
    const [sample] = data.train;
    const { ids, promptLength } = sample!;
    expect([...ids].map((id, at) => (id === 1 ? at : -1)).filter((at) => at >= 0)).toEqual([ids.length - 1]);
    const device = await openDevice({ kind: 'wasm', wasm: { threads: 1 } });
    const model = await loadModel(path('teacher/best'), { device });
    const batch = model.collate([sample!]);
    const read = batch.source!.ids.subarray(0, batch.source!.keyRange[1]);
    expect([...read]).toEqual([...ids.subarray(0, promptLength), 1]);
    expect([...batch.labels].filter((label) => label >= 0)).toEqual([...ids.subarray(promptLength)]);
    await device.dispose();
    // As transformers' tokenizer gives a prompt: the end token and sentinels are tokens.
    const asked = tokenizer.encode('The <extra_id_0> sat.');
    expect([asked.at(-1), asked.includes(sentinel)]).toEqual([1, true]);
    expect(tokenizer.decode(asked, { skipSpecialTokens: true })).toBe('The sat.');
  });

  it('is distilled from another, with student outputs and replay, and goes on where it was', async () => {
    const run =
      `--teacher ${path('teacher/best')} --student-config ${path('t5.json')} --init-threshold 0.7 --capacity 8 ` +
      `--max-new-tokens 8 --validation ${path('held-out.jsonl')}`;
    const whole = await train(`${run} --teacher-dtype int8 --steps 8 --validate-every 4 --out ${path('whole')}`);
    expect(whole.code, whole.err).toBe(0);
    expect(new Set(stepsIn('whole/log.jsonl').map(({ source }) => source)).size).toBe(3);
    expect(whole.err).toMatch(/step 8 .*ROUGE-L/);
    const part = await train(`${run} --teacher-dtype int8 --steps 4 --validate-every 4 --out ${path('part')}`);
    expect(part.code, part.err).toBe(0);
    const resumed = await distillm(`train --resume --steps 8 --out ${path('part')}`);
    expect(resumed.code, resumed.err).toBe(0);
    expect(stepsIn('part/log.jsonl').map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it('learns from several teachers, each the records that name it, and from prompts alone', async () => {
    const records = readFileSync(path('train.jsonl'), 'utf8').trim().split('\n');
    const routed = records.map((line, i) => JSON.stringify({ ...JSON.parse(line), by: i % 2 === 0 ? 'a' : 'b' }));
    await writeFile(path('routed.jsonl'), routed.join('\n'));
    const prompts = records.map((line) => JSON.stringify({ instruction: JSON.parse(line).instruction }));
    await writeFile(path('prompts.jsonl'), prompts.join('\n'));
    const run = (data: string, words: string) =>
      distillm(
        `train --data ${path(data)} ${tiny} --student-config ${path('t5.json')} --steps 2 --max-new-tokens 4 --rouge-samples 0 ${words}`,
      );
    const teachers = `a=${path('teacher/best')} b=${path('teacher/last')}`;
    for (const method of ['kd', 'minillm', 'seqkd']) {
      const out = `several-${method}`;
      const taught = await run(
        'routed.jsonl',
        `--teacher ${teachers} --teacher-field by --method ${method} --validation 4 --out ${path(out)}`,
      );
      expect(taught.code, taught.err).toBe(0);
      const resumed = await distillm(`train --resume --steps 3 --out ${path(out)}`);
      expect(resumed.code, resumed.err).toBe(0);
    }
    const alone = await run(
      'prompts.jsonl',
      `--teacher ${path('teacher/best')} --method onPolicy --validation ${path('held-out.jsonl')} --out ${path('alone')}`,
    );
    expect(alone.code, alone.err).toBe(0);
    expect(stepsIn('alone/log.jsonl').every(({ source }) => source === 'generate')).toBe(true);
  });

  it('reads summaries and translations behind the prefixes of T5, unless another template is asked for', async () => {
    const records = Array.from({ length: 8 }, (_, i) => ({ dialogue: `Ann: Say ant ${i}.`, summary: 'ant' }));
    await writeFile(path('dialogues.jsonl'), records.map((record) => `${JSON.stringify(record)}\n`).join(''));
    await writeFile(path('own.en-de.en'), 'The ant.\n'.repeat(8));
    await writeFile(path('own.en-de.de'), 'Die Ameise.\n'.repeat(8));
    const run = (data: string, out: string) =>
      distillm(
        `train --method sft --student-config ${path('t5.json')} --tokenizer ${path('tokenizer')} --device wasm --threads 1 --steps 1 ` +
          `--batch-size 4 --validation 0 --data ${path(data)} --out ${path(out)}`,
      );
    const { code, err } = await run('dialogues.jsonl', 'summaries');
    expect(code, err).toBe(0);
    expect(err).toContain('template t5');
    expect(JSON.parse(await readFile(path('summaries/last/distillm.json'), 'utf8'))).toEqual({ promptTemplate: 't5' });
    const scored = await distillm(
      `eval --model ${path('summaries/last')} --device wasm --data ${path('dialogues.jsonl')} --seeds 1 --max-new-tokens 2`,
    );
    expect(scored.code, scored.err).toBe(0);
    expect(JSON.parse(scored.out).settings.template).toBe('t5');
    const dry = await run('own.en-de.en --dry-run', 'translations');
    expect(dry.code, dry.err).toBe(0);
    expect(dry.err).toContain('in the template t5; what is learnt is between');
    expect(dry.err).toMatch(/translate English to \S+erman: The ant\.\u27e6Die Ameise\./);
    expect((await run('dialogues.jsonl --template compact --dry-run', 'other')).err).toContain(
      'in the template compact',
    );
    expect((await run('train.jsonl --dry-run', 'plain')).err).toContain('in the template alpaca');
  });

  it('answers, and is scored', async () => {
    const asked = await distillm(
      `generate --model ${path('teacher/best')} --device wasm --greedy --json --max-new-tokens 8`,
      { more: ['Say ant 1 times.'] },
    );
    expect(asked.code, asked.err).toBe(0);
    expect(JSON.parse(asked.out)).toMatchObject({ prompt: 'Say ant 1 times.', answer: expect.any(String) });
    const scored = await distillm(
      `eval --model ${path('teacher/best')} --dtype f16 --device wasm --data ${path('held-out.jsonl')} --seeds 1 --max-new-tokens 6`,
    );
    expect(scored.code, scored.err).toBe(0);
    expect(JSON.parse(scored.out)).toMatchObject({ examples: 10, rougeL: expect.any(Number) });
  });

  it('is inspected: its positions are relative', async () => {
    const told = await distillm(`inspect ${path('teacher/best')}`);
    expect(told.code, told.err).toBe(0);
    expect(told.out).toContain('relative positions, head tied to the embedding');
    const { model } = JSON.parse((await distillm(`inspect --json ${path('teacher/best')}`)).out);
    expect([model.family, 'maxPositions' in model]).toEqual(['t5', false]);
  });

  it('says what a run would take, and refuses a teacher of another kind', async () => {
    const dry = await train(`--method sft --student ${path('teacher/best')} --steps 3 --dry-run --out ${path('dry')}`);
    expect(dry.code, dry.err).toBe(0);
    expect(JSON.parse(dry.out).memory.fits).toBe(true);
    const gpt2 = await train(
      `--method sft --student-config ${path('config.json')} --tokenizer ${path('tokenizer')} --steps 1 --validation 0 --out ${path('gpt2')}`,
    );
    expect(gpt2.code, gpt2.err).toBe(0);
    const { code, err } = await train(
      `--method kd --teacher ${path('gpt2/last')} --student ${path('teacher/best')} --steps 1 --out ${path('mixed')}`,
    );
    expect(code).not.toBe(0);
    expect(err).toContain('the teacher is decoder-only, the student an encoder-decoder model');
  });
});
