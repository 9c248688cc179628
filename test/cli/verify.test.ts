import { describe, expect, it } from 'vitest';
import { runCli } from '../../src/cli/runCli.js';
import { describeWebGPU } from '../backend/webgpu/adapter.js';
import { testTerminal } from './terminal.js';

async function run(...args: string[]) {
  const terminal = testTerminal();
  const code = await runCli(['verify', ...args], terminal);
  return { code, out: terminal.out(), err: terminal.err() };
}

describe('distillm verify', () => {
  it('says what each device is, and prints a line a kernel: format, share of the allowed error, and a rate', async () => {
    const { code, out, err } = await run('--kernels', 'relu');
    expect(code).toBe(0);
    const [device, empty, headings, columns, ...lines] = out.split('\n');
    expect(device).toMatch(/^WASM: WASM SIMD, \d+ thread/);
    expect([empty, headings?.trim(), columns]).toEqual([
      '',
      'WASM',
      'kernel                     held  rate in  error   rate',
    ]);
    const kernels = lines.slice(0, lines.indexOf(''));
    expect(kernels.map((line) => line.split(/ +/)[0])).toEqual(['relu', 'reluBackward']);
    for (const line of kernels) expect(line).toMatch(/ f32 +GB\/s +\d+(\.\d)?% +[\d.,]+$/);
    expect(out).toContain("held: the weights' format.");
    expect(err).toContain('WASM: all 2 kernels are right.\n');
  });

  it('gives the same as lines of JSON', async () => {
    const { out } = await run('--kernels', 'relu', '--json');
    const verdicts = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(verdicts).toMatchObject([{ kernel: 'relu' }, { kernel: 'reluBackward', format: 'f32' }]);
    for (const { seconds, referenceSeconds } of verdicts) expect(seconds > referenceSeconds).toBe(true);
  });

  it('refuses a name that no kernel has, where checking nothing would look right', async () => {
    const { code, err } = await run('--kernels', 'nothing');
    expect(code).toBe(2);
    expect(err).toMatch(/kernels is nothing, expected part of the name of a kernel: gemmNN, /);
  });
});

describeWebGPU('distillm verify on a GPU', () => {
  it('has both devices side by side, within 80 columns', async () => {
    const { code, out, err } = await run('--kernels', 'columnSum', '--allow-software');
    expect(code, err).toBe(0);
    const lines = out.split('\n');
    expect(lines.filter((line) => !line.startsWith('Web')).every((line) => line.length <= 80)).toBe(true);
    expect(lines).toContain(`${' '.repeat(42)}${'WASM'.padStart(12)}  ${'WebGPU'.padStart(12)}`);
    const line = lines.find((each) => each.startsWith('columnSum '));
    expect(line).toMatch(/ f32 +GB\/s +\d+(\.\d)?% +[\d.,]+ +\d+(\.\d)?% +[\d.,]+$/);
    expect(err).toContain('WebGPU: all 1 kernels are right.');
  }, 60_000);
});
