/**
 * Rotary positions (Su et al. 2021, arXiv:2104.09864): the angles by which pairs of a head's dims turn, with the
 * scalings by which models reach beyond the length that they were trained at, as Hugging Face transformers reads them
 * from config.json. Angles are computed in float64 on the host, so that all devices turn by the same ones.
 */
import * as z from 'zod';
import { isPlainObject } from '../inWords.js';
import { expectedInWords, ranges } from '../settings/index.js';

/** What the angles depend on besides the parameters of their kind. */
interface RotaryShape {
  /** Base of the frequencies, rope_theta. */
  readonly theta: number;
  /** Dims of a head, even. */
  readonly headDim: number;
  /** max_position_embeddings. */
  readonly maxPositions: number;
}

/** How fast pairs turn. */
interface Turns {
  /** Radians a position, [headDim / 2]. */
  readonly radians: Float64Array;
  /** Multiplies cosines and sines; 1 by default. */
  readonly scale?: number;
}

/** A kind of scaling: its parameters in config.json, and what comes of them. */
interface RotaryType<Parameters> {
  readonly schema: z.ZodType<Parameters>;
  /** @param length of the longest sequence of a batch */
  turns(parameters: Parameters, shape: RotaryShape, length: number): Turns;
  /** The longest sequence that the model is made for; max_position_embeddings where it is left out. */
  reach?(parameters: Parameters, maxPositions: number): number;
  /** The turns change with the length. */
  readonly dynamic?: true;
}
const rotaryType = <Parameters>(type: RotaryType<Parameters>): RotaryType<Parameters> => type;

/** Ranges are far wider than any model needs, and narrow enough that all angles are finite in f32. */
const factorField = ranges.between(1e-4, 1e6);
const positive = ranges.between(1e-6, 1e6);
export const thetaField = ranges.between(1, 1e30).optional();
const mscaleField = ranges.between(0, 1000).nullish();
const originalPositions = ranges.count.optional();

/** theta^(-2 pair / headDim) of each pair, changed by `stretch`. */
function radiansOf(
  { theta, headDim }: RotaryShape,
  stretch: (radians: number, pair: number) => number = (radians) => radians,
): Float64Array {
  return Float64Array.from({ length: headDim / 2 }, (_, pair) => stretch(theta ** ((-2 * pair) / headDim), pair));
}

const within01 = (x: number) => Math.min(1, Math.max(0, x));

