// Vite/Vitest plugin with the meaning of tsup's loaders: `.wgsl` as a string behind the files that it follows,
// `kernels?shaders` as the code of every shader, `?text` as a string, `.wasm` as bytes, `.wasm?file` and `.wasm?deflated` as
// embedded.ts makes them.
import { readFile } from 'node:fs/promises';
import { basename, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Plugin } from 'vite';
import { deflatedModule, fileModule } from './embedded.ts';
import { resolveShader, shadersModule } from './shaders.ts';
import { builtOf, digestOf } from './sources.mjs';

export function embed(): Plugin {
  return {
    name: 'embed',
    enforce: 'pre',
    resolveId: (id) => (id.endsWith('?shaders') ? 'embedded?shaders' : null),
    async load(id) {
      const [file = '', query] = id.split('?');
      if (query === 'shaders') {
        const { source, files } = await shadersModule();
        for (const part of files) this.addWatchFile(resolve(part));
        return source;
      }
      if (file.endsWith('.wgsl')) {
        const { parts, code } = await resolveShader(relative('.', file));
        for (const part of parts) this.addWatchFile(resolve(part));
        return `export default ${JSON.stringify(code)};`;
      }
      if (query === 'text') return `export default ${JSON.stringify(await readFile(file, 'utf8'))};`;
      if (file.endsWith('.wasm')) {
        await checkFresh(file);
        if (query === 'file') return fileModule(file, `new URL(${JSON.stringify(pathToFileURL(file).href)})`);
        if (query === 'deflated') return deflatedModule(file);
        const base64 = (await readFile(file)).toString('base64');
        return `export default Uint8Array.from(atob(${JSON.stringify(base64)}), (c) => c.charCodeAt(0));`;
      }
      return null;
    },
  };
}

/** Tests of old code that pass, or fail, say nothing about the new. */
async function checkFresh(module: string): Promise<void> {
  const name = basename(module, '.wasm');
  if ((await builtOf(name)) === (await digestOf(name))) return;
  throw new Error(`${module} was not built from the sources as they are. Run: node scripts/build-wasm.mjs`);
}
