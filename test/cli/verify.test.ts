import { describe, expect, it, vi } from 'vitest';
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
    const [fused, plain, empty, headings, columns, ...lines] = out.split('\n');
    expect(fused).toMatch(/^WASM fused: WASM SIMD, \d+ thread.*fused arithmetic$/);
    expect(plain).toMatch(/^WASM plain: WASM SIMD, \d+ thread.*plain arithmetic$/);
    expect([empty, headings?.trim(), columns]).toEqual([
      '',
      'WASM fused    WASM plain',
      'kernel                    held rate in  error   rate  error   rate',
    ]);
    const kernels = lines.slice(0, lines.indexOf(''));
    expect(kernels.map((line) => line.split(/ +/)[0])).toEqual(['relu', 'reluBackward']);
    for (const line of kernels) expect(line).toMatch(/ f32 +GB\/s( +\d+(\.\d)?% +[\d.,]+){2}$/);
    expect(out).toContain("held: the weights' format.");
    expect(err).toContain('WASM plain: all 2 kernels are right.\n');
  });

  it('prints a row as soon as all devices have checked its kernel', async () => {
    const seen: string[] = [];
    const terminal = testTerminal({
      wroteOut: (out) => {
        seen.push(out);
      },
    });
    expect(await runCli(['verify', '--kernels', 'relu'], terminal)).toBe(0);
    expect(seen.map((out) => out.match(/^relu\w*/gm) ?? [])).toEqual([
      ['relu'],
      ['relu', 'reluBackward'],
      ['relu', 'reluBackward'],
    ]);
  });

  it('on an engine without relaxed SIMD says so in its own words, and checks the rest', async () => {
    const validate = WebAssembly.validate.bind(WebAssembly);
    // It knows no f32x4.relaxed_madd.
    const isRelaxed = (code: Uint8Array) =>
      code.some((byte, at) => byte === 0xfd && code[at + 1] === 0x85 && code[at + 2] === 2);
    const old = vi
      .spyOn(WebAssembly, 'validate')
      .mockImplementation((bytes) => !isRelaxed(bytes as Uint8Array) && validate(bytes));
    try {
      const { code, out, err } = await run('--kernels', 'reluBackward');
      expect(code, err).toBe(0);
      expect(err).toContain(
        'WASM fused is left out: plain arithmetic is all there is here. This WebAssembly engine has no relaxed SIMD.\n',
      );
      expect(err).not.toMatch(/openWasm|Leave arithmetic out/);
      expect(out).toMatch(/^WASM plain: /);
      expect(err).toContain('WASM plain: the one kernel is right.\n');
    } finally {
      old.mockRestore();
    }
  });

  it('gives the same as lines of JSON', async () => {
    const { out } = await run('--kernels', 'relu', '--json');
    const verdicts = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(verdicts).toMatchObject([
      { kernel: 'relu' },
      { kernel: 'relu' },
      { kernel: 'reluBackward', format: 'f32' },
      { kernel: 'reluBackward' },
    ]);
    expect(verdicts.map(({ device }) => / (\w+) arithmetic$/.exec(device)?.[1])).toEqual([
      ...['fused', 'plain'],
      ...['fused', 'plain'],
    ]);
    for (const { seconds, referenceSeconds } of verdicts) expect(seconds > referenceSeconds).toBe(true);
  });

  it('refuses a name that no kernel has, where checking nothing would look right', async () => {
    const { code, err } = await run('--kernels', 'nothing');
    expect(code).toBe(2);
    expect(err).toMatch(/^distillm: --kernels is nothing, expected part of the name of a kernel: gemmNN, /m);
  });
});

describeWebGPU('distillm verify on a GPU', () => {
  it('says by which flag a software adapter is taken', async () => {
    const { code, out, err } = await run('--kernels', 'reluBackward');
    expect(code).toBe(0);
    expect(out).not.toContain('WebGPU:');
    expect(err).toMatch(
      /^Note: WebGPU is left out: webgpu: found only the software adapter .*; pass --allow-software to use/m,
    );
  });

  it('has all devices side by side, within 80 columns', async () => {
    const { code, out, err } = await run('--kernels', 'columnSum', '--allow-software');
    expect(code, err).toBe(0);
    const lines = out.split('\n');
    expect(lines.filter((line) => !line.startsWith('W')).every((line) => line.length <= 80)).toBe(true);
    expect(lines).toContain(
      `${' '.repeat(40)}${['WASM fused', 'WASM plain', 'WebGPU'].map((name) => name.padStart(12)).join('  ')}`,
    );
    const line = lines.find((each) => each.startsWith('columnSum '));
    expect(line).toMatch(/ f32 +GB\/s( +\d+(\.\d)?% +[\d.,]+){3}$/);
    expect(err).toContain('WebGPU: the one kernel is right.');
  }, 60_000);
});
