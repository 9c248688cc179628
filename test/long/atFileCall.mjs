/**
 * Loaded into a process before all else (`node --import`): counts its calls that write, rename, remove or read files of one
 * folder, and at one of them kills the process or lets the call fail. DISTILLM_TEST_FAULT is JSON: `folder`, the beginning of
 * their paths; `after`, a path that must be there before calls
 * are counted; `at`, from 1; `how`, 'kill' or the code of an error; `counted`, a file that gets the number of calls at the end.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const { folder, after, at, how, counted } = JSON.parse(process.env.DISTILLM_TEST_FAULT);
const original = { writeFileSync: fs.writeFileSync, existsSync: fs.existsSync };
let calls = 0;

function counting(path) {
  if (typeof path !== 'string' || !path.startsWith(folder)) return;
  if (after && !original.existsSync(after)) return;
  if (++calls !== at) return;
  if (how === 'kill') {
    process.kill(process.pid, 'SIGKILL');
    // The signal comes when the system likes; nothing of this process is to happen meanwhile.
    for (;;);
  }
  throw Object.assign(new Error(`${how}: a test, '${path}'`), { code: how, errno: -1, syscall: 'write', path });
}

const paths = new WeakMap();
const handleCalls = ['read', 'write', 'writeFile', 'sync'];
let isHandlePatched = false;
function patchHandle(handle) {
  if (isHandlePatched) return;
  isHandlePatched = true;
  const prototype = Object.getPrototypeOf(handle);
  for (const name of handleCalls) {
    const call = prototype[name];
    prototype[name] = async function (...given) {
      counting(paths.get(this));
      return call.apply(this, given);
    };
  }
}

for (const name of ['open', 'rename', 'link', 'mkdir', 'rm', 'copyFile', 'writeFile', 'readFile', 'readdir', 'stat']) {
  const call = fs.promises[name];
  fs.promises[name] = async (...given) => {
    counting(given[0]);
    const result = await call.apply(fs.promises, given);
    if (name === 'open') {
      paths.set(result, String(given[0]));
      patchHandle(result);
    }
    return result;
  };
}
const synchronous = [
  'openSync',
  'renameSync',
  'mkdirSync',
  'rmSync',
  'writeFileSync',
  'appendFileSync',
  'readFileSync',
];
for (const name of [...synchronous, 'truncateSync', 'readdirSync']) {
  const call = fs[name];
  fs[name] = (...given) => {
    counting(given[0]);
    return call.apply(fs, given);
  };
}
syncBuiltinESMExports();
if (counted) process.on('exit', () => original.writeFileSync(counted, `${calls}`));
