/** What a loss is: options of its own beside those that all have, and the divergence that it stands for. */
import * as z from 'zod';
import type { DivergenceForm } from '../../backend/kernels/index.js';
import { option, ranges, type Variant, variant } from '../../settings/index.js';
import type { LossCourse } from './course.js';

const { count, positiveF32, switched } = ranges;

/** What every loss has. */
const common = {
  temperature: option(
    positiveF32.default(1),
    'divides the logits of both models before the softmax; the gradient shrinks with the square',
    { flag: 'lossTemperature' },
  ),
  teacherTemperature: option(positiveF32.optional(), "divides the teacher's logits in its place", {
    defaultWords: 'that of both',
  }),
  temperatureSquared: option(
    switched.optional(),
    'multiply the divergence by the square of the temperature, so that its gradient keeps its size; in parts of a loss that ' +
      'are told alone it is not',
  ),
  clamp: option(positiveF32.optional(), 'a token counts as no more than this, and teaches nothing above', {
    flag: 'lossClamp',
    unit: 'nats',
  }),
  topK: option(
    count.optional(),
    'only so many tokens stand alone, those that the teacher gives most; all others count as one',
    { flag: 'lossTopK', unit: 'tokens', defaultWords: 'all' },
  ),
};

export type Options<Own extends z.ZodRawShape> = z.ZodObject<Own & typeof common>;
/** The data of a loss, without its kind. */
export type LossData<Own extends z.ZodRawShape> = z.output<Options<Own>>;

/** What the code that works with a loss needs to know of its kind. */
export interface Behaviour<Loss> {
  /** The divergence that the kernels compute; of a loss that changes during a run, the one at its beginning. */
  readonly form: (loss: Loss) => DivergenceForm;
  /** What is wrong with options that are each within its range: of which one, and what was expected of it. */
  readonly refuse?: (loss: Loss) => readonly [option: string, expected: string] | undefined;
  /** How it changes during a run, step by step. */
  readonly course?: LossCourse<Loss>;
}

/**
 * A divergence between teacher p and student q, as a factory of its data. Every value is complete (the teacher's
 * entropy included): in nats per token where it is a KL, 0 when p = q. Losses are means over the tokens that count.
 * @param own the options besides those that every loss has
 * @param behaviour the form alone, where it stays the same throughout a run
 */
export const defineLoss = <const Kind extends string, Own extends z.ZodRawShape>(
  kind: Kind,
  own: Own,
  behaviour: Behaviour<LossData<Own>>['form'] | Behaviour<LossData<Own>>,
): Variant<Kind, z.input<Options<Own>>, LossData<Own>> & Behaviour<LossData<Own>> => {
  const facts: Behaviour<LossData<Own>> = typeof behaviour === 'function' ? { form: behaviour } : behaviour;
  const options = z.strictObject({ ...own, ...common }).check(({ value, issues }) => {
    const { temperature, temperatureSquared } = value as LossData<z.ZodRawShape>;
    const idle =
      temperatureSquared && temperature === 1
        ? (['temperatureSquared', 'no such option at temperature 1, whose square is 1'] as const)
        : undefined;
    const wrong = idle ?? facts.refuse?.(value as LossData<Own>);
    if (!wrong) return;
    const [name, message] = wrong;
    issues.push({ code: 'custom', path: [name], message, input: Object(value)[name] });
  });
  return variant(kind, options as unknown as Options<Own>, facts);
};
