import type { Measurement } from '../frame/measure.ts';

/** `--name value` of this process, or the default. */
export function argument(name: string, fallback: string): string {
  const index = process.argv.indexOf(`--${name}`);
  return index < 0 ? fallback : (process.argv[index + 1] ?? fallback);
}

/** Whether `--name` was given to this process. */
export const flag = (name: string): boolean => process.argv.includes(`--${name}`);

/** Says once what ran the measurements, where it was not Node. */
export const printRuntime = (runtime: string): void => console.log(JSON.stringify({ runtime }));

/** What else is to be kept with them. */
export const printFacts = (facts: Readonly<Record<string, unknown>>): void => console.log(JSON.stringify({ facts }));

/** A line of JSON for the process that started this one (run.ts). */
export const print = (measurement: Measurement): void => console.log(JSON.stringify(measurement));
