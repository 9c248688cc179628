import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { type Browser, chromium } from 'playwright-core';

/** Chromium that scripts/test.mjs unpacked, or one that the caller names. */
export const chromiumPath = process.env.DISTILLM_CHROMIUM;
if (!chromiumPath && process.env.DISTILLM_REQUIRE_WEBGPU) throw new Error('DISTILLM_CHROMIUM names no browser');

/** WebGPU in software, and no window. */
export const browserFlags = [
  '--headless=new',
  '--no-sandbox',
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
];

export const launch = (path: string, ...flags: readonly string[]): Promise<Browser> =>
  chromium.launch({ executablePath: path, args: [...browserFlags, ...flags] });

/** Bundles a script as a user's bundler would: the built package, browser conditions, nothing of Node. */
export async function bundle(entry: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL(entry, import.meta.url))],
    bundle: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    // Without our tsconfig, whose paths point at the sources: what is bundled is the built package.
    tsconfigRaw: {},
    write: false,
    logLevel: 'error',
  });
  return (outputFiles[0] as { text: string }).text;
}

/** The files of a page that starts the package's worker, as esbuild leaves them: the package's beside the page's own. */
export async function workerPage(entry: string): Promise<Record<string, string>> {
  const built = (name: string) => readFile(`dist/platform/${name}`, 'utf8');
  const [page, worker, pool] = await Promise.all([bundle(entry), built('browserWorker.js'), built('poolWorker.js')]);
  const html =
    '<!doctype html><title>distillm</title><link rel="icon" href="data:,"><script type="module" src="/page.js"></script>';
  return { '/': html, '/page.js': page, '/browserWorker.js': worker, '/poolWorker.js': pool };
}

const html = `<!doctype html><title>distillm</title><script type="module">
  window.result = new Promise((resolve, reject) => {
    const worker = new Worker('/worker.js', { type: 'module' });
    worker.onmessage = ({ data }) => ('error' in data ? reject(new Error(data.error)) : resolve(data));
    worker.onerror = (event) => reject(new Error(event.message));
    worker.postMessage(Object.fromEntries(new URLSearchParams(location.search)));
  });
</script>`;

const types: Readonly<Record<string, string>> = {
  js: 'text/javascript',
  css: 'text/css',
  wasm: 'application/wasm',
};

/** How a page is served: cross-origin isolated or not, under a Content-Security-Policy or none. */
export interface Serving {
  readonly isolated: boolean;
  readonly policy?: string | undefined;
}

/** Serves the page and its worker on localhost, with the kernels of WebAssembly beside it. */
export const serve = async (worker: string, how: Serving): Promise<Served> =>
  serveFiles({ '/': html, '/worker.js': worker, ...(await kernelFiles('/')) }, how);

/** The kernels of WebAssembly as files of a folder. */
export async function kernelFiles(folder: string): Promise<Record<string, Uint8Array>> {
  const names = ['compute-fused.wasm', 'compute-plain.wasm'];
  const entries = names.map(async (name) => [folder + name, await readFile(`dist/${name}`)] as const);
  return Object.fromEntries(await Promise.all(entries));
}

export interface Served {
  readonly url: string;
  /** The paths that were asked for. */
  readonly asked: string[];
  close(): void;
}

/** Serves files by path on localhost. */
export async function serveFiles(
  files: Readonly<Record<string, string | Uint8Array>>,
  { isolated, policy }: Serving,
): Promise<Served> {
  const asked: string[] = [];
  const headers = {
    ...(isolated && { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' }),
    ...(policy && { 'Content-Security-Policy': policy }),
  };
  const server: Server = createServer(({ url = '/' }, response) => {
    const path = url.replace(/\?.*/, '');
    asked.push(path);
    const type = types[path.replace(/.*\./, '')] ?? 'text/html';
    response.writeHead(path in files ? 200 : 404, { ...headers, 'Content-Type': type });
    response.end(files[path]);
  });
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/`, asked, close: () => void server.close() };
}
