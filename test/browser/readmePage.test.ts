/** The README's page: its worker bundled as it says, its script in a page, and the demo's teacher as the model. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chromiumPath, launch } from './page.js';

const blockOf = (markdown: string, language: string): string =>
  new RegExp(`\`\`\`${language}\\n(.*?)\`\`\``, 's').exec(markdown)?.[1] as string;

describe.skipIf(!chromiumPath)("the README's page", () => {
  let folder: string;
  let server: Server;
  const missing = new Set<string>();
  beforeAll(async () => {
    const readme = await readFile('README.md', 'utf8');
    // In the package, so that its own name leads to what is built.
    folder = await mkdtemp(join(process.cwd(), '.cache/page-'));
    await writeFile(join(folder, 'worker.js'), blockOf(readme, 'js'));
    const { outputFiles } = await build({
      entryPoints: [join(folder, 'worker.js')],
      ...{ bundle: true, format: 'esm', tsconfigRaw: {}, write: false, logLevel: 'error' },
    });
    const files = new Map([
      ['/', `<!doctype html><body>${blockOf(readme, 'html')}`],
      ['/worker.js', (outputFiles[0] as { text: string }).text],
    ]);
    server = createServer(async ({ url = '/' }, response) => {
      const model = /^\/model\/([\w.]+)$/.exec(url)?.[1];
      const kernels = /^\/(compute-\w+\.wasm)$/.exec(url)?.[1];
      const path = model ? join('examples/demo/teacher', model) : kernels && join('dist', kernels);
      const body = path ? await readFile(path).catch(() => undefined) : files.get(url);
      if (body === undefined) missing.add(url);
      response.writeHead(body === undefined ? 404 : 200, {
        'Content-Type':
          url === '/' ? 'text/html' : url === '/worker.js' ? 'text/javascript' : 'application/octet-stream',
      });
      response.end(body);
    });
    await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  });
  afterAll(async () => {
    server?.close();
    await rm(folder, { recursive: true });
  });

  it('shows an answer', async () => {
    const browser = await launch(chromiumPath as string);
    try {
      const page = await browser.newPage();
      const faults: string[] = [];
      page.on('pageerror', (error) => faults.push(String(error)));
      await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
      // Without the script, which is in the body as well.
      const answer = await page.waitForFunction(() => {
        const texts = [...document.body.childNodes].filter(({ nodeType }) => nodeType === Node.TEXT_NODE);
        const shown = texts
          .map(({ textContent }) => textContent)
          .join('')
          .trim();
        return shown.endsWith('.') && shown;
      });
      expect([faults, await answer.jsonValue()]).toEqual([[], 'Die rote Katze sucht den Freund.']);
      // A 404 would be a line in the console of the page.
      expect([...missing]).toEqual([]);
    } finally {
      await browser.close();
    }
  }, 30_000);
});
