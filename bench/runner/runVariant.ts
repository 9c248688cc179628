import { spawn } from 'node:child_process';
import type { Measurement } from '../frame/measure.ts';
import type { Variant } from '../frame/suite.ts';

/** So long a variant may take: one that hangs must not hold up the others. */
const LIMIT_MINUTES = 10;
/** A process that does not end when asked to is killed after this. */
const GRACE_MS = 3000;

export interface RunOptions {
  /** Finds a variant's script. */
  readonly pathOf: (script: string) => string;
  /** Ends the variant that runs; `runSuite` then throws the signal's reason. */
  readonly signal?: AbortSignal;
  /** Default: ten minutes. */
  readonly limitMinutes?: number;
  /** Of the processes; this one's by default. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

export interface Outcome {
  readonly measurements: readonly Measurement[];
  /** Where that was not this Node. */
  readonly runtime: string | undefined;
  /** What the variant says beside measurements. */
  readonly facts: Facts;
  /** Why it did not run to its end. */
  readonly failure: string | undefined;
  /** It was at the time limit. */
  readonly stopped: boolean;
  readonly stderr: string;
}
export type Facts = Readonly<Record<string, unknown>>;

/**
 * What the variant printed, up to its end or to where it failed. `onMeasured` hears of every case as it is done.
 * @throws the signal's reason, once the process has ended
 */
export async function runVariant(
  { script, flags = [], args = [], env: ofVariant }: Variant,
  {
    pathOf,
    signal,
    limitMinutes = LIMIT_MINUTES,
    env,
    onMeasured,
  }: RunOptions & { onMeasured?: (measurements: readonly Measurement[]) => void },
): Promise<Outcome> {
  signal?.throwIfAborted();
  const python = script.endsWith('.py');
  const command = python ? (process.env.BENCH_PYTHON ?? 'python3') : process.execPath;
  const parts = python ? [pathOf(script), ...args] : ['--no-warnings', ...flags, pathOf(script), ...args];
  const child = spawn(command, parts, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...ofVariant, ...env },
  });
  const measurements: Measurement[] = [];
  let runtime: string | undefined;
  let facts: Facts = {};
  let rest = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() as string;
    for (const line of lines.filter((line) => line.startsWith('{'))) {
      const told = JSON.parse(line) as Measurement | { readonly runtime: string } | { readonly facts: Facts };
      if ('runtime' in told) runtime = told.runtime;
      else if ('facts' in told) facts = { ...facts, ...told.facts };
      else measurements.push(told);
    }
    onMeasured?.(measurements);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  let kill: NodeJS.Timeout | undefined;
  const end = () => {
    child.kill('SIGTERM'); // page/drive.ts ends its Chromium then
    kill ??= setTimeout(() => child.kill('SIGKILL'), GRACE_MS);
  };
  let late = false;
  const limit = setTimeout(() => {
    late = true;
    end();
  }, limitMinutes * 60_000);
  signal?.addEventListener('abort', end);
  const ended = await new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(`${command} did not start: ${error.message}`));
    child.once('close', (code, by) => resolve(code === 0 ? '' : by ? `ended by ${by}` : `exit ${code}`));
  });
  clearTimeout(limit);
  clearTimeout(kill);
  signal?.removeEventListener('abort', end);
  signal?.throwIfAborted();
  const failure = late
    ? `stopped at the limit of ${+limitMinutes.toPrecision(3)} minutes`
    : ended
      ? [ended, lastError(stderr)].filter(Boolean).join(': ')
      : undefined;
  return { measurements, runtime, facts, failure, stopped: late, stderr };
}

/** Of an uncaught error Node's version is the last line, Python's message is. */
function lastError(stderr: string): string {
  const lines = stderr.trim().split('\n');
  return lines.findLast((line) => /^\w*Error\b/.test(line)) ?? lines.at(-1) ?? '';
}
