import type { BenchmarkName } from '../benchmarks.ts';
import type { Size } from '../frame/benchmark.ts';
import type { Measurement } from '../frame/measure.ts';

/** What a page asks a worker to run. */
export interface Request {
  readonly benchmark: BenchmarkName;
  readonly size: Size;
  /** Where distillm runs it, or the package that runs it instead (bench/peers.ts). */
  readonly device: 'wasm' | 'webgpu' | { readonly peer: string };
  /** WASM; all logical processors by default. */
  readonly threads?: number;
  /** WebGPU on a software adapter counts as well. */
  readonly allowSoftware: boolean;
}

/** What the worker posts, the device first, `done` or `error` last. */
export type Report =
  | { readonly device: string }
  | { readonly measurement: Measurement }
  | { readonly done: true }
  | { readonly error: string };
