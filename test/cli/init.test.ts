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

/** What tells of the teacher, and would be wrong of a student. */
const ofTeacherAlone = {
  'README.md': 'Scores 96.9.',
  'all_results.json': '{}',
  'reference.json': '[]',
  'curve.png': '',
};
const inherited = (names: readonly string[]) => names.filter((name) => !Object.hasOwn(ofTeacherAlone, name));

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'distillm-init-'));
  const device = await openDevice({ kind: 'wasm', wasm: { threads: 1 } });
  const config = { model_type: 'gpt2', vocab_size: vocabSize, n_positions: 64, n_embd: 8, n_layer: 4, n_head: 2 };
  const model = await createModel(config, { device });
  model.promptTemplate = 'compact';
  const files = { ...tinyTokenizer().save(), 'generation_config.json': '{"max_new_tokens": 7}', LICENSE: 'free' };
  await saveModel(model, at('teacher'), { files: { ...files, ...ofTeacherAlone } });
  await device.dispose();
  await writeFile(at('narrow.json'), JSON.stringify({ n_embd: 4, n_layer: 2 }));
  await writeFile(at('slip.json'), JSON.stringify({ n_embed: 4 }));
  await writeFile(at('few.json'), JSON.stringify({ vocab_size: vocabSize - 1 }));
  await writeFile(at('odd.json'), JSON.stringify({ n_embd: 9 }));
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
    expect((await readdir(at(out))).sort()).toEqual(inherited((await readdir(at('teacher'))).sort()));
    expect(await readFile(join(at(out), 'generation_config.json'), 'utf8')).toBe('{"max_new_tokens": 7}');
    const asked = ['--model', at(out), '--max-new-tokens', '2', '--device', 'wasm', '--threads', '1', 'a'];
    expect(await distillm('generate', { more: asked })).toMatchObject({ code: 0 });
  });

  it('writes alone: of two into one folder at once one has it, and its files are of one model', async () => {
    const both = await Promise.all(['3', '2'].map((layers) => init('--layers', layers, '--out', at('shared'))));
    const [one, other] = both.toSorted((a, b) => a.code - b.code);
    expect([one?.code, other?.err]).toEqual([0, expect.stringMatching(/another run writes to it|holds .* already/)]);
    const made = JSON.parse(one?.out ?? '');
    expect(await configOf('shared')).toMatchObject({ n_layer: made.numLayers });
    const asked = ['--model', at('shared'), '--max-new-tokens', '1', '--device', 'wasm', '--threads', '1', 'a'];
    expect(await distillm('generate', { more: asked })).toMatchObject({ code: 0 });
    expect((await readdir(at('shared'))).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  it('makes an encoder-decoder whose two stacks follow one number of layers, and tells both', async () => {
    const device = await openDevice({ kind: 'wasm', wasm: { threads: 1 } });
    const shape = { ...{ d_model: 8, d_kv: 4, d_ff: 8, num_heads: 2 }, num_layers: 4, num_decoder_layers: 3 };
    const t5 = await createModel({ model_type: 't5', vocab_size: vocabSize, ...shape }, { device });
    await saveModel(t5, at('t5'), { files: tinyTokenizer().save() });
    await device.dispose();
    const from = (...more: string[]) =>
      distillm('init', { more: ['--from', at('t5'), ...more, '--device', 'wasm', '--threads', '1'] });
    for (const [own, stacks, words] of [
      [{ num_layers: 2 }, [2, 2], '2 + 2 layers,'],
      [{ num_layers: 2, num_decoder_layers: 1 }, [2, 1], '2 + 1 layers,'],
      [{ d_ff: 6 }, [4, 3], '4 + 3 layers,'],
    ] as const) {
      const out = `t5 ${stacks}`;
      await writeFile(at('stacks.json'), JSON.stringify(own));
      const { code, out: printed, err } = await from('--student-config', at('stacks.json'), '--out', at(out));
      expect([code, err]).toEqual([0, expect.stringContaining(words)]);
      const [num_layers, num_decoder_layers] = stacks;
      expect(JSON.parse(printed)).toMatchObject({ numLayers: num_decoder_layers, numEncoderLayers: num_layers });
      expect(await configOf(out)).toMatchObject({ num_layers, num_decoder_layers });
    }
    const told = await distillm('inspect', { more: [at('t5'), '--device', 'wasm', '--threads', '1'] });
    expect(told.out).toContain('4 + 3 layers of width 8');
    const one = await init('--layers', '1', '--out', at('one'));
    expect(one.err).toContain(': 1 layer, ');
  });

  it('makes a student of fewer layers from a teacher that names the kind of each', async () => {
    const device = await openDevice({ kind: 'wasm', wasm: { threads: 1 } });
    const shape = {
      ...{ hidden_size: 8, intermediate_size: 8, num_attention_heads: 2, num_key_value_heads: 1, head_dim: 4 },
    };
    const kinds = { num_hidden_layers: 3, layer_types: ['full_attention', 'full_attention', 'full_attention'] };
    const fields = { model_type: 'qwen2', vocab_size: vocabSize, max_position_embeddings: 16, ...shape, ...kinds };
    await saveModel(await createModel(fields, { device }), at('kinds'), { files: tinyTokenizer().save() });
    await device.dispose();
    await writeFile(at('fewer.json'), JSON.stringify({ num_hidden_layers: 2 }));
    const more = [
      '--from',
      at('kinds'),
      '--student-config',
      at('fewer.json'),
      '--out',
      at('fewer'),
      '--device',
      'wasm',
    ];
    const { code, err } = await distillm('init', { more });
    expect([code, err]).toEqual([0, expect.stringContaining('2 layers')]);
  });

  const llama = {
    ...{ model_type: 'llama', hidden_size: 8, intermediate_size: 8, num_hidden_layers: 1, num_attention_heads: 2 },
    ...{ max_position_embeddings: 16 },
  };
  const opt = {
    ...{ model_type: 'opt', hidden_size: 8, ffn_dim: 8, num_hidden_layers: 1, num_attention_heads: 2 },
    ...{ max_position_embeddings: 16 },
  };
  const gpt2 = { model_type: 'gpt2', n_positions: 16, n_embd: 8, n_layer: 1, n_head: 2 };
  it.each([
    // As transformers saves them: with sizes that follow from others.
    [{ ...llama, head_dim: 4, num_key_value_heads: 2 }, { hidden_size: 16 }, { head_dim: 8, num_key_value_heads: 2 }],
    [
      { ...llama, head_dim: 4, num_key_value_heads: 2 },
      { num_attention_heads: 4 },
      { head_dim: 2, num_key_value_heads: 4 },
    ],
    // Other values are choices.
    [{ ...llama, head_dim: 6, num_key_value_heads: 1 }, { hidden_size: 16, num_attention_heads: 4 }, { head_dim: 6 }],
    [{ ...llama, head_dim: 4 }, { hidden_size: 16, head_dim: 2 }, { head_dim: 2 }],
    [{ ...opt, word_embed_proj_dim: 8 }, { hidden_size: 4 }, { word_embed_proj_dim: 4 }],
    [{ ...opt, word_embed_proj_dim: 6 }, { hidden_size: 4 }, { word_embed_proj_dim: 6 }],
    [{ ...gpt2, n_inner: 32 }, { n_embd: 4 }, { n_inner: 16 }],
    [{ ...gpt2, n_inner: 12 }, { n_embd: 4 }, { n_inner: 12 }],
  ])('sizes that follow from others follow those of the student: %j with %j', async (teacher, own, expected) => {
    const device = await openDevice({ kind: 'wasm', wasm: { threads: 1 } });
    const place = await mkdtemp(join(folder, 'sized-'));
    const [from, out] = [join(place, 'teacher'), join(place, 'student')];
    const model = await createModel({ vocab_size: vocabSize, ...teacher }, { device });
    await saveModel(model, from, { files: tinyTokenizer().save() });
    await device.dispose();
    await writeFile(at('own.json'), JSON.stringify(own));
    const asked = ['--from', from, '--student-config', at('own.json'), '--out', out, '--device', 'wasm'];
    expect(await distillm('init', { more: asked })).toMatchObject({ code: 0 });
    const saved = JSON.parse(await readFile(join(out, 'config.json'), 'utf8'));
    expect(saved).toMatchObject({ ...own, ...expected });
  });

  it('names what a size follows from that does not fit', async () => {
    const device = await openDevice({ kind: 'wasm', wasm: { threads: 1 } });
    const model = await createModel({ vocab_size: vocabSize, ...llama, head_dim: 4 }, { device });
    await saveModel(model, at('llama'), { files: tinyTokenizer().save() });
    await device.dispose();
    await writeFile(at('half.json'), JSON.stringify({ hidden_size: 9 }));
    const asked = ['--from', at('llama'), '--student-config', at('half.json'), '--out', at('half'), '--device', 'wasm'];
    const { code, err } = await distillm('init', { more: asked });
    expect(code).not.toBe(0);
    expect(err).toContain(
      "half.json: field 'head_dim', which follows from hidden_size and num_attention_heads, is 4.5, expected",
    );
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
    expect((await readdir(at('a'))).sort()).toEqual(inherited((await readdir(at('teacher'))).sort()));
    expect(await configOf('a')).toMatchObject({ model_type: 'gpt2', n_layer: 2, n_embd: 4, vocab_size: vocabSize });
    expect(weights[1]!.equals(weights[0]!)).toBe(true);
    expect(weights[2]!.equals(weights[0]!)).toBe(false);
  });

  it.each([
    [['--layers', '5', '--out', 'x'], /n_layer is 4, which has no 5 layers/],
    [['--layers', '1,1', '--out', 'x'], /--layers/],
    [['--out', 'x'], /init needs the size of the student: --layers/],
    [
      ['--layers', '2', '--student-config', 'narrow.json', '--out', 'x'],
      /--layers 2 and --student-config .*narrow\.json are both given, and each is the size of the student/,
    ],
    [['--layers', '2', '--seed', '3', '--out', 'x'], /--seed draws random weights, and --layers takes/],
    [['--student-config', 'other.json', '--out', 'x'], /model_type is "llama"/],
    [['--student-config', 'slip.json', '--out', 'x'], /slip\.json has a field n_embed, which gpt2 does not know/],
    [
      ['--student-config', 'few.json', '--out', 'x'],
      /The tokenizer has 12 tokens, the .* new model of .*few\.json has 11/,
    ],
    [
      ['--student-config', 'odd.json', '--out', 'x'],
      /odd\.json: field 'n_head', the teacher's own, is 2, expected .*n_embd/,
    ],
    [['--layers', '2', '--out', 'teacher'], /holds LICENSE already/],
  ])('refuses %j, and writes nothing', async (line, message) => {
    const files = ['x', 'teacher', 'narrow.json', 'few.json', 'odd.json', 'other.json', 'slip.json'];
    const before = await readdir(at('teacher'));
    const { code, err } = await init(...line.map((word) => (files.includes(word) ? at(word) : word)));
    expect([code === 0, err]).toEqual([false, expect.stringMatching(message)]);
    expect(await readdir(at('teacher'))).toEqual(before);
    expect(await readdir(folder)).not.toContain('x');
  });
});
