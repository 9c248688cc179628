/**
 * Losses of the LM head's logits. The logits of a batch are never in memory at once: rows that do not count are
 * dropped, the others are computed in chunks, and each chunk of logits turns into its gradient in place.
 */
import { ShapeError } from '../../errors.js';
import { requireOption } from '../../requireOption.js';
import { expectOptions, expectTensors, expectWeight } from '../expect.js';
import { flat, rows, run } from '../run.js';
import { tidy } from '../scope.js';
import { activeTape } from '../tape.js';
import { Tensor } from '../tensor.js';
import {
  addWeightGradient,
  firstOutputs,
  multiply,
  multiplyTransposed,
  trainedValues,
  type Weight,
} from '../weights/index.js';
import { compareRows } from './compareRows.js';
import { type DivergenceSpec, divergenceOf, expectDivergence } from './divergence.js';

/** Label of a position that does not count in the loss. */
export const ignoredLabel = -100;

/**
 * Hidden states and the LM head that turns them into logits: hidden [..., hiddenSize], head [vocabSize, hiddenSize] in
 * any format.
 */
export interface Logits {
  /** [..., hiddenSize], f32. */
  readonly hidden: Tensor;
  /** [vocabSize, hiddenSize]. */
  readonly head: Weight;
}

/** What every loss of the LM head's logits takes. */
export interface LossOptions {
  /** The logits that are trained. */
  readonly student: Logits;
  /**
   * The token that each position predicts (already shifted), row-major over hidden's rows. A row with -100 does not
   * count.
   */
  readonly labels: Int32Array;
  /**
   * Memory for one chunk of logits, in bytes (of teacher and student each, and of each further loss). What suits the
   * device by default: 37 MiB on WASM and on GPUs that share the processor's memory, 96 and 256 MiB on larger ones.
   */
  readonly chunkBytes?: number;
  /**
   * Only the tokens below it are predicted: the first rows of the heads, as if there were no others. For vocabularies that
   * are padded beyond the tokenizer's, and not to the same size in teacher and student. Default: all of the student's.
   */
  readonly vocabSize?: number;
}

const lossOptions: readonly (keyof LossOptions)[] = ['student', 'labels', 'chunkBytes', 'vocabSize'];

/** A loss as the device holds it. */
export interface SummedLoss {
  /** [1], the sum of the losses of all counted rows in nats, not scaled by gradScale; zero when no row counts. */
  readonly loss: Tensor;
  /** Rows that count. */
  readonly tokens: number;
}

/** Losses as the device holds them. */
export interface SummedLosses {
  /** [1] each: as in `SummedLoss`. */
  readonly losses: readonly Tensor[];
  /** Rows that count. */
  readonly tokens: number;
  /** [1] each: the sums of what the losses measured, by the names that `measures` asked for. */
  readonly measures: Readonly<Record<string, Tensor>>;
}

/** Rows of the student's logits that are in memory together. */
export interface LogitsChunk {
  /** [rows, vocabSize], vocabSize that of `LossOptions`. A loss turns them into their gradients, in place. */
  readonly logits: Tensor;
  /** [rows], the label of each. */
  readonly labels: Tensor;
  /** [rows], which rows of the hidden states they are. */
  readonly rows: Tensor;
  /** The same, where the host reads them. */
  readonly rowIndices: Int32Array;
  /** Adds up what a loss measures besides, [rows], by name. What nobody asked for is left. */
  measure(name: string, values: Tensor): void;
}

/** Turns a chunk of logits into their gradients, in place, and returns the loss of each row, [rows]. */
export type RowLoss = (chunk: LogitsChunk) => Tensor;

/** Cross-entropy of each row's label. `gradScale` multiplies the gradients, not the losses. */
export const crossEntropyRows =
  (gradScale: number): RowLoss =>
  ({ logits, labels }) =>
    run(logits.device, 'crossEntropy', { logits, labels }, { gradScale }).loss;

/** A loss by other labels than the batch's, row by row: -100 in more rows. */
export const withLabels =
  (own: Int32Array, loss: RowLoss): RowLoss =>
  (chunk) =>
    loss({ ...chunk, labels: labelTensor(chunk.logits.device, own, chunk.rowIndices) });

/**
 * Divergence of each row from the teacher's logits of the same row, of which the tokens are taken that the student's have:
 * the teacher's head has at least as many rows. `gradScale` multiplies the gradients, not the losses. A divergence from a
 * target measures 'crossEntropy', the target's to the student.
 * @param how `compares`: measures what `compareRows` finds, too
 */
export function divergenceRows(
  teacher: Logits,
  divergence: DivergenceSpec,
  gradScale: number,
  { compares = false }: { readonly compares?: boolean } = {},
): RowLoss {
  return ({ logits, labels, rows, measure }) => {
    const head = firstOutputs(teacher.head, logits.shape[1] as number);
    const teacherLogits = headLogits(gatherRows(teacher.hidden, rows), head);
    if (compares) {
      for (const [name, values] of Object.entries(compareRows(teacherLogits, logits, labels))) measure(name, values);
    }
    const { loss, crossEntropy } = divergenceOf(divergence, {
      teacher: teacherLogits,
      student: logits,
      labels,
      gradScale,
    });
    if (crossEntropy) measure('crossEntropy', crossEntropy);
    return loss;
  };
}

