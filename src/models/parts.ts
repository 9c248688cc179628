/**
 * The parts that models are made of. A family declares its parts once, as a tree of plain objects and arrays whose keys
 * are the names of the checkpoint; from the tree follow the names and shapes of all parameters (`specsOf`) and the same
 * tree with weights in it (`fill`), so that a name exists once and a misspelt one does not compile.
 *
 * A part knows how it computes. A linear part knows its bias, its layout in the checkpoint and the format in which
 * it is held; whatever else takes x to y, an adapter around a frozen linear part for instance, is a `Linear` as well.
 */

import type { WeightLayout } from '../tensor/index.js';
import {
  embedding,
  f32Weight,
  layerNorm,
  rmsNorm as normaliseRms,
  linear as project,
  Tensor,
  type Weight,
} from '../tensor/index.js';

/** How a parameter starts in a new model: by its deviation where it is normal, its largest value where it is uniform. */
export type Initial = { readonly normal: number } | { readonly uniform: number } | 'zeros' | 'ones';

export interface ParameterSpec {
  readonly shape: readonly number[];
  readonly initial: Initial;
  /** A large matrix that products read, which may be held in fewer bits, and its layout in a checkpoint. */
  readonly matrix?: WeightLayout;
  /** Trained while what has no such mark is frozen, and so held in f32: an adapter's matrices, for instance. */
  readonly trained?: true;
}
/** Every parameter of a model, by the name that Hugging Face's checkpoints give it. */
export type ParameterSpecs = ReadonlyMap<string, ParameterSpec>;

export interface Linear {
  readonly weight: Weight;
  /** x [..., inputs] -> [..., outputs] */
  apply(x: Tensor): Tensor;
}
export interface Norm {
  /** The result has the shape of x. */
  apply(x: Tensor): Tensor;
}
export interface Table {
  readonly weight: Weight;
  /** ids row-major over `shape` -> [...shape, width] */
  lookUp(ids: Int32Array, shape: readonly number[]): Tensor;
}

/** The weights of a model by name: matrices as they are held, everything else in f32. */
export interface HeldParameters {
  readonly parameters: ReadonlyMap<string, Tensor>;
  readonly weights: ReadonlyMap<string, Weight>;
}

/** What a part is made of: its parameters by the ends of their names, and its own name. */
export interface HeldPart {
  readonly name: string;
  tensor(end: string): Tensor;
  weight(end: string): Weight;
}

/** A leaf of the tree: its parameters by the ends of their names, and what becomes of them. */
export class Declared<Part> {
  constructor(
    readonly specs: Readonly<Record<string, ParameterSpec>>,
    readonly fill: (held: HeldPart) => Part,
  ) {}
}

/** The leaf of a linear part. */
export class DeclaredLinear extends Declared<Linear> {
  constructor(
    specs: Declared<Linear>['specs'],
    fill: Declared<Linear>['fill'],
    readonly inputs: number,
    readonly outputs: number,
    /** Of its weight in the checkpoint. */
    readonly layout: WeightLayout,
  ) {
    super(specs, fill);
  }
}

/** y = x weight^T + bias, with a weight [out, in] in the checkpoint. Starts normal with deviation `std`, bias 0. */
export const linear = (inputs: number, outputs: number, options: LinearOptions): DeclaredLinear =>
  linearPart('outIn', [outputs, inputs], options);

/** The same with a weight [in, out] in the checkpoint, as OpenAI's GPT-2 has it. */
export const conv1D = (inputs: number, outputs: number, options: LinearOptions): DeclaredLinear =>
  linearPart('inOut', [inputs, outputs], options);

interface LinearOptions {
  readonly std: number;
  readonly bias?: boolean;
}

function linearPart(
  layout: WeightLayout,
  shape: readonly [number, number],
  { std, bias = true }: LinearOptions,
): DeclaredLinear {
  const [outputs, inputs] = layout === 'outIn' ? shape : [shape[1], shape[0]];
  const specs: Record<string, ParameterSpec> = { weight: { shape, initial: { normal: std }, matrix: layout } };
  if (bias) specs.bias = { shape: [outputs], initial: 'zeros' };
  const fill = (held: HeldPart): Linear => {
    const weight = held.weight('weight');
    const options = bias ? { bias: held.tensor('bias') } : {};
    return { weight, apply: (x) => project(x, weight, options) };
  };
  return new DeclaredLinear(specs, fill, inputs, outputs, layout);
}

