import { describe, expect, it } from 'vitest';
import { ShapeError } from '../../../src/errors.js';
import { embedding, f32Weight, Tensor } from '../../../src/tensor/index.js';
import { gradientTests } from '../../harness/gradients.js';
import { openReference } from '../../harness/referenceBackend.js';

gradientTests([
  {
    name: 'embedding, one row',
    inputs: { table: [1, 1] },
    forward: ({ table }) => embedding(f32Weight(table!), Int32Array.of(0)),
  },
  {
    name: 'embedding, ids that repeat and rows that nobody reads',
    inputs: { table: [7, 5] },
    forward: ({ table }) => embedding(f32Weight(table!), Int32Array.of(6, 2, 2, 0, 6, 2), [2, 3]),
  },
  {
    name: 'embedding, wider than a vector',
    inputs: { table: [3, 19] },
    forward: ({ table }) => embedding(f32Weight(table!), Int32Array.of(1, 1, 1, 1, 1, 2, 0)),
  },
]);

describe('embedding', () => {
  const table = f32Weight(Tensor.zeros(openReference(), [4, 3]));

  it('has the shape that the caller wants', () => {
    expect(embedding(table, Int32Array.of(1, 2, 3, 0, 1, 2), [2, 3]).shape).toEqual([2, 3, 3]);
  });

  it.each([[4], [-1]])('refuses id %i, with its position', (id) => {
    const look = () => embedding(table, Int32Array.of(0, id, 1));
    expect(look).toThrow(ShapeError);
    expect(look).toThrow(`id ${id} at position 1 is outside the table of 4 rows`);
  });
});
