/**
 * Pages that the browser itself hides, freezes and leaves, of whose runs something must be kept: Chromium minimises the window,
 * and its lifecycle is set, without Playwright, whose pages are never hidden.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Asked, Came } from './conditionsPage.js';
import { type Devtools, type OwnBrowser, openDevtools, openOwnBrowser } from './ownBrowser.js';
import { chromiumPath, type Served, serveFiles, workerPage } from './page.js';

describe.skipIf(!chromiumPath)('a page that the browser hides', () => {
  let profile: string;
  let server: Served;
  let browser: OwnBrowser;
  let devtools: Devtools;
  beforeAll(async () => {
    profile = await mkdtemp(join(tmpdir(), 'distillm-profile-'));
    server = await serveFiles(await workerPage('./conditionsPage.ts'), { isolated: false });
    browser = await openOwnBrowser(chromiumPath as string, profile);
    devtools = await openDevtools(browser.address);
  });
  afterAll(async () => {
    devtools?.close();
    await browser?.end('SIGTERM');
    server?.close();
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  });

  async function openPage() {
    const { targetId } = await devtools.send('Target.createTarget', { url: server.url, newWindow: true });
    const { sessionId } = await devtools.send('Target.attachToTarget', { targetId, flatten: true });
    const send = (method: string, params?: object) => devtools.send(method, params, String(sessionId));
    /** Evaluates an expression, and waits for its promise. */
    async function evaluate<T>(expression: string): Promise<T> {
      const options = { returnByValue: true, awaitPromise: true };
      const { result, exceptionDetails } = await send('Runtime.evaluate', { expression, ...options });
      if (exceptionDetails) throw new Error(JSON.stringify(exceptionDetails));
      return (result as { value: T }).value;
    }
    /** Asks again and again, from here: timers of a page that is hidden are slow. */
    async function until(expression: string): Promise<void> {
      while (!(await evaluate<boolean>(expression))) await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await send('Page.enable');
    await until("document.readyState === 'complete' && 'train' in window");
    const setWindow = async (windowState: 'minimized' | 'normal') => {
      const { windowId } = await devtools.send('Browser.getWindowForTarget', { targetId });
      await devtools.send('Browser.setWindowBounds', { windowId, bounds: { windowState } });
    };
    const train = (asked: Asked) => evaluate<Came>(`train(${JSON.stringify(asked)})`);
    const setLifecycle = (state: 'active' | 'frozen') => send('Page.setWebLifecycleState', { state });
    const close = () => devtools.send('Target.closeTarget', { targetId });
    return { evaluate, until, train, setWindow, setLifecycle, close };
  }

  it.each([{ kind: 'wasm' }, { kind: 'webgpu', isFineTuning: true }] as const)(
    'writes a state in a window that is minimised, and goes on training there, where timers hardly run: %o',
    async (asked) => {
      const page = await openPage();
      // Its last step is far, and so are the states that it writes by itself.
      page.train({ ...asked, steps: 100_000, checkpoint: `opfs:runs/${asked.kind}` }).catch(() => {});
      await page.evaluate('void setInterval(() => { window.turns = (window.turns ?? 0) + 1; }, 5)');
      await page.until('progress.step >= 2');
      expect(await page.evaluate('[document.visibilityState, progress.saved]')).toEqual(['visible', []]);
      await page.setWindow('minimized');
      await page.until('progress.saved.length > 0');
      const [state, saved] = await page.evaluate<[string, number[]]>('[document.visibilityState, progress.saved]');
      expect([state, saved.length]).toEqual(['hidden', 1]);
      expect(saved[0]).toBeGreaterThanOrEqual(2);

      const now = () =>
        page.evaluate<[turns: number, ms: number, step: number]>('[turns, performance.now(), progress.step]');
      const [turns, ms, step] = await now();
      await page.until(`progress.step >= ${step + (asked.kind === 'wasm' ? 30 : 10)}`);
      const [laterTurns, laterMs, laterStep] = await now();
      // A timer of 5 ms has a turn a second here, whose steps take some hundredths of one, but on a GPU in software.
      expect(laterTurns - turns).toBeLessThan(2 + (laterMs - ms) / 200);
      if (asked.kind === 'wasm') expect(laterTurns - turns).toBeLessThan(laterStep - step);
      await page.close();
    },
    240_000,
  );

  it('stands still with a page that is frozen, goes on with it, and writes the state then, with the same bits', async () => {
    const page = await openPage();
    const asked = { steps: 40, checkpoint: 'opfs:runs/frozen' } as const;
    const { bits } = await page.train({ ...asked, checkpoint: 'opfs:runs/undisturbed' });
    await page.evaluate('void Object.assign(progress, { step: 0, saved: [] })');
    const running = page.train(asked);
    await page.until('progress.step >= 2');
    await page.setLifecycle('frozen');
    const found = '[document.visibilityState, progress.step, progress.saved.length]';
    const frozen = await page.evaluate<[string, number, number]>(found);
    expect(frozen).toEqual(['hidden', expect.any(Number), 0]);
    expect(frozen[1]).toBeLessThan(asked.steps);
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(await page.evaluate(found)).toEqual(frozen);
    await page.setLifecycle('active');
    const came = await running;
    // The state that the frozen page asked for, and the last one.
    const [first, ...others] = await page.evaluate<number[]>('progress.saved');
    expect([first, others]).toEqual([expect.any(Number), [asked.steps]]);
    expect(first).toBeLessThan(asked.steps);
    expect(came.events.at(-1)).toMatchObject({ type: 'end', reason: 'finished', step: asked.steps });
    expect(came.bits).toEqual(bits);
    await page.close();
  }, 120_000);
});
