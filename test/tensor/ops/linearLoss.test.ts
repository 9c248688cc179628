import { describe, expect, it } from 'vitest';
import type { Device } from '../../../src/backend/backend.js';
import { type DivergenceKind, divergenceKinds, type KernelName } from '../../../src/backend/kernels/index.js';
import { openWasm } from '../../../src/backend/wasm/index.js';
import { ShapeError } from '../../../src/errors.js';
import {
  crossEntropyRows,
  type DivergenceSpec,
  disposeWeight,
  divergenceRows,
  f32Weight,
  holdWeight,
  linearCrossEntropy,
  linearDivergence,
  linearLosses,
  policyGradientRows,
  type RowLoss,
  run,
  Tape,
  Tensor,
  tidy,
  type WeightFormat,
} from '../../../src/tensor/index.js';
import { createRandom } from '../../../src/testing/random.js';
import { forEachBackend } from '../../harness/backends.js';
import { type GradientCase, gradientTests, tapeGradients } from '../../harness/gradients.js';
import { openReference } from '../../harness/referenceBackend.js';

const VOCAB = 13;
const LABELS = Int32Array.of(3, -100, 12, 0, -100, 7, 7);
const inputs = { hidden: [LABELS.length, 5], head: [VOCAB, 5] };

/** A teacher with another hidden size. */
function teacherOf(device: Device) {
  const random = createRandom(3);
  const tensor = (...shape: [number, number]) =>
    Tensor.from(device, Float32Array.from({ length: shape[0] * shape[1] }, random.normal), shape, 'teacher');
  return { hidden: tensor(LABELS.length, 3), head: f32Weight(tensor(VOCAB, 3)) };
}

const student = (tensors: Readonly<Record<string, Tensor>>) => ({
  hidden: tensors.hidden!,
  head: f32Weight(tensors.head!),
});

const crossEntropyCase = (name: string, options: { labels?: Int32Array; chunkBytes?: number } = {}): GradientCase => ({
  name: `linearCrossEntropy, ${name}`,
  inputs,
  gradScale: 0.2,
  forward: (tensors) =>
    linearCrossEntropy({ student: student(tensors), labels: LABELS, gradScale: 0.2, ...options }).loss,
});

const divergenceCase = (
  kind: DivergenceKind,
  { weight = 0.1, temperature = 1, chunkBytes }: { weight?: number; temperature?: number; chunkBytes?: number } = {},
): GradientCase => {
  const name = `${kind} ${weight}, temperature ${temperature}${chunkBytes ? `, ${chunkBytes} bytes` : ''}`;
  return specCase(name, { kind, weight, temperature }, chunkBytes);
};

const specCase = (name: string, divergence: DivergenceSpec, chunkBytes?: number): GradientCase => ({
  name: `linearDivergence, ${name}`,
  inputs,
  gradScale: 0.2,
  forward: (tensors, device) =>
    linearDivergence({
      student: student(tensors),
      teacher: teacherOf(device),
      labels: LABELS,
      divergence,
      gradScale: 0.2,
      ...(chunkBytes ? { chunkBytes } : {}),
    }).loss,
});
const alphaBetaOf = (
  between: 'teacherStudent' | 'teacherMixture' | 'studentMixture' | 'mixtureTeacher' | 'mixtureStudent',
  numbers: Partial<DivergenceSpec & { alpha: number; beta: number; power: number }> = {},
): DivergenceSpec =>
  ({
    ...{ kind: 'alphaBeta', between, alpha: 0.2, beta: 0.7, power: 0.25, weight: 0.5, temperature: 1 },
    ...numbers,
  }) as DivergenceSpec;
const mixed = ['teacherMixture', 'studentMixture', 'mixtureTeacher', 'mixtureStudent'] as const;

/** 0.3 skew KL + 0.7 cross-entropy + 0.5 Jensen-Shannon of the same logits, in whatever order. */
const addends = {
  skewKL: [
    0.3,
    (device, gradScale) =>
      divergenceRows(teacherOf(device), { kind: 'skewKL', weight: 0.1, temperature: 1 }, gradScale),
  ],
  crossEntropy: [0.7, (_, gradScale) => crossEntropyRows(gradScale)],
  jensenShannon: [
    0.5,
    (device, gradScale) =>
      divergenceRows(teacherOf(device), { kind: 'jensenShannon', weight: 0.4, temperature: 2 }, gradScale),
  ],
} satisfies Record<string, [number, (device: Device, gradScale: number) => RowLoss]>;

