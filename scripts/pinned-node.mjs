// The Node that tests run on, whatever Node has started them: the package `node` of node_modules.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const executable = process.platform === 'win32' ? 'node.exe' : 'node';

/** Its path; that of the running Node where npm has installed none, as with --ignore-scripts. */
export function pinnedNode() {
  const path = fileURLToPath(new URL(`../node_modules/node/bin/${executable}`, import.meta.url));
  return existsSync(path) ? path : process.execPath;
}
