/** The kernels of WebAssembly in Chromium: as files beside the script, moved, in the script, missing, and as Vite puts them. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { build } from 'vite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DeviceInfo } from '../../src/backend/backend.js';
import { arithmetics } from '../harness/arithmetics.js';
import { bundle, chromiumPath, kernelFiles, launch, type Served, serve, serveFiles } from './page.js';

interface Opened {
  readonly info?: DeviceInfo;
  readonly failed?: { readonly code: string; readonly message: string };
}

describe.skipIf(!chromiumPath)('the kernels in a page', () => {
  let browser: Browser;
  let worker: string;
  beforeAll(async () => {
    [browser, worker] = await Promise.all([launch(chromiumPath as string), bundle('./kernelsWorker.ts')]);
  });
  afterAll(() => browser?.close());

  /** What the worker of a page gives, and which kernels it asked for. */
  async function open(server: Served, asked: Readonly<Record<string, string>>) {
    const page = await browser.newPage();
    try {
      await page.goto(`${server.url}?${new URLSearchParams({ kind: 'wasm', ...asked })}`);
      const opened = await page.evaluate(() => (window as unknown as { result: Promise<Opened> }).result);
      return { ...opened, loaded: server.asked.filter((path) => path.includes('compute-')) };
    } finally {
      await page.close();
      server.close();
    }
  }

  it('are loaded where WebAssembly computes, one build', async () => {
    const native = await open(await serve(worker, { isolated: true }), {});
    expect(native.info).toMatchObject({ kind: 'wasm', arithmetic: arithmetics.at(-1) });
    expect(native.loaded).toEqual([`/compute-${arithmetics.at(-1)}.wasm`]);
    const plain = await open(await serve(worker, { isolated: false }), { arithmetic: 'plain' });
    expect(plain.loaded).toEqual(['/compute-plain.wasm']);
    expect(await open(await serve(worker, { isolated: false }), { kind: 'webgpu' })).toMatchObject({ loaded: [] });
  }, 60_000);

  it('are taken from where a host has moved them, and from the script under a policy without connections', async () => {
    const html = '<!doctype html><script type="module" src="/page.js"></script>';
    const page = `window.result = new Promise((resolve) => {
      const worker = new Worker('/worker.js', { type: 'module' });
      worker.onmessage = ({ data }) => resolve(data);
      worker.postMessage(Object.fromEntries(new URLSearchParams(location.search)));
    });`;
    const files = { '/': html, '/page.js': page, '/worker.js': worker };
    const moved = await serveFiles({ ...files, ...(await kernelFiles('/static/v1/')) }, { isolated: false });
    expect(await open(moved, { kernels: '/static/v1/' })).toMatchObject({
      info: { kind: 'wasm' },
      loaded: [`/static/v1/compute-${arithmetics.at(-1)}.wasm`],
    });
    const policy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'";
    const embedded = await open(await serveFiles(files, { isolated: false, policy }), { kernels: 'embedded' });
    expect(embedded).toMatchObject({ info: { kind: 'wasm' }, loaded: [] });
    // The policy keeps a page from files that are there.
    const kept = await open(await serveFiles(files, { isolated: false, policy }), {});
    expect(kept.failed).toMatchObject({ code: 'ERR_DEVICE' });
    expect(kept.failed?.message).toContain('the Content-Security-Policy does not name the host in connect-src');
    const noCode = "default-src 'none'; script-src 'self'; worker-src 'self'; connect-src 'self'";
    const forbidden = await open(await serveFiles(files, { isolated: false, policy: noCode }), { kernels: 'embedded' });
    expect(forbidden.failed).toMatchObject({
      code: 'ERR_DEVICE',
      message: expect.stringMatching(
        /^The Content-Security-Policy allows no WebAssembly here\. Add 'wasm-unsafe-eval'/,
      ),
    });
    const missing = await open(await serveFiles(files, { isolated: false }), {});
    expect(missing.failed?.code).toBe('ERR_DEVICE');
    expect(missing.failed?.message).toMatch(
      /\/compute-\w+\.wasm: the server answered 404; .*wasm: \{ kernels: '\/folder\/' \}.*distillm\/embedded/,
    );
  }, 60_000);

  it('are where Vite puts them, by its defaults', async () => {
    const app = await mkdtemp(join(process.cwd(), '.cache/vite-'));
    try {
      await writeFile(join(app, 'index.html'), '<!doctype html><script type="module" src="/main.js"></script>');
      await writeFile(
        join(app, 'main.js'),
        `window.result = new Promise((resolve) => {
          const worker = new Worker(new URL('./own.js', import.meta.url));
          worker.onmessage = ({ data }) => resolve(data);
        });`,
      );
      await writeFile(
        join(app, 'own.js'),
        `import { openDevice } from 'distillm';
        openDevice({ kind: 'wasm' }).then(({ info }) => postMessage({ info }), ({ code, message }) => postMessage({ failed: { code, message } }));`,
      );
      // Relative addresses, as a host has them that gives an application a folder.
      await build({ root: app, base: './', configFile: false, logLevel: 'silent' });
      const names = (await readdir(join(app, 'dist'), { recursive: true })).filter((name) => /\.\w+$/.test(name));
      const files = names.map(async (name) => [`/${name}`, await readFile(join(app, 'dist', name))] as const);
      const html = await readFile(join(app, 'dist/index.html'), 'utf8');
      const served = { ...Object.fromEntries(await Promise.all(files)), '/': html };
      const { info, failed, loaded } = await open(await serveFiles(served, { isolated: true }), {});
      expect(failed).toBeUndefined();
      expect(info?.threads).toBeGreaterThan(1);
      expect(loaded).toEqual([expect.stringMatching(/^\/assets\/compute-\w+-[\w-]+\.wasm$/)]);
    } finally {
      await rm(app, { recursive: true });
    }
  }, 60_000);
});
