// `npm run test:long`: the long suites of test/long/ on the Node of node_modules. Arguments go on: suites (fuzz, kills, faults,
// soak), --formats NAME,NAME, --seed N, --from N, --count N, --resume. A process that dies of a file says how far it was.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { pinnedNode } from './pinned-node.mjs';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
// Ctrl-C is the suite's to hear.
process.on('SIGINT', () => {});
// A file that makes the heap grow ends the process soon.
const flags = ['--expose-gc', '--max-old-space-size=1024', '--experimental-wasm-revectorize'];
const runner = ['node_modules/vite-node/vite-node.mjs', '--config', 'vitest.config.ts', 'test/long/main.ts'];
const { status, signal } = spawnSync(pinnedNode(), [...flags, ...runner, '--', ...process.argv.slice(2)], {
  stdio: 'inherit',
});
if (status === null || (status > 1 && status !== 130)) {
  console.error(`The suite ended by ${signal ?? `code ${status}`}. What was done is kept: go on by --resume.`);
}
process.exitCode = status ?? 1;
