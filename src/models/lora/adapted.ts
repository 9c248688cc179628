/** Linear parts with adapters beside them: what a family calls knows nothing of it. */
import { adaptedLinear, type Tensor } from '../../tensor/index.js';
import type { DeclaredAdapter } from '../family.js';
import {
  Declared,
  type DeclaredLinear,
  type HeldPart,
  type Linear,
  type ParameterSpec,
  replaceParts,
} from '../parts.js';
import { partDropout } from '../pass.js';
import type { Targets } from './targets.js';

/** The ends of the names that PEFT gives the two matrices of an adapter: [rank, inputs] and [outputs, rank]. */
export const [downName, upName] = ['lora_A.weight', 'lora_B.weight'] as const;

/** What an adapter of one part is. */
export interface PartAdapter {
  readonly rank: number;
  /** Multiplies what it adds. */
  readonly scale: number;
  /** Probability, while training. */
  readonly dropout: number;
}

/**
 * The parts of a model with adapters beside some of them, and with others marked to be trained.
 * @param adapterOf what each adapted part gets
 */
export const aroundParts =
  ({ adapted, whole }: Targets, adapterOf: (part: string) => PartAdapter): DeclaredAdapter['around'] =>
  (tree) =>
    replaceParts(tree, (part, name) => {
      const linear = adapted.get(name);
      if (linear) return withAdapter(linear, adapterOf(name));
      return whole.has(name) ? new Declared(trained(part.specs), part.fill) : part;
    });

const trained = (specs: Readonly<Record<string, ParameterSpec>>): Record<string, ParameterSpec> =>
  Object.fromEntries(Object.entries(specs).map(([end, spec]) => [end, { ...spec, trained: true }]));

/** The same linear part with an adapter. Its first matrix starts as PyTorch's Linear does, the second with zeros. */
function withAdapter(part: DeclaredLinear, { rank, scale, dropout }: PartAdapter): Declared<Linear> {
  const { inputs, outputs, specs } = part;
  const own: Record<string, ParameterSpec> = {
    [downName]: { shape: [rank, inputs], initial: { uniform: inputs ** -0.5 }, trained: true },
    [upName]: { shape: [outputs, rank], initial: 'zeros', trained: true },
  };
  return new Declared({ ...specs, ...own }, (held: HeldPart): Linear => {
    const weight = held.weight('weight');
    const bias = specs.bias && held.tensor('bias');
    const [down, up] = [held.tensor(downName), held.tensor(upName)];
    const apply = (x: Tensor) =>
      adaptedLinear(x, weight, { ...{ down, up, scale, bias }, dropout: partDropout(held.name, dropout) });
    return { weight, apply };
  });
}
