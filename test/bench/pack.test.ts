/** The GPU archive's run on the software adapter at tiny shapes, in little time, and the report of what a run left. */
import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { modelOracles } from '../../bench/pack/modelOracles.ts';
import { partsOf, preparation } from '../../bench/pack/parts.ts';
import { packedSuites } from '../../bench/suites.ts';
import { packScripts } from '../../scripts/gpu-pack.mjs';
import { describeWebGPU } from '../backend/webgpu/adapter.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'distillm-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** Exit code and output of a script in Node. */
const run = (script: string, ...words: string[]) =>
  new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
    const child = execFile(process.execPath, ['--no-warnings', script, ...words], (_, stdout, stderr) =>
      resolve({ code: child.exitCode ?? -1, stdout, stderr }),
    );
  });

it('every suite of the parts has its place in the report', () => {
  const parts = partsOf({ size: 'large', allowSoftware: false, matrices: true });
  const names = parts.flatMap(({ suites }) => suites.map(({ name }) => name));
  expect(['gpu-adapter', ...names]).toEqual([...packedSuites]);
});

it('the time limits of all variants and of what comes before stay below eight minutes together', () => {
  const parts = partsOf({ size: 'large', allowSoftware: false, matrices: true });
  const seconds = parts.flatMap(({ suites }) => suites.flatMap(({ variants }) => variants.map((v) => v.seconds)));
  const before = Object.values(preparation);
  expect([...before, ...seconds].reduce((sum, value) => sum + value)).toBeLessThanOrEqual(8 * 60);
});

describeWebGPU('the archive', () => {
  it('runs its parts without a question, keeps what was measured before the time was over, and says so', async () => {
    // In the repository, where Dawn is found.
    const archive = fileURLToPath(new URL(`../../build/gpu-pack-test-${process.pid}`, import.meta.url));
    const out = join(folder, 'out');
    try {
      await packScripts(archive);
      const packed = await readdir(join(archive, 'oracles'), { recursive: true });
      expect(packed).toEqual(expect.arrayContaining(modelOracles().map((name) => `${name}/oracle.json`)));
      const words = ['--size', 'tiny', '--allow-software', '--parts', 'ac', '--minutes', '0.4', '--out', out];
      const started = performance.now();
      const { code, stderr } = await run(join(archive, 'pack/main.mjs'), ...words);
      expect(performance.now() - started).toBeLessThan(45_000);
      expect([0, 1], stderr).toContain(code);
    } finally {
      await rm(archive, { recursive: true, force: true });
    }
    expect((await readdir(out)).sort()).toEqual(['a-adapter.json', 'c-products.json', 'log.txt']);
    const read = async (name: string) => JSON.parse(await readFile(join(out, name), 'utf8'));
    const [adapter] = (await read('a-adapter.json')).results;
    expect(adapter.facts).toMatchObject({ software: true, limits: { maxBindGroups: expect.any(Number) } });
    const [products] = (await read('c-products.json')).results;
    expect(products.variants[0].measurements[0]).toMatchObject({ case: 'NT 32 x 48 x 3142, b f32', unit: 'GFLOP/s' });
    const log = await readFile(join(out, 'log.txt'), 'utf8');
    for (const said of ['$ uname -a', 'ldconfig -p', 'Vulkan by', 'PyTorch by', '| NT 32 x 48 x 3142, b f32 |'])
      expect(log).toContain(said);
  }, 60_000);

  it('checks kernels, losses and models: a line each, all within what is allowed', async () => {
    const script = fileURLToPath(new URL('../../bench/pack/correctness.ts', import.meta.url));
    const { code, stdout, stderr } = await run(script, '--allow-software', '--size', 'tiny');
    expect(code, stderr).toBe(0);
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const names = lines.map((line) => line.case);
    for (const name of ['add', 'skewReverseKL, exact values', 'three steps, gradient norms beside WASM'])
      expect(names).toContain(name);
    expect(names.slice(-2)).toEqual(['gpt2, logits of transformers', 't5/v1, logits of transformers']);
    for (const { unit, median } of lines) expect(unit === '%' && median >= 0 && median <= 100).toBe(true);
  }, 300_000); // ten seconds of a core, most of it a software GPU that compiles shaders

  it('refuses a folder that cannot be made, and says what to do', async () => {
    const script = fileURLToPath(new URL('../../bench/pack/main.ts', import.meta.url));
    const { code, stderr } = await run(script, '--out', '/proc/nowhere');
    expect(code).toBe(2);
    expect(stderr).toMatch(/^--out \/proc\/nowhere: ENOENT.*Name a folder that can be written with --out FOLDER\.\n$/);
  });

  it('refuses a wrong option, and names the file that has them', async () => {
    const script = fileURLToPath(new URL('../../bench/pack/main.ts', import.meta.url));
    const { code, stderr } = await run(script, '--parts', 'xyz');
    expect([code, stderr]).toEqual([2, "--parts is 'xyz', expected some of abcdef. README.txt has the options.\n"]);
  });
});

it('a report puts the results of a run beside those that are there, in the order of the parts', async () => {
  const sample = fileURLToPath(new URL('gpu-results', import.meta.url));
  const report = fileURLToPath(new URL('../../bench/pack/report.ts', import.meta.url));
  const kept = 'amd-epyc-family-25-model-17-avx-512/tokenizer.json';
  const to = join(folder, 'bench');
  await mkdir(dirname(join(to, 'results', kept)), { recursive: true });
  await copyFile(fileURLToPath(new URL(`../../bench/results/${kept}`, import.meta.url)), join(to, 'results', kept));
  expect((await run(report, sample, '--to', to)).code).toBe(0);
  const files = (await readdir(join(to, 'results'), { recursive: true })).filter((path) => path.endsWith('.json'));
  expect(files.sort()).toEqual([kept, 'sample-cpu-avx2/gpu-adapter.json', 'sample-cpu-avx2/gpu-products.json']);
  const text = await readFile(join(to, 'README.md'), 'utf8');
  expect(text.match(/^## .*/gm)).toEqual(['## tokenizer', '## gpu-adapter', '## gpu-products']);
  expect(text).toContain('- features: ["shader-f16","subgroups"]');
  expect(text).toContain('| 1024 x 1024 x 1024, b f32 | PyTorch, CUDA | 40000 GFLOP/s | 39000-41000 | 2.00 |');
  expect(text).toContain('Not run: tuning: stopped at the limit');
});

it('a report of a folder without results is refused', async () => {
  const report = fileURLToPath(new URL('../../bench/pack/report.ts', import.meta.url));
  const { code, stderr } = await run(report, folder);
  expect([code, stderr]).toEqual([2, `gpu:report: ${folder} has no results: name the folder that run.sh wrote.\n`]);
});