/**
 * Cross-entropy of the LM head's logits against the labels, see `linearLosses`.
 * @throws OptionError, ShapeError
 */
export function linearCrossEntropy(options: LossOptions & { readonly gradScale: number }): SummedLoss {
  expectOptions('linearCrossEntropy', options, [...lossOptions, 'gradScale']);
  const { gradScale, ...others } = options;
  return only(linearLosses({ ...others, losses: [crossEntropyRows(gradScale)] }));
}

/**
 * Divergence of the student's logits from the teacher's, token by token, see `linearLosses`. The teacher gets no
 * gradient. Vocabularies must have the same size, unless `vocabSize` says how many of their tokens are compared.
 * @throws OptionError, ShapeError
 */
export function linearDivergence(
  options: LossOptions & {
    readonly teacher: Logits;
    readonly divergence: DivergenceSpec;
    readonly gradScale: number;
  },
): SummedLoss {
  expectOptions('linearDivergence', options, [...lossOptions, 'teacher', 'divergence', 'gradScale']);
  const { teacher, divergence, gradScale, ...others } = options;
  expectLogits('linearDivergence', 'student', others.student);
  expectLogits('linearDivergence', 'teacher', teacher);
  expectDivergence('linearDivergence', divergence);
  const [vocab, teacherVocab] = [others.student.head.shape[0], teacher.head.shape[0]];
  if (others.vocabSize === undefined ? vocab !== teacherVocab : others.vocabSize > teacherVocab) {
    throw new ShapeError(`linearDivergence: the teacher's vocabulary is ${teacherVocab}, the student's ${vocab}.`, {
      found: teacherVocab,
      expected: vocab,
    });
  }
  return only(linearLosses({ ...others, losses: [divergenceRows(teacher, divergence, gradScale)] }));
}

function expectLogits(operation: string, name: string, logits: Logits): void {
  expectOptions(operation, logits, ['hidden', 'head']);
  expectTensors(operation, { [`${name}.hidden`]: logits.hidden });
  expectWeight(operation, `${name}.head`, logits.head);
}

const only = ({ losses: [loss], tokens }: Pick<SummedLosses, 'losses' | 'tokens'>): SummedLoss => ({
  loss: loss as Tensor,
  tokens,
});

/** Rows of logits that are in memory together. */
export function logitsAtOnce(
  { info: { preferredRows, preferredLogitsBytes } }: Tensor['device'],
  vocab: number,
  chunkBytes = preferredLogitsBytes,
): number {
  const fitting = Math.max(1, Math.floor(chunkBytes / (4 * vocab)));
  // Chunks of whole blocks take a fiftieth less time.
  return fitting < preferredRows ? fitting : fitting - (fitting % preferredRows);
}

/**
 * Losses of the LM head's logits without ever holding the logits of all rows: rows that do not count are dropped before
 * the matmul, the rest is computed in chunks. The logits of a chunk are made once, whatever the number of losses.
 * Inside a recording tape it is a root: gradients of hidden states and head are computed in the same pass.
 * @throws OptionError, ShapeError
 */
export function linearLosses(
  options: LossOptions & {
    readonly losses: readonly RowLoss[];
    /** Names of what the losses measure besides that is added up. Default: none. */
    readonly measures?: readonly string[];
  },
): SummedLosses {
  expectOptions('linearLosses', options, [...lossOptions, 'losses', 'measures']);
  expectLogits('linearLosses', 'student', options.student);
  const { labels, losses, chunkBytes, measures: wanted = [] } = options;
  const { hidden, head: whole } = options.student;
  const { vocabSize: vocab = whole.shape[0] } = options;
  const isPart = Number.isInteger(vocab) && vocab >= 1 && vocab <= whole.shape[0];
  requireOption('linearLosses', 'vocabSize', vocab, isPart, `an integer from 1 to ${whole.shape[0]}`);
  requireOption('linearLosses', 'losses', losses, Array.isArray(losses), 'a list of row losses');
  requireOption('linearLosses', 'labels', labels, labels instanceof Int32Array, 'an Int32Array');
  const { device } = hidden;
  const counted = countedRows(labels, hidden, vocab);
  requireOption('linearLosses', 'measures', wanted, Array.isArray(wanted), 'a list of names');
  const sums = losses.map(() => Tensor.zeros(device, [1], 'f32', 'loss'));
  const measures = Object.fromEntries(wanted.map((name) => [name, Tensor.zeros(device, [1], 'f32', name)]));
  const addUp = (x: Tensor, total: Tensor) => void run(device, 'sum', { x, total }, { slot: 0, accumulate: 1 });
  const measure = (name: string, values: Tensor) => {
    const total = measures[name];
    if (total) addUp(values, total);
  };

  const tape = activeTape();
  const dHidden = tape?.wants(hidden) ? Tensor.zeros(device, hidden.shape, 'f32', 'loss.dHidden') : undefined;
  const headValues = trainedValues(whole);
  const dHead = headValues && tape?.wants(headValues) ? tape.into(headValues) : undefined;
  if (dHead?.accumulate === 0) device.clear(dHead.tensor.storage);

  const chunkRows = logitsAtOnce(device, vocab, chunkBytes);
  for (let start = 0; start < counted.length; start += chunkRows) {
    tidy(() => {
      const rowIndices = counted.subarray(start, start + chunkRows);
      const chunk = Tensor.from(device, rowIndices, [rowIndices.length], 'loss.chunk');
      const chunkLabels = labelTensor(device, labels, rowIndices);
      const chunkHidden = gatherRows(hidden, chunk);
      const head = firstOutputs(whole, vocab);
      const logits = headLogits(chunkHidden, head);
      differentiate(losses, { logits, labels: chunkLabels, rows: chunk, rowIndices, measure }).forEach(
        (rowLosses, i) => {
          addUp(rowLosses, sums[i] as Tensor);
        },
      );
      // The gradient of rows that are no token's is zero.
      if (dHead) addWeightGradient(chunkHidden, head, logits, partOf(dHead.tensor, vocab, whole.shape[0]), 1);
      if (dHidden) {
        const dChunk = Tensor.empty(device, chunkHidden.shape, 'f32', 'loss.dChunk');
        multiplyTransposed(logits, head, dChunk);
        scatterRows(dChunk, chunk, dHidden);
      }
    });
  }
  if (tape && dHidden) {
    tape.add(hidden, dHidden);
    dHidden.dispose();
  }
  return { losses: sums, tokens: counted.length, measures };
}

