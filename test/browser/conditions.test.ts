/**
 * What may be missing in a page, and what may happen to a run there: no WebGPU, no private files, no network, no timers, a
 * signal, a page that is hidden, a GPU that is lost.
 */
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Asked, Came } from './conditionsPage.js';
import { chromiumPath, launch, type Served, serveFiles, workerPage } from './page.js';

interface InPage {
  train(asked: Asked): Promise<Came>;
  abortAnswer(): Promise<{ ms: number; isOwn: boolean }>;
  refusals(script?: string): Promise<Record<string, string>>;
  readonly progress: { readonly step: number; readonly saved: readonly number[] };
}

/** What runs in a worker before the script of the package. */
const before = {
  denied: "StorageManager.prototype.getDirectory = () => Promise.reject(new DOMException('denied', 'SecurityError'));",
  timeless: 'self.setTimeout = self.setInterval = () => 0;',
  losable: `const request = GPUAdapter.prototype.requestDevice;
    GPUAdapter.prototype.requestDevice = async function (...given) {
      const device = await request.apply(this, given);
      new BroadcastChannel('lose').onmessage = () => device.destroy();
      return device;
    };`,
};

describe.skipIf(!chromiumPath)('a run in a page', () => {
  let browser: Browser;
  let server: Served;
  beforeAll(async () => {
    const [opened, files] = await Promise.all([
      // A name that is not the machine's own: a page of it is in no secure context.
      launch(chromiumPath as string, '--host-resolver-rules=MAP page.test 127.0.0.1'),
      workerPage('./conditionsPage.ts'),
    ]);
    browser = opened;
    for (const [name, script] of Object.entries(before)) {
      files[`/${name}.js`] = script;
      files[`/${name}Worker.js`] = `import './${name}.js'; import './browserWorker.js';`;
    }
    server = await serveFiles(files, { isolated: true });
  });
  afterAll(async () => {
    await browser?.close();
    server?.close();
  });

  async function openPage(url = server.url): Promise<Page> {
    const page = await (await browser.newContext()).newPage();
    page.setDefaultTimeout(0);
    // Nothing outside this machine is asked.
    await page.context().route('https://**', (route) => route.abort('internetdisconnected'));
    await page.goto(url);
    await page.waitForFunction('window.train');
    return page;
  }
  const train = (page: Page, asked: Asked = {}) =>
    page.evaluate((asked) => (window as unknown as InPage).train(asked), asked);
  const refusals = (page: Page, script?: string) =>
    page.evaluate((script) => (window as unknown as InPage).refusals(script), script);
  const reach = (page: Page, step: number) =>
    page.waitForFunction((step) => (window as unknown as InPage).progress.step >= step, step, { polling: 5 });

  /** The bits of a run that nothing happens to. */
  let bits: Came['bits'];
  beforeAll(async () => {
    const page = await openPage();
    ({ bits } = await train(page));
    await page.context().close();
  }, 60_000);

  it('has neither WebGPU, threads nor private files without a secure context, says so, and gives the same bits', async () => {
    const page = await openPage(server.url.replace('127.0.0.1', 'page.test'));
    const came = await train(page, { kind: 'auto' });
    expect(came.info).toMatchObject({ kind: 'wasm', threads: 1 });
    expect(came.info.noGPUBecause).toMatch(/no navigator\.gpu \(WebGPU needs a secure context\)/);
    expect(came.info.oneThreadBecause).toMatch(/cross-origin isolated/);
    expect(came.bits).toEqual(bits);
    const { write, list, webgpu } = await refusals(page);
    expect(webgpu).toMatch(/^ERR_DEVICE: .*no navigator\.gpu/);
    for (const said of [write, list]) expect(said).toMatch(/^ERR_CHECKPOINT: opfs: .*has no private files\. .*HTTPS/);
    await page.context().close();
  }, 60_000);

  it('is refused private files where the browser denies them, and trains without', async () => {
    const page = await openPage();
    const script = '/deniedWorker.js';
    const { write, list } = await refusals(page, script);
    for (const said of [write, list]) expect(said).toMatch(/^ERR_CHECKPOINT: opfs: .*Take a memoryStore/);
    await expect(train(page, { script, checkpoint: 'opfs:runs/denied' })).rejects.toThrow(/opfs: .*no private files/);
    expect((await train(page, { script })).bits).toEqual(bits);
    await page.context().close();
  }, 60_000);

  it('goes on without a network, and says of what is missing that there is none', async () => {
    const page = await openPage();
    const running = train(page, { steps: 60 });
    await reach(page, 1);
    await page.context().setOffline(true);
    const { events } = await running;
    expect(events.at(-1)).toMatchObject({ type: 'end', reason: 'finished', step: 60 });
    await page.context().setOffline(false);
    expect((await refusals(page)).hub).toMatch(
      /^ERR_CHECKPOINT: .*huggingface\.co cannot be reached .*Check the network/,
    );
    await page.context().close();
  }, 60_000);

  it('needs no timers, which a page in the background has once a second or once a minute', async () => {
    const page = await openPage();
    const { info, bits: found } = await train(page, { script: '/timelessWorker.js' });
    expect(info.threads).toBeGreaterThan(1);
    expect(found).toEqual(bits);
    await page.context().close();
  }, 60_000);

  it('ends by a signal after the step in progress, and an answer at once', async () => {
    const page = await openPage();
    const { events } = await train(page, { steps: 2000, afterStep: { step: 2, does: 'stop' } });
    expect(events.at(-1)).toMatchObject({ type: 'end', reason: 'aborted', step: 2 });
    const { ms, isOwn } = await page.evaluate(() => (window as unknown as InPage).abortAnswer());
    expect(isOwn).toBe(true);
    // A turn of 50 ms, on a machine that other work may hold up.
    expect(ms).toBeLessThan(2000);
    await page.context().close();
  }, 60_000);

  // Playwright's pages are never hidden: here one says that it is. hiddenPage.test.ts has those that are.
  it('writes a state when its page is hidden, and when it is left', async () => {
    const page = await openPage();
    // Its last step is far, and so are the states that it writes by itself.
    train(page, { steps: 100_000, checkpoint: 'opfs:runs/hidden' }).catch(() => {});
    const saves = (count: number) =>
      page.waitForFunction((count) => (window as unknown as InPage).progress.saved.length === count, count, {
        polling: 5,
      });
    await reach(page, 2);
    await page.evaluate(() => {
      Object.defineProperty(document, 'visibilityState', { value: 'hidden' });
      document.dispatchEvent(new Event('visibilitychange'));
    });
    await saves(1);
    await page.evaluate(() => void dispatchEvent(new Event('pagehide')));
    await saves(2);
    const [hidden, left] = await page.evaluate(() => (window as unknown as InPage).progress.saved);
    expect(hidden).toBeGreaterThanOrEqual(2);
    expect(left).toBeGreaterThanOrEqual(Number(hidden));
    await page.context().close();
  }, 60_000);

  it('computes on WebGPU, and goes on with WebAssembly where the GPU is lost', async () => {
    const page = await openPage();
    const asked = { isFineTuning: true, steps: 3 } as const;
    const lossesOf = ({ events }: Came) =>
      events.flatMap(({ type, step, loss }) => (type === 'step' ? [[Number(step), Number(loss)] as const] : []));
    const expected = new Map(lossesOf(await train(page, asked)));
    const losing = { script: '/losableWorker.js', kind: 'webgpu', onDeviceLoss: 'wasm' } as const;
    const came = await train(page, { ...asked, ...losing, afterStep: { step: 2, does: 'lose' } });
    expect([came.began.kind, came.info.kind]).toEqual(['webgpu', 'wasm']);
    expect(came.events.find(({ type }) => type === 'device')).toMatchObject({
      lost: expect.stringMatching(/^webgpu: the device was lost/),
      device: expect.stringMatching(/^WASM SIMD/),
    });
    expect(came.events.at(-1)).toMatchObject({ type: 'end', reason: 'finished', step: 3 });
    // Steps 1 and 2 on the GPU, and again from the state at the beginning.
    const losses = lossesOf(came);
    expect(losses.map(([step]) => step)).toEqual([1, 2, 1, 2, 3]);
    for (const [step, loss] of losses) expect(Math.abs(loss - (expected.get(step) as number))).toBeLessThan(1e-5);
    await page.context().close();
  }, 240_000);
});
