import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { embed } from './scripts/embed.ts';

export default defineConfig({
  plugins: [embed()],
  resolve: { alias: { '#platform': fileURLToPath(new URL('./src/platform/node/index.ts', import.meta.url)) } },
  test: {
    include: ['test/**/*.test.ts'],
    // Dawn and worker threads want a process of their own, and only a process takes V8 flags.
    pool: 'forks',
    poolOptions: { forks: { execArgv: ['--experimental-wasm-revectorize'], maxForks: 2 } },
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
