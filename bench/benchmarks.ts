import { attention } from './attention/ours.ts';
import { decode, decodeSmolLM2 } from './decode/ours.ts';
import { divergence } from './divergence/ours.ts';
import type { Benchmark } from './frame/benchmark.ts';
import { gemm } from './gemm/ours.ts';
import { gemmStored } from './gemm/stored.ts';
import { gemmVariants } from './gemm/variants.ts';
import { gpuTime } from './gpu-time/ours.ts';
import { linearDivergence } from './linear-divergence/ours.ts';
import { tokenizer, tokenizerTypes } from './tokenizer/ours.ts';
import { trainingStepLora } from './training-step/lora.ts';
import { trainingMemory } from './training-step/memory.ts';
import { trainingStep, trainingStepLlama, trainingStepRecording, trainingStepT5 } from './training-step/ours.ts';

/** The benchmarks of distillm, by the name that `--benchmark` and the page use. */
export const benchmarks = {
  gemm,
  gemmStored,
  gemmVariants,
  attention,
  divergence,
  linearDivergence: linearDivergence(),
  linearDivergenceUnfused: linearDivergence({ chunkBytes: Number.MAX_SAFE_INTEGER }),
  trainingStep,
  trainingStepLlama,
  trainingStepT5,
  trainingStepLora,
  trainingStepRecording,
  trainingMemory,
  gpuTime,
  decode,
  decodeSmolLM2,
  tokenizer,
  tokenizerTypes,
} as const satisfies Record<string, Benchmark>;
export type BenchmarkName = keyof typeof benchmarks;
