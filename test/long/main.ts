/**
 * The long suites, `npm run test:long`: millions of spoilt files, kills, faults and a soak. A number of a mutation and a
 * seed give the same file again.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Format, openFormats } from './formats.js';
import { Finding, fuzz } from './fuzz.js';
import { fileFaults, kills } from './processes.js';
import { soak } from './soak.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    format: { type: 'string', multiple: true },
    seed: { type: 'string', default: '1' },
    from: { type: 'string', default: '0' },
    count: { type: 'string' },
  },
});
const suites = positionals.length > 0 ? positionals : ['fuzz', 'kills', 'faults', 'soak'];
const [seed, from] = [Number(values.seed), Number(values.from)];
const countOr = (usual: number) => Number(values.count ?? usual);

const stop = new AbortController();
const { signal } = stop;
process.once('SIGINT', () => {
  console.error('\nStopping. Ctrl-C again ends at once.');
  stop.abort();
});

const began = performance.now();
let toldAt = 0;
/** A line every few seconds. */
function told(what: string): void {
  if (performance.now() - toldAt < 5000) return;
  toldAt = performance.now();
  const { rss } = process.memoryUsage();
  console.error(`${Math.round((toldAt - began) / 1000)} s: ${what}, ${Math.round(rss / 2 ** 20)} MiB`);
}

/** Writes the files that show a fault, and says how to have it again. */
async function keep({ format, index, files, message, cause }: Finding): Promise<void> {
  const folder = join('.cache/test-long', `${format.replaceAll(/\W/g, '-')}-${seed}-${index}`);
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), content);
  }
  console.error(`\nFOUND: ${message}\nThe files are in ${folder}. Again:`);
  console.error(`  npm run test:long -- fuzz --format '${format}' --seed ${seed} --from ${index} --count 1`);
  if (cause instanceof Error) console.error(cause.stack);
}

async function fuzzOne(format: Format): Promise<boolean> {
  const count = countOr(1_000_000);
  let [refused, read, next, findings] = [0, 0, from, 0];
  while (next < from + count && !signal.aborted) {
    const first = next;
    try {
      const counts = await fuzz(format, {
        ...{ seed, from: first, count: from + count - first, signal },
        onProgress: (done) => told(`${format.name}: mutation ${first + done} of ${from + count}`),
      });
      refused += counts.refused;
      read += counts.read;
      next = from + count;
    } catch (error) {
      if (!(error instanceof Finding)) throw error;
      await keep(error);
      refused += error.counts.refused;
      read += error.counts.read;
      next = error.index + 1;
      // The rest of the format would say the same again and again.
      if (++findings === 10) break;
    }
  }
  console.log(`${format.name}: ${refused} refused, ${read} read, ${findings} faults, seed ${seed}, from ${from}`);
  return findings === 0;
}

let isSound = true;
if (suites.includes('fuzz')) {
  const { formats, dispose } = await openFormats();
  const wanted = values.format ?? formats.map(({ name }) => name);
  const unknown = wanted.filter((name) => !formats.some((format) => format.name === name));
  if (unknown.length > 0)
    throw new Error(`no format ${unknown}, expected ${formats.map(({ name }) => name).join(', ')}`);
  for (const format of formats) {
    if (wanted.includes(format.name) && !signal.aborted) isSound = (await fuzzOne(format)) && isSound;
  }
  await dispose();
}
const onProgress = (done: number, what: string) => told(`${done} ${what}`);
if (suites.includes('kills') && !signal.aborted) {
  const places = await kills({ seed, count: countOr(200), signal, onProgress });
  console.log(`kills: ${places.length}, seed ${seed}`);
}
if (suites.includes('faults') && !signal.aborted) {
  await fileFaults({ seed, count: countOr(1000), signal, onProgress });
  console.log(`faults of file calls: sound, seed ${seed}`);
}
if (suites.includes('soak') && !signal.aborted) {
  await soak({ steps: countOr(20_000), signal, onProgress });
  console.log('soak: memory is flat');
}
process.exitCode = signal.aborted ? 130 : isSound ? 0 : 1;
