/**
 * adapter_model.safetensors of Hugging Face's PEFT: the two matrices of each adapter, and parts that were trained as a
 * whole, under the names of the model's modules behind `base_model.model.`.
 */
import type { CheckpointAdapter } from '../../checkpoints/index.js';
import { CheckpointError } from '../../errors.js';
import type { TensorSource } from '../../io/tensorSource.js';
import type { ConfiguredFamily } from '../config.js';
import { type Declared, type DeclaredLinear, specsOf } from '../parts.js';
import { headName } from '../tiedHead.js';
import { type PeftConfig, readPeftConfig, scaleOf } from './peftConfig.js';
import { adaptable, headPart } from './targets.js';

const prefix = 'base_model.model.';

/** What PEFT calls a parameter of an adapter, in its file. */
export const peftName = (parameter: string): string => prefix + parameter;

/** A stored adapter, its tensors found and not read. */
export interface StoredAdapter {
  /** For messages. */
  readonly where: string;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly config: PeftConfig;
  readonly tensors: TensorSource;
  /** The names in the file of each adapted part's matrices. `module` is the part as PEFT saw it. */
  readonly matrices: ReadonlyMap<string, { readonly module: string; readonly down: string; readonly up: string }>;
  /** The names in the file of parameters that were trained as a whole. */
  readonly whole: ReadonlyMap<string, string>;
}

/** @throws CheckpointError for a feature or a tensor that is not known here, and for half an adapter */
export async function readStoredAdapter(
  { name: where, fields, tensors: open }: CheckpointAdapter,
  { family, config: ofModel }: ConfiguredFamily,
): Promise<StoredAdapter> {
  const config = readPeftConfig(fields, where);
  const tensors = await open();
  // A head that the base has tied is a parameter of its own where the adapter holds one.
  const own = { ...(ofModel as object), tie_word_embeddings: false };
  const partOf = (module: string) => family.parameterName(`${module}.weight`, own)?.replace(/\.weight$/, '');
  const halves = new Map<string, { module: string; down?: string; up?: string }>();
  const whole = new Map<string, string>();
  const others: string[] = [];
  for (const name of tensors.entries.keys()) {
    const inner = name.replace(/^base_model\.model\./, '');
    const [, module, side] = /^(.+)\.lora_(A|B)(?:\.\w+)?\.weight$/.exec(inner) ?? [];
    if (module !== undefined) {
      const part = partOf(module);
      if (part === undefined) others.push(name);
      else halves.set(part, { ...halves.get(part), module, [side === 'A' ? 'down' : 'up']: name });
      continue;
    }
    const plain = inner.replace(/\.modules_to_save(?:\.default)?(?=\.\w+$)/, '');
    const parameter = inner.includes('lora_') ? undefined : family.parameterName(plain, own);
    if (parameter === undefined) others.push(name);
    else whole.set(parameter, name);
  }
  if (others.length > 0) {
    throw new CheckpointError(
      `${tensors.name}: '${others[0]}' is no part of an adapter that is known here (${others.length} such in all). Adapters ` +
        'stand beside linear parts, not beside embeddings, and have no biases. Merge it with PEFT (merge_and_unload).',
      { found: others },
    );
  }
  const matrices = new Map<string, { module: string; down: string; up: string }>();
  for (const [part, { module, down, up }] of halves) {
    if (down === undefined || up === undefined) {
      const missing = down === undefined ? 'lora_A' : 'lora_B';
      throw new CheckpointError(`${tensors.name}: the adapter of ${part} has no ${missing}. Copy the file again.`, {
        found: part,
        expected: missing,
      });
    }
    matrices.set(part, { module, down, up });
  }
  if (matrices.size + whole.size === 0) {
    throw new CheckpointError(`${tensors.name}: there is no tensor of an adapter in it. Copy the file again.`);
  }
  return { where, fields, config, tensors, matrices, whole };
}

/** What of an adapter stands beside which part. */
export interface StoredPart {
  readonly linear: DeclaredLinear;
  readonly rank: number;
  readonly alpha: number;
  /** Multiplies what it adds. */
  readonly scale: number;
  readonly down: string;
  readonly up: string;
}

/**
 * The stored matrices with the linear parts that they belong to.
 * @param parts of the base
 * @param withHead whether the head may have an adapter: where it is merged
 * @throws CheckpointError for a part that is not there or that the config does not name, and for tensors of other shapes than
 * the base and the config say
 */
