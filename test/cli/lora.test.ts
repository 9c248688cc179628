import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createModel, openDevice, saveModel } from '../../src/index.js';
import { tinyTokenizer, vocabSize } from '../distill/fixtures.js';
import { distillm } from './workspace.js';

let folder: string;
const at = (name: string) => join(folder, name);
const wasm = ['--device', 'wasm', '--threads', '1'];
const train = (...more: string[]) =>
  distillm('train --method sft --steps 2 --batch-size 2 --validation 2 --validate-every 1', {
    more: ['--data', at('data.jsonl'), '--template', 'compact', ...more, ...wasm],
  });

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'distillm-lora-cli-'));
  const device = await openDevice({ kind: 'wasm', wasm: { threads: 1 } });
  const shape = { model_type: 'gpt2', vocab_size: vocabSize, n_positions: 64, n_embd: 8, n_layer: 2, n_head: 2 };
  const model = await createModel(shape, { device });
  const files = { ...tinyTokenizer().save(), 'generation_config.json': '{"max_new_tokens": 7}' };
  await saveModel(model, at('base'), { files });
  await device.dispose();
  const lines = ['abc', 'bcd', 'cde', 'def', 'efg', 'fgh', 'ghi', 'hij'];
  await writeFile(
    at('data.jsonl'),
    lines.map((text) => `${JSON.stringify({ instruction: text, output: text })}\n`).join(''),
  );
});
afterAll(() => rm(folder, { recursive: true }));

describe('distillm train --lora', () => {
  it('writes adapters of PEFT, goes on with them, and every command takes them', async () => {
    const options = [
      '--lora',
      '--lora-rank',
      '2',
      '--lora-alpha',
      '8',
      '--lora-targets',
      'c_attn,c_fc',
      '--student-dtype',
      'f16',
    ];
    const trained = await train('--student', at('base'), ...options, '--out', at('run'));
    expect([trained.code, trained.err]).toEqual([0, expect.stringContaining('of an adapter are trained')]);
    const files = await readdir(at('run/best'));
    expect(files).toContain('adapter_model.safetensors');
    expect(files).toContain('tokenizer.json');
    expect(files).not.toContain('model.safetensors');
    const config = JSON.parse(await readFile(at('run/best/adapter_config.json'), 'utf8'));
    expect(config).toMatchObject({
      ...{ peft_type: 'LORA', r: 2, lora_alpha: 8, lora_dropout: 0.1, fan_in_fan_out: true },
      ...{ target_modules: ['c_attn', 'c_fc'], base_model_name_or_path: at('base') },
    });
    const longer = await distillm('train --resume --steps 4', { more: ['--out', at('run'), ...wasm] });
    expect([longer.code, JSON.parse(longer.out).step]).toEqual([0, 4]);
    expect(
      await distillm('generate --max-new-tokens 2', { more: ['--model', at('run/best'), ...wasm, 'a'] }),
    ).toMatchObject({
      code: 0,
    });
    const inspected = await distillm('inspect', { more: [at('run/best'), ...wasm] });
    expect(inspected.out).toMatch(
      /^Adapter +LoRA of rank 2, alpha 8, beside 4 linear parts of .*base: 288 parameters$/m,
    );
    const further = await train('--student', at('run/best'), '--out', at('further'));
    expect([further.code, further.err]).toEqual([0, expect.stringContaining('of an adapter are trained')]);
    expect(await readdir(at('further/last'))).toContain('adapter_model.safetensors');
  }, 120_000);

  it('tells with --dry-run what it takes', async () => {
    const dry = await train('--student', at('base'), '--lora', '--out', at('dry'), '--dry-run');
    expect(dry.code).toBe(0);
    expect(
      JSON.parse(dry.out.split('\n').find((line) => line.startsWith('{')) as string).memory.gradients,
    ).toBeGreaterThan(0);
  }, 60_000);

  it('advises a smaller rank where one is too large for the device', async () => {
    const large = ['--lora', '--lora-rank', '2000000', '--dry-run'];
    const { code, err } = await train('--student', at('base'), ...large, '--out', at('dry'));
    expect(code).toBe(1);
    expect(err).toMatch(/^What would fit: .*--lora-rank \d+ \(/m);
  }, 60_000);

  it.each([
    [['--lora-rank', '4'], /--lora-rank is an option of adapters, which --lora trains\. Give --lora/],
    [['--lora', '--lora-rank', '0'], /--lora-rank is 0, expected an integer of at least 1/],
    [['--lora', '--lora-targets', 'c_atn'], /--lora-targets has 'c_atn'.*Did you mean c_attn\?/],
    [['--student-dtype', 'int8'], /--student-dtype int8 holds what is frozen beside an adapter/],
  ])(
    'refuses %j',
    async (more, message) => {
      const { code, err } = await train('--student', at('base'), ...more, '--out', at('refused'));
      expect(code).toBe(2);
      expect(err.replaceAll('\n', ' ')).toMatch(message);
      expect(await readdir(folder)).not.toContain('refused');
    },
    60_000,
  );
});

describe('distillm merge', () => {
  it('writes a whole model with tokenizer and templates, which answers as the adapter does', async () => {
    expect(await train('--student', at('base'), '--lora', '--lr', '0.05', '--out', at('again'))).toMatchObject({
      code: 0,
    });
    const merged = await distillm('merge', { more: ['--adapter', at('again/last'), '--out', at('merged'), ...wasm] });
    expect([merged.code, JSON.parse(merged.out).model]).toEqual([0, at('merged')]);
    expect((await readdir(at('merged'))).sort()).toEqual([...(await readdir(at('base'))), 'distillm.json'].sort());
    const answer = async (name: string) =>
      (await distillm('generate --greedy --max-new-tokens 4', { more: ['--model', at(name), ...wasm, 'a'] })).out;
    expect(await answer('merged')).toBe(await answer('again/last'));
    const other = [
      '--adapter',
      at('again/last'),
      '--base',
      at('base'),
      '--out',
      at('other'),
      '--dtype',
      'f16',
      ...wasm,
    ];
    expect(await distillm('merge', { more: other })).toMatchObject({ code: 0 });
  }, 120_000);

  it.each([
    [() => ['--adapter', at('base'), '--out', at('x')], /holds no adapter_config\.json/],
    [() => ['--adapter', at('nowhere'), '--out', at('x')], /there is no checkpoint/],
    [() => ['--adapter', at('base'), '--out', at('base')], /--out .*base holds .* already\. Take a new folder/],
  ])('refuses what it cannot do', async (more, message) => {
    const { code, err } = await distillm('merge', { more: [...more(), ...wasm] });
    expect(code).not.toBe(0);
    expect(err.replaceAll('\n', ' ')).toMatch(message);
  });
});
