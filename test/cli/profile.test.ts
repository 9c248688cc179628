import { existsSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { KernelName } from '../../src/backend/kernels/index.js';
import { profileLines } from '../../src/cli/profile.js';
import type { ChromeTrace, KernelProfile } from '../../src/index.js';
import { describeWebGPU } from '../backend/webgpu/adapter.js';
import { distillm, makeWorkspace } from './workspace.js';

let folder: string;
const at = (name: string) => join(folder, name);
const run = (...words: string[]) => distillm('', { more: words });
const wasm = ['--device', 'wasm', '--threads', '1'];
const sft = (out: string) => [
  ...['train', '--method', 'sft', '--student-config', at('config.json'), '--tokenizer', at('tokenizer')],
  ...['--data', at('train.jsonl'), '--template', 'compact', '--steps', '2', '--validation', '2', '--out', at(out)],
];

beforeAll(async () => {
  folder = await makeWorkspace();
  await run('tokenizer', '--data', at('train.jsonl'), '--vocab-size', '280', '--out', at('tokenizer'));
  expect(await run(...sft('run'), ...wasm)).toMatchObject({ code: 0 });
});
afterAll(() => rm(folder, { recursive: true }));

/** Names on a track of the trace file. */
function namesOn(file: string, cat: 'kernel' | 'phase'): Set<string> {
  const { traceEvents } = JSON.parse(readFileSync(at(file), 'utf8')) as ChromeTrace;
  return new Set(traceEvents.filter((event) => event.cat === cat).map(({ name }) => name));
}

it('train --profile FILE prints a table and writes the kernels and phases of the steps', async () => {
  const { code, out, err } = await run(...sft('profiled'), ...wasm, '--profile', at('trace.json'));
  expect(code).toBe(0);
  expect(JSON.parse(out)).toMatchObject({ step: 2 });
  expect(err).toMatch(/^kernel +calls +time +share +a call +rate$/m);
  expect(err).toMatch(/^adamW +\d+ +[\d.]+ ms +\d+\.\d% +[\d.,]+ us +[\d.]+ GB\/s$/m);
  expect(err).toMatch(/^Phases: validation .*%, forward .*%, backward .*%, optimizer .*%$/m);
  expect(err).toContain(`Trace: ${at('trace.json')}`);
  expect(namesOn('trace.json', 'phase')).toEqual(new Set(['validation', 'forward', 'backward', 'optimizer']));
  expect(namesOn('trace.json', 'kernel')).toContain('layerNormBackward');
});

it('generate and eval take it as well, without a file too', async () => {
  const model = ['--model', at('run/last'), '--max-new-tokens', '3', ...wasm];
  const generated = await run('generate', ...model, '--raw', 'Say', '--profile');
  expect(generated).toMatchObject({ code: 0, err: expect.stringMatching(/^Phases: generation 100.0%$/m) });
  const data = ['--data', at('train.jsonl'), '--limit', '2', '--template', 'compact', '--seeds', '1'];
  const evaluated = await run('eval', ...model, ...data, '--profile', at('eval.json'));
  expect(evaluated).toMatchObject({ code: 0, err: expect.stringMatching(/^attention +\d/m) });
  expect(JSON.parse(evaluated.out)).toHaveProperty('rougeL');
  expect(namesOn('eval.json', 'phase')).toEqual(new Set(['generation']));
});

it('does not take a prompt for the name of a file, nor a file that cannot be written', async () => {
  const words = ['generate', '--model', at('run/last'), ...wasm, '--raw'];
  const outcome = await run(...words, '--profile', 'Say');
  expect(outcome).toMatchObject({ code: 2, err: expect.stringContaining('ends in .json') });
  expect(existsSync('Say')).toBe(false);
  const nowhere = await run(...words, 'Say', '--profile', at('no/folder/trace.json'));
  expect(nowhere).toMatchObject({ code: 1, out: '', err: expect.stringContaining('cannot be written') });
});

it('says GB/s of what waits for memory, GFLOP/s of the rest, in aligned columns', () => {
  const each = (kernel: string, bound: 'memory' | 'compute', milliseconds: number): KernelProfile => ({
    kernel: kernel as KernelName,
    calls: 1234,
    milliseconds,
    gflopPerSecond: 150.04,
    gbPerSecond: 9.96,
    bound,
  });
  const lines = profileLines(
    {
      kernels: () => [each('gemmNN', 'compute', 75_000), each('add', 'memory', 25_000)],
      phases: () => [{ phase: 'forward', milliseconds: 50_000 }],
    },
    { description: 'a device', ms: 200_000 },
  );
  expect(lines).toEqual([
    'Profile of a device: 2,468 kernel calls took 1m 40s of 3m 20s; the rest is JavaScript, files and waiting',
    'kernel  calls     time  share     a call         rate',
    'gemmNN  1,234  75.00 s  75.0%  60,778 us  150 GFLOP/s',
    'add     1,234  25.00 s  25.0%  20,259 us    9.96 GB/s',
    "share: of the kernels' time; a call: the mean; rate: GB/s of kernels that wait for memory, GFLOP/s of the others",
    'Phases: forward 50.0%',
  ]);
});

describeWebGPU('--profile on WebGPU', () => {
  it('has the times of the GPU', async () => {
    const device = ['--device', 'webgpu', '--allow-software', '--max-new-tokens', '2'];
    const { code, err } = await run(
      'generate',
      '--model',
      at('run/last'),
      '--raw',
      'Say',
      ...device,
      '--profile',
      at('gpu.json'),
    );
    expect({ code, err }).toMatchObject({ code: 0 });
    expect(err).toMatch(/^layerNorm +\d+ +[\d.]+ m?s +\d+\.\d% +[\d.,]+ us +[\d.]+ GB\/s$/m);
    expect(namesOn('gpu.json', 'phase')).toEqual(new Set(['generation']));
  }, 60_000);
});
