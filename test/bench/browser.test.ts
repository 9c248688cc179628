import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { buildPage } from '../../bench/page/build.ts';
import { serveFolder } from '../../bench/page/serve.ts';
import { peersInstalled } from '../../bench/peers/installed.ts';
import { chromiumPath, launch } from '../browser/page.js';

const script = fileURLToPath(new URL('../../bench/page/drive.ts', import.meta.url));

/** What bench/page/drive.ts prints, a value a line. */
async function inPage(...words: string[]) {
  const { stdout } = await promisify(execFile)(process.execPath, ['--no-warnings', script, '--size', 'tiny', ...words]);
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

it('the page says on one line why it is not served', async () => {
  const server = await serveFolder('.');
  const failed = promisify(execFile)(process.execPath, ['--no-warnings', script, '--serve', new URL(server.url).port]);
  const { code, stderr } = await failed.then(() => expect.unreachable()).catch((error) => error);
  server.close();
  expect(code).toBe(1);
  expect(stderr).toMatch(/^bench: the page cannot be served: .*EADDRINUSE.*takes another port\.\n$/);
});

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
    await expect(inPage('--benchmark', 'gemmVariants')).rejects.toThrow('is no WebGPU adapter');
  });

  it('is started by hand, once the form is filled in, and stays in the table', async () => {
    const [server, browser] = [await serveFolder(await buildPage()), await launch(chromiumPath as string)];
    try {
      const page = await browser.newPage();
      await page.goto(server.url);
      await page.selectOption('[name=size]', 'tiny');
      expect(await page.isDisabled('button[value=trainingStepRecording]')).toBe(true);
      await page.fill('[name=threads]', '0');
      await page.click('button[value=divergence]');
      expect(await page.textContent('#status')).toBe('');
      await page.fill('[name=threads]', '1');
      await page.click('button[value=divergence]');
      await page.waitForFunction(() => document.querySelector('#status')?.textContent === 'Done.');
      await page.press('[name=threads]', 'Enter');
      expect(await page.textContent('tbody')).toMatch(
        /^divergence, tiny shapesskewKL \[7, 1031\]WASM SIMD, 1 thread, /,
      );
    } finally {
      await browser.close();
      server.close();
    }
  });
});
