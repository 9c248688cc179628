// Holds what is saved to transformers, which loads it and must compute the same logits; not part of the tests.
//
//   pip install torch transformers
//   npm run build && node scripts/check-saved-models.mjs [PYTHON]
//
// Saved are the models of test/oracles as they are, in f16, and with one of their layers, and a model of random weights of
// each family, from the least config that it takes. Exits with 1 when one is not loaded as a whole, or a logit is off by more
// than 1e-4. PYTHON is the interpreter that has transformers, by default python3.
import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createModel, loadModel, openDevice, saveModel } from 'distillm';
import { headLogits, tidy } from 'distillm/tensor';

const [python = 'python3'] = process.argv.slice(2);
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

/** Saves a model, and the logits that the saved one has here. */
async function save(name, model, options = {}) {
  const folder = join(out, name);
  await saveModel(model, folder, options);
  model.dispose();
  const saved = await loadModel(folder, { device });
  const source = saved.startTokenId === undefined ? {} : { source: batchOf(prompt) };
  const logits = tidy(() => headLogits(saved.forward({ ...batchOf(ids), ...source }), saved.head));
  await writeFile(join(folder, 'logits.json'), JSON.stringify({ ids, prompt, logits: [...(await logits.read())] }));
  logits.dispose();
  saved.dispose();
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

try {
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
  const script = fileURLToPath(new URL('check-saved-models.py', import.meta.url));
  const { status, error } = spawnSync(python, [script, out], { stdio: 'inherit' });
  if (error) throw error;
  process.exitCode = status ?? 1;
} finally {
  await device.dispose();
  await rm(out, { recursive: true });
}
