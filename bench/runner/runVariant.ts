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
}

interface Outcome {
  readonly measurements: readonly Measurement[];
  /** Where that was not this Node. */
  readonly runtime: string | undefined;
}

/**
 * What the variant printed, or why it did not run to its end. `onMeasured` hears how many cases are done.
 * @throws the signal's reason, once the process has ended
 */
export async function runVariant(
  { script, flags = [], args = [] }: Variant,
  { pathOf, signal, limitMinutes = LIMIT_MINUTES, onMeasured }: RunOptions & { onMeasured?: (cases: number) => void },
): Promise<Outcome | string> {
  signal?.throwIfAborted();
  const python = script.endsWith('.py');
  const command = python ? (process.env.BENCH_PYTHON ?? 'python3') : process.execPath;
  const parts = python ? [pathOf(script), ...args] : ['--no-warnings', ...flags, pathOf(script), ...args];
  const child = spawn(command, parts, { stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    onMeasured?.(stdout.match(/^\{.*"case".*\n/gm)?.length ?? 0);
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
  if (late) return `stopped at the limit of ${limitMinutes} minutes, what it measured is left out`;
  if (ended) return [ended, lastError(stderr)].filter(Boolean).join(': ');
  const lines = stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Measurement | { readonly runtime: string });
  return {
    measurements: lines.filter((line) => 'case' in line),
    runtime: lines.find((line) => 'runtime' in line)?.runtime,
  };
}

/** Of an uncaught error Node's version is the last line, Python's message is. */
function lastError(stderr: string): string {
  const lines = stderr.trim().split('\n');
  return lines.findLast((line) => /^\w*Error\b/.test(line)) ?? lines.at(-1) ?? '';
}
