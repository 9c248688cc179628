// Runs the built package's smoke tests (test/installed-node/smoke.mjs) on the Node that this machine has installed,
// when it is another one than the pinned Node that runs everything else.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const executable = process.platform === 'win32' ? 'node.exe' : 'node';

/** The first `node` in PATH that is not a package's. */
export function installedNode() {
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => !folder.includes('node_modules'));
  return folders.map((folder) => join(folder, executable)).find((path) => existsSync(path));
}

/**
 * Prints the smoke tests' lines.
 * @param tested version of the Node that everything else has run on
 * @returns {{ passed: number, failed: number, skipped: number }}
 */
export function testInstalledNode(env = process.env, tested = process.version) {
  const node = installedNode();
  const version = node && spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout?.trim();
  if (!version || version === tested) {
    console.log(`\nInstalled Node: ${version ?? 'none'}, the tests ran on ${tested}: nothing more to test.`);
    return { passed: 0, failed: 0, skipped: 0 };
  }
  console.log(`\nThe built package on the installed Node ${version}:`);
  const {
    stdout = '',
    stderr = '',
    status,
  } = spawnSync(node, [join(root, 'test/installed-node/smoke.mjs')], {
    encoding: 'utf8',
    env,
    timeout: 120_000,
  });
  process.stdout.write(stdout);
  process.stderr.write(stderr);
  const lines = stdout.split('\n');
  const outcome = (word) => lines.filter((line) => line.startsWith(`  ${word} `)).length;
  const counts = { passed: outcome('passed'), failed: outcome('failed'), skipped: outcome('skipped') };
  // Also when it hangs: a process must exit by itself once its devices are disposed of.
  if (status !== 0 && counts.failed === 0) counts.failed = 1;
  return counts;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { passed, failed, skipped } = testInstalledNode();
  console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
  process.exitCode = failed > 0 ? 1 : 0;
}
