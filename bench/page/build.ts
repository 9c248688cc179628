import { copyFile, mkdir, readdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { nodeAssets, packages, peersInstalled } from '../peers/installed.ts';
import manifest from '../peers/package.json' with { type: 'json' };

const { dependencies } = manifest;
const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
/** What peers of Node alone import: a worker of the page never asks for it. */
const onlyInNode = ['onnxruntime-node', 'tiktoken', here('../decode/llamaCpp.ts')];

/**
 * Bundles the page into build/bench-page; returns that folder. Needs dist/. Where the peers are not installed, they and the
 * texts of the tokenizer's benchmark are left out.
 */
export async function buildPage(): Promise<string> {
  const folder = here('../../build/bench-page/');
  await mkdir(folder, { recursive: true });
  await build({
    entryPoints: { main: here('main.ts'), worker: here('worker.ts') },
    outdir: folder,
    bundle: true,
    splitting: true, // a worker loads one peer
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    // Without its WebGPU part, as in Node.
    ...(peersInstalled && { alias: { 'onnxruntime-web': `${packages}onnxruntime-web/dist/ort.wasm.min.mjs` } }),
    external: [...onlyInNode, ...(peersInstalled ? [] : Object.keys(dependencies))],
    // Without our tsconfig, whose paths point at the sources: what is measured is the built package.
    tsconfigRaw: {},
    logLevel: 'error',
  });
  await copyFile(here('index.html'), `${folder}index.html`);
  for (const name of ['compute-fused.wasm', 'compute-plain.wasm']) {
    await copyFile(here(`../../dist/${name}`), folder + name);
  }
  if (peersInstalled) {
    await writeFile(`${folder}english.txt`, await nodeAssets.english());
    await writeFile(`${folder}gpt2.json`, await nodeAssets.tokenizerJson('gpt2'));
    for (const name of ['onnxruntime-web', '@tensorflow/tfjs-backend-wasm']) {
      const dist = `${packages}${name}/dist/`;
      const fetched = (await readdir(dist)).filter((file) =>
        /^ort-wasm-simd-threaded\.(mjs|wasm)$|^tfjs.*\.wasm$/.test(file),
      );
      for (const file of fetched) await copyFile(dist + file, folder + file);
    }
  }
  return folder;
}
