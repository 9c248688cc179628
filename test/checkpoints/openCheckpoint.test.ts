import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { openCheckpoint } from '../../src/checkpoints/index.js';
import { savedTemplate } from '../../src/data/index.js';
import { savedTemplateFiles } from '../../src/data/savedTemplate.js';
import { CheckpointError } from '../../src/errors.js';
import { type FileStore, memoryStore } from '../../src/io/index.js';
import { writeSafetensors } from '../../src/io/writeSafetensors.js';
import { createModel, loadModel, saveModel } from '../../src/models/index.js';
import { loadTokenizer } from '../../src/text/index.js';
import { tinyTokenizer } from '../distill/fixtures.js';
import { openReference } from '../harness/referenceBackend.js';
import { ggufBytes, text } from '../io/ggufBytes.js';

const failure = async (work: Promise<unknown>) =>
  work.then(
    () => expect.unreachable(),
    (error: unknown) => error as CheckpointError,
  );
const config = { model_type: 'gpt2', vocab_size: 11, n_positions: 7, n_embd: 6, n_layer: 1, n_head: 2 };

/** A store that writes down what is asked of it. */
function watched(store: FileStore): { store: FileStore; asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    store: {
      ...store,
      exists: (path) => {
        asked.push(`exists ${path}`);
        return store.exists(path);
      },
      read: (path, offset, length) => {
        asked.push(`read ${path} ${offset ?? 0}`);
        return store.read(path, offset, length);
      },
    },
  };
}

