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
import type { CheckedLora } from './options.js';

const { count, notNegative, shareBelow1 } = ranges;

/** The fields that decide what an adapter computes; defaults as in PEFT's LoraConfig. */
const schema = z.looseObject({
  peft_type: z.literal('LORA'),
  r: count.default(8),
  lora_alpha: notNegative.default(8),
  lora_dropout: shareBelow1.default(0),
  use_rslora: z.boolean().default(false),
  /** lora_alpha by patterns of names. The ranks of rank_pattern are those of the tensors. */
  alpha_pattern: z.record(z.string(), notNegative).nullish(),
});
/** What an adapter_config.json says. */
export type PeftConfig = z.output<typeof schema>;

/** How it was begun, when and for what it was trained, and what the names of its tensors say as well. */
const harmless = new Set([
  ...['auto_mapping', 'base_model_name_or_path', 'revision', 'inference_mode', 'task_type', 'peft_version'],
  ...['target_modules', 'exclude_modules', 'layers_to_transform', 'layers_pattern', 'rank_pattern', 'modules_to_save'],
  ...['fan_in_fan_out', 'megatron_core', 'loftq_config', 'eva_config', 'corda_config', 'lora_ga_config'],
  ...['qalora_group_size', 'runtime_config', 'peft_type', 'alpha_pattern', 'bias', 'init_lora_weights'],
  ...['r', 'lora_alpha', 'lora_dropout', 'use_rslora'],
]);

/** Beginnings of an adapter that leave the base as it is. Others (PiSSA, LoftQ, OLoRA, CorDA) belong to a changed one. */
const plainBeginnings: readonly unknown[] = [undefined, null, true, false, 'gaussian', 'eva', 'orthogonal'];

const isOff = (value: unknown): boolean =>
  !value || value === 'none' || (typeof value === 'object' && Object.keys(value).length === 0);

/** @throws CheckpointError for another type of adapter, and for each feature that is not known here, by its name */
export function readPeftConfig(fields: Readonly<Record<string, unknown>>, where: string): PeftConfig {
  const { peft_type: type, init_lora_weights: beginning, bias } = fields;
  const refuse = (what: string, found: unknown) =>
    new CheckpointError(
      `${where}: ${what}, which is not known here. Merge the adapter with PEFT (merge_and_unload), and load what it saves.`,
      { found },
    );
  if (type !== 'LORA') throw refuse(`peft_type is ${quoted(type)}, expected "LORA": an adapter`, type);
  if (!plainBeginnings.includes(beginning)) {
    throw refuse(`init_lora_weights is ${quoted(beginning)}: an adapter of a base that was changed`, beginning);
  }
  const other = Object.entries({ ...fields, bias }).find(([name, value]) =>
    name === 'bias' ? !isOff(value) : !harmless.has(name) && !isOff(value),
  );
  if (other) throw refuse(`${other[0]} is ${quoted(other[1])}: an adapter with a feature`, other[1]);
  return checkConfig(schema, fields, where);
}

/** What an adapter of this rank beside a part is multiplied by. @throws CheckpointError for a pattern that is none */
export function scaleOf({ lora_alpha, alpha_pattern, use_rslora }: PeftConfig, part: string, rank: number): number {
  const [, alpha = lora_alpha] = Object.entries(alpha_pattern ?? {}).find(([key]) => patternOf(key).test(part)) ?? [];
  return alpha / (use_rslora ? Math.sqrt(rank) : rank);
}

function patternOf(key: string): RegExp {
  try {
    return new RegExp(`^(?:.*\\.)?(?:${key})$`);
  } catch (cause) {
    throw new CheckpointError(`alpha_pattern of the adapter has ${quoted(key)}, which is no pattern. Correct it.`, {
      found: key,
      cause,
    });
  }
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
