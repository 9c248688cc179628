/** --profile: what each kernel took while a command worked, as a table and as a trace file. */
import { closeSync, openSync, writeFileSync } from 'node:fs';
import * as z from 'zod';
import { type Device, type KernelProfile, type Profile, startProfile } from '../index.js';
import { duration, threeDigits, whole } from './format.js';
import type { OptionSpec } from './options.js';
import { traceFile, tryFile, writing } from './outputs.js';
import { type Terminal, wrapped } from './terminal.js';

/** `true` for the table alone, a file name for the trace as well. */
export const profileOption: OptionSpec<string | true | undefined> = {
  argument: '[trace.json]',
  // The next word may be a prompt: only a name that ends in .json is taken for the file.
  schema: z.string().endsWith('.json', 'a file name that ends in .json (put a prompt before --profile)'),
  description: 'prints what each kernel took; with a file, also writes a trace for chrome://tracing or ui.perfetto.dev',
};

/**
 * Runs `work` and prints the time of its kernels.
 * @throws DeviceError, OptionError before the work begins, when the device or the file cannot take a profile
 */
export async function profiled<T>(
  wanted: string | true,
  { device, terminal }: { readonly device: Device; readonly terminal: Terminal },
  work: () => Promise<T>,
): Promise<T> {
  // Opened first: the work may take hours.
  const file = wanted === true ? undefined : openTrace(wanted);
  try {
    const profile = startProfile(device);
    const started = performance.now();
    const result = await work();
    await profile.stop();
    const lines = profileLines(profile, {
      ...{ description: device.info.description, ms: performance.now() - started },
      toWidth: (line) => wrapped(line, terminal.stderr),
    });
    for (const line of lines) terminal.stderr.write(`${line}\n`);
    if (file !== undefined) {
      const trace = profile.trace();
      writing('--profile', wanted as string, () => writeFileSync(file, JSON.stringify(trace)));
      const { kernelCalls, kernelCallsKept } = trace.otherData;
      const kept = kernelCallsKept < kernelCalls ? ` (the first ${whole(kernelCallsKept)} kernel calls)` : '';
      terminal.stderr.write(`Trace: ${wanted}${kept}, for chrome://tracing or ui.perfetto.dev\n`);
    }
    return result;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

function openTrace(path: string): number {
  tryFile('--profile', path, traceFile);
  return writing('--profile', path, () => openSync(path, 'w'));
}

/**
 * Aligned columns, with a line that says what is in them.
 * @param ms the wall time of it all
 * @param toWidth makes lines of words, not those of the table, as narrow as the terminal
 */
export function profileLines(
  profile: Pick<Profile, 'kernels' | 'phases'>,
  {
    description,
    ms,
    toWidth = (line) => line,
  }: { readonly description: string; readonly ms: number; readonly toWidth?: (line: string) => string },
): string[] {
  const kernels = profile.kernels();
  const total = kernels.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
  const calls = kernels.reduce((sum, each) => sum + each.calls, 0);
  const share = (milliseconds: number) => `${((100 * milliseconds) / total).toFixed(1)}%`;
  // One unit for all rows: a column of both s and ms misleads the eye.
  const sum = (ms: number) => (total < 10_000 ? `${ms.toFixed(1)} ms` : `${(ms / 1000).toFixed(2)} s`);
  const rows = kernels.map((each) => [
    each.kernel,
    whole(each.calls),
    sum(each.milliseconds),
    share(each.milliseconds),
    `${threeDigits((1000 * each.milliseconds) / each.calls)} us`,
    rate(each),
  ]);
  const heading = ['kernel', 'calls', 'time', 'share', 'a call', 'rate'];
  const widths = heading.map((title, column) =>
    Math.max(...[heading, ...rows].map((row) => row[column]!.length), title.length),
  );
  const align = (row: readonly string[]) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
      .join('  ');
  const phases = profile.phases().map((each) => `${each.phase} ${share(each.milliseconds)}`);
  return [
    toWidth(
      `Profile of ${description}: ${whole(calls)} kernel calls took ${time(total)} of ${time(ms)}; the rest is JavaScript, files and waiting`,
    ),
    ...(rows.length > 0
      ? [
          align(heading),
          ...rows.map(align),
          toWidth(
            "share: of the kernels' time; a call: the mean; rate: GB/s of kernels that wait for memory, GFLOP/s of the others",
          ),
        ]
      : []),
    ...(phases.length > 0 ? [toWidth(`Phases: ${phases.join(', ')}`)] : []),
  ];
}

function time(ms: number): string {
  if (ms < 1000) return `${ms.toFixed(1)} ms`;
  return ms < 60_000 ? `${(ms / 1000).toFixed(1)} s` : duration(ms);
}

/** What limits the kernel decides the unit. */
function rate({ bound, gbPerSecond, gflopPerSecond }: KernelProfile): string {
  const [value, unit] = bound === 'memory' ? [gbPerSecond, 'GB/s'] : [gflopPerSecond, 'GFLOP/s'];
  return `${threeDigits(value)} ${unit}`;
}
