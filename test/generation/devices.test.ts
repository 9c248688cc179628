import { expect, it, vi } from 'vitest';
import { openWasm } from '../../src/backend/wasm/index.js';
import { type GenerateOptions, generate } from '../../src/generation/index.js';
import { loadModel } from '../../src/models/index.js';
import { describeWebGPU, withWebGPU } from '../backend/webgpu/adapter.js';
import { openOracle } from '../models/oracle.js';

const { oracle, path } = openOracle('gpt2');
const prompts = oracle.generation.prompts.map((ids) => Int32Array.from(ids));

/** Plain sampling in its variants, each with seeds of its own, small and above 2^32. */
const variants: readonly Partial<GenerateOptions>[] = [
  {},
  { temperature: 1.5, topK: 20 },
  { topP: 0.9 },
  { temperature: 0.8, topK: 40, topP: 0.95, batchSize: 3 },
];

// A software GPU compiles every shader here.
vi.setConfig({ testTimeout: 120_000 });

describeWebGPU('the same seeds', () => {
  it('draw the same tokens on WASM and on WebGPU, for several prompts side by side', () =>
    withWebGPU({}, async (gpu) => {
      await using wasm = await openDisposable();
      using onWasm = await loadModel(path('model'), { device: wasm.device });
      using onGPU = await loadModel(path('model'), { device: gpu });
      const drawn = new Set<string>();
      for (const [variant, options] of variants.entries()) {
        const seeds = prompts.map((_, prompt) => 100 * variant + prompt + (prompt % 2) * 2 ** 40);
        const all = { maxNewTokens: 8, seeds, ...options };
        const answers = await generate(onWasm, prompts, all);
        expect(await generate(onGPU, prompts, all), JSON.stringify(all)).toEqual(answers);
        for (const answer of answers) drawn.add(String(answer));
      }
      // Other seeds and settings draw other tokens: equal answers are no accident.
      expect(drawn.size).toBe(variants.length * prompts.length);
    }));
});

async function openDisposable() {
  const device = await openWasm({ threads: 2 });
  return { device, [Symbol.asyncDispose]: () => device.dispose() };
}
