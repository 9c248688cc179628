/**
 * The parts of the archive's run, in their order, as suites. Limits are what a part took on an H200, and some. Together
 * with what comes before them they stay below eight minutes.
 */
import type { BenchmarkName } from '../benchmarks.ts';
import type { Variant } from '../frame/suite.ts';

/** A variant with the seconds after which it is stopped; what it measured until then counts. */
export interface PackedVariant extends Variant {
  readonly seconds: number;
}
export interface PackedSuite {
  readonly name: string;
  readonly about: string;
  readonly variants: readonly PackedVariant[];
}
export interface Part {
  /** Its letter, and the name of its file. */
  readonly name: string;
  readonly suites: readonly PackedSuite[];
}

/** Seconds before the parts: to look at the machine, for all ways to the adapter together, and to ask for PyTorch. */
export const preparation = { machine: 8, adapter: 28, pytorch: 23 } as const;

interface Setting {
  readonly size: string;
  readonly allowSoftware: boolean;
  /** The adapter has subgroup matrices that the products can use. */
  readonly matrices: boolean;
}

export function partsOf({ size, allowSoftware, matrices }: Setting): readonly Part[] {
  const common = ['--size', size, ...(allowSoftware ? ['--allow-software'] : [])];
  const onGPU = (benchmark: BenchmarkName, seconds: number, name = 'distillm, WebGPU', ...more: string[]) => ({
    name,
    script: 'runner/node.ts',
    args: ['--benchmark', benchmark, '--device', 'webgpu', ...common, ...more],
    seconds,
  });
  const pytorch = (topic: string, seconds: number, name = 'PyTorch, CUDA', ...more: string[]) => ({
    name,
    script: `${topic}/pytorch.py`,
    args: ['--device', 'cuda', '--size', size, ...more],
    seconds,
  });
  const onMatrices = matrices ? ['--subgroup-matrices'] : [];
  const correctness = (what: 'kernels' | 'models', seconds: number, note = '', ...more: string[]) => ({
    name: `distillm, WebGPU: ${what}${note}`,
    script: 'pack/correctness.ts',
    args: [...common, '--what', what, ...more],
    seconds,
  });
  const tune = ['--size', size, ...(size === 'tiny' ? ['--tiny'] : []), ...(allowSoftware ? ['--allow-software'] : [])];
  return [
    {
      name: 'b-correctness',
      suites: [
        {
          name: 'gpu-correctness',
          about:
            'every kernel against its float64 reference at odd shapes, divergences against exact values, tiny models against ' +
            'the logits of transformers, three DistiLLM steps beside WASM: share of the allowed error, % (less is better)',
          variants: [
            correctness('kernels', 30),
            correctness('models', 13),
            ...(matrices ? [correctness('kernels', 8, ', subgroup matrices', '--only', 'F16', ...onMatrices)] : []),
          ],
        },
      ],
    },
    {
      name: 'c-products',
      suites: [
        {
          name: 'gpu-products',
          about:
            'matrix products with weights in f32, f16, int8 and int4, GFLOP/s (more is better): as chosen for the shape, then with ' +
            'each tile. Many calls are timed together',
          variants: [
            onGPU('gemmVariants', 86, 'distillm, WebGPU', ...onMatrices),
            pytorch('gemm', 24),
            { name: 'tuning', script: 'pack/tune.ts', args: [...tune, ...onMatrices], seconds: 6 },
          ],
        },
      ],
    },
    {
      name: 'd-workloads',
      suites: [
        {
          name: 'gpu-attention',
          about: 'GPT-2 small, f32, GFLOP/s of the pairs that are seen (more is better)',
          variants: [onGPU('attention', 10), pytorch('attention', 12)],
        },
        {
          name: 'gpu-divergence',
          about: 'skew KL forward and gradient from logits, ms (less is better)',
          variants: [onGPU('divergence', 9), pytorch('divergence', 8)],
        },
        {
          name: 'gpu-linear-divergence',
          about: 'skew KL from hidden states and LM heads, forward and gradients: seconds and MB (less is better)',
          variants: [
            onGPU('linearDivergence', 15),
            pytorch('linear-divergence', 8, 'PyTorch unfused, CUDA'),
            pytorch('linear-divergence', 8, 'PyTorch in chunks of 512 rows, CUDA', '--chunk', '512'),
          ],
        },
        {
          name: 'gpu-training-step',
          about: 'teacher and student GPT-2 small, batch 8 x 512, f32, skew KL, AdamW: tokens/s (more is better)',
          variants: [onGPU('trainingStep', 24), pytorch('training-step', 24)],
        },
        {
          name: 'gpu-decode',
          about:
            'generation with a KV cache, prompts of 48 tokens, random weights: tokens/s of all rows (more is better)',
          variants: [onGPU('decode', 50), pytorch('decode', 28)],
        },
      ],
    },
    {
      name: 'e-time',
      suites: [
        {
          name: 'gpu-time',
          about:
            "where a training step's and a new token's time goes: ms by the GPU's own clock (less is better), what JavaScript " +
            'hands over, and the share of the time in which the GPU waits',
          variants: [onGPU('gpuTime', 42)],
        },
        {
          name: 'gpu-recording',
          about: 'all layers at tiny widths, so that JavaScript is what a step waits for: ms (less is better)',
          variants: [onGPU('trainingStepRecording', 6)],
        },
      ],
    },
    {
      name: 'f-memory',
      suites: [
        {
          name: 'gpu-memory',
          about: 'memory over 300 steps and the answers between them, MB: flat is right',
          variants: [onGPU('trainingMemory', 10)],
        },
      ],
    },
  ];
}