const sumCase = (names: readonly (keyof typeof addends)[], options: { chunkBytes?: number } = {}): GradientCase => ({
  name: `linearLosses, ${names.join(' + ')}${options.chunkBytes ? `, ${options.chunkBytes} bytes` : ''}`,
  inputs,
  gradScale: 0.2,
  forward(tensors, device) {
    const losses = names.map((name) => addends[name][1](device, 0.2 * addends[name][0]));
    const sums = linearLosses({ student: student(tensors), labels: LABELS, losses, ...options }).losses;
    const total = Tensor.zeros(device, [1], 'f32', 'total');
    sums.forEach((x, i) => void run(device, 'addInto', { x, y: total }, { scale: addends[names[i]!][0] }));
    return total;
  },
});

/** Ratios on both sides of the clamp, advantages of both signs. */
const rollout = {
  advantages: Float32Array.of(1.5, 9, -0.7, 0.4, 9, -1.1, 0.8),
  logProbs: Float32Array.of(-2.6, 9, -2.2, -3.1, 9, -1.4, -2.9),
  importance: Float32Array.of(1, 9, 0.9, 1.1, 9, 0.7, 1.2),
};
const policyGradientCase = (name: string, options: { chunkBytes?: number } = {}): GradientCase => ({
  name: `policyGradientRows, ${name}`,
  inputs,
  gradScale: 0.2,
  forward: (tensors) => {
    const losses = [policyGradientRows(rollout, 0.2, 0.2)];
    return linearLosses({ student: student(tensors), labels: LABELS, losses, ...options }).losses[0]!;
  },
});

/** Two rows of logits. */
const CHUNK = 2 * 4 * VOCAB;
const allMasked = crossEntropyCase('all masked', { labels: new Int32Array(LABELS.length).fill(-100) });

gradientTests([
  crossEntropyCase('one chunk'),
  crossEntropyCase('chunks of two rows', { chunkBytes: CHUNK }),
  ...(Object.keys(divergenceKinds) as DivergenceKind[]).map((kind) => divergenceCase(kind)),
  divergenceCase('jensenShannon', { weight: 0.5, temperature: 2 }),
  divergenceCase('skewKL', { weight: 0.3, temperature: 0.5, chunkBytes: CHUNK }),
  // Mixtures of which one side has no part.
  divergenceCase('skewReverseKL', { weight: 0 }),
  divergenceCase('skewKL', { weight: 0 }),
  divergenceCase('symmetricKL', { weight: 0 }),
  divergenceCase('symmetricKL', { weight: 1 }),
  policyGradientCase('one chunk'),
  policyGradientCase('chunks of two rows', { chunkBytes: CHUNK }),
  ...[[0.2, 0.7] as const, [1, 0] as const, [0, 1] as const, [1.4, 0.3] as const].map(([alpha, beta]) =>
    specCase(`alpha-beta ${alpha} ${beta}`, alphaBetaOf('teacherStudent', { alpha, beta })),
  ),
  ...mixed.flatMap((between) => [
    specCase(`${between}, alpha-beta`, alphaBetaOf(between)),
    specCase(`${between}, KL, geometric`, alphaBetaOf(between, { alpha: 1, beta: 0, power: 0, weight: 0.3 })),
    specCase(`${between}, harmonic, warm`, alphaBetaOf(between, { alpha: 0, beta: 1, power: -1, temperature: 2 })),
    specCase(`${between}, of squares`, alphaBetaOf(between, { power: 2 }), CHUNK),
  ]),
  // Other temperatures, and the tokens that stand alone.
  specCase('a temperature each', { kind: 'forwardKL', weight: 0, temperature: 2, teacherTemperature: 0.7 }),
  specCase(
    'alpha-beta, a temperature each',
    alphaBetaOf('teacherStudent', { temperature: 0.8, teacherTemperature: 2 }),
  ),
  ...[1, 4, VOCAB - 1, VOCAB, VOCAB + 1].map((topK) =>
    specCase(`skew KL of ${topK} tokens and the rest`, { kind: 'skewKL', weight: 0.1, temperature: 1.5, topK }),
  ),
  specCase('reverse KL of 3 tokens and the rest', { kind: 'reverseKL', weight: 0, temperature: 1, topK: 3 }, CHUNK),
  specCase(
    'a mixture of 3 tokens and the rest',
    alphaBetaOf('mixtureStudent', { topK: 3, temperature: 2, teacherTemperature: 1 }),
  ),
  sumCase(['skewKL', 'crossEntropy']),
  sumCase(['crossEntropy', 'skewKL'], { chunkBytes: CHUNK }),
  sumCase(['jensenShannon', 'skewKL', 'crossEntropy'], { chunkBytes: CHUNK }),
]);

