/**
 * Low-rank adapters of models that are loaded: a new one beside a base, or a stored one, which goes on being trained or is
 * merged.
 */
import type { Device } from '../../backend/backend.js';
import type { TensorSource } from '../../io/tensorSource.js';
import { namedSeed, normalGenerator, uniformGenerator } from '../../random.js';
import { asF32, madeValues, type Values } from '../../tensor/index.js';
import type { ConfiguredFamily } from '../config.js';
import type { DeclaredAdapter } from '../family.js';
import { initialValues } from '../initial.js';
import { type Declared, type ParameterSpec, partsOf, specsOf } from '../parts.js';
import { aroundParts, downName, upName } from './adapted.js';
import { mergedValues } from './merge.js';
import type { CheckedLora } from './options.js';
import { type BaseName, heldFields, peftFields } from './peftConfig.js';
import { matchStored, type StoredAdapter, type StoredPart } from './peftFile.js';
import { adaptable, findTargets, isNamed, shortNames } from './targets.js';

/** What an adapter makes of a model that is loaded. */
export interface AppliedAdapter {
  /** What comes into the tree of parts; undefined where the adapter is merged. */
  readonly declared: DeclaredAdapter | undefined;
  /** The values of a parameter, given those that the base has of this name. */
  values(parameter: string, base: () => Values): Values;
}

/** An adapter that adds nothing yet. @throws OptionError for names that the model does not have */
export function newAdapter({ family, config }: ConfiguredFamily, options: CheckedLora, base: BaseName): AppliedAdapter {
  const tree = family.tree(config);
  const parts = partsOf(tree);
  const targets = findTargets('loadModel', parts, options);
  const { rank, alpha, dropout, rsLora, seed } = options;
  const scale = alpha / (rsLora ? Math.sqrt(rank) : rank);
  const around = aroundParts(targets, () => ({ rank, scale, dropout }));
  const own = specsOf(around(tree));
  for (const name of specsOf(tree).keys()) own.delete(name);
  const { adapted, whole } = targets;
  const fields = peftFields(options, {
    ...base,
    task_type: family.otherStacks ? 'SEQ_2_SEQ_LM' : 'CAUSAL_LM',
    target_modules: shortNames(adapted, parts),
    modules_to_save: whole.size > 0 ? [...whole] : null,
    fan_in_fan_out: [...adapted.values()].every(({ layout }) => layout === 'inOut'),
  });
  return {
    declared: { config: fields, isNew: true, around },
    values(parameter, ofBase) {
      const spec: ParameterSpec | undefined = own.get(parameter);
      if (!spec) return ofBase();
      const seeded = namedSeed(seed, parameter);
      const draws = { normal: normalGenerator(seeded), uniform: uniformGenerator(seeded) };
      return madeValues(() => initialValues(spec, draws));
    },
  };
}

/**
 * A stored adapter beside its base, or, where it is not trained any further, merged into it.
 * @throws CheckpointError where it does not belong to the base
 */
export function storedAdapter(
  { family, config }: ConfiguredFamily,
  stored: StoredAdapter,
  {
    device,
    trainable,
    base,
    valuesOf,
  }: {
    readonly device: Device;
    readonly trainable: boolean;
    readonly base: BaseName;
    readonly valuesOf: (source: TensorSource, name: string) => Values;
  },
): AppliedAdapter {
  const parts = partsOf(family.tree(config));
  const matched = matchStored(stored, parts, { withHead: !trainable });
  const read = (name: string) => valuesOf(stored.tensors, name);
  const wholeOf = (parameter: string) => {
    const name = stored.whole.get(parameter);
    return name === undefined ? undefined : read(name);
  };
  if (!trainable) {
    return {
      declared: undefined,
      values(parameter, ofBase) {
        const part = parameter.replace(/\.weight$/, '');
        const adapter = part === parameter ? undefined : matched.get(part);
        const whole = wholeOf(parameter);
        if (whole || !adapter) return whole ?? ofBase();
        const { down, up, rank, scale, linear } = adapter;
        return mergedValues(device, ofBase(), async () => ({
          ...{ rank, scale, layout: linear.layout },
          ...{ down: asF32(await read(down).all()), up: asF32(await read(up).all()) },
        }));
      },
    };
  }
  const names = new Map(
    [...matched].flatMap(([part, { down, up }]) => [
      [`${part}.${downName}`, down],
      [`${part}.${upName}`, up],
    ]),
  );
  const targets = {
    adapted: new Map([...matched].map(([part, { linear }]) => [part, linear])),
    whole: new Set(
      [...parts].flatMap(([name, part]) =>
        [...specsOf(part, name).keys()].some((each) => stored.whole.has(each)) ? [name] : [],
      ),
    ),
  };
  const adapterOf = (part: string) => {
    const { rank, scale } = matched.get(part) as StoredPart;
    return { rank, scale, dropout: stored.config.lora_dropout };
  };
  const { adapted, whole } = targets;
  const fields = saysWhatIsHeld(stored, { parts, matched, whole })
    ? stored.fields
    : heldFields(stored, matched, {
        target_modules: shortNames(adapted, parts),
        modules_to_save: whole.size > 0 ? [...whole] : null,
      });
  return {
    declared: { config: { ...fields, ...base }, isNew: false, around: aroundParts(targets, adapterOf) },
    values(parameter, ofBase) {
      const name = names.get(parameter);
      return name === undefined ? (wholeOf(parameter) ?? ofBase()) : read(name);
    },
  };
}

/** Whether the file's own fields mean these parts, ranks and alphas, and no others, by the names that are written. */
function saysWhatIsHeld(
  { config, fields: { modules_to_save: named } }: StoredAdapter,
  {
    parts,
    matched,
    whole,
  }: {
    readonly parts: ReadonlyMap<string, Declared<unknown>>;
    readonly matched: ReadonlyMap<string, StoredPart>;
    readonly whole: ReadonlySet<string>;
  },
): boolean {
  const { isTarget } = config;
  if (!isTarget) return false;
  const asWhole = Array.isArray(named) ? named.map(String) : [];
  return (
    [...parts.keys()].every((part) => whole.has(part) === isNamed(part, asWhole)) &&
    [...adaptable(parts).keys()].every((part) => whole.has(part) || matched.has(part) === isTarget(part)) &&
    [...matched].every(([part, { rank, alpha }]) => config.rankOf(part) === rank && config.alphaOf(part) === alpha)
  );
}
