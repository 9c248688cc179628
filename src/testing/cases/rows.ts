/** Cases of kernels that own rows: embeddings, norms, losses, sampling. */

import {
  type AlphaBetaPair,
  alphaBetaPairs,
  type DivergenceKind,
  divergenceKinds,
  simplestKind,
} from '../../backend/kernels/divergenceKinds.js';
import type { rows as records } from '../../backend/kernels/rows.js';
import type { Case, Cases } from '../case.js';
import type { Random } from '../random.js';
import { reference } from '../reference/index.js';
import { IGNORED } from '../reference/rows/crossEntropy.js';
import { logSoftmax } from '../reference/softmax.js';
import type { Given } from '../reference/types.js';
import { fillLabels, halfScale, hardHalves, matrices, poison, scaleBy, shaped } from './shared.js';

/** Rows of a norm: one column, odd widths, two vector steps and a tail, GPT-2's width, many rows. */
const rowShapes = [
  [1, 1],
  [3, 2],
  [2, 7],
  [5, 19],
  [3, 64],
  [2, 257],
  [3, 768],
  [257, 3],
] as const;

/** Tokens, rows, columns. */
type TableShape = readonly [tokens: number, rows: number, cols: number];
const tables: readonly TableShape[] = [
  [1, 1, 1],
  [5, 3, 7],
  [19, 11, 16],
  [7, 40, 257],
  [4099, 5, 2],
];
/** Of whole groups of 32. */
const groupedTables: readonly TableShape[] = [
  [3, 2, 64],
  [9, 40, 96],
];

function embeddingCases(shapes = tables): Case<'embedding'>[] {
  return shapes.map(([tokens, rows, cols]) => ({
    dims: { tokens, rows, cols },
    params: {},
    prepare: ({ ids }: Pick<Given<'embedding'>, 'ids'>, random: Random) => fillLabels(ids, rows, random),
  }));
}

function embeddingBackwardCase(tokens: number, rows: number, cols: number): Case<'embeddingBackward'> {
  const ids = Array.from({ length: tokens }, (_, t) => (t * t * 7 + 3) % rows);
  const order = ids.map((_, t) => t).sort((s, t) => ids[s]! - ids[t]! || s - t);
  const unique = [...new Set(ids)].sort((a, b) => a - b);
  const starts = [...unique.map((id) => order.findIndex((t) => ids[t] === id)), tokens];
  return {
    dims: { tokens, rows, cols, uniques: unique.length, bounds: unique.length + 1 },
    params: {},
    prepare: (given) => {
      given.order.set(order);
      given.unique.set(unique);
      given.starts.set(starts);
    },
  };
}

/** mean and rstd that belong to x, as the forward pass leaves them. */
function fillMoments({ x, mean, rstd }: Pick<Given<'layerNormBackward'>, 'x' | 'mean' | 'rstd'>): void {
  const rows = mean.length;
  const cols = x.length / rows;
  const [weight, bias] = [new Float64Array(cols).fill(1), new Float64Array(cols)];
  const forward = reference.layerNorm({ rows, cols }, { x, weight, bias }, { eps: 1e-5 });
  mean.set(forward.mean.value);
  rstd.set(forward.rstd.value);
}

/** rstd that belongs to x, as the forward pass leaves it. */
function fillRoots({ x, rstd }: Pick<Given<'rmsNormBackward'>, 'x' | 'rstd'>): void {
  const rows = rstd.length;
  const cols = x.length / rows;
  rstd.set(
    reference.rmsNorm({ rows, cols }, { x, weight: new Float64Array(cols).fill(1) }, { eps: 1e-5, offset: 0 }).rstd
      .value,
  );
}

