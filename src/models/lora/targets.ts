/** Which parts of a model an adapter changes, found by names as PEFT compares them. */
import { OptionError } from '../../errors.js';
import { didYouMean } from '../../requireOption.js';
import { type Declared, DeclaredLinear } from '../parts.js';
import { headName } from '../tiedHead.js';
import { allLinear, type CheckedLora } from './options.js';

type Parts = ReadonlyMap<string, Declared<unknown>>;

/** The head's part. Losses multiply with its weight by themselves, so that no adapter can stand beside it. */
export const headPart = headName.replace(/\.weight$/, '');

/** Whether one of the names is the end of a part's name: `q_proj` of `model.layers.0.self_attn.q_proj`. */
export const isNamed = (part: string, names: readonly string[]): boolean =>
  names.some((name) => part === name || part.endsWith(`.${name}`));

/** The linear parts that adapters can stand beside. */
export const adaptable = (parts: Parts): ReadonlyMap<string, DeclaredLinear> =>
  new Map(
    [...parts].filter((entry): entry is [string, DeclaredLinear] => {
      const [name, part] = entry;
      return part instanceof DeclaredLinear && name !== headPart;
    }),
  );

/** The parts that get an adapter, and those that are trained as a whole. */
export interface Targets {
  readonly adapted: ReadonlyMap<string, DeclaredLinear>;
  readonly whole: ReadonlySet<string>;
}

/** @throws OptionError for a name that no such part has, with the nearest and with those that there are */
export function findTargets(where: string, parts: Parts, { targetModules, modulesToSave = [] }: CheckedLora): Targets {
  const linear = adaptable(parts);
  const others = new Map([...parts].filter(([name]) => !linear.has(name)));
  for (const name of targetModules.filter((each) => each !== allLinear)) {
    if (matches(linear, [name])) continue;
    const advice = matches(others, [name])
      ? 'It is no linear part that an adapter can stand beside: name it in lora.modulesToSave, to train it as a whole.'
      : didYouMean(name, endsOf(linear));
    throw refusal(where, 'targetModules', name, { expected: [allLinear, ...endsOf(linear)], advice });
  }
  for (const name of modulesToSave) {
    if (matches(parts, [name])) continue;
    // A model whose head is tied to its embedding gets one of its own where it is named.
    const expected = [...new Set([...endsOf(parts), headPart])];
    throw refusal(where, 'modulesToSave', name, { expected, advice: didYouMean(name, expected) });
  }
  const isTarget = (name: string) => targetModules.includes(allLinear) || isNamed(name, targetModules);
  const whole = new Set([...parts.keys()].filter((name) => isNamed(name, modulesToSave)));
  const adapted = new Map([...linear].filter(([name]) => isTarget(name) && !whole.has(name)));
  const both = [...whole].find((name) => isNamed(name, targetModules));
  if (both !== undefined) {
    throw new OptionError(
      `${where}: ${both} is named in lora.targetModules and in lora.modulesToSave, expected one of them. Leave it out of the other.`,
      { option: 'lora.modulesToSave', found: both },
    );
  }
  return { adapted, whole };
}

const matches = (parts: ReadonlyMap<string, unknown>, names: readonly string[]): boolean =>
  [...parts.keys()].some((part) => isNamed(part, names));

/** The last words of the parts' names, each once. */
export const endsOf = (parts: ReadonlyMap<string, unknown>): string[] => [
  ...new Set([...parts.keys()].map((name) => name.slice(name.lastIndexOf('.') + 1))),
];

const refusal = (
  where: string,
  option: string,
  found: string,
  { expected, advice }: { expected: readonly string[]; advice: string },
): OptionError =>
  new OptionError(
    `${where}: lora.${option} has '${found}', which the model does not have there, expected some of ${expected.join(', ')}.` +
      `${advice && ` ${advice}`}`,
    { option: `lora.${option}`, found, expected },
  );

/** The shortest names that mean these parts and no other linear ones: their last words, or else all of each name. */
export function shortNames(adapted: ReadonlyMap<string, unknown>, parts: Parts): string[] {
  const ends = endsOf(adapted);
  const meant = [...parts].filter(([name, part]) => part instanceof DeclaredLinear && isNamed(name, ends));
  return meant.length === adapted.size ? ends : [...adapted.keys()];
}
