import type { Size } from '../frame/benchmark.ts';

/** c [m, n] = a b over depth k, where NT has b transposed in memory ([n, k]) and TN has a ([k, m]). */
export interface GemmShape {
  readonly form: 'NN' | 'NT' | 'TN';
  readonly m: number;
  readonly k: number;
  readonly n: number;
}

/** Shrinks every side for slow devices; sides stay odd where they were. */
const divisors = { large: 1, full: 1, small: 2, tiny: 16 } as const satisfies Record<Size, number>;
export const shrunk = ({ form, ...sides }: GemmShape, size: Size): GemmShape => {
  const [m, k, n] = [sides.m, sides.k, sides.n].map((side) => Math.ceil(side / divisors[size])) as [
    number,
    number,
    number,
  ];
  return { form, m, k, n };
};

/** What distillm and its peers multiply (pytorch.py has them as well): layers, the LM head both ways round, gradients. */
export const gemmShapes: readonly GemmShape[] = [
  { form: 'NN', m: 512, k: 768, n: 768 },
  { form: 'NN', m: 1024, k: 1024, n: 1024 },
  { form: 'NT', m: 1024, k: 1024, n: 1024 },
  { form: 'TN', m: 1024, k: 1024, n: 1024 },
  { form: 'NN', m: 2048, k: 768, n: 3072 },
  { form: 'NT', m: 2048, k: 768, n: 3072 },
  { form: 'TN', m: 2048, k: 768, n: 3072 },
  { form: 'NN', m: 8, k: 768, n: 50257 },
  { form: 'NT', m: 8, k: 768, n: 50257 },
  { form: 'NT', m: 256, k: 768, n: 8192 },
  { form: 'TN', m: 8192, k: 256, n: 768 },
];

export const nameOf = ({ form, m, k, n }: GemmShape): string => `${form === 'NN' ? '' : `${form} `}${m} x ${k} x ${n}`;

/** @throws Error when one of three elements of c is not that of float64 */
export function checkProduct(
  { form, m, k, n }: GemmShape,
  left: Float32Array,
  right: Float32Array,
  got: Float32Array,
): void {
  for (const index of [0, m * n - 1, Math.floor((m * n) / 2)]) {
    const [row, column] = [Math.floor(index / n), index % n];
    let want = 0;
    for (let i = 0; i < k; i++) {
      const a = left[form === 'TN' ? i * m + row : row * k + i] as number;
      const b = right[form === 'NT' ? column * k + i : i * n + column] as number;
      want += a * b;
    }
    // A NaN is no product either.
    if (!(Math.abs(want - (got[index] as number)) <= 3e-5 * Math.sqrt(k)))
      throw new Error(`c[${index}] is ${got[index]}, not ${want}`);
  }
}