/** Every third row masked; masked rows hold what memory happened to hold. */
function maskRows(labels: Float64Array, logits: readonly Float64Array[]): void {
  labels.forEach((_, r) => {
    if (r % 3 === 1) maskRow(labels, r, logits);
  });
}
function maskRow(labels: Float64Array, r: number, logits: readonly Float64Array[]): void {
  const vocab = logits[0]!.length / labels.length;
  labels[r] = IGNORED;
  for (const matrix of logits) poison(matrix.subarray(r * vocab, (r + 1) * vocab));
}
function crossEntropyCase(rows: number, vocab: number, spread: number, note: string): Case<'crossEntropy'> {
  return {
    dims: { rows, vocab },
    params: { gradScale: 0.37 },
    note,
    prepare: ({ labels, logits }, random) => {
      fillLabels(labels, vocab, random);
      scaleBy(logits, spread);
      maskRows(labels, [logits]);
    },
  };
}
/** Old log-probabilities near the row's own, so that ratios are on both sides of the clamp. */
function policyGradientCase(rows: number, vocab: number, spread: number, note: string): Case<'policyGradient'> {
  return {
    dims: { rows, vocab },
    params: { clip: 0.2, gradScale: 0.37 },
    note,
    prepare: ({ labels, oldLogProbs, importance, logits }, random) => {
      fillLabels(labels, vocab, random);
      scaleBy(logits, spread);
      labels.forEach((label, r) => {
        const { log } = logSoftmax(logits.subarray(r * vocab, (r + 1) * vocab));
        oldLogProbs[r] = Math.fround(log[label]! + 0.3 * oldLogProbs[r]!);
        importance[r] = Math.fround(Math.exp(0.3 * importance[r]!));
      });
      maskRows(labels, [logits]);
    },
  };
}
interface DivergenceShape {
  readonly rows: number;
  readonly vocab: number;
  readonly weights?: readonly number[];
  readonly temperature?: number;
  /** That of both by default. */
  readonly teacherTemperature?: number;
  readonly clamp?: number;
  readonly spread?: number;
  readonly note: string;
  readonly prepare?: (given: Given<'divergence'>) => void;
}
const divergenceShapes: readonly DivergenceShape[] = [
  { rows: 1, vocab: 1, note: 'one word' },
  { rows: 5, vocab: 17, weights: [0, 0.1, 0.9, 1], note: 'limits of the weight' },
  { rows: 4, vocab: 64, temperature: 2.5, note: 'warm' },
  { rows: 3, vocab: 131, temperature: 0.5, spread: 2, note: 'cold' },
  { rows: 4, vocab: 67, temperature: 2, teacherTemperature: 0.7, note: 'a temperature each' },
  { rows: 9, vocab: 29, clamp: 0.3, spread: 1.5, note: 'clamped' },
  { rows: 3, vocab: 1031, note: 'two steps and a tail' },
  { rows: 5, vocab: 37, spread: 300, weights: [0, 0.1, 1], note: 'extreme' },
  {
    rows: 4,
    vocab: 23,
    note: 'equal',
    prepare: ({ teacher, student }) => student.set(teacher),
  },
  {
    rows: 4,
    vocab: 19,
    note: 'all masked',
    prepare: ({ labels, teacher, student }) => [labels.fill(IGNORED), poison(teacher), poison(student)],
  },
  {
    rows: 4,
    vocab: 7,
    note: 'other negative labels, which mask nothing',
    prepare: ({ labels }) =>
      labels.forEach((label, r) => {
        if (label !== IGNORED) labels[r] = -1 - r;
      }),
  },
];

const paramsOf = ({
  temperature = 1,
  teacherTemperature = temperature,
  clamp = 0,
}: Partial<Pick<DivergenceShape, 'temperature' | 'teacherTemperature' | 'clamp'>>) => ({
  ...{ temperature, teacherTemperature, clamp },
  gradScale: 0.37,
});
const divergenceCase = ({ rows, vocab, spread = 1, note, prepare }: DivergenceShape) => ({
  dims: { rows, vocab },
  note,
  prepare: (given: Given<'divergence'>) => {
    scaleBy(given.teacher, spread);
    scaleBy(given.student, spread);
    maskRows(given.labels, [given.teacher, given.student]);
    prepare?.(given);
  },
});

