/** examples/page as docs/browsers.md builds it: a file is picked, a student distilled, and downloaded. */
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { bundle, chromiumPath, launch, serveFiles } from './page.js';

const records = Array.from({ length: 20 }, (_, i) => ({ instruction: `say ${i % 8}`, output: `${i % 8} ${i}` }));

if (!chromiumPath && process.env.DISTILLM_REQUIRE_WEBGPU) throw new Error('DISTILLM_CHROMIUM names no browser');
describe.skipIf(!chromiumPath)('the example page', () => {
  it('trains on a file in its worker, shows the curve, and gives the student as an archive', async () => {
    const [page, worker, html, browser] = await Promise.all([
      bundle('../../examples/page/page.ts'),
      readFile('dist/platform/browserWorker.js', 'utf8'),
      readFile('examples/page/index.html', 'utf8'),
      launch(chromiumPath as string),
    ]);
    const files = { '/': html, '/page.js': page, '/browserWorker.js': worker };
    const server = await serveFiles(files, { isolated: false });
    try {
      const tab = await browser.newPage();
      tab.setDefaultTimeout(0);
      const faults: string[] = [];
      tab.on('pageerror', (error) => faults.push(String(error)));
      await tab.goto(server.url);
      const text = records.map((record) => JSON.stringify(record)).join('\n');
      await tab.setInputFiles('input[type=file]', { name: 'a.jsonl', mimeType: '', buffer: Buffer.from(text) });
      await tab.fill('input[type=number]', '2');
      await tab.click('button[type=submit]');
      await tab.waitForFunction(() => !/\.\.\.$|step|Pick/.test(document.querySelector('#status')?.textContent ?? ''));
      expect(await tab.textContent('#status')).toMatch(/^Done\. WASM SIMD, 1 thread/);
      expect(await tab.locator('#curve svg').count()).toBe(1);
      const [archive] = await Promise.all([tab.waitForEvent('download'), tab.click('#download')]);
      const bytes = (await readFile(await archive.path())).toString('latin1');
      expect(archive.suggestedFilename()).toBe('student.zip');
      for (const name of ['config.json', 'model.safetensors', 'tokenizer.json']) expect(bytes).toContain(name);
      expect(faults).toEqual([]);
    } finally {
      await browser.close();
      server.close();
    }
  }, 240_000);
});
