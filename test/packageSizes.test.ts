/**
 * Budgets: what parts of the built package weigh in a page, minified and gzipped, as a server sends them. Whoever goes beyond one
 * either finds what has come in unasked, or raises it with the reason.
 */
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { build, transform } from 'esbuild';
import { expect, it } from 'vitest';

/** What a page or a worker of its own takes that distils: all of the method, every family of models, every tokenizer. */
const distilling = [
  ...['openDevice', 'loadModel', 'loadTokenizer', 'readInstructions', 'distill', 'skewReverseKL', 'adaptiveOffPolicy'],
  ...['saveModel', 'generateText'],
];

const embedding = { distillm: ['openDevice'], 'distillm/embedded': ['embeddedKernels'] };

/** Bytes of a page that takes these names of the entries. */
async function weight(taken: Readonly<Record<string, readonly string[]>>): Promise<number> {
  const lines = Object.entries(taken).map(([entry, names]) => `export { ${names.join(', ')} } from '${entry}';`);
  const { outputFiles } = await build({
    stdin: { contents: lines.join('\n'), resolveDir: process.cwd() },
    ...{ bundle: true, minify: true, format: 'esm', platform: 'browser', target: 'es2022' },
    // Without our tsconfig, whose paths point at the sources.
    ...{ tsconfigRaw: {}, write: false, logLevel: 'error' },
  });
  return zipped((outputFiles[0] as { contents: Uint8Array }).contents);
}
const zipped = (bytes: string | Uint8Array) => gzipSync(bytes, { level: 9 }).length;

it.each([
  ['a metric', { distillm: ['rougeL'] }, 5_000],
  ['the page of a worker', { 'distillm/worker': ['startWorker'] }, 8_000],
  // JavaScript, of which zod is 18 kB, and WGSL. From 4.5 on zod is 5 to 7 kB larger: its schemas write JSON Schema.
  ['a device', { distillm: ['openDevice'] }, 81_000],
  ['a device with both builds of the kernels in the script', embedding, 160_000],
  ['all of a run', { distillm: distilling }, 300_000],
])('%s', async (_, taken, most) => {
  expect(await weight(taken)).toBeLessThan(most);
});

it.each(['fused', 'plain'])('a device and the kernels of %s arithmetic, of which one build is loaded', async (name) => {
  const kernels = zipped(readFileSync(`dist/compute-${name}.wasm`));
  expect(kernels + (await weight({ distillm: ['openDevice'] }))).toBeLessThan(120_000);
});

it.each(['gpt2', 'opt', 'llama', 'mistral', 'qwen2', 'qwen3', 'gemma3', 't5', 'mt5'])('the family %s', async (name) => {
  const { code } = await transform(readFileSync(`src/models/${name}.ts`, 'utf8'), { loader: 'ts', minify: true });
  expect(gzipSync(code, { level: 9 }).length).toBeLessThan(4_000);
});
