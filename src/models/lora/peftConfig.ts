/**
 * adapter_config.json of Hugging Face's PEFT. Where a feature would make another model of the same tensors, and is none of
 * ours, the file is refused by its name: what is unknown here too, unless it is switched off.
 */
import * as z from 'zod';
import { CheckpointError } from '../../errors.js';
import { quoted } from '../../inWords.js';
import { isHubName, parseHubName } from '../../io/hub/hubName.js';
import { ranges } from '../../settings/index.js';
import { checkConfig } from '../config.js';
import type { LoraAdapter } from '../model.js';
import { ModulePatterns, type NameTest } from './modulePattern.js';
import type { CheckedLora } from './options.js';
import { peftTargets } from './peftTargets.js';

const { count, notNegative, shareBelow1 } = ranges;

const names = z.union([z.string(), z.array(z.string())], 'an expression or a list of names').nullish();
const layer = z.int().nonnegative();

/** The fields that decide what an adapter computes; defaults as in PEFT's LoraConfig. */
const schema = z.looseObject({
  peft_type: z.literal('LORA'),
  r: count.default(8),
  lora_alpha: notNegative.default(8),
  lora_dropout: shareBelow1.default(0),
  use_rslora: z.boolean().default(false),
  /** r and lora_alpha by expressions for names: the first that fits. */
  rank_pattern: z.record(z.string(), count).nullish(),
  alpha_pattern: z.record(z.string(), notNegative).nullish(),
  target_modules: names,
  exclude_modules: names,
  layers_to_transform: z.union([layer, z.array(layer)], 'the number of a layer, or a list of them').nullish(),
  layers_pattern: names,
});
/** What an adapter_config.json says. */
export interface PeftConfig extends z.output<typeof schema> {
  /** Of the module of this name. */
  rankOf(module: string): number;
  alphaOf(module: string): number;
  /** Whether a linear module has an adapter; undefined where only the tensors say it. */
  readonly isTarget: NameTest | undefined;
}

/** How it was begun, when and for what it was trained, and what the names of its tensors say as well. */
const harmless = new Set([
  ...['auto_mapping', 'base_model_name_or_path', 'revision', 'inference_mode', 'task_type', 'peft_version'],
  ...['target_modules', 'exclude_modules', 'layers_to_transform', 'layers_pattern', 'rank_pattern', 'modules_to_save'],
  ...['fan_in_fan_out', 'megatron_core', 'loftq_config', 'eva_config', 'corda_config', 'lora_ga_config'],
  ...['qalora_group_size', 'runtime_config', 'peft_type', 'alpha_pattern', 'init_lora_weights'],
  ...['r', 'lora_alpha', 'lora_dropout', 'use_rslora'],
]);

/** Beginnings of an adapter that leave the base as it is. Others (PiSSA, LoftQ, OLoRA, CorDA) belong to a changed one. */
const plainBeginnings: readonly unknown[] = [undefined, null, true, false, 'gaussian', 'eva', 'orthogonal'];

const isOff = (value: unknown): boolean =>
  !value || value === 'none' || (typeof value === 'object' && Object.keys(value).length === 0);

/** @throws CheckpointError for another type of adapter, and for each feature that is not known here, by its name */
export function readPeftConfig(fields: Readonly<Record<string, unknown>>, where: string): PeftConfig {
  const { peft_type: type, init_lora_weights: beginning } = fields;
  const refuse = (what: string, found: unknown) =>
    new CheckpointError(
      `${where}: ${what}, which is not known here. Merge the adapter with PEFT (merge_and_unload), and load what it saves.`,
      { found },
    );
  if (type !== 'LORA') throw refuse(`peft_type is ${quoted(type)}, expected "LORA": an adapter`, type);
  if (!plainBeginnings.includes(beginning)) {
    throw refuse(`init_lora_weights is ${quoted(beginning)}: an adapter of a base that was changed`, beginning);
  }
  const other = Object.entries(fields).find(([name, value]) => !harmless.has(name) && !isOff(value));
  if (other) {
    const [name, value] = other;
    throw refuse(`${name} is ${quoted(value)}: ${features[name] ?? `the feature ${name}`}`, value);
  }
  const checked = checkConfig(schema, fields, where);
  const patterns = new ModulePatterns(where);
  const byPattern = (field: 'rank_pattern' | 'alpha_pattern', otherwise: number) => {
    const tests = Object.entries(checked[field] ?? {}).map(
      ([source, value]) => [patterns.ending(field, source), value] as const,
    );
    return (module: string) => tests.find(([test]) => test(module))?.[1] ?? otherwise;
  };
  return {
    ...checked,
    rankOf: byPattern('rank_pattern', checked.r),
    alphaOf: byPattern('alpha_pattern', checked.lora_alpha),
    isTarget: peftTargets(checked, patterns),
  };
}