it('makes the logits of a chunk once, whatever the number of losses', () => {
  const counts = [1, 2, 3].map((number) => {
    const calls = new Map<KernelName, number>();
    const device = openReference({ after: (kernel) => calls.set(kernel, (calls.get(kernel) ?? 0) + 1) });
    const tensors = { hidden: Tensor.zeros(device, [7, 5]), head: Tensor.zeros(device, [VOCAB, 5]) };
    for (const tensor of Object.values(tensors)) tensor.requiresGrad = true;
    tidy(() => {
      const tape = new Tape();
      const losses = Array.from({ length: number }, () => crossEntropyRows(1));
      tape.record(() => linearLosses({ student: student(tensors), labels: LABELS, losses, chunkBytes: CHUNK }));
      tape.backward();
    });
    return [calls.get('crossEntropy'), calls.get('gemmNT'), calls.get('gemmTN'), calls.get('gemmNN')];
  });
  // Five rows count: three chunks of two.
  expect(counts).toEqual([
    [3, 3, 3, 3],
    [6, 3, 3, 3],
    [9, 3, 3, 3],
  ]);
});

forEachBackend((backend) => {
  it('gives zero loss and zero gradients when every row is masked', async () => {
    for (const gradient of Object.values(await tapeGradients(backend(), allMasked))) {
      expect(gradient.every((value) => value === 0)).toBe(true);
    }
  });
});

/** Rows beyond the vocabulary, whose logits would be the largest of all. */
function padded(values: Float32Array, rows: number, width: number): Float32Array {
  const random = createRandom(9);
  const whole = Float32Array.from({ length: rows * width }, () => 40 * random.normal());
  whole.set(values);
  return whole;
}

forEachBackend((backend) => {
  const kinds = Object.keys(divergenceKinds) as DivergenceKind[];
  const [studentWidth, teacherWidth] = [8, 4];
  const numbers = (count: number, seed: number) => Float32Array.from({ length: count }, createRandom(seed).normal);

  /** Loss and gradients with heads of so many rows, of which the first VOCAB are tokens. */
  async function lossOf(rows: { student: number; teacher: number }, kind: DivergenceKind, format: WeightFormat) {
    const device = backend();
    const hidden = Tensor.from(device, numbers(LABELS.length * studentWidth, 1), [LABELS.length, studentWidth]);
    const own = padded(numbers(VOCAB * studentWidth, 2), rows.student, studentWidth);
    const head = f32Weight(Tensor.from(device, own, [rows.student, studentWidth]));
    const values = padded(numbers(VOCAB * teacherWidth, 4), rows.teacher, teacherWidth);
    const place = { shape: [rows.teacher, teacherWidth], layout: 'outIn', name: 'head', where: 'here' } as const;
    const teacher = {
      hidden: Tensor.from(device, numbers(LABELS.length * teacherWidth, 3), [LABELS.length, teacherWidth]),
      head: holdWeight(device, format, { values, ...place }),
    };
    for (const tensor of [hidden, head.values]) tensor.requiresGrad = true;
    const sums = tidy(() => {
      const tape = new Tape();
      const divergence = { kind, weight: 0.3, temperature: 1.5 };
      const losses = [divergenceRows(teacher, divergence, 0.2), crossEntropyRows(0.4)];
      const result = tape.record(() =>
        linearLosses({ student: { hidden, head }, labels: LABELS, losses, chunkBytes: CHUNK, vocabSize: VOCAB }),
      );
      tape.backward();
      return [...result.losses];
    });
    const read = async (tensor: Tensor) => [...(await tensor.read())];
    const loss = (await Promise.all(sums.map(read))).flat();
    const gradients = { dHidden: await read(hidden.grad as Tensor), dHead: await read(head.values.grad as Tensor) };
    for (const tensor of [hidden, head.values, teacher.hidden, ...sums]) tensor.dispose();
    disposeWeight(teacher.head);
    return { loss, ...gradients };
  }

  it.each(kinds.flatMap((kind) => (['f32', 'f16', 'int8', 'int4'] as const).map((format) => [kind, format] as const)))(
    'padded vocabularies give the bits of those that end at the last token: %s, teacher in %s',
    async (kind, format) => {
      const cut = await lossOf({ student: VOCAB, teacher: VOCAB }, kind, format);
      const { dHead, ...others } = await lossOf({ student: VOCAB + 3, teacher: VOCAB + 6 }, kind, format);
      // A teacher's scale in f16 is that of its largest weight.
      const { dHead: expected, ...cutOthers } = cut;
      if (format !== 'f16') expect(others).toEqual(cutOthers);
      else {
        for (const [i, value] of others.dHidden.entries()) expect(value).toBeCloseTo(cutOthers.dHidden[i]!, 3);
      }
      const length = VOCAB * studentWidth;
      if (format !== 'f16') expect(dHead.slice(0, length)).toEqual(expected);
      expect(dHead.slice(length)).toEqual(new Array(3 * studentWidth).fill(0));
    },
  );
});

