// Holds a model to a reference made elsewhere; not part of the tests.
//
//   npm run build && node scripts/check-real-model.mjs FOLDER [wasm | webgpu]
//
// FOLDER is a Hugging Face folder with a reference.json: `ids`, `nll_per_token` (of ids 1, 2, ... in nats) and
// `last_position_top10` ([id, logit] pairs after the last id). Exits with 1 when a number is off by more than 1e-4.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadModel, numParameters, openDevice } from 'distillm';
import { headLogits, tidy } from 'distillm/tensor';

const [folder, kind = 'wasm'] = process.argv.slice(2);
if (!folder) {
  console.error('usage: node scripts/check-real-model.mjs FOLDER [wasm | webgpu]');
  process.exit(2);
}
const reference = JSON.parse(await readFile(join(folder, 'reference.json'), 'utf8'));
const device = await openDevice({ kind });
const started = performance.now();
const model = await loadModel(folder, { device });
const seconds = ((performance.now() - started) / 1000).toFixed(2);
console.log(`${folder}: ${model.family}, ${numParameters(model)} parameters, loaded in ${seconds} s`);

const ids = Int32Array.from(reference.ids);
const batch = { batch: 1, seq: ids.length, ids, keyRange: Int32Array.of(0, ids.length) };
const logits = tidy(() => headLogits(model.forward(batch), model.head));
const values = await logits.read();
const row = (position) => values.subarray(position * model.vocabSize, (position + 1) * model.vocabSize);

let worst = 0;
const compare = (got, want) => {
  worst = Math.max(worst, Number.isNaN(got) ? Number.POSITIVE_INFINITY : Math.abs(got - want));
};
for (const [position, want] of reference.nll_per_token.entries()) {
  const scores = row(position);
  const largest = scores.reduce((most, score) => Math.max(most, score), Number.NEGATIVE_INFINITY);
  const total = scores.reduce((sum, score) => sum + Math.exp(score - largest), 0);
  compare(largest + Math.log(total) - scores[ids[position + 1]], want);
}
for (const [id, want] of reference.last_position_top10) compare(row(ids.length - 1)[id], want);
console.log(`largest difference from reference.json: ${worst.toExponential(1)}`);
logits.dispose();
model.dispose();
await device.dispose();
process.exitCode = worst <= 1e-4 ? 0 : 1;
