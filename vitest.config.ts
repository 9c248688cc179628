import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import manifest from './package.json' with { type: 'json' };
import { embed } from './scripts/embed.ts';

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  plugins: [embed()],
  resolve: {
    alias: { '#platform': at('./src/platform/node/index.ts'), '#thread': at('./src/platform/node/thread.ts') },
  },
  define: { DISTILLM_VERSION: JSON.stringify(manifest.version) },
  test: {
    include: ['test/**/*.test.ts'],
    // Dawn and worker threads want a process of their own, and only a process takes V8 flags.
    pool: 'forks',
    poolOptions: { forks: { execArgv: ['--experimental-wasm-revectorize'], maxForks: 2 } },
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
