/**
 * What a GPU does at most, which WebGPU does not say: the numbers of NVIDIA's data sheets, without sparsity. They were read
 * on 2026-11-27 in these copies:
 * - H100: https://archive-lib.hpctech.co.jp/gpuproduct/nvidia-h100.html, and of the NVL https://grokipedia.com/page/210100120
 * - H200: https://itkb.uw.cz/2026/06/nvidia-h200-vs-b300-precisions-cores.html, https://aiwiki.ai/wiki/nvidia_h200,
 *   https://hmc-tech.com/gpu/nvidia-h100-vs-nvidia-h200-sxm-vs-nvidia-gb200
 * - A100: https://glennklockwood.com/garden/processors/A100, https://www.thundercompute.com/blog/nvidia-a100-specs-full-guide
 * - L40, L40S: https://www.mullet.se/product.html?product_id=355414
 * - L4, A10, T4: https://github.com/winston-zhang-orz/gpu-specs
 * - A40: https://hmc-tech.com/gpu/nvidia-a40-vs-nvidia-grid-a100b
 * - RTX 4090: https://waredb.com/processor/nvidia-geforce-rtx-4090
 */
export interface CardLimits {
  /** f32 without matrix units. Absent where the copies disagree. */
  readonly tflops?: number;
  /** f16 operands summed in f32 on matrix units, dense. */
  readonly matrixTflops?: number;
  /** Of its memory, a second. */
  readonly gigabytes: number;
}

/** The first whose pattern is in the words of the adapter's description. */
const cards: readonly (readonly [RegExp, CardLimits])[] = [
  [/\bh200 nvl\b/, { gigabytes: 4800 }],
  [/\bh200\b/, { tflops: 67, matrixTflops: 989, gigabytes: 4800 }],
  [/\bh100 80gb hbm3\b/, { tflops: 67, matrixTflops: 989, gigabytes: 3350 }],
  [/\bh100 pcie\b/, { tflops: 51, matrixTflops: 756, gigabytes: 2000 }],
  [/\bh100 nvl\b/, { gigabytes: 3930 }],
  [/\ba100 sxm4 80gb\b/, { tflops: 19.5, matrixTflops: 312, gigabytes: 2039 }],
  [/\ba100 80gb pcie\b/, { tflops: 19.5, matrixTflops: 312, gigabytes: 1935 }],
  [/\ba100 (sxm4|pcie) 40gb\b/, { tflops: 19.5, matrixTflops: 312, gigabytes: 1555 }],
  [/\bl40s\b/, { tflops: 91.6, matrixTflops: 362, gigabytes: 864 }],
  [/\bl40\b/, { tflops: 90.5, matrixTflops: 181, gigabytes: 864 }],
  [/\bl4\b/, { tflops: 30.3, matrixTflops: 121, gigabytes: 300 }],
  [/\ba40\b/, { tflops: 37.4, matrixTflops: 149.7, gigabytes: 696 }],
  [/\ba10\b/, { tflops: 31.2, matrixTflops: 125, gigabytes: 600 }],
  [/\btesla t4\b/, { tflops: 8.1, matrixTflops: 65, gigabytes: 320 }],
  [/\brtx 4090(?! (laptop|d)\b)/, { tflops: 82.6, matrixTflops: 165.2, gigabytes: 1008 }],
];

/** By the adapter's description: Dawn says "nvidia-h100-pcie", other runtimes say "NVIDIA H100 PCIe". */
export function limitsOf(description: string): CardLimits | undefined {
  const words = description.toLowerCase().replaceAll(/[^a-z0-9]+/g, ' ');
  return cards.find(([pattern]) => pattern.test(words))?.[1];
}

/** "45% of 67 TFLOP/s" for a note; nothing where the limit is not known. */
export const shareOf = (value: number, limit: number | undefined, unit: string): readonly string[] =>
  limit === undefined ? [] : [`${((100 * value) / limit).toPrecision(2)}% of ${limit} ${unit}`];
