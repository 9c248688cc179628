import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createModel, openDevice, saveModel } from '../../src/index.js';
import { tinyTokenizer, vocabSize } from '../distill/fixtures.js';
import { distillm } from './workspace.js';

let folder: string;
const at = (name: string) => join(folder, name);
const init = (...more: string[]) =>
  distillm('init', { more: ['--from', at('teacher'), ...more, '--device', 'wasm', '--threads', '1'] });
const configOf = async (name: string) => JSON.parse(await readFile(join(at(name), 'config.json'), 'utf8'));

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'distillm-init-'));
  const device = await openDevice({ kind: 'wasm', wasm: { threads: 1 } });
  const config = { model_type: 'gpt2', vocab_size: vocabSize, n_positions: 64, n_embd: 8, n_layer: 4, n_head: 2 };
  const model = await createModel(config, { device });
  model.promptTemplate = 'compact';
  const files = { ...tinyTokenizer().save(), 'generation_config.json': '{"max_new_tokens": 7}' };
  await saveModel(model, at('teacher'), { files });
  await device.dispose();
  await writeFile(at('narrow.json'), JSON.stringify({ n_embd: 4, n_layer: 2 }));
  await writeFile(at('other.json'), JSON.stringify({ model_type: 'llama' }));
});
afterAll(() => rm(folder, { recursive: true }));

describe('distillm init', () => {
  it.each([
    ['2', 2],
    ['1,2,3', 3],
  ])('keeps layers %s, and what belongs to the teacher', async (layers, count) => {
    const out = `kept ${count}`;
    const { code, out: printed, err } = await init('--layers', layers, '--out', at(out));
    expect([code, err]).toEqual([0, expect.stringContaining(`${count} layers`)]);
    expect(JSON.parse(printed)).toMatchObject({ student: at(out), numLayers: count });
    expect(await configOf(out)).toMatchObject({ n_layer: count, n_embd: 8, vocab_size: vocabSize });
    expect((await readdir(at(out))).sort()).toEqual((await readdir(at('teacher'))).sort());
    expect(await readFile(join(at(out), 'generation_config.json'), 'utf8')).toBe('{"max_new_tokens": 7}');
    const asked = ['--model', at(out), '--max-new-tokens', '2', '--device', 'wasm', '--threads', '1', 'a'];
    expect(await distillm('generate', { more: asked })).toMatchObject({ code: 0 });
  });

  it('makes a narrower model of random weights, the same for the same seed', async () => {
    const weights = [];
    for (const [out, seed] of [
      ['a', '1'],
      ['b', '1'],
      ['c', '2'],
    ] as const) {
      const { code } = await init('--student-config', at('narrow.json'), '--seed', seed, '--out', at(out));
      expect(code).toBe(0);
      weights.push(await readFile(join(at(out), 'model.safetensors')));
    }
    expect(await configOf('a')).toMatchObject({ model_type: 'gpt2', n_layer: 2, n_embd: 4, vocab_size: vocabSize });
    expect(weights[1]!.equals(weights[0]!)).toBe(true);
    expect(weights[2]!.equals(weights[0]!)).toBe(false);
  });

  it.each([
    [['--layers', '5', '--out', 'x'], /n_layer is 4, which has no 5 layers/],
    [['--layers', '1,1', '--out', 'x'], /--layers/],
    [['--out', 'x'], /give either --layers/],
    [['--layers', '2', '--student-config', 'narrow.json', '--out', 'x'], /give either --layers/],
    [['--student-config', 'other.json', '--out', 'x'], /model_type is "llama"/],
    [['--layers', '2', '--out', 'teacher'], /holds config\.json already/],
  ])('refuses %j, and writes nothing', async (line, message) => {
    const files = ['x', 'teacher', 'narrow.json', 'other.json'];
    const before = await readdir(at('teacher'));
    const { code, err } = await init(...line.map((word) => (files.includes(word) ? at(word) : word)));
    expect([code === 0, err]).toEqual([false, expect.stringMatching(message)]);
    expect(await readdir(at('teacher'))).toEqual(before);
    expect(await readdir(folder)).not.toContain('x');
  });
});
