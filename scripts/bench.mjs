// `npm run bench`: installs the peers (bench/peers/package.json) once, then runs bench/run.ts with the arguments passed on.
// `--page` (`npm run bench:page`) serves the page that runs them in a browser instead.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

const run = (command, args) => {
  const { status } = spawnSync(command, args, { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
};
if (!existsSync('bench/peers/node_modules'))
  run('npm', ['ci', '--prefix', 'bench/peers', '--ignore-scripts', '--no-audit', '--no-fund']);
const args = process.argv.slice(2);
run(process.execPath, [
  '--no-warnings',
  ...(args[0] === '--page' ? ['bench/browser.ts', '--serve'] : ['bench/run.ts', ...args]),
]);