export function matchStored(
  stored: StoredAdapter,
  parts: ReadonlyMap<string, Declared<unknown>>,
  { withHead }: { readonly withHead: boolean },
): Map<string, StoredPart> {
  const { where: ofConfig, tensors, config, matrices, whole } = stored;
  const { name: where, entries } = tensors;
  const linear = new Map(adaptable(parts));
  const head = parts.get(headPart) as DeclaredLinear | undefined;
  if (withHead && head) linear.set(headPart, head);
  const shapeOf = (name: string) => entries.get(name)?.shape ?? [];
  const refuseShape = (name: string, expected: readonly (number | string)[]) => {
    const found = shapeOf(name);
    return new CheckpointError(
      `${where}: '${name}' is [${found.join(', ')}], expected [${expected.join(', ')}] for this base. Check that the adapter ` +
        'was trained on it.',
      { found, expected },
    );
  };
  const matched = new Map<string, StoredPart>();
  for (const [part, { module, down, up }] of matrices) {
    const target = linear.get(part);
    if (!target) {
      throw new CheckpointError(
        `${where}: there is an adapter of ${part}, ` +
          (part === headPart
            ? 'the head, which can be merged but not trained: load it without trainable.'
            : 'which is no linear part of the base. Check that the adapter was trained on it.'),
        { found: part, expected: [...linear.keys()] },
      );
    }
    const { inputs, outputs } = target;
    const [rank = 0] = shapeOf(down);
    if (shapeOf(down).join() !== `${rank},${inputs}`) throw refuseShape(down, ['rank', inputs]);
    if (shapeOf(up).join() !== `${outputs},${rank}`) throw refuseShape(up, [outputs, rank]);
    const expected = config.rankOf(module);
    if (rank !== expected) {
      throw new CheckpointError(
        `${where}: the adapter of ${part} has rank ${rank}, expected ${expected}, as r and rank_pattern of ${ofConfig} say. ` +
          'Check that both files are of one adapter.',
        { found: rank, expected },
      );
    }
    matched.set(part, {
      linear: target,
      rank,
      alpha: config.alphaOf(module),
      scale: scaleOf(config, module),
      down,
      up,
    });
  }
  checkTargets(stored, adaptable(parts));
  const specs = new Map([...parts].flatMap(([name, part]) => [...specsOf(part, name)]));
  for (const [parameter, name] of whole) {
    const spec = specs.get(parameter);
    if (!spec) {
      throw new CheckpointError(
        `${where}: '${name}' is no parameter of the base. Check that the adapter was trained on it.`,
        {
          found: name,
        },
      );
    }
    if (spec.shape.join() !== shapeOf(name).join()) throw refuseShape(name, spec.shape);
  }
  return matched;
}

/** Adapters that were told of: a command loads one several times, to see its size and to use it. */
const warned = new WeakSet<object>();

/**
 * Compares the parts that the config names with those that have tensors. Where a named one has none, PEFT leaves its adapter
 * at zero with a warning, and so do we.
 * @throws CheckpointError for tensors of a part that the config does not name, which PEFT would leave out
 */
function checkTargets(
  { where, fields, config: { isTarget }, tensors, matrices, whole }: StoredAdapter,
  linear: ReadonlyMap<string, unknown>,
): void {
  if (!isTarget) return;
  const others = [...matrices].filter(([, { module }]) => !isTarget(module)).map(([part]) => part);
  if (others.length > 0) {
    throw new CheckpointError(
      `${tensors.name}: there is an adapter of ${others[0]}, and target_modules and what narrows them in ${where} do not name it ` +
        `(${others.length} such in all). PEFT would leave it out. Check that both files are of one adapter.`,
      { found: others },
    );
  }
  // An adapter of a model without its head has shorter names.
  const [first] = matrices;
  const cut = first ? first[0].length - first[1].module.length : 0;
  const missing = [...linear.keys()].filter(
    (part) => !matrices.has(part) && !whole.has(`${part}.weight`) && isTarget(part.slice(cut)),
  );
  if (missing.length === 0 || warned.has(fields)) return;
  warned.add(fields);
  console.warn(
    `${where} names ${missing[0]} by target_modules, and ${tensors.name} has no adapter of it (${missing.length} such in all). ` +
      'It stays as it is in the base.',
  );
}

/** Whether an adapter trained the head, or the embedding to which the base ties it. */
export const trainsOwnHead = (names: Iterable<string>, tiedTable: string): boolean =>
  [...names].some((name) => name === headName || name === tiedTable);
