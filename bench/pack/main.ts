/**
 * What run.sh of the packed archive starts. README.txt of the archive says what its options do.
 *
 * It finds a way to the GPU, then runs the parts one after the other, each variant in a process of its own with its own
 * time limit. Every part's file is written anew after each case, so that a run that is cut off still counts. A suite is
 * marked as interrupted there until it has come to its end.
 */
import { execFile, spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Measurement } from '../frame/measure.ts';
import { describeProcessor } from '../frame/processor.ts';
import { interruption } from '../runner/interruption.ts';
import { type Facts, type Outcome, runVariant } from '../runner/runVariant.ts';
import { chapter, type Result } from '../runner/table.ts';
import { writeWhole } from '../runner/writeWhole.ts';
import { type Part, partsOf, preparation } from './parts.ts';
import { adviceFor, findVulkan, vulkanAttempts } from './vulkan.ts';

/** Of the archive. */
const folder = fileURLToPath(new URL('..', import.meta.url));
const options = {
  out: { type: 'string', default: join(process.cwd(), 'distillm-gpu-results') },
  parts: { type: 'string', default: 'abcdef' },
  size: { type: 'string', default: 'large' },
  minutes: { type: 'string', default: '8' },
  'allow-software': { type: 'boolean', default: false },
} as const;
const asked = readOptions();
const started = performance.now();
/** A software adapter compiles shaders on the processor that runs them. */
const slack = asked['allow-software'] ? 4 : 1;
const secondsLeft = () => 60 * Number(asked.minutes) - (performance.now() - started) / 1000;

const out = newFolder(asked.out);
const logFile = join(out, 'log.txt');
/** Lines for people, on stderr and in log.txt, with the seconds since the start. */
function log(...lines: string[]): void {
  const at = `[${((performance.now() - started) / 1000).toFixed(1).padStart(6)} s] `;
  const text = lines.map((line) => `${at}${line}\n`).join('');
  appendFileSync(logFile, text);
  process.stderr.write(text);
}

const { signal, exitCode } = interruption();
// Rates that were measured are kept here, and drivers that were found by us: nothing is left outside.
const scratch = join(out, 'scratch');
mkdirSync(scratch);
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));
const pathOf = (script: string) => `${folder}${script.endsWith('.py') ? script : script.replace('.ts', '.mjs')}`;
const date = new Date().toISOString().slice(0, 10);
const processor = describeProcessor();
const machine = `${cpus().length} processors, Node ${process.versions.node}`;
let failures = 0;
/** One write after the other: a part's file is written while the next case is measured. */
let writing = Promise.resolve();

try {
  await describeMachine();
  const gpu = await findGPU();
  if (gpu) {
    const { env, facts } = gpu;
    const matrices = facts.subgroupMatrices === true;
    const noPyTorch = /[cd]/.test(asked.parts) ? missingPyTorch() : undefined;
    for (const part of partsOf({ size: asked.size, allowSoftware: asked['allow-software'], matrices })) {
      if (asked.parts.includes(part.name[0] as string)) await runPart(part, { env, gpu: `${facts.opened}`, noPyTorch });
    }
  } else failures++;
  if (signal.aborted) endInterrupted();
  else {
    log(`Done: ${failures} of the variants failed or were cut off. Results: ${out}`);
    process.exitCode = failures > 0 ? 1 : 0;
  }
} catch (error) {
  if (!signal.aborted) throw error;
  endInterrupted();
}

function endInterrupted(): void {
  log(`Interrupted: what was measured until now is kept in ${out}`);
  process.exitCode = exitCode();
}

function readOptions() {
  try {
    const { values } = parseArgs({ options });
    if (!['large', 'full', 'small', 'tiny'].includes(values.size))
      throw new Error(`--size is '${values.size}', expected large, full, small or tiny`);
    if (!/^[a-f]+$/.test(values.parts)) throw new Error(`--parts is '${values.parts}', expected some of abcdef`);
    if (!(Number(values.minutes) > 0)) throw new Error(`--minutes is '${values.minutes}', expected a number`);
    return values;
  } catch (error) {
    console.error(`${(error as Error).message}. README.txt has the options.`);
    process.exit(2);
  }
}

