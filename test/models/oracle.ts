import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import type { LabelledBatch, TokenBatch } from '../../src/data/batch.js';
import { generate } from '../../src/generation/index.js';
import { openSafetensors } from '../../src/io/safetensors.js';
import { readFloats } from '../../src/io/tensorSource.js';
import type { LanguageModel } from '../../src/models/index.js';
import { openFolder } from '../../src/platform/openFolder.js';

interface OracleBatch {
  readonly batch: number;
  readonly seq: number;
  readonly lengths: readonly number[];
  readonly ids: readonly number[];
  readonly labels: readonly number[];
}

/** What the scripts of test/oracles/make write of a decoder. */
interface Oracle {
  readonly batches: readonly [OracleBatch, OracleBatch];
  /** Of the first batch. */
  readonly logits: readonly number[];
  readonly adamW?: {
    readonly lr: number;
    readonly beta1: number;
    readonly beta2: number;
    readonly eps: number;
    readonly weightDecay: number;
    readonly losses: readonly number[];
  };
  readonly generation: {
    readonly prompts: readonly (readonly number[])[];
    readonly maxNewTokens: number;
    readonly eos: number;
    readonly greedy: readonly (readonly number[])[];
    readonly noRepeatNgram: { readonly size: number; readonly ids: readonly (readonly number[])[] };
    /** Prompt by prompt. */
    readonly repetitionPenalty: { readonly penalty: number; readonly ids: readonly (readonly number[])[] };
  };
}

/** An oracle's contents, and the path of a file or folder beside it. `folder` is that in test/oracles. */
export function openOracle(folder: string): { oracle: Oracle; path: (name: string) => string } {
  const path = (name: string) => fileURLToPath(new URL(`../oracles/${folder}/${name}`, import.meta.url));
  return { oracle: JSON.parse(readFileSync(path('oracle.json'), 'utf8')), path };
}

/** A right-padded batch as the trainer makes them. */
export function labelledBatch({ batch, seq, lengths, ids, labels }: OracleBatch): LabelledBatch {
  const keyRange = Int32Array.from(lengths.flatMap((length) => [0, length]));
  return { batch, seq, ids: Int32Array.from(ids), labels: Int32Array.from(labels), keyRange };
}

/** A batch of sequences padded on the left. */
export function leftPadded(sequences: readonly Int32Array[]): TokenBatch {
  const seq = Math.max(...sequences.map(({ length }) => length));
  const ids = new Int32Array(sequences.length * seq);
  for (const [row, sequence] of sequences.entries()) ids.set(sequence, (row + 1) * seq - sequence.length);
  const keyRange = Int32Array.from(sequences.flatMap(({ length }) => [seq - length, seq]));
  return { batch: sequences.length, seq, ids, keyRange };
}

const peak = (values: Float32Array) => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);

/** That the gradients of all parameters are those that PyTorch gave, in the oracle's folder. */
export async function expectGradients(model: LanguageModel, folder: string): Promise<void> {
  const wanted = await openSafetensors(openFolder(folder), 'gradients.safetensors');
  const gradients = new Map<string, Float32Array>();
  for (const name of wanted.entries.keys()) gradients.set(name, await readFloats(wanted, name));
  const largest = Math.max(...[...gradients.values()].map(peak));
  expect([...gradients.keys()].sort()).toEqual([...model.parameters.keys()].sort());
  for (const [name, want] of gradients) {
    const got = (await model.parameters.get(name)!.grad!.read()) as Float32Array;
    // Zero in theory (a key's bias): rounding noise is all that PyTorch has and that we may have.
    const noise = 1e-6 * largest;
    if (peak(want) < noise) expect(peak(got), name).toBeLessThan(noise);
    else expect(largestDifference(got, want) / peak(want), name).toBeLessThan(1e-4);
  }
}

/** Largest difference of two arrays of numbers; NaN counts as infinite. */
export function largestDifference(got: ArrayLike<number>, want: ArrayLike<number>): number {
  if (got.length !== want.length) return Number.POSITIVE_INFINITY;
  let largest = 0;
  for (let i = 0; i < got.length; i++) {
    const difference = Math.abs((got[i] as number) - (want[i] as number));
    if (!(difference <= largest)) largest = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference;
  }
  return largest;
}

/** What a model answers to an oracle's prompts, its likeliest token at each step. */
export const greedyAnswers =
  (
    model: LanguageModel,
    { prompts, maxNewTokens, eos: eosTokenId }: Pick<Oracle['generation'], 'prompts' | 'maxNewTokens' | 'eos'>,
  ) =>
  async (how: { noRepeatNgramSize?: number; repetitionPenalty?: number; batchSize?: number }): Promise<number[][]> => {
    const options = { maxNewTokens, eosTokenId, temperature: 0, ...how };
    const given = prompts.map((ids) => Int32Array.from(ids));
    return (await generate(model, given, options)).map((answer) => [...answer]);
  };
