import type { Device } from '../../backend/backend.js';
import { markPhase } from '../../backend/profile.js';
import type { LabelledBatch } from '../../data/batch.js';
import type { LanguageModel } from '../../models/model.js';
import type { AdamW } from '../../optim/index.js';
import {
  type DivergenceSpec,
  ignoredLabel,
  linearCrossEntropy,
  linearDivergence,
  run,
  Tape,
  Tensor,
  tidy,
} from '../../tensor/index.js';

/** What the student learns from: (1 - kdRatio) cross-entropy + kdRatio divergence + lmCoef cross-entropy on text. */
export interface Objective {
  readonly student: LanguageModel;
  /** With kdRatio 0 there is no teacher. */
  readonly distillation?: { readonly teacher: LanguageModel; readonly divergence: DivergenceSpec };
  readonly kdRatio: number;
  readonly lmCoef: number;
}

/** One optimizer step. All micro-batches together are the batch: the mean is over their tokens. */
interface StepInput {
  readonly batches: readonly LabelledBatch[];
  /** Plain text for the language modelling loss; none without it. */
  readonly textBatches: readonly LabelledBatch[];
  readonly lr: number;
  /** Seed of the dropout masks of the step's n-th forward pass. */
  readonly dropoutSeed: (pass: number) => number;
}

interface StepLosses {
  readonly loss: number;
  readonly divergence?: number;
  readonly crossEntropy?: number;
  readonly textLoss?: number;
  readonly gradNorm: number;
  readonly lossTokens: number;
}

/** Slots of the scalars that a step sums up on the device and reads back at once. */
const slots = { divergence: 0, crossEntropy: 1, text: 2, gradNorm: 3 } as const;

/** Forward, backward and update; one read-back of four numbers. Leaves no memory behind but the gradients. */
export async function trainStep(objective: Objective, optimizer: AdamW, input: StepInput): Promise<StepLosses> {
  const { student, distillation, kdRatio, lmCoef } = objective;
  const { device } = student;
  const lossTokens = countLabels(input.batches);
  const textTokens = countLabels(input.textBatches);
  let pass = 0;

  const sums = tidy(() => {
    const totals = Tensor.zeros(device, [4], 'f32', 'step.sums');
    const add = (loss: Tensor, slot: number) => run(device, 'sum', { x: loss, total: totals }, { slot, accumulate: 1 });

    for (const batch of input.batches) {
      tidy(() => {
        markPhase(device, 'teacher');
        const teacher = distillation && {
          hidden: distillation.teacher.forward(batch),
          head: distillation.teacher.head,
        };
        // The device starts on what is recorded while the rest is.
        if (teacher) device.submit();
        backward(device, () => {
          const hidden = student.forward(batch, { dropoutSeed: input.dropoutSeed(pass++) });
          const shared = { student: { hidden, head: student.head }, labels: batch.labels };
          if (teacher) {
            const gradScale = kdRatio / lossTokens;
            const { divergence } = distillation;
            add(linearDivergence({ ...shared, teacher, divergence, gradScale }).loss, slots.divergence);
          }
          if (kdRatio < 1) {
            const gradScale = (1 - kdRatio) / lossTokens;
            add(linearCrossEntropy({ ...shared, gradScale }).loss, slots.crossEntropy);
          }
        });
      });
      device.submit();
    }
    for (const batch of input.textBatches) {
      tidy(() =>
        backward(device, () => {
          const hidden = student.forward(batch, { dropoutSeed: input.dropoutSeed(pass++) });
          const logits = { hidden, head: student.head };
          const gradScale = lmCoef / textTokens;
          add(linearCrossEntropy({ student: logits, labels: batch.labels, gradScale }).loss, slots.text);
        }),
      );
      device.submit();
    }
    markPhase(device, 'optimizer');
    const norm = optimizer.step(input.lr);
    device.copy(norm.storage, 0, totals.storage, 4 * slots.gradNorm, 4);
    return totals;
  });
  const read = await sums.read();
  sums.dispose();
  const divergence = read[slots.divergence]! / lossTokens;
  const crossEntropy = read[slots.crossEntropy]! / lossTokens;
  const textLoss = read[slots.text]! / textTokens;
  return {
    loss:
      (distillation ? kdRatio * divergence : 0) +
      (kdRatio < 1 ? (1 - kdRatio) * crossEntropy : 0) +
      (input.textBatches.length > 0 ? lmCoef * textLoss : 0),
    ...(distillation && { divergence }),
    ...(kdRatio < 1 && { crossEntropy }),
    ...(input.textBatches.length > 0 && { textLoss }),
    gradNorm: read[slots.gradNorm]!,
    lossTokens: countLabels(input.batches, 0),
  };
}

function backward(device: Device, forward: () => void): void {
  const tape = new Tape();
  markPhase(device, 'forward');
  tape.record(forward);
  markPhase(device, 'backward');
  tape.backward();
}

/** Tokens that count; at least 1, since it divides: a batch in which none counts has loss and gradient 0. */
function countLabels(batches: readonly LabelledBatch[], least = 1): number {
  let count = 0;
  for (const { labels } of batches) for (const label of labels) if (label !== ignoredLabel) count++;
  return Math.max(count, least);
}
