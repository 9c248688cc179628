/**
 * The mathematics of one step: forward and backward passes of all micro-batches through the terms of the objective,
 * then the optimizer. It knows no policy, no data set and no schedule.
 */
import { markPhase } from '../../backend/profile.js';
import type { LanguageModel } from '../../models/model.js';
import type { AdamW } from '../../optim/index.js';
import {
  disposeGradients,
  ignoredLabel,
  linearLosses,
  reserveGradients,
  run,
  Tape,
  Tensor,
  tidy,
} from '../../tensor/index.js';
import { labelsTaken, type StepFacts, type Term, type TermBatch } from '../terms/index.js';
import { withLogitsRoom } from './logitsRoom.js';

/** What the student learns from: the sum of all terms. */
export interface Objective {
  readonly student: LanguageModel;
  /** Tokens that are predicted: those that teacher and student both have rows for. */
  readonly vocabSize: number;
  /** On the batch that the policy chose. */
  readonly terms: readonly Term[];
  /** On plain text. */
  readonly textTerms: readonly Term[];
}

/** A term, with the tokens by which its losses are divided, and its place among the totals. */
interface Addend {
  readonly term: Term;
  readonly tokens: number;
  readonly slot: number;
}

/** One optimizer step. All micro-batches together are the batch: the mean is over their tokens. */
interface UpdateInput {
  readonly batches: readonly TermBatch[];
  /** Plain text; none without it. */
  readonly textBatches: readonly TermBatch[];
  readonly lr: number;
  readonly gradientCheckpointing: boolean;
  /** Seed of the dropout masks of the step's n-th forward pass; undefined for none. */
  readonly dropoutSeed: (pass: number) => number | undefined;
  /** What changes from step to step. Default: nothing. */
  readonly facts?: StepFacts;
}

/** What an update was by. */
export interface UpdateResult {
  readonly loss: number;
  readonly terms: Readonly<Record<string, number>>;
  /** What the terms measure besides: means over the tokens on which those terms are taken. */
  readonly measures: Readonly<Record<string, number>>;
  readonly gradNorm: number;
  readonly lossTokens: number;
  /** The loss or a gradient was not finite, and nothing was updated. */
  readonly skipped: boolean;
}

/**
 * Forward, backward and, where all numbers are finite, update. One read-back, before the update: the sum of each term,
 * the gradient norm, and the sum of each measure. Everything but the gradients is freed.
 */
