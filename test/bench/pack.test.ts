/** The GPU archive's run on the software adapter at tiny shapes, in little time, and the report of what a run left. */
import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
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

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}
/** Exit code and output of a program. */
const execute = (command: string, words: readonly string[], cwd = folder) =>
  new Promise<Ran>((resolve) => {
    const child = execFile(command, words, { cwd }, (_, stdout, stderr) =>
      resolve({ code: child.exitCode ?? -1, stdout, stderr }),
    );
  });
/** Of a script in Node. */
const run = (script: string, ...words: string[]) => execute(process.execPath, ['--no-warnings', script, ...words]);
const readJson = async (path: string) => JSON.parse(await readFile(path, 'utf8'));

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
  // In the repository, where Dawn is found.
  const archive = fileURLToPath(new URL(`../../build/gpu-pack-test-${process.pid}`, import.meta.url));
  const main = join(archive, 'pack/main.mjs');
  const words = ['--size', 'tiny', '--allow-software', '--minutes', '0.4'];
  beforeAll(() => packScripts(archive));
  afterAll(() => rm(archive, { recursive: true, force: true }));

  it('has the oracles of all models, and the licences of what is bundled', async () => {
    const oracles = await readdir(join(archive, 'oracles'), { recursive: true });
    expect(oracles).toEqual(expect.arrayContaining(modelOracles().map((name) => `${name}/oracle.json`)));
    expect(await readdir(join(archive, 'licenses'))).toEqual(
      expect.arrayContaining(['distillm', 'zod', '@huggingface-jinja']),
    );
  });

  it('runs its parts without a question, keeps what was measured before the time was over, and says so', async () => {
    const out = join(folder, 'out');
    const started = performance.now();
    const { code, stderr } = await run(main, ...words, '--parts', 'ac', '--out', out);
    expect(performance.now() - started).toBeLessThan(45_000);
    expect([0, 1], stderr).toContain(code);
    expect((await readdir(out)).sort()).toEqual(['a-adapter.json', 'c-products.json', 'log.txt']);
    const { way, results } = await readJson(join(out, 'a-adapter.json'));
    const [adapter] = results;
    expect(adapter.facts).toMatchObject({ software: true, limits: { maxBindGroups: expect.any(Number) } });
    // Folders of the machine are beside the results, which are published.
    expect(JSON.stringify(results)).not.toContain(out);
    expect(way.environment.XDG_CACHE_HOME).toBe(join(out, 'scratch/cache'));
    const [products] = (await readJson(join(out, 'c-products.json'))).results;
    expect(products).not.toHaveProperty('interrupted');
    expect(products.variants[0].measurements[0]).toMatchObject({ case: 'NT 32 x 48 x 3142, b f32', unit: 'GFLOP/s' });
    const log = await readFile(join(out, 'log.txt'), 'utf8');
    for (const said of ['$ uname -a', 'ldconfig -p', 'Vulkan by', 'PyTorch by', '| NT 32 x 48 x 3142, b f32 |'])
      expect(log).toContain(said);
  }, 60_000);

  it('that is ended keeps what it measured, marked as interrupted, and says which parts did not begin', async () => {
    const out = join(folder, 'interrupted');
    const child = spawn(process.execPath, ['--no-warnings', main, ...words, '--parts', 'cf', '--out', out]);
    const ended = new Promise((resolve) => child.once('close', resolve));
    await vi.waitFor(() => readFile(join(out, 'c-products.json')), { timeout: 40_000, interval: 20 });
    child.kill('SIGTERM');
    expect(await ended).toBe(143);
    const [products] = (await readJson(join(out, 'c-products.json'))).results;
    expect(products).toMatchObject({ interrupted: true, variants: [{ name: 'distillm, WebGPU' }] });
    expect(products.variants[0].measurements.length).toBeGreaterThan(0);
    expect(products.skipped[0]).toMatch(/^distillm, WebGPU: interrupted \(SIGTERM\), after \d+ cases, which are kept$/);
    const before = 'distillm, WebGPU: the run was interrupted before';
    const [memory] = (await readJson(join(out, 'f-memory.json'))).results;
    expect(memory).toMatchObject({ interrupted: true, variants: [], skipped: [before] });
    const log = await readFile(join(out, 'log.txt'), 'utf8');
    expect(log).toContain('gpu-memory, distillm, WebGPU: not run: the run was interrupted before');
    expect(log).toContain('Interrupted: what was measured until now is kept');
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

describe('run.sh', () => {
  /** An archive without Dawn: what is in its place is no library. */
  const makeArchive = async (name: string) => {
    const archive = join(folder, name);
    const dawn = join(archive, 'node_modules/webgpu/dist/linux-x64');
    await mkdir(dawn, { recursive: true });
    await writeFile(join(dawn, 'dawn.node'), 'no library');
    await symlink(process.execPath, join(archive, 'node'));
    await copyFile(fileURLToPath(new URL('../../bench/pack/run.sh', import.meta.url)), join(archive, 'run.sh'));
    return archive;
  };

  it('says what is missing where Dawn does not load, before anything else, from any folder', async () => {
    const archive = await makeArchive('no-dawn');
    for (const [script, cwd] of [
      ['run.sh', archive],
      ['no-dawn/run.sh', folder],
    ] as const) {
      const { code, stderr } = await execute('/bin/sh', [script], cwd);
      expect(code).toBe(1);
      const [what, needed, uname] = stderr.split('\n');
      expect(what).toMatch(/^WebGPU \(Dawn\) does not load here: .*dawn\.node: (file too short|invalid ELF header)$/);
      expect(needed).toMatch(
        /^It needs glibc 2\.34 and libstdc\+\+ of GCC 12 \(GLIBCXX_3\.4\.30\) or later: Ubuntu 22\.04, /,
      );
      expect(uname).toMatch(/^Linux /);
    }
  });

  it('says so when the software adapter that is asked for is not packed', async () => {
    const archive = await makeArchive('no-software');
    const { code, stderr } = await execute('/bin/sh', [join(archive, 'run.sh'), '--size', 'tiny', '--software']);
    expect([code, stderr]).toEqual([
      2,
      '--software: this archive has no software adapter. Make one that has: npm run gpu:pack -- --software\n',
    ]);
  });
});

describe('a report', () => {
  const sample = fileURLToPath(new URL('gpu-results', import.meta.url));
  const report = fileURLToPath(new URL('../../bench/pack/report.ts', import.meta.url));
  const results = 'sample-gpu';

  /** A copy of the sample whose part file was changed. */
  const changed = async (name: string, part: string, change: (file: PartFile) => void) => {
    const copy = join(folder, name);
    await cp(sample, copy, { recursive: true });
    const file = await readJson(join(copy, part));
    change(file);
    await writeFile(join(copy, part), JSON.stringify(file));
    return copy;
  };
  interface PartFile {
    size: string;
    results: Record<string, unknown>[];
  }

  it('puts the results of a run beside those that are there, in the order of the parts', async () => {
    const kept = 'amd-epyc-family-25-model-17-avx-512/tokenizer.json';
    const to = join(folder, 'bench');
    await mkdir(dirname(join(to, 'results', kept)), { recursive: true });
    await copyFile(fileURLToPath(new URL(`../../bench/results/${kept}`, import.meta.url)), join(to, 'results', kept));
    const { code, stderr } = await run(report, '--to', to, sample);
    expect([code, stderr]).toEqual([
      0,
      'gpu-adapter: facts alone\ngpu-products: distillm, WebGPU, PyTorch, CUDA: 2 cases\n',
    ]);
    const files = (await readdir(join(to, 'results'), { recursive: true })).filter((path) => path.endsWith('.json'));
    expect(files.sort()).toEqual([kept, `${results}/gpu-adapter.json`, `${results}/gpu-products.json`]);
    const text = await readFile(join(to, 'README.md'), 'utf8');
    expect(text.match(/^## .*/gm)).toEqual(['## tokenizer', '## gpu-adapter', '## gpu-products']);
    expect(text).toContain('- features: ["shader-f16","subgroups"]');
    expect(text).toContain('| 1024 x 1024 x 1024, b f32 | PyTorch, CUDA | 40000 GFLOP/s | 39000-41000 | 2.00 |');
    expect(text).toContain('Not run: tuning: stopped at the limit');
    expect(text).not.toContain('/home/me'); // the machine's own folders
  });

  it('keeps what is there where a suite has no cases or smaller shapes, and marks one that was interrupted', async () => {
    const to = join(folder, 'kept');
    await run(report, sample, '--to', to);
    const path = join(to, 'results', results, 'gpu-products.json');
    const before = await readFile(path, 'utf8');
    const empty = await changed('empty', 'c-products.json', ({ results }) => {
      Object.assign(results[0]!, { variants: [], interrupted: true });
    });
    const left = await run(report, empty, '--to', to);
    expect([left.code, left.stderr.split('\n')[1]]).toEqual([
      0,
      'gpu-products: left out, for it has no cases (it was interrupted); what was kept before stays',
    ]);
    const small = await changed('small', 'c-products.json', (file) => {
      file.size = 'small';
    });
    await rm(join(small, 'a-adapter.json'));
    expect((await run(report, small, '--to', to)).stderr).toBe(
      'gpu-products: left out, for its shapes are small, those kept are large; what was kept before stays\n',
    );
    expect(await readFile(path, 'utf8')).toBe(before);

    const cut = await changed('cut', 'c-products.json', ({ results }) => {
      (results[0]!.variants as unknown[]).pop();
      results[0]!.interrupted = true;
    });
    expect((await run(report, cut, '--to', to)).stderr).toContain(
      'gpu-products: distillm, WebGPU: 1 cases in place of 2; it was interrupted, as its table says\n',
    );
    expect(await readJson(path)).toMatchObject({ interrupted: true });
    expect(await readFile(join(to, 'README.md'), 'utf8')).toContain(
      'Interrupted: this is what was measured until then.',
    );
  });

  it('of anything else is refused in one line, and nothing is written', async () => {
    const to = join(folder, 'refused');
    const truncated = join(folder, 'truncated');
    await cp(sample, truncated, { recursive: true });
    const whole = await readFile(join(sample, 'c-products.json'), 'utf8');
    await writeFile(join(truncated, 'c-products.json'), whole.slice(0, 300));
    const foreign = await changed('foreign', 'c-products.json', ({ results }) => {
      results[0]!.suite = 'mine';
    });
    const tiny = await changed('tiny', 'a-adapter.json', (file) => {
      file.size = 'tiny';
    });
    await writeFile(join(tiny, 'c-products.json'), whole.replace('"large"', '"tiny"'));
    const noGPU = await changed('no-gpu', 'a-adapter.json', ({ results }) => {
      delete results[0]!.adapter;
    });
    const software = await changed('software', 'a-adapter.json', ({ results }) => {
      results[0]!.facts = { software: true };
    });
    const nowhere = join(folder, 'nowhere');
    const aFile = join(sample, 'a-adapter.json');
    for (const [words, said] of [
      [[], /^no folder was named\. It takes one folder that run\.sh wrote, and --to FOLDER/],
      [[sample, sample], /is one folder too many\. It takes one folder/],
      [['--too', sample], /Unknown option '--too'.* It takes one folder/],
      [[nowhere], /nowhere: there is no such folder\. Name the folder that run\.sh wrote\.$/],
      [[aFile], /a-adapter\.json: it is a file\. Name the folder that run\.sh wrote\.$/],
      [[folder], /has no results\. Name the folder that run\.sh wrote\.$/],
      [[truncated], /truncated\/c-products\.json: it is no whole JSON\. Copy the folder again, or take the file out/],
      [
        [foreign],
        /c-products\.json was not written by this version's run\.sh \('results\.0\.suite': .*\)\. Take it out/,
      ],
      [[tiny], /tiny is of tiny shapes, whose times say nothing\. Run run\.sh without --size tiny\.$/],
      [[noGPU], /no-gpu is of a run that found no GPU\. Its log\.txt says what to do on that machine\.$/],
      [[software], /software is of a software adapter, not of a GPU\. Run run\.sh without --software\.$/],
    ] as const) {
      const { code, stderr } = await run(report, ...words, '--to', to);
      expect(code, stderr).toBe(2);
      const [line, ...rest] = stderr.split('\n');
      expect(rest).toEqual(['']);
      expect(line?.replace(/^gpu:report: /, '')).toMatch(said);
    }
    expect(existsSync(to)).toBe(false);
  });
});
