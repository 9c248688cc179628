/** What a GPU does at most, by its data sheet: WebGPU does not say. */
export interface CardLimits {
  /** f32 without matrix units. */
  readonly tflops: number;
  /** f16 operands summed in f32 on matrix units, dense. */
  readonly matrixTflops: number;
  /** Of its memory, a second. */
  readonly gigabytes: number;
}

/** The first whose pattern is in the adapter's description. */
const cards: readonly (readonly [RegExp, CardLimits])[] = [
  [/\bH200\b/, { tflops: 67, matrixTflops: 989, gigabytes: 4800 }],
  [/\bH100 80GB HBM3\b/, { tflops: 67, matrixTflops: 989, gigabytes: 3350 }],
  [/\bH100 PCIe\b/, { tflops: 51, matrixTflops: 756, gigabytes: 2000 }],
  [/\bA100\b.*\b80GB\b/, { tflops: 19.5, matrixTflops: 312, gigabytes: 1935 }],
  [/\bA100\b/, { tflops: 19.5, matrixTflops: 312, gigabytes: 1555 }],
  [/\bL4\b/, { tflops: 30.3, matrixTflops: 121, gigabytes: 300 }],
  [/\bT4\b/, { tflops: 8.1, matrixTflops: 65, gigabytes: 320 }],
];

export const limitsOf = (description: string): CardLimits | undefined =>
  cards.find(([pattern]) => pattern.test(description))?.[1];

/** "45% of 67 TFLOP/s" for a note; nothing where the limit is not known. */
export const shareOf = (value: number, limit: number | undefined, unit: string): readonly string[] =>
  limit === undefined ? [] : [`${((100 * value) / limit).toPrecision(2)}% of ${limit} ${unit}`];
