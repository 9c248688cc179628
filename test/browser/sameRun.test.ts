import { openDevice } from 'distillm';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type EmbeddedRun, trainEmbedded } from '../../examples/train-embedded.js';
import type { DeviceInfo } from '../../src/backend/backend.js';
import { arithmetics } from '../harness/arithmetics.js';
import { bundle, chromiumPath, launch, serve } from './page.js';

interface FromPage {
  readonly info: DeviceInfo;
  readonly losses: number[];
  readonly sources: string[];
  readonly bits: Record<string, number[]>;
}

const toBits = ({ weights }: EmbeddedRun) =>
  Object.fromEntries(Object.entries(weights).map(([name, values]) => [name, [...new Uint32Array(values.buffer)]]));

async function inNode(threads: number, arithmetic = arithmetics.at(-1)!): Promise<EmbeddedRun> {
  const device = await openDevice({ kind: 'wasm', wasm: { threads, arithmetic } });
  const run = await trainEmbedded(device);
  await device.dispose();
  return run;
}

describe.skipIf(!chromiumPath)('the same run in Node and in a worker of a page', () => {
  let browser: Browser;
  let worker: string;
  let expected: EmbeddedRun;

  beforeAll(async () => {
    [browser, worker, expected] = await Promise.all([launch(chromiumPath as string), bundle('./worker.ts'), inNode(2)]);
  });
  afterAll(() => browser?.close());

  async function inBrowser(
    isolated: boolean,
    { arithmetic = '', policy }: { arithmetic?: string; policy?: string } = {},
  ): Promise<FromPage> {
    const server = await serve(worker, { isolated, policy });
    const page = await browser.newPage();
    try {
      await page.goto(`${server.url}?arithmetic=${arithmetic}`);
      return await page.evaluate(() => (window as unknown as { result: Promise<FromPage> }).result);
    } finally {
      await page.close();
      server.close();
    }
  }

  it('trains on data, fresh student outputs and replayed ones', () => {
    expect(new Set(expected.sources)).toEqual(new Set(['data', 'generate', 'replay']));
  });

  it('gives the same bits on WASM with one thread, without cross-origin isolation', async () => {
    const { info, losses, sources, bits } = await inBrowser(false);
    expect(info).toMatchObject({ threads: 1, arithmetic: arithmetics.at(-1) });
    expect(losses).toEqual(expected.losses);
    expect(sources).toEqual(expected.sources);
    expect(bits).toEqual(toBits(expected));
  }, 60_000);

  it('gives the same bits on WASM with several threads, with isolation', async () => {
    const { info, losses, bits } = await inBrowser(true);
    expect(info.threads).toBeGreaterThan(1);
    expect(losses).toEqual(expected.losses);
    expect(bits).toEqual(toBits(expected));
  }, 60_000);

  it("gives the same bits on WASM with one thread where the page's policy forbids workers of blobs", async () => {
    const policy = "default-src 'self'; script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'; worker-src 'self'";
    const { info, losses } = await inBrowser(true, { policy });
    expect(info).toMatchObject({ threads: 1, arithmetic: arithmetics.at(-1) });
    expect(losses).toEqual(expected.losses);
  }, 60_000);

  it('gives the same bits in plain arithmetic, which are others', async () => {
    const [{ info, bits }, plain] = await Promise.all([inBrowser(true, { arithmetic: 'plain' }), inNode(1, 'plain')]);
    expect(info.arithmetic).toBe('plain');
    expect(bits).toEqual(toBits(plain));
    if (arithmetics.length > 1) expect(bits).not.toEqual(toBits(expected));
  }, 60_000);
});
