import { copyFile, readFile, rm } from 'node:fs/promises';
import { basename, dirname, relative, resolve } from 'node:path';
import { build, type Plugin } from 'esbuild';
import { defineConfig } from 'tsup';
import { deflatedModule, fileModule } from './scripts/embedded.ts';
import { resolveShader, shadersModule } from './scripts/shaders.ts';

/** WGSL files behind those that they follow, and all of them as one module, as scripts/embed.ts gives them to Vitest. */
const wgsl: Plugin = {
  name: 'wgsl',
  setup(build) {
    build.onResolve({ filter: /\?shaders$/ }, () => ({ path: 'shaders', namespace: 'shaders' }));
    build.onLoad({ filter: /.*/, namespace: 'shaders' }, async () => ({ contents: (await shadersModule()).source }));
    build.onLoad({ filter: /\.wgsl$/ }, async ({ path }) => ({
      contents: (await resolveShader(relative('.', path))).code,
      loader: 'text',
    }));
  },
};

/** `import source from './file.js?text'`: the file as a string. */
const textQuery: Plugin = {
  name: 'text-query',
  setup(build) {
    // Relative, for the path gets into dist/, which must not depend on the folder that it is built in.
    build.onResolve({ filter: /\?text$/ }, ({ path, resolveDir }) => ({
      path: relative('.', resolve(resolveDir, path.slice(0, -'?text'.length))),
      namespace: 'text-query',
    }));
    build.onLoad({ filter: /.*/, namespace: 'text-query' }, async ({ path }) => ({
      contents: await readFile(path, 'utf8'),
      loader: 'text',
    }));
  },
};

/** `?file`: a file beside the code. As one file: its bytes, as `?deflated` gives them. */
const wasmFiles = (asOneFile: boolean): Plugin => ({
  name: 'wasm-files',
  setup(build) {
    build.onResolve({ filter: /\.wasm\?(file|deflated)$/ }, ({ path, resolveDir }) => ({
      path: relative('.', resolve(resolveDir, path)),
      namespace: 'wasm-files',
    }));
    build.onLoad({ filter: /.*/, namespace: 'wasm-files' }, async ({ path }) => {
      const [file = '', query] = path.split('?');
      if (asOneFile || query === 'deflated') return { contents: await deflatedModule(file) };
      // As bundlers look for it.
      return { contents: await fileModule(file, `new URL('./${basename(file)}', import.meta.url)`) };
    });
  },
});

/** What package.json chooses for pages. */
const pagePlatform: Plugin = {
  name: 'page-platform',
  setup(build) {
    const modules: Readonly<Record<string, string>> = { '#platform': 'browser', '#thread': 'webThread' };
    build.onResolve({ filter: /^#/ }, ({ path }) => ({ path: resolve(`src/platform/${modules[path]}.ts`) }));
  },
};

/**
 * The modules that the public entries export, as entries: code that an export alone needs gets a chunk of its own, and
 * bundlers take the chunks that a page needs. Their files are never imported, and go again.
 */
const parts = 'parts';
const exported = async (entry: string) =>
  [...(await readFile(entry, 'utf8')).matchAll(/ from '(\..*)\.js'/g)].map(([, path]) =>
    relative('src', resolve(dirname(entry), path as string)),
  );
const modules = (await Promise.all(['src/index.ts', 'src/entries/tensor.ts'].map(exported))).flat();

const { version } = JSON.parse(await readFile('package.json', 'utf8'));
const define = { DISTILLM_VERSION: JSON.stringify(version) };
const loader = { '.wasm': 'binary' } as const;

/**
 * The scripts of web workers, each one file that needs no other: the one that runs the whole API with all that it depends on,
 * for import maps hold for pages alone, and the one of the thread pool.
 */
async function browserScripts(): Promise<void> {
  await build({
    entryPoints: ['src/worker/script.ts'],
    outfile: 'dist/platform/browserWorker.js',
    ...{ bundle: true, minify: true, format: 'esm', platform: 'browser', target: 'es2022', logLevel: 'error' },
    ...{ loader, define, plugins: [wasmFiles(true), pagePlatform, wgsl, textQuery] },
    // Without our tsconfig, whose paths point at the sources.
    tsconfigRaw: {},
  });
  await copyFile('build/poolWorker.js', 'dist/platform/poolWorker.js');
}

export default defineConfig({
  entry: {
    ...Object.fromEntries(modules.map((name) => [`${parts}/${name}`, `src/${name}.ts`])),
    index: 'src/index.ts',
    embedded: 'src/entries/embedded.ts',
    report: 'src/entries/report.ts',
    tensor: 'src/entries/tensor.ts',
    testing: 'src/entries/testing.ts',
    worker: 'src/entries/worker.ts',
    cli: 'src/cli/main.ts',
    'platform/node': 'src/platform/node/index.ts',
    'platform/browser': 'src/platform/browser.ts',
    'platform/nodeThread': 'src/platform/node/thread.ts',
    'platform/webThread': 'src/platform/webThread.ts',
    'platform/nodeWorker': 'src/worker/script.ts',
  },
  format: 'esm',
  target: 'es2022',
  platform: 'neutral',
  // One build for Node and browsers: `#platform` stays an import that package.json resolves by condition.
  external: [
    '#platform',
    '#thread',
    /^node:/,
    'webgpu',
    '@huggingface/jinja',
    'comlink',
    'commander',
    'zod',
    'log-update',
    'wasm-feature-detect',
  ],
  splitting: true,
  sourcemap: true,
  // tsc writes them, and only where the sources have changed.
  clean: ['!types/**'],
  loader,
  esbuildPlugins: [wasmFiles(false), wgsl, textQuery],
  define,
  async onSuccess() {
    await rm(`dist/${parts}`, { recursive: true });
    for (const name of ['compute-fused.wasm', 'compute-plain.wasm']) await copyFile(`build/${name}`, `dist/${name}`);
    await browserScripts();
  },
});