it('holds one chunk of logits of each model at most, beside the gradients that it gives', async () => {
  const device = await openWasm({ threads: 1 });
  const [rows, vocab, width, chunkRows] = [67, 2003, 5, 4];
  const chunkBytes = 4 * chunkRows * vocab;
  const logits = () => ({
    hidden: Tensor.zeros(device, [rows, width]),
    head: f32Weight(Tensor.zeros(device, [vocab, width])),
  });
  const [student, teacher] = [logits(), logits()];
  for (const tensor of [student.hidden, student.head.values]) tensor.requiresGrad = true;
  const before = device.memory().liveBytes;
  tidy(() => {
    const tape = new Tape();
    const labels = new Int32Array(rows);
    const divergence = { kind: 'skewKL', weight: 0.1, temperature: 1 } as const;
    tape.record(() => linearDivergence({ student, teacher, labels, divergence, gradScale: 1, chunkBytes }));
    tape.backward();
  });
  const gradients = 4 * width * (rows + vocab);
  expect(device.memory().liveBytes - before).toBe(gradients);
  const extra = device.memory().peakBytes - before - gradients;
  expect(extra).toBeGreaterThanOrEqual(2 * chunkBytes);
  expect(extra).toBeLessThan(2.1 * chunkBytes);
  await device.dispose();
});

describe('linear losses', () => {
  const tensors = (device: Device) => ({
    hidden: Tensor.zeros(device, [7, 5]),
    head: f32Weight(Tensor.zeros(device, [VOCAB, 5])),
  });

  it('sums over the rows that count: log(vocab) each for a uniform student', async () => {
    const { loss, tokens } = linearCrossEntropy({ student: tensors(openReference()), labels: LABELS, gradScale: 1 });
    expect(tokens).toBe(5);
    expect((await loss.read())[0]).toBeCloseTo(5 * Math.log(VOCAB), 5);
  });

  it('refuses labels that do not fit: their number, and one outside the vocabulary', () => {
    const options = { student: tensors(openReference()), gradScale: 1 };
    const short = () => linearCrossEntropy({ ...options, labels: Int32Array.of(1, 2) });
    expect(short).toThrow(ShapeError);
    expect(short).toThrow('2 labels for 7 rows');
    const outside = () => linearCrossEntropy({ ...options, labels: Int32Array.of(0, 0, 13, 0, 0, 0, 0) });
    expect(outside).toThrow('label 13 of row 2 is outside the vocabulary of 13');
  });

  it('takes the first tokens only, of a student that has so many', async () => {
    const options = { student: tensors(openReference()), labels: LABELS.map((label) => Math.min(label, 6)) };
    const { loss } = linearCrossEntropy({ ...options, gradScale: 1, vocabSize: 7 });
    expect((await loss.read())[0]).toBeCloseTo(5 * Math.log(7), 5);
    for (const vocabSize of [0, 14, 2.5]) {
      expect(() => linearCrossEntropy({ ...options, gradScale: 1, vocabSize })).toThrow(
        `linearLosses: vocabSize is ${vocabSize}, expected an integer from 1 to 13`,
      );
    }
    const outside = () => linearCrossEntropy({ ...options, labels: LABELS, gradScale: 1, vocabSize: 7 });
    expect(outside).toThrow('label 12 of row 2 is outside the vocabulary of 7');
  });

  it("says how the teacher's vocabulary differs", () => {
    const device = openReference();
    const teacher = { hidden: Tensor.zeros(device, [7, 3]), head: f32Weight(Tensor.zeros(device, [VOCAB + 1, 3])) };
    const differing = () =>
      linearDivergence({
        student: tensors(device),
        teacher,
        labels: LABELS,
        gradScale: 1,
        divergence: { kind: 'forwardKL', weight: 0, temperature: 1 },
      });
    expect(differing).toThrow(ShapeError);
    expect(differing).toThrow("the teacher's vocabulary is 14, the student's 13");
  });
});
