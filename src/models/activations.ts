/** Activations under the names that Hugging Face transformers gives them in config.json. */
import { ranges } from '../settings/index.js';
import { gelu, geluErf, relu, swish, type Tensor } from '../tensor/index.js';

/** GELU's tanh form has many names in transformers, which are the same but for roundings. */
export const tanhGeluNames = [
  ...(['gelu_new', 'gelu_pytorch_tanh', 'gelu_python_tanh', 'gelu_fast', 'gelu_accurate'] as const),
] as const;

const activations = {
  relu,
  gelu: geluErf,
  gelu_python: geluErf,
  ...(Object.fromEntries(tanhGeluNames.map((name) => [name, gelu])) as Record<
    (typeof tanhGeluNames)[number],
    typeof gelu
  >),
  quick_gelu: (x: Tensor) => swish(x, { slope: 1.702 }),
  silu: (x: Tensor) => swish(x),
  swish: (x: Tensor) => swish(x),
};
export type ActivationName = keyof typeof activations;

/** A field of config.json that names one of them. */
export const activationField = ranges.choice(Object.keys(activations) as [ActivationName, ...ActivationName[]]);

/** y of x, element by element. */
export const activationOf = (name: ActivationName): ((x: Tensor) => Tensor) => activations[name];
