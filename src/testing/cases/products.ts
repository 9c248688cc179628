/** Cases of matrix products, and of what a linear layer needs besides. */
import type { products as records } from '../../backend/kernels/products.js';
import type { Case, Cases } from '../case.js';
import type { Given } from '../reference/types.js';
import { halfScale, hardHalves, matrices, poison, poisonUnless } from './shared.js';

const gemmShapes = [
  [1, 1, 1],
  [3, 7, 5],
  [4, 16, 8],
  [5, 17, 9],
  [1, 33, 257],
  [2, 130, 515],
  [13, 1, 31],
  [8, 48, 1],
  [64, 64, 64],
  [65, 67, 33],
  [97, 35, 259],
  [100, 256, 12],
  [9, 23, 1031],
  [2, 9, 7001],
  [31, 70, 133],
  [33, 19, 67],
  // More columns than the 1,024 that WASM packs at a time.
  [34, 1043, 11],
] as const;

function gemmCases(
  shapes: readonly (readonly [m: number, n: number, k: number])[] = gemmShapes,
): Case<'gemmNN' | 'gemmNT' | 'gemmTN'>[] {
  return shapes.flatMap(([m, n, k]) =>
    [0, 1].map((accumulate) => ({
      dims: { m, n, k },
      params: { accumulate },
      prepare: ({ c }: Given<'gemmNN'>) => poisonUnless(accumulate, c),
    })),
  );
}

/**
 * Around the blocks of 16, the groups of 1024 and the 4 or 8 rows that dot products take at a time, and more rows than
 * 32.
 */
const storedShapes = [
  ...gemmShapes,
  [1, 9, 21],
  [1, 530, 11],
  [3, 30, 18],
  [8, 519, 7],
  [9, 31, 270],
  [1, 9, 7001],
  [5, 3, 1051],
  [4, 5, 48],
  [5, 9, 1040],
  [6, 7, 272],
  [7, 3, 16],
  [8, 33, 1040],
] as const;

const hardBytes = [127, -127, -128, 1, -1, 0];

function storedGemmCases(extremes: readonly number[]): Case<'gemmNN'>[] {
  return [
    ...storedShapes.flatMap(([m, n, k]) =>
      [0, 1].map((accumulate) => ({
        dims: { m, n, k },
        params: { accumulate },
        prepare: ({ c }: Given<'gemmNN'>) => poisonUnless(accumulate, c),
      })),
    ),
    ...[1, 13].map((m) => ({
      dims: { m, n: extremes.length, k: 1 },
      params: { accumulate: 0 },
      note: 'extremes',
      prepare: ({ b, c }: Given<'gemmNN'>) => {
        poison(c);
        b.set(extremes);
      },
    })),
  ];
}

/** Extents of the axis along which int4 has its groups: around one and two groups, and eight of them. */
const groupedShapes = [
  [1, 5, 31],
  [4, 33, 32],
  [3, 31, 63],
  [6, 65, 64],
  [1, 64, 97],
  [33, 96, 129],
  [2, 128, 288],
  [7, 9, 1056],
  // More rows of b than WASM keeps at hand for the next rows of a.
  [9, 700, 96],
] as const;

/** A row of scales has one or two halves for each of its groups, in turn. */
const halvesOf = (along: number, index: number) => Math.ceil(along / 32) * (1 + (index % 2));

/** `axis`: along which the weight has its groups. */
const int4GemmCases = (axis: 'n' | 'k'): Case<'gemmNNInt4'>[] =>
  [...gemmShapes, ...groupedShapes].flatMap(([m, n, k], shape) =>
    [0, 1].map((accumulate) => {
      const dims = { m, n, k };
      return {
        dims: { ...dims, halves: halvesOf(dims[axis], shape + accumulate) },
        params: { accumulate, scale: halfScale(shape) },
        prepare: ({ c }: Pick<Given<'gemmNNInt4'>, 'c'>) => poisonUnless(accumulate, c),
      };
    }),
  );

/** Whole groups of bytes, along k. */
const groupedBytes = [
  [1, 5, 64],
  [2, 3, 96],
  [4, 33, 64],
  [7, 9, 1056],
  [9, 31, 288],
  [33, 19, 128],
  [3, 9, 2080],
] as const;

/** A scale a row, or one for each `group` elements of it. */
const groupsOf = (along: number, group?: number) => (group === undefined ? 1 : along / group);

/** `axis`: along which the weight has its groups. */
function int8GemmCases(axis: 'n' | 'k'): Case<'gemmNNInt8'>[] {
  const grouped = groupedBytes.map(([m, n, k]): readonly [number, number, number] =>
    axis === 'k' ? [m, n, k] : [m, k, n],
  );
  const withGroups = (cases: readonly Case<'gemmNN'>[], group?: number) =>
    cases.map((each) => ({ ...each, dims: { ...each.dims, groups: groupsOf(each.dims[axis], group) } }));
  return [...withGroups(storedGemmCases(hardBytes)), ...withGroups(gemmCases(grouped), 32)];
}

const int8LinearCases = (
  shapes: readonly (readonly [m: number, n: number, k: number])[],
  group?: number,
): Case<'linearNTInt8'>[] =>
  linearCases(shapes).map(({ dims }) => ({ dims: { ...dims, groups: groupsOf(dims.k, group) }, params: {} }));

const halfGemmCases = (): Case<'gemmNNF16'>[] =>
  storedGemmCases(hardHalves).map((testCase, i) => ({
    ...testCase,
    params: { ...testCase.params, scale: halfScale(i) },
  }));

/** Sizes of products; the bias is filled as every operand. */
const linearCases = (
  shapes: readonly (readonly [m: number, n: number, k: number])[] = gemmShapes,
): Case<'linearNN'>[] => shapes.map(([m, n, k]) => ({ dims: { m, n, k }, params: {} }));

function columnSumCases(): Case<'columnSum'>[] {
  return [...matrices, [1031, 5] as const].flatMap(([rows, cols]) =>
    [0, 1].map((accumulate) => ({
      dims: { rows, cols },
      params: { accumulate },
      prepare: ({ sum }: Given<'columnSum'>) => poisonUnless(accumulate, sum),
    })),
  );
}

export const products: Cases<keyof typeof records> = {
  // Weights that the WASM backend reads in segments of whole rows, and of more columns than the 4096 that it takes at a
  // time.
  gemmNN: gemmCases([...gemmShapes, [1, 1031, 517], [1, 4107, 131], [5, 9003, 37]]),
  gemmNT: gemmCases(),
  gemmTN: gemmCases(),
  gemmNNF16: halfGemmCases(),
  gemmNTF16: halfGemmCases(),
  gemmNNInt8: int8GemmCases('n'),
  gemmNTInt8: int8GemmCases('k'),
  gemmNNInt4: int4GemmCases('n'),
  gemmNTInt4: int4GemmCases('k'),
  linearNN: linearCases([...gemmShapes, [5, 9003, 37]]),
  linearNT: linearCases(),
  linearNTF16: linearCases(storedShapes).map((testCase, i) => ({ ...testCase, params: { scale: halfScale(i) } })),
  linearNTInt8: [...int8LinearCases(storedShapes), ...int8LinearCases(groupedBytes, 32)],
  linearNTInt4: linearCases(groupedShapes).map(({ dims }, i) => ({
    dims: { ...dims, halves: halvesOf(dims.k, i) },
    params: { scale: halfScale(i) },
  })),
  columnSum: columnSumCases(),
};