const divergenceCases: readonly Case<'divergence'>[] = [
  ...(Object.keys(divergenceKinds) as DivergenceKind[]).flatMap((kind) =>
    divergenceShapes.flatMap(({ weights = [0.1], ...shape }) =>
      weights
        .filter((weight) => simplestKind(kind, weight) === kind)
        .map((weight) => ({
          ...divergenceCase(shape),
          params: { ...paramsOf(shape), weight, kind: divergenceKinds[kind] },
        })),
    ),
  ),
  {
    dims: { rows: 257, vocab: 3 },
    params: { ...paramsOf({}), weight: 0.1, kind: divergenceKinds.skewReverseKL },
    note: 'many rows',
  },
];

/** Pairs, powers of the mixture and its weight, alpha and beta of the divergence. */
const alphaBetaForms: readonly (readonly [AlphaBetaPair, number, number, number, number])[] = [
  ['teacherStudent', 0, 0.5, 0.2, 0.7],
  ['teacherStudent', 0, 0.5, 0, 1],
  ['teacherStudent', 0, 0.5, 1, 0],
  ['teacherStudent', 0, 0.5, 1.3, 0.9],
  // A hair beside the limit, and a small sum.
  ['teacherStudent', 0, 0.5, 0.05, 1e-6],
  ['teacherMixture', 0.25, 0.5, 0.2, 0.7],
  ['teacherMixture', 1, 0.9, 1, 0],
  ['studentMixture', 0, 0.3, 1, 0],
  ['studentMixture', 2, 0.5, 0.5, 0.5],
  ['mixtureTeacher', 0.25, 0.5, 1, 0],
  ['mixtureStudent', 0.25, 0.5, 0.2, 0.7],
  ['mixtureStudent', -1, 0.4, 0.6, 0.6],
  ['targetStudent', 0, 0.4, 1, 0],
  ['targetStudent', 0, 1, 1, 0],
];
const alphaBetaCases: readonly Case<'alphaBeta'>[] = alphaBetaForms.flatMap(([pair, power, weight, alpha, beta]) =>
  divergenceShapes
    // What is almost without any share in both has a mixture without any.
    .filter(({ note }) => power >= 0 || note !== 'extreme')
    .map(({ weights: _, ...shape }) => ({
      ...divergenceCase(shape),
      params: { ...paramsOf(shape), power, weight, alpha, beta, pair: alphaBetaPairs[pair] },
    })),
);

/** Rows, words and the tokens that stand alone. */
const topShapes = [
  [1, 1, 1],
  [3, 2, 1],
  [5, 17, 17],
  [4, 64, 3],
  [3, 131, 5],
  [2, 1031, 64],
  [257, 3, 2],
  // Beyond the stretch whose marks a workgroup holds.
  [1, 70_001, 9],
] as const;
const topCases = topShapes.flatMap(([rows, vocab, k]) =>
  [1, 2.5].map((temperature) => ({ dims: { rows, vocab, k, bins: k + 1 }, params: { temperature } })),
);
/** k ids a row that differ, in any order. */
function fillIds(ids: Float64Array, { rows, vocab, k }: Readonly<Record<'rows' | 'vocab' | 'k', number>>): void {
  for (let r = 0; r < rows; r++)
    for (let i = 0; i < k; i++) ids[r * k + i] = (r * 5 + (k - 1 - i) * (vocab > 6 * k ? 6 : 1)) % vocab;
}

