import { describe, expect, it } from 'vitest';
import { runCli } from '../../src/cli/runCli.js';
import { testTerminal } from './terminal.js';

async function run(...args: string[]) {
  const terminal = testTerminal();
  const code = await runCli(['verify', ...args], terminal);
  return { code, out: terminal.out(), err: terminal.err() };
}

describe('distillm verify', () => {
  it('prints a line a kernel: its format, the share of the allowed error, and a rate', async () => {
    const { code, out, err } = await run('--kernels', 'relu');
    expect(code).toBe(0);
    const [head, ...lines] = out.trim().split('\n');
    expect(head).toMatch(/^kernel +format +WASM SIMD/);
    expect(lines.map((line) => line.split(/ +/)[0])).toEqual(['relu', 'reluBackward']);
    for (const line of lines) expect(line).toMatch(/ f32 +\d+\.\d%, [\d.e+-]+ GB\/s/);
    expect(err).toContain('2 kernels are right on WASM SIMD');
  });

  it('gives the same as lines of JSON', async () => {
    const { out } = await run('--kernels', 'relu', '--json');
    const verdicts = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(verdicts).toMatchObject([{ kernel: 'relu' }, { kernel: 'reluBackward', format: 'f32' }]);
  });
});
