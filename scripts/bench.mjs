// `npm run bench`: installs the peers (bench/peers/package.json) once, then runs bench/run.ts with the arguments passed on.
// `--page` (`npm run bench:page`) serves the page that runs them in a browser instead.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';

/** Ctrl-C is for the command to answer: it ends its own processes first. */
const run = async (command, args) => {
  const child = spawn(command, args, { stdio: 'inherit' });
  for (const name of ['SIGINT', 'SIGTERM']) process.on(name, () => child.kill(name));
  const [status] = await once(child, 'exit');
  if (status !== 0) process.exit(status ?? 1);
};
if (!existsSync('bench/peers/node_modules'))
  await run('npm', ['ci', '--prefix', 'bench/peers', '--ignore-scripts', '--no-audit', '--no-fund']);
const args = process.argv.slice(2);
await run(process.execPath, [
  '--no-warnings',
  ...(args[0] === '--page' ? ['bench/browser.ts', '--serve'] : ['bench/run.ts', ...args]),
]);