export async function updateStudent(objective: Objective, optimizer: AdamW, input: UpdateInput): Promise<UpdateResult> {
  const { student, vocabSize } = objective;
  const { device } = student;
  const { gradientCheckpointing, facts = {} } = input;
  /** Each term's sum has its place among the totals, by this order; then come the gradient norm and the measures. */
  const addends = [
    ...addendsOf(objective.terms, input.batches),
    ...addendsOf(objective.textTerms, input.textBatches),
  ].map((addend, slot) => ({ ...addend, slot }));

  for (const { term, batches } of addends) await term.prepare?.(batches);
  /** Over how many tokens each is measured. */
  const measuredTokens = new Map<string, number>();
  for (const { term, tokens } of addends)
    for (const name of term.measures?.(facts) ?? []) measuredTokens.set(name, (measuredTokens.get(name) ?? 0) + tokens);
  const measures = [...measuredTokens.keys()];
  const firstMeasure = addends.length + 1;
  const own: Tensor[] = [];
  /** Forward and backward passes of all micro-batches, from the beginning. */
  const gather = async (chunkBytes: number) => {
    if (own.length > 0) disposeGradients(student.parameters.values());
    reserveGradients(student.parameters.values());
    let pass = 0;
    const totals = Tensor.zeros(device, [firstMeasure + measures.length], 'f32', 'step.sums');
    own.push(totals);
    for (const batch of [...input.batches, ...input.textBatches]) {
      const taken = addends.filter(({ term, batches }) => batches.includes(batch) && isTaken(term, batch));
      const dropoutSeed = input.dropoutSeed(pass++);
      const how = { gradientCheckpointing, ...(dropoutSeed !== undefined && { dropoutSeed }) };
      const places = { totals, measures, firstMeasure };
      accumulate(student, batch, taken, { ...places, facts, vocabSize, chunkBytes, ...how });
      await device.drain();
    }
    markPhase(device, 'optimizer');
    const { norm, scale } = optimizer.measure();
    own.push(norm, scale);
    device.copy(norm.storage, 0, totals.storage, 4 * addends.length, 4);
    return { sums: await totals.read(), scale };
  };
  try {
    const { sums, scale } = await withLogitsRoom(device, gather);
    const means = addends.map(({ term, tokens }, i) => ({ ...term, mean: (sums[i] as number) / tokens }));
    const loss = means.reduce((total, { weight, mean }) => total + weight * mean, 0);
    const gradNorm = sums[addends.length] as number;
    const skipped = !(Number.isFinite(loss) && Number.isFinite(gradNorm));
    if (skipped) optimizer.skip();
    else optimizer.update(input.lr, scale);
    const terms = Object.fromEntries(means.map(({ name, mean }) => [name, mean]));
    const lossTokens = countLabels(input.batches);
    const measured = [...measuredTokens].map(([name, tokens], i) => [
      name,
      (sums[firstMeasure + i] as number) / tokens,
    ]);
    return { loss, terms, measures: Object.fromEntries(measured), gradNorm, lossTokens, skipped };
  } finally {
    for (const tensor of own) tensor.dispose();
  }
}

/** Forward and backward pass of one micro-batch: adds to the gradients, and to the places of terms and measures. */
function accumulate(
  student: LanguageModel,
  batch: TermBatch,
  terms: readonly Addend[],
  {
    totals,
    measures,
    firstMeasure,
    facts,
    chunkBytes,
    vocabSize,
    ...how
  }: {
    readonly totals: Tensor;
    readonly measures: readonly string[];
    /** Place of the first of them among the totals. */
    readonly firstMeasure: number;
    readonly facts: StepFacts;
    readonly chunkBytes: number;
    readonly vocabSize: number;
  } & Parameters<LanguageModel['forward']>[1],
): void {
  const { device } = student;
  tidy(() => {
    const losses = terms.map(({ term, tokens }) => term.rowLoss(batch, term.weight / tokens, facts));
    const tape = new Tape();
    markPhase(device, 'forward');
    const sums = tape.record(() => {
      const hidden = student.forward(batch, how);
      const predicted = { hidden, head: student.head };
      return linearLosses({ student: predicted, labels: batch.labels, losses, measures, chunkBytes, vocabSize });
    });
    const addUp = (x: Tensor, slot: number) => void run(device, 'sum', { x, total: totals }, { slot, accumulate: 1 });
    sums.losses.forEach((x, i) => {
      addUp(x, terms[i]!.slot);
    });
    measures.forEach((name, i) => {
      addUp(sums.measures[name] as Tensor, firstMeasure + i);
    });
    markPhase(device, 'backward');
    tape.backward();
  });
}

/** The terms that are taken on any sample of the batches, with the tokens by which each one's losses are divided. */
const addendsOf = (terms: readonly Term[], batches: readonly TermBatch[]) =>
  terms
    .filter((term) => batches.some((batch) => isTaken(term, batch)))
    .map((term) => ({ term, batches, tokens: Math.max(1, countLabels(batches, term.takes)) }));

const isTaken = ({ takes }: Term, { samples }: TermBatch): boolean => !takes || samples.some(takes);

/** Tokens that count. A batch in which no token counts has loss and gradient 0. */
function countLabels(batches: readonly TermBatch[], takes?: Term['takes']): number {
  let count = 0;
  for (const batch of batches) for (const label of labelsTaken(batch, takes)) if (label !== ignoredLabel) count++;
  return count;
}
