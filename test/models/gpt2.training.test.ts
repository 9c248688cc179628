import { expect, it } from 'vitest';
import { loadModel } from '../../src/models/index.js';
import { createAdamW } from '../../src/optim/index.js';
import { linearCrossEntropy, Tape, tidy } from '../../src/tensor/index.js';
import { forEachBackend } from '../harness/backends.js';
import { labelledBatch, openOracle } from './oracle.js';

const { oracle, path } = openOracle('gpt2');
const { lr, beta1, beta2, eps, weightDecay, losses } = oracle.adamW!;

forEachBackend((backend) => {
  it("follows PyTorch's loss over 40 AdamW steps", async () => {
    using model = await loadModel(path('model'), { device: backend(), trainable: true });
    using optimizer = createAdamW(model.parameters, { betas: [beta1, beta2], eps, weightDecay, clipGradNorm: 0 });
    const batches = oracle.batches.map(labelledBatch);
    for (const [step, want] of losses.entries()) {
      const batch = batches[step % batches.length]!;
      const { loss, tokens } = tidy(() => {
        const tape = new Tape();
        const counted = batch.labels.filter((label) => label >= 0).length;
        const result = tape.record(() =>
          linearCrossEntropy({
            student: { hidden: model.forward(batch), head: model.head },
            labels: batch.labels,
            gradScale: 1 / counted,
          }),
        );
        tape.backward();
        optimizer.step(lr);
        return { loss: result.loss, tokens: result.tokens };
      });
      const mean = ((await loss.read())[0] as number) / tokens;
      loss.dispose();
      expect(Math.abs(mean - want), `step ${step}: ${mean}, PyTorch ${want}`).toBeLessThan(1e-4);
    }
  });
});
