/**
 * Runs of the built command in processes of their own, which are killed, or whose files fail, at places that a seed draws.
 * Whatever happens, the run goes on from what is on the disk and ends with the bits of one that was left alone.
 */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { openFolder } from '../../src/index.js';
import { openSafetensors, readFloats } from '../../src/io/index.js';
import { distillm, makeWorkspace } from '../cli/workspace.js';
import { randomOf } from './random.js';

export const builtCommand = resolve('dist/cli.js');
const preload = pathToFileURL(resolve('test/long/atFileCall.mjs')).href;

/** What may fail in a call, as systems say it. */
const faults = ['EIO', 'ENOSPC', 'EACCES', 'EMFILE', 'EROFS'] as const;
type How = 'kill' | (typeof faults)[number];

export interface ProcessOptions {
  readonly seed: number;
  /** Kills or faults. */
  readonly count: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, what: string) => void;
}

interface Ended {
  readonly code: number | null;
  readonly err: string;
}

interface Bench {
  readonly folder: string;
  /** Weights of the run that was left alone. */
  readonly whole: Buffer;
  /** File calls of that run. */
  readonly calls: number;
  begin(out: string, fault?: { at: number; how: How }): Promise<Ended>;
  goOn(out: string, fault?: { at: number; how: How }): Promise<Ended>;
  path(...parts: string[]): string;
}

/** A run of a few steps that writes a state, best and last at each. */
async function openBench(): Promise<Bench> {
  const folder = await makeWorkspace();
  const path = (...parts: string[]) => join(folder, ...parts);
  const made = await distillm(
    `tokenizer --data ${path('train.jsonl')} --template compact --vocab-size 280 --out ${path('tokenizer')}`,
  );
  if (made.code !== 0) throw new Error(made.err);
  const run = (line: string, out: string, fault: object = {}): Promise<Ended> => {
    const env = { ...process.env, DISTILLM_TEST_FAULT: JSON.stringify({ folder: path(out), ...fault }) };
    const child = spawn(process.execPath, ['--import', preload, builtCommand, ...line.split(' ')], { env });
    let err = '';
    child.stderr.on('data', (data) => {
      err += data;
    });
    return new Promise((done) => child.on('close', (code) => done({ code, err })));
  };
  const train =
    `train --method sft --student-config ${path('config.json')} --tokenizer ${path('tokenizer')} ` +
    `--data ${path('train.jsonl')} --template compact --validation 4 --validate-every 2 --save-every 1 --keep 1 --steps 4 ` +
    '--batch-size 4 --device wasm --threads 1 --out';
  const begin: Bench['begin'] = (out, fault) => run(`${train} ${path(out)}`, out, fault);
  const goOn: Bench['goOn'] = (out, fault) => run(`train --resume --out ${path(out)}`, out, fault);
  const counted = path('calls');
  const alone = await run(`${train} ${path('whole')}`, 'whole', { counted });
  if (alone.code !== 0) throw new Error(alone.err);
  const whole = readFileSync(path('whole', 'last/model.safetensors'));
  return { folder, whole, calls: Number(readFileSync(counted, 'utf8')), begin, goOn, path };
}

const isBegun = (out: string): boolean => existsSync(out) && readdirSync(out).some((name) => /^state-\d+$/.test(name));

/** What a reader of a folder finds is a whole model, or nothing. */
async function requireWhole(out: string): Promise<void> {
  for (const kind of ['best', 'last']) {
    if (!existsSync(join(out, kind, 'model.safetensors'))) continue;
    const file = await openSafetensors(openFolder(join(out, kind)), 'model.safetensors');
    for (const name of file.entries.keys()) await readFloats(file, name);
  }
}

/** Goes on until the run is at its end. @throws where it is another one than the run that was left alone */
async function finish({ begin, goOn, path, whole }: Bench, out: string, what: string): Promise<void> {
  await requireWhole(path(out));
  const ended = isBegun(path(out)) ? await goOn(out) : await begin(out);
  if (ended.code !== 0) throw new Error(`${what}: the run does not go on: ${ended.err}`);
  const found = readFileSync(path(out, 'last/model.safetensors'));
  if (!found.equals(whole)) throw new Error(`${what}: the run ends with other weights`);
  const left = readdirSync(path(out)).filter((name) => /part|lock/.test(name));
  if (left.length > 0) throw new Error(`${what}: ${left} are left`);
}

/** Kills of a run and of those that go on with it, up to four in a row. @returns at which file calls */
export async function kills({ seed, count, signal, onProgress }: ProcessOptions): Promise<number[]> {
  const bench = await openBench();
  const { path, begin, goOn, calls } = bench;
  const places: number[] = [];
  try {
    for (let chain = 0; places.length < count && !signal?.aborted; chain++) {
      const random = randomOf('kills', seed, chain);
      const out = `killed-${chain}`;
      const done: number[] = [];
      for (let left = Math.min(4, count - places.length); left > 0; left--) {
        const at = 1 + random.int(calls);
        const fault = { at, how: 'kill' } as const;
        const { code, err } = await (isBegun(path(out)) ? goOn(out, fault) : begin(out, fault));
        places.push(at);
        // One that goes on has fewer calls, and may come to its end.
        if (code !== null && code !== 0) throw new Error(`killed at ${done}: it does not go on: ${err}`);
        if (code === 0) break;
        done.push(at);
      }
      await finish(bench, out, `seed ${seed}, chain ${chain}, killed at file calls ${done} of ${calls}`);
      await rm(path(out), { recursive: true });
      onProgress?.(places.length, 'kills');
    }
    return places;
  } finally {
    await rm(bench.folder, { recursive: true });
  }
}

/** File calls that fail: the run says so in words, or goes on without. */
export async function fileFaults({ seed, count, signal, onProgress }: ProcessOptions): Promise<void> {
  const bench = await openBench();
  const { path, begin, calls } = bench;
  try {
    for (let index = 0; index < count && !signal?.aborted; index++) {
      const random = randomOf('faults', seed, index);
      // All of them in turn where there are enough.
      const at = count >= calls ? 1 + (index % calls) : 1 + random.int(calls);
      const how = random.pick(faults);
      const out = `fault-${index}`;
      const what = `seed ${seed}, ${how} at file call ${at} of ${calls}`;
      const { code, err } = await begin(out, { at, how });
      if (code === null || /\n\s+at |TypeError|undefined/.test(err)) throw new Error(`${what}: ${err}`);
      if (code !== 0 && !err.includes('distillm: ')) throw new Error(`${what}: it ends without a word: ${err}`);
      await finish(bench, out, what);
      await rm(path(out), { recursive: true });
      onProgress?.(index + 1, 'faults');
    }
  } finally {
    await rm(bench.folder, { recursive: true });
  }
}