/** What is switched on by fields that are refused. */
const features: Readonly<Record<string, string>> = {
  bias: 'an adapter that trained biases of the base as well',
  lora_bias: 'an adapter with biases of its own',
  use_dora: 'DoRA',
  trainable_token_indices: 'an adapter that trained rows of the embedding',
  layer_replication: 'an adapter of a base whose layers are repeated',
  megatron_config: "an adapter of Megatron's parallel layers",
  target_parameters: 'adapters of parameters in place of modules',
};

/** What the adapter beside a module is multiplied by. */
export function scaleOf(config: PeftConfig, module: string): number {
  const rank = config.rankOf(module);
  return config.alphaOf(module) / (config.use_rslora ? Math.sqrt(rank) : rank);
}

/** What the file says of where the base is. */
export interface BaseName {
  /** A path or URL, or a name on Hugging Face without its hf: before it; null where only the caller knows. */
  readonly base_model_name_or_path: string | null;
  /** Of a name on Hugging Face. */
  readonly revision: string | null;
}

/** @param location where the base can be opened again; undefined where only the caller can */
export function baseNameOf(location: string | undefined): BaseName {
  if (location === undefined || !isHubName(location)) {
    return { base_model_name_or_path: location ?? null, revision: null };
  }
  const { repository, revision, path } = parseHubName(location);
  // PEFT has no name for a folder of a repository.
  if (path !== '') return { base_model_name_or_path: location, revision: null };
  return { base_model_name_or_path: repository, revision: revision === 'main' ? null : revision };
}

/** The fields of a new adapter, as PEFT writes them. */
export const peftFields = (
  { rank, alpha, dropout, rsLora }: CheckedLora,
  more: BaseName & {
    readonly task_type: 'CAUSAL_LM' | 'SEQ_2_SEQ_LM';
    readonly target_modules: readonly string[];
    readonly modules_to_save: readonly string[] | null;
    /** All adapted weights are [in, out] in the checkpoint, as GPT-2's are. */
    readonly fan_in_fan_out: boolean;
  },
): LoraAdapter['config'] => ({
  peft_type: 'LORA',
  ...more,
  ...{ r: rank, lora_alpha: alpha, lora_dropout: dropout, use_rslora: rsLora },
  ...{ bias: 'none', init_lora_weights: true, inference_mode: true, rank_pattern: {}, alpha_pattern: {} },
});

/** What an adapter of one part is, for the fields of a file. */
export interface HeldAdapter {
  readonly rank: number;
  readonly alpha: number;
}

/**
 * The fields of a stored adapter that goes on being trained: what it was made with, and ranks, alphas and names as the model
 * holds them.
 */
export function heldFields(
  { fields, config }: { readonly fields: Readonly<Record<string, unknown>>; readonly config: PeftConfig },
  held: ReadonlyMap<string, HeldAdapter>,
  named: { readonly target_modules: readonly string[]; readonly modules_to_save: readonly string[] | null },
): LoraAdapter['config'] {
  const differing = (of: (each: HeldAdapter) => number, usual: number) =>
    Object.fromEntries([...held].flatMap(([part, each]) => (of(each) === usual ? [] : [[part, of(each)]])));
  // The names say it all.
  const narrowing = ['exclude_modules', 'layers_to_transform', 'layers_pattern'].filter((name) => name in fields);
  return {
    ...fields,
    ...named,
    ...Object.fromEntries(narrowing.map((name) => [name, null])),
    ...{ r: config.r, rank_pattern: differing(({ rank }) => rank, config.r) },
    ...{ lora_alpha: config.lora_alpha, alpha_pattern: differing(({ alpha }) => alpha, config.lora_alpha) },
  };
}
