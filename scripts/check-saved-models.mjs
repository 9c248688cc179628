// Holds what is saved to transformers, which loads it and must compute the same logits; not part of the tests.
//
//   pip install torch transformers
//   npm run build && node scripts/check-saved-models.mjs [PYTHON [FOLDER...]]
//
// Saved are the models of test/oracles as they are, in f16, and with one of their layers, and a model of random weights of
// each family, from the least config that it takes; or taken are the FOLDERs, models that are saved already: what examples/page
// gives to download, say, unpacked. Exits with 1 when one is not loaded as a whole, a logit is off by more than 1e-4, or the
// tokenizer beside a model gives other ids. PYTHON is the interpreter that has transformers, by default python3.
import { spawnSync } from 'node:child_process';
import { cp, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createModel, loadModel, loadTokenizer, openDevice, saveModel } from 'distillm';
import { headLogits, tidy } from 'distillm/tensor';

const [python = 'python3', ...given] = process.argv.slice(2);
const oracles = fileURLToPath(new URL('../test/oracles/', import.meta.url));
const out = await mkdtemp(join(tmpdir(), 'distillm-saved-'));
const device = await openDevice({ kind: 'wasm' });
const ids = [5, 17, 76, 2, 31, 8, 8, 40, 3];
const prompt = [6, 6, 50, 33, 20, 11, 64, 1];

const batchOf = (tokens) => ({
  batch: 1,
  seq: tokens.length,
  ids: Int32Array.from(tokens),
  keyRange: Int32Array.of(0, tokens.length),
});

async function save(name, model, options = {}) {
  const folder = join(out, name);
  await saveModel(model, folder, options);
  model.dispose();
  await note(folder);
}

const texts = ['It was a red cat.', 'Translate into German: 12 + 30 = ?\n\n  «ja» \u{1F600}'];

/** Writes beside a model what it is here: its logits, and the ids of its tokenizer where it has one. */
async function note(folder) {
  const saved = await loadModel(folder, { device });
  const source = saved.startTokenId === undefined ? {} : { source: batchOf(prompt) };
  const logits = tidy(() => headLogits(saved.forward({ ...batchOf(ids), ...source }), saved.head));
  const tokens = (await readdir(folder)).includes('tokenizer.json') ? await encoded(folder) : [];
  const noted = { ids, prompt, logits: [...(await logits.read())], texts: tokens };
  await writeFile(join(folder, 'logits.json'), JSON.stringify(noted));
  logits.dispose();
  saved.dispose();
}

async function encoded(folder) {
  const tokenizer = await loadTokenizer(folder);
  const pairs = texts.map((text) => [text, [...tokenizer.encode(text)]]);
  tokenizer.dispose();
  return pairs;
}

const least = {
  gpt2: { n_positions: 16, n_embd: 8, n_layer: 2, n_head: 2 },
  opt: { hidden_size: 8, ffn_dim: 12, num_hidden_layers: 2, num_attention_heads: 2, max_position_embeddings: 16 },
  t5: { d_model: 8, d_kv: 4, d_ff: 12, num_layers: 2, num_heads: 2 },
  mt5: { d_model: 8, d_kv: 4, d_ff: 12, num_layers: 2, num_heads: 2 },
};
const gated = {
  ...{ hidden_size: 8, intermediate_size: 12, num_hidden_layers: 2, num_attention_heads: 2, head_dim: 4 },
  ...{ num_key_value_heads: 1, max_position_embeddings: 16 },
};
for (const family of ['llama', 'mistral', 'qwen2', 'qwen3', 'gemma3_text']) least[family] = gated;

async function saveAll() {
  const found = await readdir(oracles, { recursive: true });
  const folders = found
    .filter((path) => /^(gemma3|gpt2|llama|mistral|opt|qwen2|qwen3|t5)\b.*\bmodel$/.test(path))
    .sort();
  for (const path of folders) {
    const folder = join(oracles, path);
    const name = path.replace(/[\\/]model$/, '');
    await save(join(name, 'whole'), await loadModel(folder, { device }));
    await save(join(name, 'f16'), await loadModel(folder, { device }), { dtype: 'f16' });
    await save(join(name, 'one layer'), await loadModel(folder, { device, layers: 1 }));
  }
  for (const [family, shape] of Object.entries(least)) {
    const config = { model_type: family, vocab_size: 83, ...shape };
    await save(join('random weights', family), await createModel(config, { device, seed: 1 }));
  }
}

try {
  for (const [index, folder] of given.entries()) {
    const copy = join(out, `${index} ${basename(resolve(folder))}`);
    await cp(folder, copy, { recursive: true });
    await note(copy);
  }
  if (given.length === 0) await saveAll();
  const script = fileURLToPath(new URL('check-saved-models.py', import.meta.url));
  const { status, error } = spawnSync(python, [script, out], { stdio: 'inherit' });
  if (error) throw error;
  process.exitCode = status ?? 1;
} finally {
  await device.dispose();
  await rm(out, { recursive: true });
}