/** Layer normalisation over `size` features, with weight (1 at first) and bias (0) unless `affine` is false. */
export function norm(size: number, { eps, affine = true }: { eps: number; affine?: boolean }): Declared<Norm> {
  if (!affine) {
    const of = (x: Tensor, value: number) => Tensor.from(x.device, new Float32Array(size).fill(value), [size], 'norm');
    return new Declared({}, () => ({ apply: (x) => layerNorm(x, of(x, 1), of(x, 0), { eps }) }));
  }
  return new Declared(
    { weight: { shape: [size], initial: 'ones' }, bias: { shape: [size], initial: 'zeros' } },
    ({ tensor }) => {
      const [weight, bias] = [tensor('weight'), tensor('bias')];
      return { apply: (x) => layerNorm(x, weight, bias, { eps }) };
    },
  );
}

/**
 * Root-mean-square normalisation of each `size` neighbouring features (all of them, or a head's), times offset + weight.
 * With an offset of 0 the weight is 1 at first, with 1 it is 0.
 */
export const rmsNorm = (size: number, { eps, offset = 0 }: { eps: number; offset?: 0 | 1 }): Declared<Norm> =>
  new Declared({ weight: { shape: [size], initial: offset === 0 ? 'ones' : 'zeros' } }, ({ tensor }) => {
    const weight = tensor('weight');
    return { apply: (x) => normaliseRms(x, weight, { eps, offset }) };
  });

/** Rows that ids look up, and often the LM head too: held in the model's format. */
export const table = (rows: number, width: number, { std }: { std: number }): Declared<Table> =>
  new Declared({ weight: { shape: [rows, width], initial: { normal: std }, matrix: 'outIn' } }, ({ weight }) =>
    tablePart(weight('weight')),
  );

/** Rows that positions look up: small, and held in f32 always. */
export const positionTable = (rows: number, width: number, { std }: { std: number }): Declared<Table> =>
  new Declared({ weight: { shape: [rows, width], initial: { normal: std } } }, ({ tensor }) =>
    tablePart(f32Weight(tensor('weight'))),
  );

const tablePart = (weight: Weight): Table => ({ weight, lookUp: (ids, shape) => embedding(weight, ids, shape) });

/** A list of parts, numbered in the checkpoint. */
export const repeat = <T>(count: number, part: (index: number) => T): readonly T[] =>
  Array.from({ length: count }, (_, index) => part(index));

/** Parts by name; `undefined` where a configuration has none. */
export type PartTree = Declared<unknown> | undefined | readonly PartTree[] | { readonly [name: string]: PartTree };

/** A tree of declarations with its parts in their places. */
export type Filled<T> =
  T extends Declared<infer Part>
    ? Part
    : T extends undefined
      ? undefined
      : T extends readonly (infer Element)[]
        ? readonly Filled<Element>[]
        : { readonly [K in keyof T]: Filled<T[K]> };

/** Every parameter of the tree, in its order. */
export function specsOf(tree: PartTree, path = ''): Map<string, ParameterSpec> {
  if (tree === undefined) return new Map();
  const children = tree instanceof Declared ? tree.specs : tree;
  return new Map(
    Object.entries(children).flatMap(([key, child]) => {
      const name = path === '' ? key : `${path}.${key}`;
      return tree instanceof Declared ? [[name, child as ParameterSpec]] : [...specsOf(child as PartTree, name)];
    }),
  );
}

/** The tree with the weights that `specsOf` asked for. */
export function fill<T extends PartTree>(tree: T, held: HeldParameters, path = ''): Filled<T> {
  const of = (key: string) => (path === '' ? key : `${path}.${key}`);
  const filled = (): unknown => {
    if (tree === undefined) return undefined;
    if (tree instanceof Declared) {
      return tree.fill({
        name: path,
        tensor: (end) => held.parameters.get(of(end)) as Tensor,
        weight: (end) => held.weights.get(of(end)) as Weight,
      });
    }
    if (Array.isArray(tree)) return tree.map((child: PartTree, index) => fill(child, held, of(`${index}`)));
    return Object.fromEntries(Object.entries(tree).map(([key, child]) => [key, fill(child, held, of(key))]));
  };
  return filled() as Filled<T>;
}

/** Every part of the tree by its name, which begins those of its parameters. */
export function partsOf(tree: PartTree): Map<string, Declared<unknown>> {
  const parts = new Map<string, Declared<unknown>>();
  replaceParts(tree, (part, name) => {
    parts.set(name, part);
    return part;
  });
  return parts;
}

/** The tree with other declarations of the same parts, as `replace` gives them. */
export function replaceParts(
  tree: PartTree,
  replace: (part: Declared<unknown>, name: string) => Declared<unknown>,
  path = '',
): PartTree {
  if (tree === undefined) return undefined;
  if (tree instanceof Declared) return replace(tree, path);
  const of = (key: string) => (path === '' ? key : `${path}.${key}`);
  if (Array.isArray(tree)) return tree.map((child: PartTree, index) => replaceParts(child, replace, of(`${index}`)));
  return Object.fromEntries(Object.entries(tree).map(([key, child]) => [key, replaceParts(child, replace, of(key))]));
}