type SampleShape = Partial<Case<'sample'>['params']> & {
  readonly rows?: number;
  readonly vocab: number;
  /** Tokens behind the drawable ones: likelier than all of these, or no numbers. */
  readonly padding?: number;
  readonly note: string;
  readonly logit?: (random: Random, id: number, row: number) => number;
};
const [MINUS, PLUS] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
const sampleShapes: readonly SampleShape[] = [
  ...[1, 2, 7, 131, 1021, 5003].flatMap((vocab) => [
    { vocab, note: 'plain' },
    { vocab, note: 'greedy', temperature: 0 },
    { vocab, note: 'cold', temperature: 0.3 },
    { vocab, note: 'top-k', topK: 5, step: 3 },
    { vocab, note: 'top-k of one', topK: 1 },
    { vocab, note: 'top-k of more than all', topK: 70_000 },
    { vocab, note: 'top-p', topP: 0.7, temperature: 1.3 },
    { vocab, note: 'top-p that keeps one', topP: 1e-9 },
    { vocab, note: 'top-k and top-p', topK: 40, topP: 0.9, temperature: 2 },
    { vocab, note: 'all equal', logit: () => -3 },
    { vocab, note: 'all equal, top-p', topP: 0.3, logit: () => 2.5 },
    { vocab, note: 'few values', topK: 3, topP: 0.45, logit: (random: Random) => random.integer(4) - 2 },
    { vocab, note: 'few values, greedy', temperature: 0, logit: (random: Random) => random.integer(4) - 2 },
    { vocab, note: 'huge', logit: (random: Random) => 1e30 * random.normal() },
    { vocab, note: 'huge and hot', temperature: 1e30, topP: 0.9, logit: (random: Random) => 1e30 * random.normal() },
    { vocab, note: 'far from zero', topP: 0.8, logit: (random: Random) => 1e4 + random.normal() },
    {
      vocab,
      note: 'mostly -infinity',
      topK: 6,
      topP: 0.95,
      logit: (random: Random, id: number) => (id % 4 === 0 ? random.normal() : MINUS),
    },
  ]),
  ...[1, 6, 67].flatMap((padding) =>
    [{ temperature: 0 }, { temperature: 1 }, { topK: 5 }, { topP: 0.7 }, { topK: 70_000, topP: 0.2 }].map((how) => ({
      ...how,
      vocab: 61 + padding,
      padding,
      note: 'padded vocabulary',
    })),
  ),
  { rows: 257, vocab: 19, note: 'many rows', topK: 11, topP: 0.9, step: 0xffffffff },
  { vocab: 67, note: 'both zeros are equal', topK: 1, logit: (_, id) => [-1, -0, 0][id % 3]! },
  { vocab: 67, note: 'both zeros are equal, greedy', temperature: 0, logit: (_, id) => [-1, -0, 0][id % 3]! },
  ...[0, 1].map((temperature) => ({
    rows: 7,
    vocab: 131,
    temperature,
    note: 'rows that cannot be drawn from',
    logit: (random: Random, id: number, row: number) => {
      if (row === 5) return MINUS;
      return id === 97 ? [0, PLUS, Number.NaN, MINUS, -0][row]! : row === 6 && id !== 130 ? MINUS : random.normal();
    },
  })),
];

const sampleCases: readonly Case<'sample'>[] = sampleShapes.map(
  ({ rows = 5, vocab, padding = 0, note, logit, temperature = 1, topK = 0, topP = 1, step = 0 }) => ({
    dims: { rows, vocab },
    params: { temperature, topK, topP, step, drawable: vocab - padding },
    note,
    prepare: ({ logits, seeds }, random) => {
      seeds.forEach((_, i) => {
        seeds[i] = i % 2 ? i % 5 : random.integer(2 ** 32);
      });
      logits.forEach((z, i) => {
        const [id, row] = [i % vocab, Math.floor(i / vocab)];
        if (id >= vocab - padding) logits[i] = [1e30, PLUS, Number.NaN][(id + row) % 3]!;
        else logits[i] = Math.fround(logit?.(random, id, row) ?? 3 * z);
      });
    },
  }),
);

