/** The package in a page without a bundler: the import map of docs/browsers.md, from the page's own server and from another. */
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chromiumPath, launch } from './page.js';

const page = (map: string) => `<!doctype html><title>distillm</title><link rel="icon" href="data:,">${map}
<script type="module">
  import { openDevice, rougeL } from 'distillm';
  import { startWorker } from 'distillm/worker';
  const distillm = await startWorker();
  const device = await distillm.openDevice({ kind: 'wasm' });
  const scores = [rougeL('a b', ['a b']), await distillm.rougeL('a b', ['a b'])];
  // The page's own loads the kernels as a file, from where the package is.
  window.result = [...scores, (await device.info).kind, (await openDevice({ kind: 'wasm' })).info.kind];
</script>`;

/** Files as a static server or a CDN gives them. */
async function serveStatic(html?: () => string): Promise<{ server: Server; url: string }> {
  const server = createServer(async ({ url = '/' }, response) => {
    const path = url.replace(/^\/node_modules\/distillm\//, '').replace(/^\/node_modules\//, 'node_modules/');
    const body = url === '/' ? html?.() : await readFile(path).catch(() => undefined);
    response.writeHead(body === undefined ? 404 : 200, {
      'Content-Type': url === '/' ? 'text/html' : 'text/javascript',
      'Access-Control-Allow-Origin': '*',
    });
    response.end(body);
  });
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

describe.skipIf(!chromiumPath)('a page without a bundler', () => {
  let browser: Browser;
  let map: string;
  beforeAll(async () => {
    browser = await launch(chromiumPath as string);
    const docs = await readFile('docs/browsers.md', 'utf8');
    map = /<script type="importmap">.*?<\/script>/s.exec(docs)?.[0] as string;
  });
  afterAll(() => browser?.close());

  it.each(['its own server', 'a CDN'])(
    'has the package and its worker from %s',
    async (from) => {
      const cdn = await serveStatic();
      const html = page(from === 'a CDN' ? map.replaceAll('"/node_modules/', `"${cdn.url}/node_modules/`) : map);
      const own = await serveStatic(() => html);
      const tab = await browser.newPage();
      tab.setDefaultTimeout(0);
      const faults: string[] = [];
      tab.on('pageerror', (error) => faults.push(String(error)));
      tab.on('console', (message) => message.type() === 'error' && faults.push(message.text()));
      try {
        await tab.goto(own.url);
        const result = await Promise.race([
          tab.waitForFunction('window.result', undefined, { timeout: 0 }).then((handle) => handle.jsonValue()),
          tab.waitForEvent('pageerror', { timeout: 0 }).then(String),
        ]);
        expect([result, faults]).toEqual([[100, 100, 'wasm', 'wasm'], []]);
      } finally {
        await tab.close();
        for (const { server } of [cdn, own]) server.close();
      }
    },
    120_000,
  );
});
