/** examples/page as docs/browsers.md builds it: files are picked or dropped, a student distilled, and downloaded. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { memoryStore } from '../../src/io/memoryStore.js';
import { contentOf, readZip } from '../../src/io/torch/zip.js';
import { unchanging } from '../../src/io/unchanging.js';
import { playHub } from '../platform/hubServer.js';
import { chromiumPath, launch, type Served, serveFiles } from './page.js';

const records = Array.from({ length: 20 }, (_, i) => ({ instruction: `say ${i % 8}`, output: `${i % 8} ${i}` }));
const text = records.map((record) => JSON.stringify(record)).join('\n');

/** The page by the very commands of docs/browsers.md, but for those that go on: into a folder of its own. */
async function documentedPage(folder: string): Promise<Record<string, string>> {
  const docs = await readFile('docs/browsers.md', 'utf8');
  const commands = /```sh\n(npx esbuild examples\/page\/page\.ts [^`]*?)^npx esbuild --servedir/ms.exec(
    docs,
  )?.[1] as string;
  await promisify(execFile)('sh', ['-ec', commands.replaceAll(/\bpublic\b/g, folder)]);
  const names = ['index.html', 'page.js', 'browserWorker.js', 'poolWorker.js'];
  const entries = names.map(async (name) => [`/${name}`, await readFile(join(folder, name), 'utf8')] as const);
  const files = Object.fromEntries(await Promise.all(entries));
  return { ...files, '/': files['/index.html'] as string };
}

