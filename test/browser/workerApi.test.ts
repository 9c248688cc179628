/** `distillm/worker` in a page of Chromium: the run of Node bit for bit, under policies, with and without isolation. */
import { openDevice } from 'distillm';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type EmbeddedRun, trainEmbedded } from '../../examples/train-embedded.js';
import type { DeviceInfo } from '../../src/backend/backend.js';
import { arithmetics } from '../harness/arithmetics.js';
import { chromiumPath, kernelFiles, launch, serveFiles, workerPage } from './page.js';
import type { Trained, WorkerRun } from './workerPage.js';

const toBits = ({ weights }: EmbeddedRun) =>
  Object.fromEntries(Object.entries(weights).map(([name, values]) => [name, [...new Uint32Array(values.buffer)]]));

async function inNode(temperature = 1): Promise<EmbeddedRun> {
  const device = await openDevice({ kind: 'wasm', wasm: { threads: 1, arithmetic: arithmetics.at(-1)! } });
  const run = await trainEmbedded(device, { temperature });
  await device.dispose();
  return run;
}

const strict =
  "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; img-src 'self'";

describe.skipIf(!chromiumPath)('distillm/worker in a page', () => {
  let browser: Browser;
  let expected: EmbeddedRun;
  let files: Record<string, string | Uint8Array>;
  beforeAll(async () => {
    [browser, files, expected] = await Promise.all([
      launch(chromiumPath as string),
      workerPage('./workerPage.ts'),
      inNode(),
    ]);
    // For a page that trains without a worker.
    Object.assign(files, await kernelFiles('/'));
  });
  afterAll(() => browser?.close());

  async function inPage({
    isolated = false,
    policy,
    without = [],
    asked = '',
  }: {
    isolated?: boolean;
    policy?: string;
    without?: readonly string[];
    asked?: string;
  } = {}) {
    const served = Object.entries(files).filter(([path]) => !without.includes(path));
    const server = await serveFiles(Object.fromEntries(served), { isolated, policy });
    const page = await browser.newPage();
    page.setDefaultTimeout(0);
    const faults: string[] = [];
    page.on('pageerror', (error) => faults.push(String(error)));
    page.on('console', (message) => message.type() === 'error' && faults.push(message.text()));
    try {
      await page.goto(server.url + asked);
      await page.waitForFunction('window.result !== undefined', undefined, { timeout: 0 });
      const run = await page.evaluate(() => (window as unknown as { result: Promise<WorkerRun> }).result);
      return { ...run, info: run.info as DeviceInfo, faults };
    } finally {
      await page.close();
      server.close();
    }
  }

  // A task's time is by the clock, so that another process can make it long: what counts is that it can be short.
  it('gives the same bits on one thread where the page is not isolated, says why, and leaves the page responsive', {
    retry: 3,
    timeout: 120_000,
  }, async () => {
    const { info, losses, sources, validations, bits, longTasks, deliberate } = await inPage();
    expect(info).toMatchObject({ threads: 1, arithmetic: arithmetics.at(-1) });
    expect(info.oneThreadBecause).toContain('Cross-Origin-Opener-Policy');
    const { weights: _, ...wanted } = expected;
    expect({ losses, sources, validations }).toEqual(wanted);
    expect(bits).toEqual(toBits(expected));
    expect(longTasks).toEqual([]);
    // The browser tells of such tasks.
    expect(Math.max(...deliberate)).toBeGreaterThanOrEqual(100);
  });

  it('is what keeps the page responsive: the same run without it has long tasks', async () => {
    const { longTasks, bits } = await inPage({ asked: '?where=page' });
    expect(bits).toEqual(toBits(expected));
    expect(longTasks.length).toBeGreaterThan(0);
  }, 120_000);

  it('gives on WebGPU the bits of the same run without it, and the losses of WASM within 1e-5', async () => {
    // At 0 answers hold no chance, so that WebGPU's are those of WASM.
    const byWorker = await inPage({ asked: '?kind=webgpu&temperature=0' });
    const byPage = await inPage({ asked: '?kind=webgpu&temperature=0&where=page' });
    expect([byWorker.info.kind, byPage.info.kind]).toEqual(['webgpu', 'webgpu']);
    expect(new Set(byWorker.sources)).toEqual(new Set(['data', 'generate', 'replay']));
    expect(byWorker.validations.length).toBeGreaterThanOrEqual(2);
    const said = ({ losses, sources, validations, bits }: Trained) => ({ losses, sources, validations, bits });
    expect(said(byWorker)).toEqual(said(byPage));

    const { losses, sources } = await inNode(0);
    expect(byWorker.sources).toEqual(sources);
    const apart = byWorker.losses.map((loss, at) => Math.abs(loss - (losses[at] as number)));
    expect(Math.max(...apart)).toBeLessThan(1e-5);
  }, 240_000);

  it('takes threads under a policy without eval and workers of blobs, from the files of the package', async () => {
    const { info, losses, bits } = await inPage({ isolated: true, policy: strict });
    expect(info.threads).toBeGreaterThan(1);
    expect(info.oneThreadBecause).toBeUndefined();
    expect(losses).toEqual(expected.losses);
    expect(bits).toEqual(toBits(expected));
  }, 120_000);

  it('goes on with one thread where the file of the pool is not served, and says so', async () => {
    const { info, losses } = await inPage({ isolated: true, policy: strict, without: ['/poolWorker.js'] });
    expect(info.threads).toBe(1);
    expect(info.oneThreadBecause).toMatch(/worker-src blob:.*nor from its file/);
    expect(losses).toEqual(expected.losses);
  }, 120_000);

  it('says what is missing where its script is not served', async () => {
    await expect(inPage({ without: ['/browserWorker.js'] })).rejects.toThrow(
      /startWorker: the worker ended: .*Check that its script is served \(option script\)/,
    );
  }, 120_000);
});
