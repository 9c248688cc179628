/** What a loss is: options beside `temperature`, which all have, and the number that the divergence kernel takes. */
import * as z from 'zod';
import type { DivergenceKind } from '../../backend/kernels/index.js';
import { option, ranges, type Variant, variant } from '../../settings/index.js';

const temperature = option(
  ranges.positiveF32.default(1),
  'divides the logits of both models before the softmax; the loss is not multiplied by T^2, so its gradient shrinks with the square',
  { flag: 'lossTemperature' },
);

export type Options<Own extends z.ZodRawShape> = z.ZodObject<Own & { temperature: typeof temperature }>;

/** What a kind of loss is made of: its options, and the number that the divergence kernel takes. */
export interface Row<Own extends z.ZodRawShape> {
  /** `weight` of the kernel's row, see `divergenceKinds`. */
  readonly weight: (loss: z.output<Options<Own>>) => number;
}

/**
 * A divergence between teacher p and student q, as a factory of its data. Every value is complete (the teacher's
 * entropy included): in nats per token, 0 when p = q. Losses are means over the tokens that count.
 * @param own the options besides `temperature`, which every loss has
 */
export const defineLoss = <const Kind extends DivergenceKind, Own extends z.ZodRawShape>(
  kind: Kind,
  own: Own,
  weight: Row<Own>['weight'],
): Variant<Kind, z.input<Options<Own>>, z.output<Options<Own>>> & Row<Own> =>
  variant(kind, z.strictObject({ ...own, temperature }) as unknown as Options<Own>, { weight });
