import { markPhase } from '../../backend/profile.js';
import type { LabelledBatch } from '../../data/batch.js';
import type { LanguageModel } from '../../models/model.js';
import { linearCrossEntropy, run, Tensor, tidy } from '../../tensor/index.js';

/**
 * Cross-entropy of the batches' labels in nats per token, the mean over all their tokens (the official code averages
 * the means of batches, which weighs tokens of short responses more). Dropout off, no gradients, one read-back. 0 when
 * no label counts.
 */
export async function validationLoss(model: LanguageModel, batches: Iterable<LabelledBatch>): Promise<number> {
  const { device } = model;
  const sum = Tensor.zeros(device, [1], 'f32', 'validation.sum');
  let tokens = 0;
  try {
    markPhase(device, 'validation');
    for (const batch of batches) {
      tidy(() => {
        const student = { hidden: model.forward(batch), head: model.head };
        const summed = linearCrossEntropy({ student, labels: batch.labels, gradScale: 1 });
        run(device, 'sum', { x: summed.loss, total: sum }, { slot: 0, accumulate: 1 });
        tokens += summed.tokens;
      });
      device.submit();
    }
    const [total = 0] = await sum.read();
    return tokens === 0 ? 0 : total / tokens;
  } finally {
    sum.dispose();
  }
}
