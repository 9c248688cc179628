/** A model on Hugging Face in the private files of a site, in a real browser. */
import type { Browser, BrowserContext } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { playHub, sha256Of } from '../platform/hubServer.js';
import { bundle, chromiumPath, launch, serve } from './page.js';

interface Read {
  readonly told: number[];
  readonly sha256?: string;
  readonly failed?: string;
}

describe.skipIf(!chromiumPath)('a model on Hugging Face in Chromium', () => {
  let browser: Browser;
  let context: BrowserContext;
  let worker: string;
  beforeAll(async () => {
    [browser, worker] = await Promise.all([launch(chromiumPath as string), bundle('./hubWorker.ts')]);
    context = await browser.newContext();
  });
  afterAll(() => browser?.close());

  it('is downloaded once, goes on in a later page where one was stopped, and is there without a network', async () => {
    // Two whole pieces and a part.
    const weights = new Uint8Array(20_000_000).map((_, i) => (i >> 7) * 31 + i);
    const hub = await playHub({ files: { 'model.safetensors': weights }, large: ['model.safetensors'] });
    const server = await serve(worker, { isolated: false });
    const read = async (options: Readonly<Record<string, string>>): Promise<Read> => {
      const page = await context.newPage();
      try {
        await page.goto(`${server.url}?${new URLSearchParams({ endpoint: hub.endpoint, ...options })}`);
        return await page.evaluate(() => (window as unknown as { result: Promise<Read> }).result);
      } finally {
        await page.close();
      }
    };
    try {
      const stopped = await read({ stopAt: '12000000' });
      expect(stopped.failed).toContain('stopped');
      const have = stopped.told.at(-1) as number;
      expect(have).toBeLessThan(20_000_000);
      expect(await read({})).toMatchObject({ sha256: sha256Of(weights) });
      expect(hub.asked).toContain(`store /model.safetensors bytes=${have}-`);
      expect(hub.leaked).toEqual([]);
      hub.asked.length = 0;
      expect(await read({ offline: 'yes' })).toEqual({ told: [], sha256: sha256Of(weights) });
      expect(hub.asked).toEqual([]);
    } finally {
      server.close();
      await hub.close();
    }
  }, 60_000);
});
