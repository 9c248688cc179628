// Vite/Vitest plugin with the meaning of tsup's loaders: `.wgsl` and `?text` as strings, `.wasm` as bytes.
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Plugin } from 'vite';

export function embed(): Plugin {
  return {
    name: 'embed',
    enforce: 'pre',
    async load(id) {
      const [file = '', query] = id.split('?');
      if (file.endsWith('.wgsl') || query === 'text') {
        return `export default ${JSON.stringify(await readFile(file, 'utf8'))};`;
      }
      if (file.endsWith('.wasm')) {
        await checkFresh(file);
        const base64 = (await readFile(file)).toString('base64');
        return `export default Uint8Array.from(atob(${JSON.stringify(base64)}), (c) => c.charCodeAt(0));`;
      }
      return null;
    },
  };
}

/** Tests of old code that pass, or fail, say nothing about the new. */
async function checkFresh(module: string): Promise<void> {
  const folder = basename(module).startsWith('compute') ? 'assembly/compute' : 'assembly/text';
  const { mtimeMs: built } = await stat(module);
  for (const name of await readdir(folder, { recursive: true })) {
    const source = join(folder, name);
    if (!name.endsWith('.ts') || (await stat(source)).mtimeMs <= built) continue;
    throw new Error(`${module} is older than ${source}, expected a build of it. Run: node scripts/build-wasm.mjs`);
  }
}
