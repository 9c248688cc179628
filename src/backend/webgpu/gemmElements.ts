import type { Prelude } from './context.js';

/** How an operand of a product is bound: four elements at a time where its rows start at multiples of four. */
export type ElementLayout = 'vec4' | 'f32';
export interface GemmLayout {
  readonly a: ElementLayout;
  readonly b: ElementLayout;
  readonly c: ElementLayout;
}

/** `a4(at)`: four neighbours from element `at` of the binding on. */
const fetches = {
  vec4: (name: string) => `alias ${name}Element = vec4f;
fn ${name}4(at: u32) -> vec4f { return ${name}[at / 4u]; }
`,
  f32: (name: string) => `alias ${name}Element = f32;
fn ${name}4(at: u32) -> vec4f { return vec4f(${name}[at], ${name}[at + 1u], ${name}[at + 2u], ${name}[at + 3u]); }
`,
} satisfies Record<ElementLayout, (name: string) => string>;

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

const made = new Map<string, Prelude>();

/** What the shaders of products need to know of their operands' memory: kernels/gemmTile.wgsl. */
export function gemmElements({ a, b, c }: GemmLayout): Prelude {
  const name = `a ${a}, b ${b}, c ${c}`;
  let prelude = made.get(name);
  if (!prelude) {
    prelude = { name, code: fetches[a]('a') + fetches[b]('b') + stores[c] };
    made.set(name, prelude);
  }
  return prelude;
}

/** The part of it that a shader with the one operand c needs. */
export const resultElements = {
  vec4: { name: 'c vec4', code: stores.vec4 },
  f32: { name: 'c f32', code: stores.f32 },
} satisfies Record<ElementLayout, Prelude>;
