/** Which modules adapter_config.json means by its target_modules and what narrows them, as PEFT compares their names. */
import type { ModulePatterns, NameTest } from './modulePattern.js';
import { allLinear } from './options.js';
import { headPart, isNamed } from './targets.js';

/** The fields that name modules. */
export interface TargetFields {
  readonly target_modules?: string | readonly string[] | null | undefined;
  readonly exclude_modules?: string | readonly string[] | null | undefined;
  readonly layers_to_transform?: number | readonly number[] | null | undefined;
  readonly layers_pattern?: string | readonly string[] | null | undefined;
}

/** Whether a linear module has an adapter; undefined where only the tensors say it. */
export function peftTargets(fields: TargetFields, patterns: ModulePatterns): NameTest | undefined {
  const { target_modules: targets, exclude_modules: excluded } = fields;
  const isExcluded = excluded ? namesOf('exclude_modules', excluded, patterns) : () => false;
  if (targets === null || targets === undefined) return excluded ? (name) => !isExcluded(name) : undefined;
  if (targets === allLinear) return (name) => name !== headPart && !isExcluded(name);
  const isTarget = namesOf('target_modules', targets, patterns);
  const isOfLayer = layersOf(fields, patterns);
  // Layers narrow the ends of names, and neither whole names nor an expression.
  const isWhole = (name: string) => typeof targets === 'string' || targets.includes(name);
  return (name) => !isExcluded(name) && isTarget(name) && (isWhole(name) || isOfLayer(name));
}

const namesOf = (field: string, names: string | readonly string[], patterns: ModulePatterns): NameTest =>
  typeof names === 'string' ? patterns.whole(field, names) : (name) => isNamed(name, names);

const listed = <T>(value: T | readonly T[] | null | undefined): readonly T[] =>
  value === null || value === undefined ? [] : Array.isArray(value) ? value : [value as T];

/** By the last number of a name that stands behind the list of layers. */
function layersOf({ layers_to_transform, layers_pattern }: TargetFields, patterns: ModulePatterns): NameTest {
  const layers = listed(layers_to_transform);
  if (layers.length === 0) return () => true;
  const lists = listed(layers_pattern).map((each) => patterns.ending('layers_pattern', each));
  const isList = (name: string) => lists.length === 0 || lists.some((test) => test(name));
  return (name) => {
    const words = name.split('.');
    const at = words.findLastIndex(
      (word, i) => i > 1 && i < words.length - 1 && /^\d+$/.test(word) && isList(words.slice(1, i).join('.')),
    );
    return at > 0 && layers.includes(Number(words[at]));
  };
}