describe.skipIf(!chromiumPath)('the example page', () => {
  let browser: Browser;
  let server: Served;
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'distillm-page-'));
    const [files, opened] = await Promise.all([documentedPage(join(folder, 'public')), launch(chromiumPath as string)]);
    browser = opened;
    server = await serveFiles(files, { isolated: false });
    await writeFile(join(folder, 'a.jsonl'), text);
  });
  afterAll(async () => {
    await browser?.close();
    server?.close();
    await rm(folder, { recursive: true });
  });

  async function openPage() {
    const tab = await browser.newPage();
    tab.setDefaultTimeout(0);
    const faults: string[] = [];
    tab.on('pageerror', (error) => faults.push(String(error)));
    await tab.addInitScript(() => {
      const { persist } = StorageManager.prototype;
      StorageManager.prototype.persist = function () {
        document.documentElement.dataset.persist = 'asked';
        return persist.call(this);
      };
    });
    await tab.goto(server.url);
    return { tab, faults };
  }
  /** Trains for two steps. @returns what the page says then */
  async function train(tab: Page): Promise<string | null> {
    await tab.fill('[name=steps]', '2');
    await tab.click('[type=submit]');
    await tab.waitForSelector('[type=submit]:enabled');
    return tab.textContent('#status');
  }
  /** The files of the archive, by name: their bytes as latin-1. */
  async function downloaded(tab: Page): Promise<Record<string, string>> {
    const [archive] = await Promise.all([tab.waitForEvent('download'), tab.click('#download')]);
    expect(archive.suggestedFilename()).toBe('student.zip');
    const bytes = await readFile(await archive.path());
    const file = await unchanging(memoryStore({ 'student.zip': bytes }), 'student.zip');
    const contents = [...(await readZip(file)).values()].map(async (entry) => {
      const begin = await contentOf(file, entry);
      return [entry.name, bytes.toString('latin1', begin, begin + entry.byteLength)] as const;
    });
    return Object.fromEntries(await Promise.all(contents));
  }
  /** The files of the best student, as the browser itself has them. */
  const kept = (tab: Page) =>
    tab.evaluate(async () => {
      const within = async (folder: FileSystemDirectoryHandle, name?: string) => {
        for await (const [found, handle] of folder.entries())
          if ((name ?? found) === found && handle.kind === 'directory') return handle as FileSystemDirectoryHandle;
        throw new Error(`${folder.name} has no ${name ?? 'folder'}`);
      };
      const run = await within(await within(await navigator.storage.getDirectory(), 'distillm-page'));
      const best = await within(await within(run, 'student'), 'best');
      const files: Record<string, string> = {};
      for await (const [name, handle] of best.entries()) {
        const bytes = new Uint8Array(await (await (handle as FileSystemFileHandle).getFile()).arrayBuffer());
        files[name] = Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
      }
      return files;
    });

  it('trains on a file in its worker, shows the curve, and gives the student as an archive', async () => {
    const { tab, faults } = await openPage();
    expect(await tab.textContent('#room')).toMatch(/^Private files of this site: .*, room for [\d.]+ .B more/);
    expect(await train(tab)).toBe('Pick a file of data, or drop one.');
    await tab.setInputFiles('[name=data]', { name: 'a.jsonl', mimeType: '', buffer: Buffer.from(text) });
    expect(await tab.locator('html').getAttribute('data-persist')).toBe(null);
    expect(await train(tab)).toMatch(/^Done\. WASM SIMD, 1 thread/);
    // The browser is asked to keep the files when its disk is nearly full.
    expect(await tab.locator('html').getAttribute('data-persist')).toBe('asked');
    expect(await tab.locator('#curve svg').count()).toBe(1);
    // Byte for byte what a run saves, which scripts/check-saved-models.mjs holds to transformers.
    const files = await downloaded(tab);
    const names = ['config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json'];
    expect(Object.keys(files)).toEqual(expect.arrayContaining(names));
    // toEqual would print them.
    const sorted = (each: Record<string, string>) => JSON.stringify(Object.entries(each).sort());
    expect(sorted(files) === sorted(await kept(tab))).toBe(true);
    expect(faults).toEqual([]);
    await tab.close();
  }, 120_000);

  it('takes a file and the folder of a teacher that are dropped', async () => {
    const { tab, faults } = await openPage();
    const devtools = await tab.context().newCDPSession(tab);
    const { x, y } = (await tab.locator('#form').boundingBox()) as { x: number; y: number };
    const files = [join(folder, 'a.jsonl'), resolve('examples/demo/teacher')];
    for (const type of ['dragEnter', 'dragOver', 'drop'] as const) {
      const data = { items: [], files, dragOperationsMask: 1 };
      await devtools.send('Input.dispatchDragEvent', { type, x: x + 20, y: y + 20, data });
    }
    await tab.waitForFunction(() => document.querySelector('#status')?.textContent?.startsWith('Data'));
    expect(await tab.textContent('#status')).toMatch(/^Data a\.jsonl, teacher teacher \(\d+ files\)\.$/);
    expect(await train(tab)).toMatch(/^Done\. /);
    const config = JSON.parse(await readFile('examples/demo/teacher/config.json', 'utf8'));
    const { 'config.json': student = '' } = await downloaded(tab);
    expect(JSON.parse(student).vocab_size).toBe(config.vocab_size);
    expect(faults).toEqual([]);
    await tab.close();
  }, 120_000);

  it('takes a folder that is picked', async () => {
    const { tab } = await openPage();
    await tab.setInputFiles('[name=folder]', resolve('examples/demo/teacher'));
    expect(await tab.textContent('#status')).toMatch(/^Pick a file of data, teacher teacher \(\d+ files\)\.$/);
    await tab.setInputFiles('[name=data]', join(folder, 'a.jsonl'));
    expect(await tab.textContent('#status')).toMatch(/^Data a\.jsonl, teacher teacher \(\d+ files\)\.$/);
    await tab.close();
  }, 60_000);

  it('says what a model of the hub takes and what room there is, and downloads nothing unasked', async () => {
    const { tab } = await openPage();
    const hub = await playHub({ files: { 'config.json': '{}', 'model.safetensors': new Uint8Array(2_500_000) } });
    await tab.context().route('https://huggingface.co/**', async (route) => {
      const response = await fetch(route.request().url().replace('https://huggingface.co', hub.endpoint));
      await route.fulfill({ status: response.status, body: Buffer.from(await response.arrayBuffer()) });
    });
    const said: string[] = [];
    tab.on('dialog', async (dialog) => {
      said.push(dialog.message());
      await dialog.dismiss();
    });
    try {
      await tab.setInputFiles('[name=data]', { name: 'a.jsonl', mimeType: '', buffer: Buffer.from(text) });
      await tab.fill('[name=hub]', 'hf:org/name');
      expect(await train(tab)).toBe('hf:org/name was not downloaded.');
      expect(said).toEqual([expect.stringMatching(/^hf:org\/name has 2\.5 MB\. This site may keep [\d.]+ .B more\./)]);
      expect(hub.asked.filter((line) => line.includes('safetensors'))).toEqual([]);
    } finally {
      await tab.context().unroute('https://huggingface.co/**');
      await tab.close();
      await hub.close();
    }
  }, 60_000);
});
