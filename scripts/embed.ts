// Vite/Vitest plugin with the meaning of tsup's loaders: `.wgsl` and `?text` as strings, `.wasm` as bytes.
import { readFile } from 'node:fs/promises';
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
        const base64 = (await readFile(file)).toString('base64');
        return `export default Uint8Array.from(atob(${JSON.stringify(base64)}), (c) => c.charCodeAt(0));`;
      }
      return null;
    },
  };
}
