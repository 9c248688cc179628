import { readFile, rm } from 'node:fs/promises';
import { dirname, relative, resolve } from 'node:path';
import type { Plugin } from 'esbuild';
import { defineConfig } from 'tsup';
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

export default defineConfig({
  entry: {
    ...Object.fromEntries(modules.map((name) => [`${parts}/${name}`, `src/${name}.ts`])),
    index: 'src/index.ts',
    report: 'src/entries/report.ts',
    tensor: 'src/entries/tensor.ts',
    testing: 'src/entries/testing.ts',
    cli: 'src/cli/main.ts',
    'platform/node': 'src/platform/node/index.ts',
    'platform/browser': 'src/platform/browser.ts',
  },
  format: 'esm',
  target: 'es2022',
  platform: 'neutral',
  // One build for Node and browsers: `#platform` stays an import that package.json resolves by condition.
  external: [
    '#platform',
    /^node:/,
    'webgpu',
    '@huggingface/jinja',
    'commander',
    'zod',
    'log-update',
    'wasm-feature-detect',
  ],
  splitting: true,
  sourcemap: true,
  // tsc writes them, and only where the sources have changed.
  clean: ['!types/**'],
  loader: { '.wasm': 'binary' },
  esbuildPlugins: [wgsl, textQuery],
  onSuccess: () => rm(`dist/${parts}`, { recursive: true }),
});