export const rows: Cases<keyof typeof records> = {
  embedding: embeddingCases(),
  embeddingF16: [
    ...embeddingCases().map((testCase, i) => ({ ...testCase, params: { scale: halfScale(i) } })),
    {
      dims: { tokens: 3, rows: 2, cols: hardHalves.length },
      params: { scale: 0.5 },
      note: 'extremes',
      prepare: ({ table }) => void table.set(hardHalves),
    },
  ],
  embeddingInt8: [...embeddingCases(), ...embeddingCases(groupedTables)].map((testCase, i) => ({
    ...testCase,
    dims: { ...testCase.dims, groups: i < tables.length ? 1 : testCase.dims.cols / 32 },
  })),
  embeddingInt4: embeddingCases().flatMap((testCase, i) =>
    [1, 2].map((each) => ({
      ...testCase,
      dims: { ...testCase.dims, halves: Math.ceil(testCase.dims.cols / 32) * each },
      params: { scale: halfScale(i) },
    })),
  ),
  embeddingBackward: [
    embeddingBackwardCase(1, 1, 1),
    embeddingBackwardCase(5, 3, 7),
    embeddingBackwardCase(19, 11, 16),
    embeddingBackwardCase(131, 1, 19),
    embeddingBackwardCase(67, 101, 257),
  ],
  layerNorm: [
    ...rowShapes.map((shape) => ({ ...shaped(shape), params: { eps: 1e-5 } })),
    {
      dims: { rows: 3, cols: 67 },
      params: { eps: 1e-5 },
      note: 'a mean far from zero',
      prepare: ({ x }) =>
        x.forEach((v, i) => {
          x[i] = Math.fround(100 + v);
        }),
    },
    { dims: { rows: 2, cols: 9 }, params: { eps: 1e-5 }, note: 'constant rows', prepare: ({ x }) => void x.fill(1.5) },
  ],
  layerNormBackward: rowShapes.map((shape) => ({ ...shaped(shape), prepare: fillMoments })),
  layerNormBackwardWeights: [...matrices, [1031, 5] as const].map((shape) => ({
    ...shaped(shape),
    prepare: fillMoments,
  })),
  rmsNorm: [
    ...rowShapes.map((shape) => ({ ...shaped(shape), params: { eps: 1e-5, offset: 0 } })),
    { dims: { rows: 5, cols: 67 }, params: { eps: 1e-5, offset: 1 }, note: '1 + weight' },
    {
      dims: { rows: 2, cols: 9 },
      params: { eps: 1e-5, offset: 0 },
      note: 'rows of zeros',
      prepare: ({ x }) => void x.fill(0),
    },
    {
      dims: { rows: 3, cols: 67 },
      params: { eps: 1e-6, offset: 0 },
      note: 'far below eps',
      prepare: ({ x }) => scaleBy(x, 2 ** -40),
    },
    {
      dims: { rows: 3, cols: 67 },
      params: { eps: 1e-6, offset: 0 },
      note: 'large',
      prepare: ({ x }) => scaleBy(x, 2 ** 20),
    },
  ],
  rmsNormBackward: [
    ...rowShapes.map((shape) => ({ ...shaped(shape), params: { offset: 0 }, prepare: fillRoots })),
    { dims: { rows: 5, cols: 67 }, params: { offset: 1 }, note: '1 + weight', prepare: fillRoots },
  ],
  rmsNormBackwardWeights: [...matrices, [1031, 5] as const].map((shape) => ({ ...shaped(shape), prepare: fillRoots })),
  crossEntropy: [
    crossEntropyCase(1, 1, 1, 'one word'),
    crossEntropyCase(5, 17, 1, 'small'),
    crossEntropyCase(7, 64, 3, 'sharper'),
    crossEntropyCase(4, 1031, 1, 'two steps and a tail'),
    crossEntropyCase(5, 131, 1000, 'extreme'),
    crossEntropyCase(257, 3, 1, 'many rows'),
    {
      dims: { rows: 3, vocab: 11 },
      params: { gradScale: 1 },
      note: 'all masked',
      prepare: ({ labels, logits }) => [labels.fill(IGNORED), poison(logits)] as never,
    },
  ],
  policyGradient: [
    policyGradientCase(1, 1, 1, 'one word'),
    policyGradientCase(29, 17, 1, 'small'),
    policyGradientCase(7, 64, 3, 'sharper'),
    policyGradientCase(4, 1031, 1, 'two steps and a tail'),
    policyGradientCase(257, 3, 1, 'many rows'),
    {
      dims: { rows: 3, vocab: 11 },
      params: { clip: 0.2, gradScale: 1 },
      note: 'all masked',
      prepare: ({ labels, logits }) => [labels.fill(IGNORED), poison(logits)] as never,
    },
  ],
  divergence: divergenceCases,
  alphaBeta: alphaBetaCases,
  compareRows: [
    { dims: { rows: 1, vocab: 1 }, params: {}, note: 'one word' },
    ...[1, 3, 30].map((spread) => ({
      dims: { rows: 7, vocab: 131 },
      params: {},
      note: `spread ${spread}`,
      prepare: ({ teacher, student, labels }: Given<'compareRows'>) => {
        scaleBy(teacher, spread);
        scaleBy(student, spread);
        // The same row, and rows whose likeliest tokens are the same, or one of two equal ones.
        student.set(teacher.subarray(0, 131));
        for (const [row, id] of [
          [1, 5],
          [2, 130],
        ] as const)
          for (const logits of [teacher, student]) logits[row * 131 + id] = 4 * spread;
        for (const [logits, ids] of [
          [teacher, [7, 9]],
          [student, [9]],
        ] as const)
          for (const id of ids) logits[3 * 131 + id] = 5 * spread;
        student[5 * 131 + 3] = Number.NEGATIVE_INFINITY;
        maskRow(labels, 4, [teacher, student]);
      },
    })),
    { dims: { rows: 2, vocab: 20_011 }, params: {}, note: 'a long row' },
    { dims: { rows: 257, vocab: 3 }, params: {}, note: 'many rows' },
    {
      dims: { rows: 2, vocab: 1031 },
      params: {},
      note: 'even',
      prepare: ({ teacher, student }) => [teacher.fill(2), scaleBy(student, 1e-3)] as never,
    },
  ],
  overlap: [
    [1, 1, 1],
    [5, 3, 4],
    [7, 16, 40],
    [700, 5, 9],
  ].map(([rows, k, vocab]) => ({
    dims: { rows, k } as { rows: number; k: number },
    params: {},
    prepare: ({ a, b, labels }, random) => {
      if (rows! > 1) labels[1] = IGNORED;
      for (const ids of [a, b])
        for (let r = 0; r < rows!; r++) {
          const drawn = Array.from({ length: vocab! }, (_, id) => [random.uniform(), id] as const).sort(
            ([x], [y]) => x - y,
          );
          ids.set(
            drawn
              .slice(0, k)
              .map(([, id]) => id)
              .sort((x, y) => x - y),
            r * k!,
          );
        }
    },
  })),
  topTokens: topShapes.flatMap(([rows, vocab, k]) => [
    { dims: { rows, vocab, k }, params: {}, prepare: ({ ids }: Given<'topTokens'>) => void poison(ids) },
    {
      dims: { rows, vocab, k },
      params: {},
      note: 'few values',
      prepare: ({ logits }: Given<'topTokens'>) =>
        logits.forEach((z, i) => {
          logits[i] = [z > 0.5 ? 1 : z < -2 ? Number.NEGATIVE_INFINITY : -1, -0, 0][i % 3]!;
        }),
    },
  ]),
  reduceToTop: topCases.map((testCase) => ({
    ...testCase,
    prepare: ({ ids, logits }, _, { dims }) => {
      fillIds(ids, dims);
      scaleBy(logits, 4);
    },
  })),
  spreadFromTop: topCases.map((testCase) => ({
    ...testCase,
    prepare: ({ ids, logits, reduced, top, labels }, _, { dims, params }) => {
      fillIds(ids, dims);
      scaleBy(logits, 4);
      const made = reference.reduceToTop(dims, { logits, ids, reduced }, params);
      reduced.set(made.reduced.value.map(Math.fround));
      top.set(made.top.value);
      maskRows(labels, [logits]);
    },
  })),
  sample: sampleCases,
};