/**
 * The folder, with an empty log in it, or the same with a number where an earlier run left its results: those of two
 * runs must not be mixed.
 */
function newFolder(wanted: string): string {
  for (let number = 1; ; number++) {
    const path = number === 1 ? wanted : `${wanted}-${number}`;
    try {
      // Not `recursive`: Node would look for parents of a folder in /proc for ever.
      if (!existsSync(path)) mkdirSync(path);
      if (readdirSync(path).length > 0) continue;
      writeFileSync(join(path, 'log.txt'), '');
      return path;
    } catch (error) {
      console.error(`--out ${path}: ${(error as Error).message}. Name a folder that can be written with --out FOLDER.`);
      process.exit(2);
    }
  }
}

/** What a person needs to know when no GPU is found: to the log, before anything is tried. Side by side, for some may hang. */
async function describeMachine(): Promise<void> {
  const commands = [
    'uname -a; head -2 /etc/os-release; ldd --version 2>&1 | head -1',
    'nvidia-smi; cat /proc/driver/nvidia/version',
    'ls -l /dev/nvidia* /dev/dri',
    "ldconfig -p | grep -E 'vulkan|nvidia|libcuda|libX11|libXext|libEGL|libGLX'",
    'ls -l /usr/share/vulkan/* /etc/vulkan/* /usr/local/share/vulkan/* /usr/local/nvidia/share/vulkan/*',
    'ls /usr/local/nvidia /usr/local/nvidia/lib64 /usr/local/nvidia/lib',
    'env | grep -E "^(NVIDIA|CUDA|VK_|LD_LIBRARY|__)"',
  ];
  const said = await Promise.all(
    commands.map(
      (command) =>
        new Promise<string>((resolve) => {
          const limits = { timeout: 1000 * preparation.machine, killSignal: 'SIGKILL' } as const;
          execFile('/bin/sh', ['-c', command], limits, (error, stdout, stderr) =>
            resolve(`${stdout}${stderr}${error?.killed ? `stopped after ${preparation.machine} s` : ''}`.trimEnd()),
          );
        }),
    ),
  );
  for (const [i, command] of commands.entries()) log(`$ ${command}`, ...(said[i] as string).split('\n').slice(0, 60));
}

/** Why PyTorch's variants cannot run, if they cannot: asked once, for it takes seconds to load. */
function missingPyTorch(): string | undefined {
  const python = process.env.BENCH_PYTHON ?? 'python3';
  const script = 'import torch; print(torch.__version__, torch.cuda.get_device_name())';
  const { status, stdout, stderr, error } = spawnSync(python, ['-c', script], {
    encoding: 'utf8',
    timeout: 1000 * preparation.pytorch,
  });
  const said = error ? `it does not start (${(error as NodeJS.ErrnoException).code})` : lastLine(`${stdout}${stderr}`);
  log(`PyTorch by ${python}: ${said}`);
  // Without the path of this machine's Python: the tables are published.
  return status === 0 ? undefined : `no PyTorch with CUDA: ${said}`;
}

/** Part (a): the first environment in which a GPU answers, and what that is. */
async function findGPU(): Promise<{ env: Record<string, string>; facts: Facts } | undefined> {
  const place = { root: '/', packedLoader: join(folder, 'lib'), scratch, libraryPath: process.env.LD_LIBRARY_PATH };
  const found = findVulkan(place);
  log(`Found: ${JSON.stringify(found)}`);
  const tried: { name: string; outcome: string }[] = [];
  let best: { env: Record<string, string>; facts: Facts } | undefined;
  const { 'allow-software': allowSoftware } = asked;
  const until = performance.now() + 1000 * preparation.adapter;
  for (const { name, env, icd } of vulkanAttempts(found, place)) {
    const seconds = (until - performance.now()) / 1000;
    if (seconds < 1) break;
    if (icd) writeFileSync(icd.path, icd.text);
    const outcome = await runVariant(
      { name, script: 'pack/probe.ts', args: allowSoftware ? ['--allow-software'] : [] },
      { pathOf, signal, env: { ...env, VK_LOADER_DEBUG: 'error,warn' }, limitMinutes: seconds / 60 },
    );
    const { failure, facts, stderr } = outcome;
    const said = failure ?? `${facts.opened}, subgroup matrices: ${facts.subgroupMatrices}`;
    tried.push({ name, outcome: said });
    log(`Vulkan by ${name}: ${said}`);
    if (failure) log(...stderr.trim().split('\n').slice(0, 30));
    else {
      best = { env: { ...env, XDG_CACHE_HOME: join(scratch, 'cache') }, facts };
      break;
    }
  }
  if (!best) log('No GPU was found.', ...adviceFor(found));
  const result: Result = {
    ...{ suite: 'gpu-adapter', about: 'what the adapter says of itself', date },
    ...{ processor, ...adapterOf(best?.facts.opened), machine },
    ...(best ? { facts: best.facts } : {}),
    ...{ variants: [], skipped: best ? [] : adviceFor(found) },
  };
  // Beside the results, which are published: folders of this machine are in it.
  await writePart('a-adapter', [result], { way: { environment: best?.env ?? {}, found, tried } });
  return best;
}

