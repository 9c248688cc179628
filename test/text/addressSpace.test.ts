/**
 * A process whose addresses are limited, as batch systems limit them: V8 reserves 10 GB for each WebAssembly memory, and
 * a run has two of them, however many tokenizers, samplers and replay buffers it makes. The built package runs in a
 * process of its own.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';

const opening = `
import * as api from '${pathToFileURL('dist/index.js')}';
const tell = (error) => {
  console.log(error.name, error.code, error.message);
  process.exit(7);
};
const device = await api.openDevice({ kind: 'wasm', wasm: { threads: 2 } }).catch(tell);
const texts = Array.from({ length: 8 }, (_, i) => 'say ' + i + ' and ' + i * i);
let tokenizers;
try {
  tokenizers = Array.from({ length: 5 }, () => api.trainTokenizer(texts, { vocabSize: 270, specialTokens: { eos: '<eos>' } }));
} catch (error) {
  tell(error);
}
const [tokenizer] = tokenizers;`;

const training = `
const config = { model_type: 'gpt2', vocab_size: 270, n_positions: 64, n_embd: 8, n_layer: 1, n_head: 2 };
const teacher = await api.createModel(config, { device, trainable: false, seed: 1 });
const student = await api.createModel(config, { device });
const text = texts.map((output) => JSON.stringify({ instruction: 'go', output })).join('\\n');
const data = await api.readInstructions({ text }, { tokenizer, template: 'compact', maxLength: 60, validation: 2 });
const sources = new Set();
const run = api.distill({
  ...{ teacher, student, tokenizer, data, steps: 12, batchSize: 2, maxNewTokens: 4, validation: { every: 4 } },
  loss: api.skewKL(),
  sgo: api.adaptiveOffPolicy({ initThreshold: 0.8, capacity: 10 }),
});
for await (const event of run) if (event.type === 'step') sources.add(event.source);
const ids = tokenizers.flatMap((each) => [each.encode('say 1')]);
const held = [];
for (const prompt of ids) {
  // Each of these generations holds a sampler while the next begins.
  const tokens = api.streamTokens(student, prompt, { maxNewTokens: 3, noRepeatNgramSize: 2 });
  await tokens.next();
  held.push(tokens);
}
for (const tokens of held) for await (const _ of tokens);
console.log(held.length, [...sources].sort().join());`;

/** Runs a module under a limit of so many GB (10^9 bytes). */
const under = (gigabytes: number, source: string) => {
  const command = `ulimit -v ${((gigabytes * 1_000_000_000) / 1024) | 0} && exec "$0" --input-type=module -e "$1"`;
  const { status, stdout, stderr } = spawnSync('bash', ['-c', command, process.execPath, source], { encoding: 'utf8' });
  return { status, said: stdout + stderr };
};

describe.skipIf(process.platform !== 'linux' || !existsSync('dist/index.js'))(
  'under a limit of the address space',
  () => {
    it('a training with five tokenizers, samplers and a replay buffer has room in 26 GB', () => {
      expect(under(26, opening + training)).toEqual({ status: 0, said: '5 data,generate,replay\n' });
    }, 60_000);

    it('of 18.5 GB, which is one memory too few, a LimitError says what to do', () => {
      const { status, said } = under(18.5, opening);
      const what = 'tokenizers, samplers and replay buffers';
      expect(said).toMatch(new RegExp(`^LimitError ERR_LIMIT No WebAssembly memory for ${what}: .*ulimit -v 26000000`));
      expect(status).toBe(7);
    });
  },
);
