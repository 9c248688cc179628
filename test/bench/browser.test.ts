import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { peersInstalled } from '../../bench/text.ts';
import { chromiumPath } from '../browser/page.js';

const script = fileURLToPath(new URL('../../bench/browser.ts', import.meta.url));

/** What bench/browser.ts prints, a value a line. */
async function inPage(...words: string[]) {
  const { stdout } = await promisify(execFile)(process.execPath, ['--no-warnings', script, '--size', 'tiny', ...words]);
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

describe.skipIf(!chromiumPath)('a benchmark in a page of Chromium', () => {
  it.each([
    ['wasm', []],
    ['webgpu', ['--allow-software']],
  ])('runs on %s', async (device, more) => {
    const [runtime, ...measurements] = await inPage('--benchmark', 'divergence', '--device', device, ...more);
    expect(runtime).toEqual({ runtime: expect.stringMatching(/^Chromium \d/) });
    expect(measurements).toMatchObject([{ case: 'skewKL [7, 1031]', unit: 'ms', runs: 10 }]);
  });

  it.skipIf(!peersInstalled).each([
    ['gemm', 'onnxruntime-web', '32 x 48 x 48'],
    ['attention', 'onnxruntime-web', '1 x 2 x 64 x 64, causal, forward'],
    ['divergence', 'onnxruntime-web', 'skewKL [7, 1031]'],
    ['trainingStep', 'jax-js', 'training step'],
    ['linearDivergence', 'jax-js', '67 tokens, 1031 words, 48 and 80 wide'],
  ])('%s is run by %s beside it', async (benchmark, peer, name) => {
    const [, ...measurements] = await inPage('--benchmark', benchmark, '--peer', peer);
    expect(measurements[0]).toMatchObject({ case: name });
  });

  it('says why it did not run', async () => {
    await expect(inPage('--benchmark', 'gemmWebGPU')).rejects.toThrow('is no WebGPU adapter');
  });
});