const types = {
  default: rotaryType({ schema: z.object({}), turns: (_, shape) => ({ radians: radiansOf(shape) }) }),
  /** Positions are divided by a factor. */
  linear: rotaryType({
    schema: z.object({ factor: factorField }),
    turns: ({ factor }, shape) => ({ radians: radiansOf(shape, (radians) => radians / factor) }),
    reach: ({ factor }, maxPositions) => Math.floor(factor * maxPositions),
  }),
  /** Sequences beyond max_position_embeddings raise the base with their length ("NTK-aware"). */
  dynamic: rotaryType({
    schema: z.object({ factor: factorField }),
    turns({ factor }, shape, length) {
      const { headDim, maxPositions } = shape;
      const stretched = (factor * Math.max(length, maxPositions)) / maxPositions - (factor - 1);
      // The one pair of two dims turns by a radian whatever the base.
      const theta = headDim > 2 ? shape.theta * stretched ** (headDim / (headDim - 2)) : shape.theta;
      return { radians: radiansOf({ ...shape, theta }) };
    },
    reach: ({ factor }, maxPositions) => Math.floor(factor * maxPositions),
    dynamic: true,
  }),
  /** YaRN (Peng et al. 2023, arXiv:2309.00071): slow pairs turn slower by a factor, fast ones as before, with a ramp between. */
  yarn: rotaryType({
    schema: z.object({
      factor: factorField,
      original_max_position_embeddings: originalPositions,
      attention_factor: positive.nullish(),
      beta_fast: positive.nullish(),
      beta_slow: positive.nullish(),
      mscale: mscaleField,
      mscale_all_dim: mscaleField,
      /** null is false, as transformers reads it. */
      truncate: z.boolean().nullable().default(true),
    }),
    turns(parameters, shape) {
      const { factor, beta_fast, beta_slow, truncate, mscale, mscale_all_dim } = parameters;
      const { theta, headDim, maxPositions } = shape;
      const original = parameters.original_max_position_embeddings ?? maxPositions;
      /** The pair that makes so many rotations over the original length. */
      const pairOf = (rotations: number) =>
        (headDim * Math.log(original / (rotations * 2 * Math.PI))) / (2 * Math.log(theta));
      const [fastest, slowest] = [pairOf(beta_fast ?? 32), pairOf(beta_slow ?? 1)];
      const low = Math.max(truncate ? Math.floor(fastest) : fastest, 0);
      const high = Math.min(truncate ? Math.ceil(slowest) : slowest, headDim - 1);
      const width = high === low ? 0.001 : high - low;
      const radians = radiansOf(shape, (radians, pair) => {
        const slowed = within01((pair - low) / width);
        return slowed * (radians / factor) + (1 - slowed) * radians;
      });
      const attention = (by = 1) => (factor <= 1 ? 1 : 0.1 * by * Math.log(factor) + 1);
      const inferred = mscale && mscale_all_dim ? attention(mscale) / attention(mscale_all_dim) : attention();
      return { radians, scale: parameters.attention_factor ?? inferred };
    },
    reach: ({ factor, original_max_position_embeddings: original }, maxPositions) =>
      Math.floor(factor * (original ?? maxPositions)),
  }),
  /** Llama 3.1: pairs of long waves turn slower by a factor, those of short waves as before, with a ramp between. */
  llama3: rotaryType({
    schema: z
      .object({
        factor: factorField,
        low_freq_factor: positive,
        high_freq_factor: positive,
        original_max_position_embeddings: originalPositions,
      })
      .refine(({ low_freq_factor, high_freq_factor }) => low_freq_factor < high_freq_factor, {
        path: ['high_freq_factor'],
        message: 'more than low_freq_factor',
      }),
    turns(parameters, shape) {
      const { factor, low_freq_factor: low, high_freq_factor: high } = parameters;
      const original = parameters.original_max_position_embeddings ?? shape.maxPositions;
      const radians = radiansOf(shape, (radians) => {
        const waves = (original * radians) / (2 * Math.PI);
        const kept = within01((waves - low) / (high - low));
        return (1 - kept) * (radians / factor) + kept * radians;
      });
      return { radians };
    },
  }),
} as const;
type TypeName = keyof typeof types;
const typeNames = Object.keys(types) as TypeName[];
/** The kind, to be called with the parameters that its own schema has read. */
const typeOf = (name: TypeName) => types[name] as RotaryType<unknown>;

type Scaling = Readonly<Record<string, unknown>>;

/** The field that names the kind, and the name. Older files have `type`. */
function nameOf(scaling: Scaling): [field: string, name: unknown] {
  const field = ['rope_type', 'type'].find((each) => each in scaling);
  return field === undefined ? ['rope_type', 'default'] : [field, scaling[field]];
}

/** Parameters that any kind may have. */
const shared = z.object({ rope_theta: thetaField, partial_rotary_factor: z.literal(1).optional() });

/** An object that names a kind of scaling and holds its parameters; null for none. */
export const scalingField = z
  .unknown()
  .superRefine((value, context) => {
    const refuse = (message: string, path: PropertyKey[] = []) => context.addIssue({ code: 'custom', path, message });
    if (value === undefined || value === null) return;
    if (!isPlainObject(value)) return refuse('an object');
    const nested = Object.keys(value).find((key) => isPlainObject(value[key]));
    if (nested !== undefined) return refuse('one set of parameters for all layers', [nested]);
    const [field, name] = nameOf(value);
    if (!typeNames.includes(name as TypeName)) {
      return refuse(`one of ${typeNames.join(', ')}`, [field]);
    }
    for (const schema of [shared, typeOf(name as TypeName).schema]) {
      for (const { path, message } of schema.safeParse(value, { error: expectedInWords }).error?.issues ?? [])
        refuse(message, path);
    }
  })
  .optional();

/**
 * The fields of config.json that say how positions turn: `rope_theta` beside `rope_scaling`, or since transformers 5 all
 * in `rope_parameters`. What is in the object counts before what is beside it, and `rope_scaling` before
 * `rope_parameters`, as in transformers.
 */
