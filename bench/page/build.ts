import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { nodeAssets } from '../text.ts';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** Bundles the page into build/bench-page, with the texts that it fetches; returns that folder. Needs dist/. */
export async function buildPage(): Promise<string> {
  const folder = here('../../build/bench-page/');
  await mkdir(folder, { recursive: true });
  await build({
    entryPoints: [here('main.ts'), here('worker.ts')],
    outdir: folder,
    bundle: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    // Without our tsconfig, whose paths point at the sources: what is measured is the built package.
    tsconfigRaw: {},
    logLevel: 'error',
  });
  await copyFile(here('index.html'), `${folder}index.html`);
  await writeFile(`${folder}english.txt`, await nodeAssets.english());
  await writeFile(`${folder}tokenizer.json`, await nodeAssets.tokenizerJson());
  return folder;
}
