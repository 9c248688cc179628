import type { MatrixUnit } from '../../hardware/webgpu/matrixUnit.js';
import type { DType } from '../kernels/index.js';
import type { Prelude } from './context.js';

/** How an operand of a product is bound: four elements at a time where its rows start at multiples of four. */
export type ElementLayout = 'vec4' | 'f32';
/** The same for weights in fewer bits, which are bound as words. */
export type StoredLayout = 'half4' | 'half' | 'int8x4' | 'int8';
interface GemmLayout {
  readonly a: ElementLayout;
  readonly b: ElementLayout | StoredLayout;
  readonly c: ElementLayout;
  /** The columns of b have scales. */
  readonly scaled: boolean;
  /** For kernels/products/shared/gemmMatrices.wgsl. */
  readonly matrixUnit: MatrixUnit | undefined;
}

const layouts = {
  f32: ['vec4', 'f32'],
  f16: ['half4', 'half'],
  int8: ['int8x4', 'int8'],
} as const satisfies Partial<Record<DType, readonly (ElementLayout | StoredLayout)[]>>;

/** The layout in which an operand can be read whose rows begin `base` elements into the binding, `stride` apart. */
export const layoutOf = <D extends keyof typeof layouts>(
  dtype: D,
  { base, stride }: { readonly base: number; readonly stride: number },
): (typeof layouts)[D][number] => layouts[dtype][base % 4 === 0 && stride % 4 === 0 ? 0 : 1];

/** `a4(at)`: four neighbours from element `at` of the binding on. */
const fetches = {
  vec4: (name: string) => `alias ${name}Element = vec4f;
fn ${name}4(at: u32) -> vec4f { return ${name}[at / 4u]; }
`,
  f32: (name: string) => `alias ${name}Element = f32;
fn ${name}4(at: u32) -> vec4f { return vec4f(${name}[at], ${name}[at + 1u], ${name}[at + 2u], ${name}[at + 3u]); }
`,
  half4: (name: string) => `alias ${name}Element = vec2u;
fn ${name}4(at: u32) -> vec4f {
  let words = ${name}[at / 4u];
  return vec4f(unpack2x16float(words.x), unpack2x16float(words.y));
}
`,
  half: (name: string) => `alias ${name}Element = u32;
fn ${name}1(at: u32) -> f32 { return unpack2x16float(${name}[at / 2u])[at % 2u]; }
fn ${name}4(at: u32) -> vec4f { return vec4f(${name}1(at), ${name}1(at + 1u), ${name}1(at + 2u), ${name}1(at + 3u)); }
`,
  int8x4: (name: string) => `alias ${name}Element = i32;
fn ${name}4(at: u32) -> vec4f {
  return vec4f((vec4i(${name}[at / 4u]) << vec4u(24u, 16u, 8u, 0u)) >> vec4u(24u));
}
`,
  int8: (name: string) => `alias ${name}Element = i32;
fn ${name}1(at: u32) -> f32 { return f32(extractBits(${name}[at / 4u], 8u * (at % 4u), 8u)); }
fn ${name}4(at: u32) -> vec4f { return vec4f(${name}1(at), ${name}1(at + 1u), ${name}1(at + 2u), ${name}1(at + 3u)); }
`,
} satisfies Record<ElementLayout | StoredLayout, (name: string) => string>;

/** `scale4(col)`: the scales of four neighbouring columns of the window, else that of all; and where c is bound, behind them. */
const scales = {
  none: `const C_BINDING = 3;
fn scale4(col: u32) -> vec4f { return vec4f(shape.scale); }
`,
  some: `const C_BINDING = 4;
@group(0) @binding(3) var<storage, read> scales: array<f32>;
fn scale4(col: u32) -> vec4f {
  let at = shape.firstScale + col;
  return vec4f(scales[at], scales[at + 1u], scales[at + 2u], scales[at + 3u]);
}
`,
};

/** `put(at, left, add, value)`: to element `at` of c and the three after it, of which `left` are in its row. */
const stores = {
  vec4: `alias cElement = vec4f;
fn put(at: u32, left: u32, add: bool, value: vec4f) {
  if (add) { c[at / 4u] += value; } else { c[at / 4u] = value; }
}
`,
  f32: `alias cElement = f32;
fn put(at: u32, left: u32, add: bool, value: vec4f) {
  for (var i = 0u; i < min(4u, left); i++) {
    if (add) { c[at + i] += value[i]; } else { c[at + i] = value[i]; }
  }
}
`,
} satisfies Record<ElementLayout, string>;

/** Matrix types take no `override`. */
const matrixTypes = ({ m, n, k, subgroupSize }: MatrixUnit) => `enable f16;
enable subgroups;
enable chromium_experimental_subgroup_matrix;
const SUB_M: u32 = ${m}u;
const SUB_N: u32 = ${n}u;
const SUB_K: u32 = ${k}u;
const SUBGROUP_SIZE: u32 = ${subgroupSize}u;
`;

const made = new Map<string, Prelude>();

/** What the shaders of products need to know of their operands' memory, and of matrix units: kernels/products/shared/gemmShape.wgsl. */
export function gemmElements({ a, b, c, scaled, matrixUnit }: GemmLayout): Prelude {
  const unit = matrixUnit ? `, matrices ${Object.values(matrixUnit)}` : '';
  const name = `a ${a}, b ${b}, c ${c}${scaled ? ', scales' : ''}${unit}`;
  let prelude = made.get(name);
  if (!prelude) {
    const types = matrixUnit ? matrixTypes(matrixUnit) : '';
    const code = types + fetches[a]('a') + fetches[b]('b') + stores[c] + (scaled ? scales.some : scales.none);
    prelude = { name, code };
    made.set(name, prelude);
  }
  return prelude;
}

/** The part of it that a shader with the one operand c needs. */
export const resultElements = {
  vec4: { name: 'c vec4', code: stores.vec4 },
  f32: { name: 'c f32', code: stores.f32 },
} satisfies Record<ElementLayout, Prelude>;