export const rotaryFields = {
  rope_theta: thetaField,
  rope_scaling: scalingField,
  rope_parameters: scalingField,
  /** Share of a head's dims that turn. */
  partial_rotary_factor: z.literal(1).nullish(),
  /** Counts before the parameter of the same name, where a kind has it. */
  original_max_position_embeddings: originalPositions,
};
/** What these fields hold. */
export type RotaryConfig = { readonly [name in keyof typeof rotaryFields]?: unknown };

/** The rotary positions of one model. */
export interface Rotary {
  /** Longest sequence in tokens. */
  readonly maxPositions: number;
  /**
   * Of each token the cosines of its headDim / 2 angles, then their sines, [tokens, headDim].
   * @param positions of the tokens of a batch
   * @param length of its longest sequence, with what a cache holds of it
   */
  angles(positions: Int32Array, length: number): Float32Array;
}

/** The object that counts, and the base of the frequencies. */
function scalingOf(config: RotaryConfig): { scaling: Scaling; theta: number } {
  const isGiven = (scaling: unknown): scaling is Scaling => isPlainObject(scaling) && Object.keys(scaling).length > 0;
  const given = [config.rope_scaling, config.rope_parameters].find(isGiven) ?? {};
  const { original_max_position_embeddings: original } = config;
  const scaling = original === undefined ? given : { ...given, original_max_position_embeddings: original };
  return { scaling, theta: (scaling.rope_theta ?? config.rope_theta ?? 10_000) as number };
}

/** YaRN divides by the logarithm of the base, which may stand beside its parameters: the path of a base that is 1. */
export function degenerateTheta(config: RotaryConfig): string[] | undefined {
  const { scaling, theta } = scalingOf(config);
  if (nameOf(scaling)[1] !== 'yarn' || theta > 1) return undefined;
  if ((scaling.rope_theta ?? undefined) === undefined) return ['rope_theta'];
  const { rope_scaling } = config;
  return [
    isPlainObject(rope_scaling) && 'rope_theta' in rope_scaling ? 'rope_scaling' : 'rope_parameters',
    'rope_theta',
  ];
}

/** The longest sequence that the scaling is made for, max_position_embeddings at least. */
export function rotaryReach(config: RotaryConfig, maxPositions: number): number {
  const { scaling } = scalingOf(config);
  const name = nameOf(scaling)[1] as TypeName;
  // A kind that is not known, or has wrong parameters, is refused where it stands.
  const type = typeOf(typeNames.includes(name) ? name : 'default');
  const { success, data } = type.schema.safeParse(scaling);
  return Math.max(maxPositions, (success ? type.reach?.(data, maxPositions) : undefined) ?? 0);
}

/** @param config checked by `rotaryFields` */
export function rotaryOf(
  config: RotaryConfig,
  { headDim, maxPositions }: { readonly headDim: number; readonly maxPositions: number },
): Rotary {
  const { scaling, theta } = scalingOf(config);
  const type = typeOf(nameOf(scaling)[1] as TypeName);
  const parameters = type.schema.parse(scaling);
  const tableOf = (length: number) =>
    angleTable(type.turns(parameters, { theta, headDim, maxPositions }, length), headDim);
  const usual = tableOf(maxPositions);
  return {
    maxPositions: rotaryReach(config, maxPositions),
    angles(positions, length) {
      const table = type.dynamic && length > maxPositions ? tableOf(length) : usual;
      return table(positions);
    },
  };
}

/** The angles of positions, each computed once. */
function angleTable({ radians, scale = 1 }: Turns, headDim: number): (positions: Int32Array) => Float32Array {
  const half = headDim / 2;
  const rows = new Map<number, Float32Array>();
  const rowOf = (position: number) => {
    const row = new Float32Array(headDim);
    radians.forEach((turn, pair) => {
      row[pair] = scale * Math.cos(position * turn);
      row[half + pair] = scale * Math.sin(position * turn);
    });
    rows.set(position, row);
    return row;
  };
  return (positions) => {
    const angles = new Float32Array(positions.length * headDim);
    positions.forEach((position, token) => {
      angles.set(rows.get(position) ?? rowOf(position), token * headDim);
    });
    return angles;
  };
}
