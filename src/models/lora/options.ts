/**
 * The options of a new low-rank adapter (LoRA: Hu et al. 2021, arXiv:2106.09685; beside matrices in fewer bits QLoRA:
 * Dettmers et al. 2023, arXiv:2305.14314). By default they are those of the paper's runs on OpenLLaMA: rank 16, alpha 64,
 * dropout 0.1.
 */
import * as z from 'zod';
import { type Fields, option, ranges } from '../../settings/index.js';

/** What is trained in place of a model's own parameters. */
export interface LoraOptions {
  /** Features between the two matrices of each adapter; 16 by default. */
  readonly rank?: number;
  /** What an adapter adds is multiplied by alpha / rank; 64 by default. */
  readonly alpha?: number;
  /** Dropout on what the adapters read, while training; 0.1 by default. */
  readonly dropout?: number;
  /**
   * The linear parts that get an adapter: 'all-linear', the default, all but the head; or their names, as a list or with
   * commas between them. `q_proj` is that of every layer, `layers.0.self_attn.q_proj` that of the first.
   */
  readonly targetModules?: string | readonly string[];
  /** Multiplies by alpha / sqrt(rank) instead (rsLoRA: Kalajdzievski 2023, arXiv:2312.03732); false by default. */
  readonly rsLora?: boolean;
  /** Parts that are trained as a whole, in f32, by their names as above: `lm_head`, `embed_tokens`, norms. None by default. */
  readonly modulesToSave?: string | readonly string[];
  /** Each adapter's first matrix is a function of this seed and its name, the same bits on every machine. 0 by default. */
  readonly seed?: number;
}

/** Asks for all linear parts but the head. */
export const allLinear = 'all-linear';

const words = 'names of parts, as a list or with commas between them';
const names = z.union(
  [
    z
      .string(words)
      .regex(/^[^\s,]+(?:, *[^\s,]+)*$/, words)
      .transform((text): readonly string[] => text.split(/, */)),
    z.array(ranges.text, words).min(1, words).readonly(),
  ],
  words,
);

export const loraOptions = z.strictObject({
  rank: option(ranges.count.default(16), 'features between the two matrices of each adapter'),
  alpha: option(ranges.positive.default(64), 'what an adapter adds is multiplied by alpha / rank'),
  dropout: option(ranges.shareBelow1.default(0.1), 'dropout on what the adapters read'),
  targetModules: option(
    names.default([allLinear]),
    'linear parts that get an adapter, by names as q_proj,v_proj; all-linear is all but the head',
    { flag: 'loraTargets', unit: 'names', alsoCalled: ['loraTargetModules'] },
  ),
  rsLora: option(ranges.switched.default(false), 'multiply by alpha / sqrt(rank) instead', { flag: 'rsLora' }),
  modulesToSave: option(
    names.optional(),
    'parts that are trained as a whole beside the adapters, by names as lm_head',
    {
      unit: 'names',
    },
  ),
  // The command line has one seed for all that is drawn.
  seed: option(ranges.seed.default(0), 'of the first matrix of each adapter', { flag: false }),
} satisfies Fields<LoraOptions>);
/** The options with their defaults. */
export type CheckedLora = z.output<typeof loraOptions>;