interface Conditions {
  readonly env: Readonly<Record<string, string>>;
  readonly gpu: string;
  readonly noPyTorch: string | undefined;
}
async function runPart({ name, suites }: Part, { env, gpu, noPyTorch }: Conditions): Promise<void> {
  const results: Result[] = [];
  for (const { name: suite, about, variants } of suites) {
    const done: { name: string; measurements: readonly Measurement[] }[] = [];
    const skipped: string[] = [];
    let facts: Facts = {};
    const index = results.length;
    const keep = async (ended: boolean) => {
      const kept = Object.keys(facts).length > 0 ? { facts } : {};
      const state = ended ? {} : { interrupted: true as const };
      const measured = { variants: done, skipped };
      results[index] = { suite, about, date, processor, ...adapterOf(gpu), machine, ...state, ...kept, ...measured };
      await writePart(name, results);
    };
    const skip = (variant: string, why: string) => {
      skipped.push(`${variant}: ${why}`);
      log(`${suite}, ${variant}: not run: ${why}`);
    };
    for (const variant of variants) {
      if (signal.aborted) {
        skip(variant.name, 'the run was interrupted before');
        continue;
      }
      if (noPyTorch && variant.script.endsWith('.py')) {
        skip(variant.name, noPyTorch);
        continue;
      }
      const seconds = Math.min(variant.seconds * slack, secondsLeft());
      if (seconds < 1) {
        skip(variant.name, 'no time was left');
        failures++;
        continue;
      }
      const begun = performance.now();
      const entry = { name: variant.name, measurements: [] as readonly Measurement[] };
      done.push(entry);
      const outcome = await runVariant(variant, {
        ...{ pathOf, signal, env, limitMinutes: seconds / 60 },
        onMeasured(measurements) {
          entry.measurements = [...measurements];
          void keep(false);
        },
      }).catch((error: Error): Outcome => {
        if (!signal.aborted) throw error;
        const { measurements } = entry;
        return { measurements, runtime: undefined, facts: {}, failure: error.message, stopped: true, stderr: '' };
      });
      entry.measurements = outcome.measurements;
      facts = { ...facts, ...outcome.facts };
      if (entry.measurements.length === 0) done.splice(done.indexOf(entry), 1);
      if (outcome.failure !== undefined) {
        skipped.push(`${variant.name}: ${outcome.failure}, after ${outcome.measurements.length} cases, which are kept`);
        failures++;
        if (!outcome.stopped) log(...outcome.stderr.trim().split('\n').slice(-15));
      }
      const took = ((performance.now() - begun) / 1000).toFixed(1);
      log(`${suite}, ${variant.name}: ${outcome.measurements.length} cases in ${took} s. ${outcome.failure ?? ''}`);
      await keep(false);
    }
    await keep(!signal.aborted);
    if (done.length > 0 || !signal.aborted) appendFileSync(logFile, `\n${chapter([results[index] as Result])}\n\n`);
  }
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) as string;
}

function adapterOf(opened: unknown): { adapter?: string } {
  return opened ? { adapter: `${opened}` } : {};
}

function writePart(name: string, results: readonly Result[], more: object = {}): Promise<void> {
  const text = `${JSON.stringify({ part: name, size: asked.size, ...more, results }, null, 1)}\n`;
  writing = writing.then(() => writeWhole(join(out, `${name}.json`), text));
  return writing;
}
