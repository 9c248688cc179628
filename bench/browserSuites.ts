import type { BenchmarkName } from './benchmarks.ts';
import type { Size } from './frame/benchmark.ts';
import type { Suite, Variant } from './frame/suite.ts';
import { peersOf } from './peers.ts';

interface Plan {
  readonly benchmark: BenchmarkName;
  readonly about: string;
  /** Small where full shapes take a page too long. */
  readonly size?: Size;
}

const plans: Readonly<Record<string, Plan>> = {
  gemm: {
    benchmark: 'gemm',
    about: 'c = a b, f32, GFLOP/s (more is better)',
  },
  attention: { benchmark: 'attention', about: 'GPT-2 small, f32, GFLOP/s as above (more is better)' },
  divergence: { benchmark: 'divergence', about: 'skew KL forward and gradient from logits, ms (less is better)' },
  'linear-divergence': {
    benchmark: 'linearDivergence',
    about: 'skew KL from hidden states and LM heads, as above at smaller shapes: seconds and MB (less is better)',
    size: 'small',
  },
  'training-step': {
    benchmark: 'trainingStep',
    about: 'student 4 x 256, teacher 8 x 512, batch 8 x 128, tokens/s (more is better)',
    size: 'small', // the same shapes, fewer steps
  },
  decode: {
    benchmark: 'decode',
    about: 'as above for fewer models: tokens/s (more is better), and ms to the first token (less is better)',
    size: 'small',
  },
  tokenizer: {
    benchmark: 'tokenizer',
    about: 'GPT-2 vocabulary, 1 MB of English, MB/s (more is better)',
  },
};

/** The same benchmarks in a page of headless Chromium. */
export const browserSuites: readonly Suite[] = Object.entries(plans).map(([name, plan]) => {
  const { benchmark, about, size = 'full' } = plan;
  const variant = (label: string, ...args: string[]): Variant => ({
    name: label,
    script: 'page/drive.ts',
    args: ['--benchmark', benchmark, '--size', size, ...args],
  });
  const ours =
    benchmark === 'tokenizer' // one thread, and nothing to pack
      ? [variant('distillm')]
      : [
          variant('distillm, 2 threads, 256-bit', '--revectorize'),
          variant('distillm, 2 threads, 128-bit'),
          variant('distillm, WebGPU', '--device', 'webgpu'),
        ];
  // Peers get the browser that is faster for them: tfjs gains half again by it, onnxruntime-web nothing.
  const setting = benchmark === 'tokenizer' ? '' : ', 2 threads, 256-bit';
  return {
    name: `browser-${name}`,
    about: `${about}. In a worker of a cross-origin isolated page of headless Chromium`,
    variants: [
      ...ours,
      ...peersOf(benchmark, 'page').map((peer) => variant(peer + setting, '--revectorize', '--peer', peer)),
    ],
  };
});
