// `npm run bench`: installs the peers (bench/peers/package.json) where they are missing or older than their lock file,
// then runs bench/runner/run.ts with the arguments passed on. `--page [port]` (`npm run bench:page`) serves the page
// that runs them in a browser instead.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, statSync, symlinkSync } from 'node:fs';

/** Ctrl-C is for the command to answer: it ends its own processes first. */
const run = async (command, args) => {
  const child = spawn(command, args, { stdio: 'inherit' });
  for (const name of ['SIGINT', 'SIGTERM']) process.on(name, () => child.kill(name));
  const [status] = await once(child, 'exit');
  if (status !== 0) process.exit(status ?? 1);
};
// npm leaves a lock file of its own behind, as old as the installation.
const changed = (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
if (changed('bench/peers/node_modules/.package-lock.json') < changed('bench/peers/package-lock.json'))
  await run('npm', ['ci', '--prefix', 'bench/peers', '--ignore-scripts', '--no-audit', '--no-fund']);
// Node looks for packages in the folders above a file: the link makes them the packages of every folder of bench. They
// are not installed there because a package.json beside it would end bench's being a part of distillm's own package.
if (!existsSync('bench/node_modules')) symlinkSync('peers/node_modules', 'bench/node_modules');
const args = process.argv.slice(2);
await run(process.execPath, [
  '--no-warnings',
  ...(args[0] === '--page' ? ['bench/page/drive.ts', '--serve', ...args.slice(1)] : ['bench/runner/run.ts', ...args]),
]);
