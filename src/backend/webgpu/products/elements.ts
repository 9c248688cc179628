/**
 * The memory layout of a product's operands decides a few lines of its shader: the element type of each binding, and
 * the functions that read or write four neighbours. They are the files of kernels/products/shared/elements, one for
 * each layout of each operand, put before a shader of products.
 */
import aF32 from '../../../../kernels/products/shared/elements/aF32.wgsl';
import aVec4 from '../../../../kernels/products/shared/elements/aVec4.wgsl';
import bF16 from '../../../../kernels/products/shared/elements/bF16.wgsl';
import bF16x4 from '../../../../kernels/products/shared/elements/bF16x4.wgsl';
import bF32 from '../../../../kernels/products/shared/elements/bF32.wgsl';
import bInt4 from '../../../../kernels/products/shared/elements/bInt4.wgsl';
import bInt8 from '../../../../kernels/products/shared/elements/bInt8.wgsl';
import bInt8Groups from '../../../../kernels/products/shared/elements/bInt8Groups.wgsl';
import bInt8x4 from '../../../../kernels/products/shared/elements/bInt8x4.wgsl';
import biasColumns from '../../../../kernels/products/shared/elements/biasColumns.wgsl';
import biasNone from '../../../../kernels/products/shared/elements/biasNone.wgsl';
import bVec4 from '../../../../kernels/products/shared/elements/bVec4.wgsl';
import cF32 from '../../../../kernels/products/shared/elements/cF32.wgsl';
import cVec4 from '../../../../kernels/products/shared/elements/cVec4.wgsl';
import matrices from '../../../../kernels/products/shared/elements/matrices.wgsl';
import scaleByteGroups from '../../../../kernels/products/shared/elements/scaleByteGroups.wgsl';
import scaleColumns from '../../../../kernels/products/shared/elements/scaleColumns.wgsl';
import scaleDepth from '../../../../kernels/products/shared/elements/scaleDepth.wgsl';
import scaleGroups from '../../../../kernels/products/shared/elements/scaleGroups.wgsl';
import scaleGroupsWithLeast from '../../../../kernels/products/shared/elements/scaleGroupsWithLeast.wgsl';
import scaleWhole from '../../../../kernels/products/shared/elements/scaleWhole.wgsl';
import type { MatrixUnit } from '../../../hardware/webgpu/facts.js';
import type { WeightFormat } from '../../kernels/formats.js';
import { constantLines, type Prelude } from '../context.js';

/** How an operand of a product is bound: four elements at a time where its rows start at multiples of four. */
export type ElementLayout = 'vec4' | 'f32';
/** The same for weights in fewer bits, which are bound as words. */
export type StoredLayout = 'f16x4' | 'f16' | 'int8x4' | 'int8' | 'int8Groups' | 'int4';
/**
 * What a weight's scales belong to: all of it, the columns of c, the steps of k, groups of its bytes, or groups of its elements
 * of four bits, which may have minima too.
 */
export type ScaledAxis = 'whole' | 'n' | 'k' | 'byteGroups' | 'groups' | 'groupsWithLeast';
interface GemmLayout {
  readonly a: ElementLayout;
  readonly b: ElementLayout | StoredLayout;
  readonly c: ElementLayout;
  readonly scaled: ScaledAxis;
  /** A bias is added to c. */
  readonly biased: boolean;
  /** For kernels/products/shared/gemmMatrices.wgsl. */
  readonly matrixUnit: MatrixUnit | undefined;
}

const layouts = {
  f32: ['vec4', 'f32'],
  f16: ['f16x4', 'f16'],
  int8: ['int8x4', 'int8'],
  // Rows are padded to whole groups.
  int4: ['int4', 'int4'],
} as const satisfies Record<WeightFormat, readonly (ElementLayout | StoredLayout)[]>;

/** The layout in which an operand can be read whose rows begin `base` elements into the binding, `stride` apart. */
export const layoutOf = <F extends WeightFormat>(
  format: F,
  { base, stride }: { readonly base: number; readonly stride: number },
): (typeof layouts)[F][number] => layouts[format][base % 4 === 0 && stride % 4 === 0 ? 0 : 1];

const code = {
  a: { vec4: aVec4, f32: aF32 },
  b: {
    vec4: bVec4,
    f32: bF32,
    f16x4: bF16x4,
    f16: bF16,
    int8x4: bInt8x4,
    int8: bInt8,
    int8Groups: bInt8Groups,
    int4: bInt4,
  },
  c: { vec4: cVec4, f32: cF32 },
  scaled: {
    ...{ whole: scaleWhole, n: scaleColumns, k: scaleDepth },
    ...{ byteGroups: scaleByteGroups, groups: scaleGroups, groupsWithLeast: scaleGroupsWithLeast },
  },
} satisfies { readonly [K in 'a' | 'b' | 'c' | 'scaled']: Record<GemmLayout[K], string> };
const biasCode = (biased: boolean) => (biased ? biasColumns : biasNone);

/** Matrix types take no `override`. */
const matrixTypes = ({ m, n, k, subgroupSize, pinned }: MatrixUnit) =>
  (pinned ? `${matrices}enable subgroup_size_control;\n` : matrices) +
  constantLines({ SUB_M: m, SUB_N: n, SUB_K: k, SUBGROUP_SIZE: subgroupSize });

const made = new Map<string, Prelude>();

/** What the shaders of products need to know of their operands' memory, and of matrix units. */
export function gemmElements({ a, b, c, scaled, biased, matrixUnit }: GemmLayout): Prelude {
  const unit = matrixUnit ? `, matrices ${Object.values(matrixUnit)}` : '';
  const name = `a ${a}, b ${b}, c ${c}, scale ${scaled}${biased ? ', bias' : ''}${unit}`;
  let prelude = made.get(name);
  if (!prelude) {
    const types = matrixUnit ? matrixTypes(matrixUnit) : '';
    prelude = { name, code: types + code.a[a] + code.b[b] + code.c[c] + code.scaled[scaled] + biasCode(biased) };
    made.set(name, prelude);
  }
  return prelude;
}

/** The part of it that a shader needs which stores c, and adds a bias or not. */
export const resultElements = (c: ElementLayout, biased: boolean): Prelude => ({
  name: `c ${c}${biased ? ', bias' : ''}`,
  code: code.c[c] + biasCode(biased),
});
