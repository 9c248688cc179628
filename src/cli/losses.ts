import {
  type Divergence,
  forwardKL,
  jensenShannon,
  OptionError,
  reverseKL,
  skewKL,
  skewReverseKL,
  symmetricKL,
  totalVariation,
} from '../index.js';
import { given } from './options.js';

/** How far a loss mixes (alpha) or weighs (weight), and the temperature of the logits. */
interface LossNumbers {
  readonly alpha: number | undefined;
  readonly weight: number | undefined;
  readonly temperature: number | undefined;
}

export const lossNames = [
  'forwardKL',
  'reverseKL',
  'symmetricKL',
  'jensenShannon',
  'totalVariation',
  'skewKL',
  'skewReverseKL',
] as const;
type LossName = (typeof lossNames)[number];

/** Which of the two numbers a loss takes, and how it is made. */
const losses: Record<LossName, { takes?: 'alpha' | 'weight'; make: (numbers: LossNumbers) => Divergence }> = {
  forwardKL: { make: ({ temperature }) => forwardKL(given({ temperature })) },
  reverseKL: { make: ({ temperature }) => reverseKL(given({ temperature })) },
  totalVariation: { make: ({ temperature }) => totalVariation(given({ temperature })) },
  symmetricKL: { takes: 'weight', make: ({ weight, temperature }) => symmetricKL(given({ weight, temperature })) },
  jensenShannon: { takes: 'weight', make: ({ weight, temperature }) => jensenShannon(given({ weight, temperature })) },
  skewKL: { takes: 'alpha', make: ({ alpha, temperature }) => skewKL(given({ alpha, temperature })) },
  skewReverseKL: { takes: 'alpha', make: ({ alpha, temperature }) => skewReverseKL(given({ alpha, temperature })) },
};

/** @throws OptionError for a number that is out of range or that the loss does not take. */
export function makeLoss(name: LossName, numbers: LossNumbers): Divergence {
  const { takes, make } = losses[name];
  for (const option of ['alpha', 'weight'] as const) {
    if (numbers[option] === undefined || option === takes) continue;
    const others = lossNames.filter((other) => losses[other].takes === option);
    throw new OptionError(
      `--${option} does not apply to the loss ${name}, only to ${others.join(' and ')}. Leave it out.`,
    );
  }
  return make(numbers);
}
