/**
 * The long suites, `npm run test:long`: millions of spoilt files, kills, faults and a soak. A number of a mutation and a
 * seed give the same file again. What was done is kept, so that a suite of many hours may be stopped and go on, or be split
 * among machines.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
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
    formats: { type: 'string' },
    seed: { type: 'string', default: '1' },
    from: { type: 'string', default: '0' },
    count: { type: 'string' },
    resume: { type: 'boolean', default: false },
  },
});
const suites = positionals.length > 0 ? positionals : ['fuzz', 'kills', 'faults', 'soak'];
const [seed, from] = [Number(values.seed), Number(values.from)];
const countOr = (usual: number) => Number(values.count ?? usual);
const kept = '.cache/test-long';

const stop = new AbortController();
const { signal } = stop;
process.once('SIGINT', () => {
  console.error('\nStopping. Ctrl-C again ends at once.');
  stop.abort();
});

const began = performance.now();
let toldAt = 0;
/** A line every few seconds. */
function told(what: () => string): void {
  if (performance.now() - toldAt < 5000) return;
  toldAt = performance.now();
  const { rss } = process.memoryUsage();
  console.error(`${Math.round((toldAt - began) / 1000)} s: ${what()}, ${Math.round(rss / 2 ** 20)} MiB`);
}

/** How far a format is. */
interface Course {
  /** The first mutation, and the next one. */
  readonly from: number;
  next: number;
  refused: number;
  read: number;
  /** Numbers of those that show a fault. */
  readonly faults: number[];
  /** Processor time. */
  seconds: number;
}

const coursesFile = join(kept, `seed-${seed}.json`);
const courses: Record<string, Course> =
  values.resume && existsSync(coursesFile) ? JSON.parse(readFileSync(coursesFile, 'utf8')) : {};
function keepCourses(): void {
  mkdirSync(kept, { recursive: true });
  writeFileSync(coursesFile, `${JSON.stringify(courses, null, 1)}\n`);
}

/** Writes the files that show a fault, and says how to have it again. */
async function keep({ format, index, files, message, cause }: Finding): Promise<void> {
  const folder = join(kept, `${format.replaceAll(/\W/g, '-')}-${seed}-${index}`);
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), content);
  }
  console.error(`\nFOUND: ${message}\nThe files are in ${folder}. Again:`);
  console.error(`  npm run test:long -- fuzz --formats '${format}' --seed ${seed} --from ${index} --count 1`);
  if (cause instanceof Error) console.error(cause.stack);
}

/** Goes on with a format until all of its mutations are done. The rest of one of ten faults would say the same. */
async function fuzzOne(format: Format): Promise<void> {
  const course: Course = courses[format.name] ?? { from, next: from, refused: 0, read: 0, faults: [], seconds: 0 };
  courses[format.name] = course;
  const end = course.from + countOr(1_000_000);
  while (course.next < end && course.faults.length < 10 && !signal.aborted) {
    const before = { ...course };
    const usage = process.cpuUsage();
    const note = (done: number, { refused, read }: { refused: number; read: number }) => {
      const { user, system } = process.cpuUsage(usage);
      const seconds = before.seconds + (user + system) / 1e6;
      Object.assign(course, {
        next: before.next + done,
        refused: before.refused + refused,
        read: before.read + read,
        seconds,
      });
    };
    try {
      const counts = await fuzz(format, {
        ...{ seed, from: course.next, count: end - course.next, signal },
        onProgress(done, counts) {
          note(done, counts);
          told(() => {
            keepCourses();
            return `${format.name}: mutation ${course.next} of ${end}, ${rateOf(course)} a second`;
          });
        },
      });
      note(counts.refused + counts.read, counts);
    } catch (error) {
      if (!(error instanceof Finding)) throw error;
      await keep(error);
      note(error.index + 1 - before.next, error.counts);
      course.faults.push(error.index);
    }
  }
  keepCourses();
}

const rateOf = ({ next, from, seconds }: Course): number => Math.round((next - from) / Math.max(seconds, 1e-3));

/** One line a format. A second is one of the processor's. */
function report(): void {
  const row = (cells: readonly (string | number)[]) => {
    const [name, ...numbers] = cells.map(String) as [string, ...string[]];
    console.log(name.padEnd(18) + numbers.map((cell) => cell.padStart(11)).join(''));
  };
  row(['format', 'mutations', 'refused', 'read', 'faults', 'seconds', 'a second']);
  for (const [name, course] of Object.entries(courses)) {
    const { next, from: first, refused, read, faults, seconds } = course;
    row([name, next - first, refused, read, faults.length, Math.round(seconds), rateOf(course)]);
  }
}

let isSound = true;
if (suites.includes('fuzz')) {
  const { formats, dispose } = await openFormats();
  const wanted = values.formats?.split(',') ?? formats.map(({ name }) => name);
  const unknown = wanted.filter((name) => !formats.some((format) => format.name === name));
  if (unknown.length > 0)
    throw new Error(`no format ${unknown}, expected ${formats.map(({ name }) => name).join(', ')}`);
  for (const format of formats) if (wanted.includes(format.name) && !signal.aborted) await fuzzOne(format);
  await dispose();
  report();
  isSound = Object.values(courses).every(({ faults }) => faults.length === 0);
}
const onProgress = (done: number, what: string) => told(() => `${done} ${what}`);
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
