import { attention } from './attention.ts';
import type { Benchmark } from './benchmark.ts';
import { decode } from './decode.ts';
import { divergence } from './divergence.ts';
import { gemm } from './gemm.ts';
import { gemmHalves } from './gemmHalves.ts';
import { gemmStored } from './gemmStored.ts';
import { gemmWebGPU } from './gemmWebGPU.ts';
import { linearDivergence } from './linearDivergence.ts';
import { tokenizer } from './tokenizer.ts';
import { trainingStep, trainingStepRecording } from './trainingStep.ts';

/** By the name that `--benchmark` and the page use. */
export const benchmarks = {
  gemm,
  gemmHalves,
  gemmStored,
  gemmWebGPU,
  attention,
  divergence,
  linearDivergence: linearDivergence(),
  linearDivergenceUnfused: linearDivergence({ chunkBytes: Number.MAX_SAFE_INTEGER }),
  trainingStep,
  trainingStepRecording,
  decode,
  tokenizer,
} as const satisfies Record<string, Benchmark>;
export type BenchmarkName = keyof typeof benchmarks;
