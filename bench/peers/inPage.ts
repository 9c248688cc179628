import type { BenchmarkName } from '../benchmarks/index.ts';

/** The packages that run in a page as well (page.ts), by what they do there. */
export const peersInPage: Readonly<Partial<Record<BenchmarkName, readonly string[]>>> = {
  gemm: ['onnxruntime-web', 'tfjs-backend-wasm', 'jax-js'],
  attention: ['onnxruntime-web'],
  divergence: ['onnxruntime-web', 'jax-js'],
  linearDivergence: ['jax-js'],
  trainingStep: ['jax-js'],
  decode: ['onnxruntime-web'],
  tokenizer: ['gpt-tokenizer', '@huggingface/tokenizers'],
};
