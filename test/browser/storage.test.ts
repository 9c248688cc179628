/** Runs in the private files of a site, in Chromium: reloaded pages, killed browsers, two tabs, a full disk. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type OwnBrowser, openOwnBrowser } from './ownBrowser.js';
import { chromiumPath, type Served, serveFiles, workerPage } from './page.js';
import type { StoredRun } from './storagePage.js';

type InPage = {
  train(folder: string, steps: number): Promise<StoredRun>;
  write(
    bytes: number,
  ): Promise<{ failed?: { code?: string; message: string }; listed: { files: string[]; folders: string[] } }>;
  progress: { step: number; waiting: readonly string[] };
};

describe.skipIf(!chromiumPath)('a run in the private files of a site', () => {
  let profile: string;
  let server: Served;
  let own: OwnBrowser;
  let browser: Browser;

  /** On the same profile each time. */
  async function openBrowser(): Promise<void> {
    own = await openOwnBrowser(chromiumPath as string, profile);
    browser = await chromium.connectOverCDP(own.address);
  }
  async function endBrowser(signal: NodeJS.Signals): Promise<void> {
    await own.end(signal);
    await browser.close().catch(() => {});
  }
  beforeAll(async () => {
    profile = await mkdtemp(join(tmpdir(), 'distillm-profile-'));
    server = await serveFiles(await workerPage('./storagePage.ts'), { isolated: false });
    await openBrowser();
  });
  afterAll(async () => {
    await endBrowser('SIGTERM');
    server.close();
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  });

  async function openPage(): Promise<Page> {
    const page = await (browser.contexts()[0] as NonNullable<ReturnType<Browser['contexts']>[0]>).newPage();
    page.setDefaultTimeout(0);
    await page.goto(server.url);
    await page.waitForFunction('window.train');
    return page;
  }
  const train = (page: Page, folder: string, steps = 12) =>
    page.evaluate(([folder, steps]) => (window as unknown as InPage).train(folder, steps), [folder, steps] as const);
  const reach = (page: Page, step: number) =>
    page.waitForFunction((step) => (window as unknown as InPage).progress.step >= step, step, { polling: 5 });

  /** A run that nothing interrupts. */
  let whole: StoredRun;

  it('goes on after a reload, a closed tab and a killed browser, with the bits of a run that nothing interrupted', async () => {
    let page = await openPage();
    whole = await train(page, 'runs/whole');
    expect(whole).toMatchObject({ from: 0, folders: ['best', 'last', 'state-000012'] });

    page.evaluate(() => (window as unknown as InPage).train('runs/broken', 12)).catch(() => {});
    await reach(page, 3);
    await page.reload();
    await page.waitForFunction('window.train');
    page.evaluate(() => (window as unknown as InPage).train('runs/broken', 12)).catch(() => {});
    await reach(page, 5);
    await page.close();
    page = await openPage();
    page.evaluate(() => (window as unknown as InPage).train('runs/broken', 12)).catch(() => {});
    await reach(page, 7);
    await endBrowser('SIGKILL');

    await openBrowser();
    page = await openPage();
    const resumed = await train(page, 'runs/broken');
    expect(resumed.from).toBeGreaterThanOrEqual(4);
    expect(resumed.folders).toEqual(whole.folders);
    expect(resumed.bits).toEqual(whole.bits);
    await page.close();
  }, 120_000);

  it('is refused to a second tab', async () => {
    const [first, second] = [await openPage(), await openPage()];
    const running = train(first, 'runs/shared', 2000).catch(() => {});
    await reach(first, 2);
    await expect(train(second, 'runs/shared')).rejects.toThrow(
      /another run writes to it .*a tab or a worker of this site/,
    );
    await first.close();
    await running;
    await second.close();
  }, 120_000);

  it('leaves nothing of a file that found no room, and says how much there is', async () => {
    const page = await openPage();
    const devtools = await page.context().newCDPSession(page);
    await devtools.send('Storage.overrideQuotaForOrigin', { origin: new URL(server.url).origin, quotaSize: 4_000_000 });
    const write = (bytes: number) => page.evaluate((bytes) => (window as unknown as InPage).write(bytes), bytes);
    const { failed, listed } = await write(8_000_000);
    expect(failed).toMatchObject({ code: 'ERR_CHECKPOINT' });
    expect(failed?.message).toMatch(/^opfs:files\/large: the browser gives the site no more room/);
    expect(listed).toEqual({ files: [], folders: [] });
    await devtools.send('Storage.overrideQuotaForOrigin', { origin: new URL(server.url).origin });
    expect(await write(8_000_000)).toEqual({ failed: undefined, listed: { files: ['large'], folders: [] } });
    await page.close();
  }, 120_000);

  it('waits where the site has no more room, says so, and goes on once there is some', async () => {
    const page = await openPage();
    const devtools = await page.context().newCDPSession(page);
    const { origin } = new URL(server.url);
    const { usage = 0 } = await page.evaluate(() => navigator.storage.estimate());
    await devtools.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: usage + 30_000 });
    const running = train(page, 'runs/full');
    const waits = (count: number) =>
      page.waitForFunction((count) => (window as unknown as InPage).progress.waiting.length >= count, count, {
        polling: 50,
      });
    await waits(1);
    await devtools.send('Storage.overrideQuotaForOrigin', { origin });
    expect(await running).toEqual(whole);
    const said = await page.evaluate(() => (window as unknown as InPage).progress.waiting);
    expect(said[0]).toMatch(/the browser gives the site no more room/);
    expect(said.at(-1)).toBe('waited');
    await page.close();
  }, 120_000);
});