describe('a Hugging Face folder', () => {
  it('offers an adapter, with the base that it names: alone, and beside a whole model', async () => {
    const fields = { peft_type: 'LORA', base_model_name_or_path: './nowhere/at/all', r: 4 };
    const store = memoryStore({ 'adapter_config.json': JSON.stringify(fields) });
    const shape = [1, 2];
    await writeSafetensors(store, 'adapter_model.safetensors', [
      { name: 'h.0.lora_A.weight', dtype: 'F32', shape, read: async () => Float32Array.of(1, 2) },
    ]);
    const adapter = (await (await openCheckpoint(store)).adapter())!;
    expect(adapter).toMatchObject({ name: 'memory/adapter_config.json', fields });
    expect((await adapter.tensors()).entries.get('h.0.lora_A.weight')).toMatchObject({ dtype: 'F32', shape });
    const device = openReference();
    const refusal =
      /^memory\/adapter_config.json: the base of the adapter, .\/nowhere\/at\/all, cannot be opened.*there is no checkpoint/;
    expect((await failure(adapter.base())).message).toMatch(refusal);
    expect((await failure(loadModel(store, { device }))).message).toMatch(refusal);
    using whole = await createModel(config, { device });
    await saveModel(whole, store);
    // As in transformers: the folder's own weights are not what the adapter was trained beside.
    expect((await failure(loadModel(store, { device }))).message).toMatch(refusal);
    await store.remove('adapter_config.json');
    expect(await (await openCheckpoint(store)).adapter()).toBeUndefined();
    (await loadModel(store, { device })).dispose();
  });

  it('with an adapter has the config, tensors, tokenizer and companions of its base, and its own first', async () => {
    const device = openReference();
    using whole = await createModel(config, { device });
    const base = memoryStore({
      'merges.txt': 'a b',
      'vocab.json': '{}',
      'generation_config.json': 'base',
      LICENSE: 'base',
    });
    whole.promptTemplate = 'alpaca';
    await saveModel(whole, base);
    const adapter = memoryStore({ 'adapter_config.json': '{"peft_type": "LORA"}', 'generation_config.json': 'own' });
    const checkpoint = await openCheckpoint(adapter, { base });
    expect((await checkpoint.config()).fields.model_type).toBe('gpt2');
    expect((await checkpoint.tensors()).entries.size).toBeGreaterThan(0);
    expect((await checkpoint.tokenizerFiles())?.has('vocab.json')).toBe(true);
    const companions = await checkpoint.companionFiles();
    expect([...companions].map(([name, bytes]) => [name, new TextDecoder().decode(bytes)]).sort()).toEqual([
      ['LICENSE', 'base'],
      ['generation_config.json', 'own'],
    ]);
    expect(await checkpoint.promptTemplate()).toBe('alpaca');
    await adapter.write('distillm.json', [new TextEncoder().encode('{"promptTemplate": "compact"}')]);
    expect(await (await openCheckpoint(adapter, { base })).promptTemplate()).toBe('compact');
  });

  it('offers config, tensors, tokenizer files and the template', async () => {
    const store = memoryStore({
      'config.json': '{"model_type": "gpt2"}',
      'merges.txt': 'a b',
      ...savedTemplateFiles('x'),
    });
    await writeSafetensors(store, 'model.safetensors', [
      { name: 'half', dtype: 'F16', shape: [2, 1], read: async () => Uint16Array.of(1, 0x7c01) },
    ]);
    const checkpoint = await openCheckpoint(store);
    expect(checkpoint.name).toBe('memory');
    expect(await checkpoint.config()).toEqual({ name: 'memory/config.json', fields: { model_type: 'gpt2' } });
    expect(await checkpoint.promptTemplate()).toBe('x');
    const tensors = await checkpoint.tensors();
    expect(tensors.name).toBe('memory/model.safetensors');
    expect(tensors.entries.get('half')).toMatchObject({ dtype: 'F16', shape: [2, 1], byteLength: 4 });
    // The bits of the file, not numbers that were made from them.
    expect(await tensors.read('half')).toEqual(Uint8Array.of(1, 0, 1, 0x7c));
    // Merges alone are no tokenizer.
    expect(await checkpoint.tokenizerFiles()).toBeUndefined();
    expect((await failure(loadTokenizer(checkpoint))).message).toMatch(
      /^memory: there is no tokenizer, expected tokenizer.json, or vocab.json and merges.txt/,
    );
    await store.write('tokenizer.json', [Uint8Array.of(123, 125)]);
    const files = await (await openCheckpoint(store)).tokenizerFiles();
    // Beside a tokenizer.json nobody reads merges: they are not asked for.
    expect([...(files ?? []).keys()].sort()).toEqual(['config.json', 'tokenizer.json']);
    expect(files?.get('tokenizer.json')).toEqual(Uint8Array.of(123, 125));
  });

  it('in shards is one source', async () => {
    const store = memoryStore({ 'model.safetensors.index.json': '{"weight_map": {"a": "one.safetensors"}}' });
    const zeros = async () => new Uint8Array(3);
    await writeSafetensors(store, 'one.safetensors', [{ name: 'a', dtype: 'U8', shape: [3], read: zeros }]);
    const tensors = await (await openCheckpoint(store)).tensors();
    expect([...tensors.entries.keys()]).toEqual(['a']);
    expect(await tensors.read('a')).toEqual(new Uint8Array(3));
  });

  it('that holds a tokenizer alone, or weights alone, offers that', async () => {
    const { vocabSize } = await loadTokenizer(memoryStore(tinyTokenizer().save()));
    expect(vocabSize).toBe(tinyTokenizer().vocabSize);
    const checkpoint = await openCheckpoint(memoryStore(tinyTokenizer().save()));
    expect((await failure(checkpoint.config())).message).toMatch(/there is no config.json, found .*tokenizer.json/);
    expect((await failure(checkpoint.tensors())).message).toMatch(
      /no model.safetensors and no model.safetensors.index.json and no pytorch_model.bin and .*, found .*tokenizer.json.*Check the name of the folder/,
    );
  });

  it('with pickled weights alone offers these, whole or in shards', async () => {
    const weights = await readFile(new URL('../oracles/torch/dtypes.bin', import.meta.url));
    const shard = 'pytorch_model-00001-of-00001.bin';
    const whole = await (await openCheckpoint(memoryStore({ 'pytorch_model.bin': weights }))).tensors();
    const map = Object.fromEntries([...whole.entries.keys()].map((name) => [name, shard]));
    const sharded = memoryStore({
      [shard]: weights,
      'pytorch_model.bin.index.json': JSON.stringify({ weight_map: map }),
    });
    const tensors = await (await openCheckpoint(sharded)).tensors();
    expect(tensors.entries).toEqual(whole.entries);
    for (const name of ['transposed', 'f64']) expect(await tensors.read(name)).toEqual(await whole.read(name));
    const leads = { ...map, f16: '../model.bin' };
    await sharded.write('pytorch_model.bin.index.json', [
      new TextEncoder().encode(JSON.stringify({ weight_map: leads })),
    ]);
    expect((await failure((await openCheckpoint(sharded)).tensors())).message).toMatch(
      /tensor 'f16' is in "..\/model.bin", expected the name of a .bin file/,
    );
  });

  it('names what it finds in place of a name, also an object that cannot be made a text', async () => {
    const strange = '{"toString": {"valueOf": 1}}';
    const template = memoryStore({ 'config.json': '{}', 'distillm.json': `{"promptTemplate": ${strange}}` });
    expect((await failure((await openCheckpoint(template)).promptTemplate())).message).toBe(
      'memory/distillm.json: promptTemplate is {"toString":{"valueOf":1}}, expected a name. Remove it.',
    );
    const adapter = memoryStore({
      'config.json': '{}',
      'adapter_config.json': `{"peft_type": ${strange}, "base_model_name_or_path": ${strange}}`,
    });
    const device = openReference({ precision: 'f32' });
    expect((await failure(loadModel(adapter, { device }))).message).toMatch(
      /peft_type is \{"toString":.*expected "LORA"/,
    );
  });

  it('is looked through once for its model, tokenizer and template', async () => {
    const saved = memoryStore();
    const device = openReference({ precision: 'f32' });
    using made = await createModel(config, { device });
    made.promptTemplate = 'compact';
    await saveModel(made, saved, { files: tinyTokenizer().save() });
    const { store, asked } = watched(saved);
    const checkpoint = await openCheckpoint(store);
    expect(await openCheckpoint(checkpoint)).toBe(checkpoint);
    for (let i = 0; i < 2; i++) {
      using model = await loadModel(checkpoint, { device });
      expect(model.vocabSize).toBe(11);
      expect(model.promptTemplate).toBe('compact');
      expect(await savedTemplate(checkpoint)).toBe('compact');
      expect((await loadTokenizer(checkpoint)).vocabSize).toBe(tinyTokenizer().vocabSize);
    }
    const times = (call: string) => asked.filter((each) => each === call).length;
    for (const file of ['tokenizer.json', 'tokenizer_config.json', 'special_tokens_map.json', 'distillm.json']) {
      expect([file, times(`read ${file} 0`)]).toEqual([file, 1]);
    }
    // Its fields, and as a file of the tokenizer.
    expect(times('read config.json 0')).toBe(2);
    // The header.
    expect(times('read model.safetensors 0')).toBe(1);
  });

  it('is asked again for what failed', async () => {
    const store = memoryStore({ 'tokenizer.json': '{}' });
    const checkpoint = await openCheckpoint(store);
    await expect(checkpoint.config()).rejects.toBeInstanceOf(CheckpointError);
    await store.write('config.json', [new TextEncoder().encode('{"a": 1}')]);
    expect((await checkpoint.config()).fields).toEqual({ a: 1 });
  });
});

describe('a folder without a checkpoint', () => {
  it('is described: what was looked for, and what is there', async () => {
    const error = await failure(openCheckpoint(memoryStore({ 'notes.txt': '', 'deep/model.safetensors': '' })));
    expect(error).toBeInstanceOf(CheckpointError);
    expect(error.message).toBe(
      'memory: there is no checkpoint, expected a Hugging Face folder (config.json, model.safetensors, ' +
        'model.safetensors.index.json, pytorch_model.bin, pytorch_model.bin.index.json, adapter_config.json, ' +
        'tokenizer.json, vocab.json, tokenizer.model, spiece.model, sentencepiece.bpe.model) or a GGUF file, found deep/, ' +
        "notes.txt. Did you mean 'memory/deep'?",
    );
    const many = Object.fromEntries(Array.from({ length: 23 }, (_, i) => [`f${String(i).padStart(2, '0')}`, '']));
    expect((await failure(openCheckpoint(memoryStore(many)))).message).toMatch(/found f00, .*, f19 and 3 more\. Check/);
    expect((await failure(openCheckpoint(memoryStore()))).message).toMatch(/, found no files\. Check/);
  });

  it.each([
    ['./no/such/folder', ''],
    ['a/b/c', ''],
    ['gpt2', " For the model of this name on Hugging Face, give 'hf:gpt2'."],
    ['openai-community/gpt2', " For the model of this name on Hugging Face, give 'hf:openai-community/gpt2'."],
    ['no-such/model.safetensors', ''],
  ])('that is not there is told why in a line, once: %s', async (path, advice) => {
    const error = await failure(openCheckpoint(path));
    expect(error).toBeInstanceOf(CheckpointError);
    expect(error.message).toBe(
      `${path}: there is no checkpoint: there is no such file or folder (ENOENT). Check the path.${advice}`,
    );
  });

  it('that is a GGUF file is known by its content, whatever its name', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'distillm-'));
    const file = join(folder, 'sha256-c0ffee');
    try {
      await writeFile(file, ggufBytes({ 'general.architecture': text('llama') }));
      expect(await openCheckpoint(file)).toMatchObject({ name: file, storedAs: 'a GGUF file', location: file });
      await writeFile(file, 'GGU');
      expect((await failure(openCheckpoint(file))).message).toMatch(/sha256-c0ffee is a file, expected the folder/);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('that is the address of a GGUF file may end with a query, as the links of Hugging Face do', async () => {
    const gguf = ggufBytes({ 'general.architecture': text('llama') });
    const asked: string[] = [];
    vi.stubGlobal('fetch', async (url: URL) => {
      asked.push(url.href);
      return new Response(gguf);
    });
    try {
      const address = 'https://example.org/resolve/main/m.GGUF?download=true';
      const checkpoint = await openCheckpoint(address);
      expect(checkpoint).toMatchObject({ name: address, storedAs: 'a GGUF file' });
      expect((await failure(checkpoint.config())).message).toMatch(
        /m\.GGUF\S+: the key 'llama.embedding_length' is missing/,
      );
      expect(new Set(asked)).toEqual(new Set([address]));
    } finally {
      vi.unstubAllGlobals();
    }
  });

  it("that is a model's page on Hugging Face says how the model is called here", async () => {
    for (const [page, name] of [
      ['https://huggingface.co/org/name', 'hf:org/name'],
      ['http://hf.co/org/name/?library=transformers', 'hf:org/name'],
      ['https://huggingface.co/org/name/tree/v1.0', 'hf:org/name@v1.0'],
    ] as const) {
      const error = await failure(openCheckpoint(page));
      expect(error).toBeInstanceOf(CheckpointError);
      expect(error.message).toBe(
        `${page}: there is no checkpoint: this is the page of a model. Give '${name}' instead.`,
      );
    }
  });

  it('that is a file of one names its folder', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'distillm-file-'));
    try {
      for (const name of ['model.safetensors', 'tokenizer.json', 'weights']) {
        const file = join(folder, name);
        await writeFile(file, '');
        const error = await failure(openCheckpoint(file));
        expect(error).toBeInstanceOf(CheckpointError);
        expect(error.message).toBe(`${file} is a file, expected the folder of a checkpoint. Give '${folder}' instead.`);
      }
      const below = await failure(openCheckpoint(join(folder, 'weights/inner')));
      expect(below.message).toMatch(
        /there is no checkpoint: a part of the path is a file, .* \(ENOTDIR\)\. Check the path\.$/,
      );
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('that lies a level above checkpoints names them', async () => {
    const open = async (files: Record<string, string>) =>
      (await failure(openCheckpoint(memoryStore(files, { name: 'models' })))).message;
    expect(await open({ 'gpt2/config.json': '{}', 'notes/a.txt': '' })).toMatch(/ Did you mean 'models\/gpt2'\?$/);
    expect(await open({ 'gpt2/config.json': '{}', 'opt/tokenizer.json': '{}', 'a.txt': '' })).toMatch(
      / There is one in each of models\/gpt2, models\/opt: give one of them\.$/,
    );
    expect(await open({ 'deep/er/config.json': '{}' })).toMatch(/ Check the path\.$/);
    const many = Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`m${i}/config.json`, '{}']));
    expect((await open(many)).match(/models\/m\d/g)).toHaveLength(5);
  });

  it('that a run wrote to points at its best model', async () => {
    const run = memoryStore({ 'log.jsonl': '', 'best/config.json': '{}' }, { name: 'runs/x' });
    expect((await failure(openCheckpoint(run))).message).toMatch(
      /, found best\/, log\.jsonl\. A run wrote its model to 'runs\/x\/best': give that\.$/,
    );
  });
});
