import type { InferenceSession, Ort } from 'onnxruntime-common';

/** A model in onnxruntime, native ('cpu') or in WebAssembly, with all of its optimizations. */
export function openOrt(
  ort: Ort,
  provider: 'cpu' | 'wasm',
  threads: number,
  model: Uint8Array,
): Promise<InferenceSession> {
  ort.env.wasm.numThreads = threads;
  return ort.InferenceSession.create(model, {
    executionProviders: [provider],
    intraOpNumThreads: threads,
    graphOptimizationLevel: 'all',
  });
}
