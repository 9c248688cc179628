import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CheckpointFacts, GenerationMemory, MemoryEstimate } from '../../src/index.js';
import { createModel, openDevice, saveModel } from '../../src/index.js';
import { createTokenizer } from '../../src/text/index.js';
import { tinyTokenizer } from '../distill/fixtures.js';
import { distillm } from './workspace.js';

interface Inspected extends CheckpointFacts {
  readonly memory?: { readonly generating: Record<string, GenerationMemory>; readonly training: MemoryEstimate };
}
const inspect = (...more: string[]) => distillm('inspect', { more: [...more, '--device', 'wasm', '--threads', '1'] });
const gguf = fileURLToPath(new URL('../oracles/gguf/llama-wide.gguf', import.meta.url));

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'distillm-inspect-'));
  const device = await openDevice({ kind: 'wasm', wasm: { threads: 1 } });
  const config = { model_type: 'gpt2', vocab_size: 300, n_positions: 64, n_embd: 8, n_layer: 2, n_head: 2 };
  const model = await createModel(config, { device });
  model.promptTemplate = 'compact';
  const files = { ...tinyTokenizer().save(), 'chat_template.jinja': '{{ messages }}' };
  await saveModel(model, folder, { files });
  await device.dispose();
});
afterAll(() => rm(folder, { recursive: true }));

describe('distillm inspect', () => {
  it('shows a special token on one line', async () => {
    const broken = join(folder, 'broken');
    await mkdir(broken);
    const end = '<e\n\u001bos>';
    const tokenizer = createTokenizer({ vocab: { a: 0, [end]: 1 }, merges: [], specialTokens: { eos: end } });
    for (const [name, content] of Object.entries(tokenizer.save())) await writeFile(join(broken, name), content);
    for (const name of ['config.json', 'model.safetensors']) await cp(join(folder, name), join(broken, name));
    const { out } = await inspect(broken);
    expect(out).toContain('<e\\n\\u001bos> (1, EOS)');
    expect(out).not.toContain('\u001b');
  });

  it('tells what a folder holds, and what memory it takes', async () => {
    const { code, out } = await inspect(folder, '--json', '--batch-size', '2');
    expect(code).toBe(0);
    const found = JSON.parse(out) as Inspected;
    expect(found).toMatchObject({
      name: folder,
      storedAs: 'a Hugging Face folder',
      model: {
        ...{ family: 'gpt2', architecture: 'GPT2LMHeadModel', numLayers: 2, hiddenSize: 8, vocabSize: 300 },
        ...{ maxPositions: 64, tiedHead: true },
        parameters: 300 * 8 + 64 * 8 + 2 * (12 * 64 + 13 * 8) + 2 * 8,
      },
      chatTemplate: '{{ messages }}',
      promptTemplate: 'compact',
      companionFiles: ['chat_template.jinja'],
    });
    const tokenizer = tinyTokenizer();
    expect(found.tokenizer).toMatchObject({
      ...{ vocabSize: tokenizer.vocabSize, around: [] },
      mismatch: expect.stringMatching(/^The tokenizer has 12 tokens, the vocabulary of the model has 300/),
    });
    expect(Object(found.tokenizer).specialTokens).toContainEqual({
      id: tokenizer.eosTokenId,
      token: tokenizer.idToToken(tokenizer.eosTokenId as number),
      roles: ['eos'],
    });
    const [{ dtype, bytes } = { dtype: '', bytes: 0 }] = found.stored;
    expect([dtype, bytes]).toEqual(['F32', 4 * Object(found.model).parameters]);
    const { generating, training } = found.memory!;
    expect(Object.keys(generating)).toEqual(['f32', 'f16', 'int8', 'int4']);
    expect(generating.int8!.weights).toBeLessThan(generating.f16!.weights);
    expect(generating.f16!.weights).toBeLessThan(generating.f32!.weights);
    expect(training.student).toBeGreaterThanOrEqual(bytes);
    expect(training.moments).toBe(2 * training.gradients);
    const larger = JSON.parse((await inspect(folder, '--json', '--batch-size', '16')).out) as Inspected;
    expect(larger.memory!.training.activations).toBeGreaterThan(2 * training.activations);
  });

  it('tells it to people, with what does not fit the model cut', async () => {
    const { code, out } = await inspect(folder);
    expect(code).toBe(0);
    expect(out).toMatch(/^Source {5}.*, a Hugging Face folder$/m);
    expect(out).toMatch(/^Model {6}gpt2 \(GPT2LMHeadModel\), [\d,]+ parameters: 2 layers of width 8, .*head tied/m);
    expect(out).toMatch(/^Stored {5}[\d.]+ KiB: F32 [\d.]+ KiB \(28 tensors\)$/m);
    // Lines are wrapped at the width of the terminal.
    expect(out.replace(/\s+/g, ' ')).toContain(
      'Note: The tokenizer has 12 tokens, the vocabulary of the model has 300.',
    );
    expect(out).toMatch(/^ {11}<eos> \(11, EOS\)$/m);
    expect(out).toMatch(/^Templates {2}a chat template of 14 characters, prompt template 'compact'$/m);
    expect(out).toMatch(/^Answering {2}f32 .*, f16 .*, int8 .*, int4 .*; 32 tokens and 32 new ones$/m);
    expect(out).toMatch(/^Training {3}.*; batches of 8 samples of 64 tokens/m);
  });

  it('tells of a GGUF file', async () => {
    const { code, out } = await inspect(gguf);
    expect(code).toBe(0);
    expect(out).toMatch(/llama-wide.gguf, a GGUF file$/m);
    expect(out).toMatch(/^Model {6}llama \(LlamaForCausalLM\), /m);
    expect(out).toMatch(/^Stored {5}.*F16 .*\(\d+ tensors\), F32/m);
    expect(out).toMatch(/^Tokenizer {2}none: .*there is no tokenizer/m);
  });

  it('says why a model cannot be loaded, tells the rest, and fails', async () => {
    const broken = await mkdtemp(join(tmpdir(), 'distillm-inspect-'));
    try {
      await writeFile(join(broken, 'config.json'), '{"model_type": "mamba"}');
      const { code, out } = await inspect(broken);
      expect(code).toBe(1);
      expect(out).toMatch(/^Model {6}cannot be loaded: .*model_type is "mamba", expected one of/m);
      expect(out).toMatch(/^Templates {2}no chat template, no prompt template named$/m);
      expect(out).not.toMatch(/Answering/);
    } finally {
      await rm(broken, { recursive: true });
    }
  });

  it('takes one source', async () => {
    expect((await inspect('a', 'b')).err).toMatch(/inspect takes one source, found 2/);
  });
});
