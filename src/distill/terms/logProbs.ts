/** Log-probabilities that a model gives the tokens of a batch: what rewards and curricula are made of. */
import type { LanguageModel } from '../../models/model.js';
import { crossEntropyRows, ignoredLabel, linearLosses, type RowLoss, Tensor, tidy } from '../../tensor/index.js';
import { withLogitsRoom } from '../trainer/logitsRoom.js';
import type { TermBatch } from './term.js';

/**
 * [batch * seq], row by row as the batch's labels, 0 where the label is -100. Dropout is off, and nothing gets a gradient.
 * @param vocabSize only the tokens below it are predicted
 */
export function labelLogProbs(model: LanguageModel, batch: TermBatch, vocabSize: number): Promise<Float32Array> {
  const { device } = model;
  const { labels } = batch;
  const counted = Array.from(labels.keys()).filter((row) => labels[row] !== ignoredLabel);
  const logProbs = new Float32Array(labels.length);
  if (counted.length === 0) return Promise.resolve(logProbs);
  return withLogitsRoom(device, async (chunkBytes) => {
    const all = Tensor.zeros(device, [counted.length], 'f32', 'logProbs');
    try {
      tidy(() => {
        let done = 0;
        const kept: RowLoss = (chunk) => {
          const losses = crossEntropyRows(1)(chunk);
          device.copy(losses.storage, 0, all.storage, 4 * done, 4 * losses.size);
          done += losses.size;
          return losses;
        };
        const student = { hidden: model.forward(batch), head: model.head };
        linearLosses({ student, labels, losses: [kept], chunkBytes, vocabSize });
      });
      const losses = await all.read();
      counted.forEach((row, i) => {
        logProbs[row] = -(losses[i] as number);
      });
      return logProbs;
    } finally {
      all.dispose();
    }
  });
}
