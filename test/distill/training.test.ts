import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Device } from '../../src/backend/backend.js';
import { openWasm } from '../../src/backend/wasm/index.js';
import { forwardKL, skewKL, skewReverseKL } from '../../src/distill/losses/index.js';
import { adaptiveOffPolicy } from '../../src/distill/sgo/index.js';
import { distill, fineTune } from '../../src/distill/trainer/index.js';
import type { LanguageModel } from '../../src/models/index.js';
import { collect, stepsOf, succession, tinyModel, tinyTokenizer, validationsOf, weightsOf } from './fixtures.js';

const data = { train: succession(2), validation: succession(2) };
const tokenizer = tinyTokenizer();
const rougeL = { rougeL: { samples: 10 } };

describe('a tiny student learns to name the next letters and stop', () => {
  let device: Device;
  let teacher: LanguageModel;
  beforeAll(async () => {
    device = await openWasm({ threads: 1 });
    teacher = await tinyModel(device, { width: 16 });
  });
  afterAll(() => device.dispose());

  it('by SFT, to ROUGE-L 100', async () => {
    const events = await collect(
      fineTune({
        model: teacher,
        data,
        tokenizer,
        optimizer: { lr: 2e-2 },
        steps: 150,
        validation: rougeL,
        maxNewTokens: 4,
      }),
    );
    const [first, ...later] = validationsOf(events);
    expect(first!.step).toBe(0);
    expect(first!.rougeL).toBeLessThan(50);
    expect(later.at(-1)!.rougeL).toBe(100);
    expect(later.at(-1)!.loss).toBeLessThan(0.1);
    const [step] = stepsOf(events);
    expect(step!.terms).toEqual({ crossEntropy: step!.loss });
  });

  it.each([
    ['plain KD', { loss: forwardKL() }],
    [
      'DistiLLM with student outputs and replay',
      { loss: skewKL(), sgo: adaptiveOffPolicy({ initThreshold: 0.6, capacity: 16 }) },
    ],
    [
      'DistiLLM, skew reverse KL',
      { loss: skewReverseKL(), sgo: adaptiveOffPolicy({ initThreshold: 0.3, capacity: 16 }) },
    ],
  ])('by %s from that teacher', async (_, method) => {
    teacher.setTrainable(false);
    const before = await weightsOf(teacher);
    const student = await tinyModel(device, { seed: 2, width: 8 });
    const events = await collect(
      distill({
        ...method,
        teacher,
        student,
        data,
        tokenizer,
        optimizer: { lr: 3e-2 },
        steps: 150,
        validation: rougeL,
        maxNewTokens: 4,
      }),
    );
    expect(validationsOf(events).at(-1)!.rougeL).toBe(100);
    expect(stepsOf(events).at(-1)!.terms.divergence).toBeLessThan(0.05);
    expect(await weightsOf(teacher), 'the teacher is not touched').toEqual(before);
    const sources = new Set(stepsOf(events).map(({ source }) => source));
    expect(sources.size).toBe('sgo' in method ? 3 : 1);
    student.dispose();
  });
});
