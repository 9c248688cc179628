import { expect, it } from 'vitest';
import { checkProduct } from '../../bench/gemm/shapes.ts';

it.each(['NN', 'NT', 'TN'] as const)(
  'checkProduct tells a right %s product from a wrong one, and from none',
  (form) => {
    const shape = { form, m: 2, k: 2, n: 2 };
    const [left, right] = [Float32Array.of(1, 2, 3, 4), Float32Array.of(5, 6, 7, 8)];
    const products = { NN: [19, 22, 43, 50], NT: [17, 23, 39, 53], TN: [26, 30, 38, 44] };
    const c = Float32Array.from(products[form]);
    checkProduct(shape, left, right, c);
    for (const wrong of [0, Number.NaN]) {
      expect(() => checkProduct(shape, left, right, c.with(3, wrong))).toThrow(`c[3] is ${wrong}, not ${c[3]}`);
    }
  },
);
