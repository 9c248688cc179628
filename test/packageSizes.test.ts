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

/** Bytes of a page that takes these names of an entry. */
async function weight(names: readonly string[], entry = 'distillm'): Promise<number> {
  const { outputFiles } = await build({
    stdin: { contents: `export { ${names.join(', ')} } from '${entry}';`, resolveDir: process.cwd() },
    ...{ bundle: true, minify: true, format: 'esm', platform: 'browser', target: 'es2022' },
    // Without our tsconfig, whose paths point at the sources.
    ...{ tsconfigRaw: {}, write: false, logLevel: 'error' },
  });
  return gzipSync((outputFiles[0] as { contents: Uint8Array }).contents, { level: 9 }).length;
}

it.each([
  ['a metric', ['rougeL'], 'distillm', 5_000],
  ['the page of a worker', ['startWorker'], 'distillm/worker', 8_000],
  // Both builds of the kernels, 47 kB each as text in a script (34 as files); JavaScript and WGSL are 96, of which zod is 25.
  ['a device', ['openDevice'], 'distillm', 200_000],
  ['all of a run', distilling, 'distillm', 410_000],
])('%s', async (_, names, entry, most) => {
  expect(await weight(names, entry)).toBeLessThan(most);
});

it.each(['gpt2', 'opt', 'llama', 'mistral', 'qwen2', 'qwen3', 'gemma3', 't5', 'mt5'])('the family %s', async (name) => {
  const { code } = await transform(readFileSync(`src/models/${name}.ts`, 'utf8'), { loader: 'ts', minify: true });
  expect(gzipSync(code, { level: 9 }).length).toBeLessThan(4_000);
});
