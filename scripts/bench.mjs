// `npm run bench`: installs the peers (bench/peers/package.json) once, then runs bench/run.ts with the arguments passed on.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

const run = (command, args) => {
  const { status } = spawnSync(command, args, { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
};
if (!existsSync('bench/peers/node_modules'))
  run('npm', ['ci', '--prefix', 'bench/peers', '--ignore-scripts', '--no-audit', '--no-fund']);
run(process.execPath, ['--no-warnings', 'bench/run.ts', ...process.argv.slice(2)]);
