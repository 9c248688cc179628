import type { Size } from '../frame/benchmark.ts';
import { type Measurement, summary, tokenAt } from '../frame/measure.ts';

/** A model that is decoded, as fields of GPT-2's config.json, and how. pytorch.py has the same cases. */
export interface DecodeCase {
  readonly name: string;
  readonly model: {
    readonly vocab_size: number;
    readonly n_positions: number;
    readonly n_embd: number;
    readonly n_layer: number;
    readonly n_head: number;
  };
  /** How the weights are held; f32 by default. Ours alone: the peers have f32. */
  readonly dtype?: 'f16' | 'int8';
  readonly batches: readonly number[];
  /** New tokens after the first one: those that are timed. */
  readonly timedTokens: number;
}

const gpt2Small: DecodeCase = {
  name: 'GPT-2 small',
  model: { vocab_size: 50257, n_positions: 1024, n_embd: 768, n_layer: 12, n_head: 12 },
  batches: [1, 8, 32],
  timedTokens: 32,
};
/** The same with its matrices in fewer bits. */
const gpt2SmallStored = (['f16', 'int8'] as const).map(
  (dtype): DecodeCase => ({ ...gpt2Small, name: `${gpt2Small.name} ${dtype}`, dtype, batches: [1, 8] }),
);
const smallStudent: DecodeCase = {
  name: 'student 4 x 256',
  model: { vocab_size: 4096, n_positions: 256, n_embd: 256, n_layer: 4, n_head: 4 },
  batches: [8, 32],
  timedTokens: 128,
};

export const decodeCases: Readonly<Record<Size, readonly DecodeCase[]>> = {
  large: [{ ...gpt2Small, batches: [1, 8, 32, 128] }, ...gpt2SmallStored],
  full: [gpt2Small, ...gpt2SmallStored, smallStudent],
  small: [{ ...gpt2Small, batches: [1] }, smallStudent],
  tiny: [{ ...smallStudent, batches: [2], timedTokens: 32 }],
};

interface DecodeRun {
  readonly prompts: readonly Int32Array[];
  readonly newTokens: number;
  /** 0 is greedy. */
  readonly temperature: 0 | 1;
}
/** Continues all prompts by newTokens, with a KV cache; gives back the new ids of each. */
export type Decode = (run: DecodeRun) => Promise<readonly ArrayLike<number>[]>;

const promptLength = 48;
const runs = 5;

/**
 * Times decoding at each batch size: the time of a run less the shortest of runs that stop at the first new token, so
 * tokens/s of decoding alone, never too many. The time to the first token, the prompts' pass, is a case of its own.
 */
export async function* timeDecoding(
  {
    name,
    vocab,
    batches,
    timedTokens,
  }: Pick<DecodeCase, 'name' | 'batches' | 'timedTokens'> & { readonly vocab: number },
  decode: Decode,
): AsyncGenerator<Measurement> {
  for (const batch of batches) {
    const prompts = Array.from({ length: batch }, (_, row) =>
      Int32Array.from({ length: promptLength }, (_, t) => tokenAt(row, t, vocab)),
    );
    const time = async (newTokens: number, temperature: 0 | 1) => {
      const before = performance.now();
      const answers = await decode({ prompts, newTokens, temperature });
      const ms = performance.now() - before;
      if (answers.length !== batch || answers.some(({ length }) => length !== newTokens)) {
        throw new Error(`expected ${newTokens} tokens for each of ${batch} prompts`);
      }
      return ms;
    };
    await time(4, 0);
    const first: number[] = [];
    for (let run = 0; run < runs; run++) first.push(await time(1, 0));
    const toFirst = summary({ case: `${name}, batch ${batch}, first token`, unit: 'ms', values: first });
    yield toFirst;
    for (const temperature of [0, 1] as const) {
      const values: number[] = [];
      for (let run = 0; run < runs; run++) {
        const ms = (await time(1 + timedTokens, temperature)) - toFirst.min;
        values.push((1000 * batch * timedTokens) / ms);
      }
      const how = temperature === 0 ? 'greedy' : 'temperature 1';
      yield summary({ case: `${name}, batch ${batch}, ${how}`, unit: 'tokens/s', values });
    }
  }
}
