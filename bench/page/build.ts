import { copyFile, mkdir, readdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { nodeAssets, peersInstalled } from '../peerPackages.ts';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/**
 * Bundles the page into build/bench-page; returns that folder. Needs dist/. Where the peers are not installed, they and the
 * texts of the tokenizer's benchmark are left out.
 */
export async function buildPage(): Promise<string> {
  const folder = here('../../build/bench-page/');
  await mkdir(folder, { recursive: true });
  await build({
    entryPoints: {
      main: here('main.ts'),
      worker: here('worker.ts'),
      ...(peersInstalled ? { peers: here('../peers/page.ts') } : {}),
    },
    outdir: folder,
    bundle: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    // Without its WebGPU part, as in Node. It fetches its WASM files from where the page is.
    alias: { 'onnxruntime-web': here('../peers/node_modules/onnxruntime-web/dist/ort.wasm.min.mjs') },
    external: ['tiktoken'], // in Node only
    // Without our tsconfig, whose paths point at the sources: what is measured is the built package.
    tsconfigRaw: {},
    logLevel: 'error',
  });
  await copyFile(here('index.html'), `${folder}index.html`);
  if (peersInstalled) {
    await writeFile(`${folder}english.txt`, await nodeAssets.english());
    await writeFile(`${folder}tokenizer.json`, await nodeAssets.tokenizerJson());
    for (const name of ['onnxruntime-web', '@tensorflow/tfjs-backend-wasm']) {
      const dist = here(`../peers/node_modules/${name}/dist/`);
      const fetched = (await readdir(dist)).filter((file) =>
        /^ort-wasm-simd-threaded\.(mjs|wasm)$|^tfjs.*\.wasm$/.test(file),
      );
      for (const file of fetched) await copyFile(dist + file, folder + file);
    }
  }
  return folder;
}