/**
 * Turns the logits of a chunk into the sum of the gradients of all losses, in place. Returns the rows' losses of each.
 * The last loss works on the logits themselves, each other one on a copy, whose gradients are then added.
 */
function differentiate(losses: readonly RowLoss[], chunk: LogitsChunk): Tensor[] {
  const { logits } = chunk;
  const copies = losses.slice(1).map(() => {
    const copy = Tensor.empty(logits.device, logits.shape, 'f32', 'loss.logits');
    logits.device.copy(logits.storage, 0, copy.storage, 0, 4 * logits.size);
    return copy;
  });
  const rowLosses = losses.map((loss, i) => loss({ ...chunk, logits: copies[i] ?? logits }));
  for (const copy of copies) run(logits.device, 'addInto', { x: flat(copy), y: flat(logits) }, { scale: 1 });
  return rowLosses;
}

/** Of a matrix whose rows are output features; one that has no more rows, in whatever layout, as it is. */
const partOf = (gradient: Tensor, count: number, outputs: number): Tensor =>
  count === outputs ? gradient : gradient.firstRows(count);

/** Indices of the rows whose label is not -100. @throws ShapeError */
export function countedRows(labels: Int32Array, hidden: Tensor, vocab: number): Int32Array {
  const hiddenRows = hidden.size / (hidden.shape.at(-1) as number);
  if (labels.length !== hiddenRows) {
    throw new ShapeError(`loss: ${labels.length} labels for ${hiddenRows} rows of hidden states.`, {
      found: labels.length,
      expected: hiddenRows,
    });
  }
  const outside = labels.findIndex((label) => label !== ignoredLabel && (label < 0 || label >= vocab));
  if (outside >= 0) {
    throw new ShapeError(`loss: label ${labels[outside]} of row ${outside} is outside the vocabulary of ${vocab}.`, {
      found: labels[outside],
      expected: vocab,
    });
  }
  return Int32Array.from(labels.keys()).filter((row) => labels[row] !== ignoredLabel);
}

const labelTensor = (device: Tensor['device'], labels: Int32Array, rowIndices: Int32Array): Tensor =>
  Tensor.from(
    device,
    rowIndices.map((row) => labels[row] as number),
    [rowIndices.length],
    'loss.labels',
  );

/** Not the tracked op: these gradients are computed here, not on the tape. */
export const gatherRows = (x: Tensor, indices: Tensor): Tensor =>
  run(x.device, 'embedding', { table: rows(x), ids: indices }, {}).y;

function scatterRows(chunk: Tensor, indices: Tensor, into: Tensor): void {
  const count = Int32Array.from({ length: indices.size + 1 }, (_, i) => i);
  const starts = Tensor.from(into.device, count, [count.length], 'loss.starts');
  const order = Tensor.from(into.device, count.subarray(0, -1), [indices.size], 'loss.order');
  run(into.device, 'embeddingBackward', { dy: chunk, order, unique: indices, starts, dtable: rows(into) }, {});
}

/** hidden [rows, hiddenSize], head [vocabSize, hiddenSize] -> logits [rows, vocabSize]. */
export function headLogits(hidden: Tensor, head: Weight): Tensor {
  const logits = Tensor.empty(
    hidden.device,
    [hidden.size / (hidden.shape.at(-1) as number), head.shape[0]],
    'f32',
    'logits',
  );
  multiply(hidden, head, logits);
  return logits;
}
