/** Decoding of SmolLM2-135M with random weights, held in fewer bits. */
import type { Size } from '../frame/benchmark.ts';
import { type LlamaShape, smolLM2, smolLM2Tiny } from '../frame/smolLM2.ts';

/** The same number of bits in our words and in those of GGUF files. */
export const storedBits = {
  '16 bits': { dtype: 'f16', gguf: 'F16' },
  '8 bits': { dtype: 'int8', gguf: 'Q8_0' },
  '4 bits': { dtype: 'int4', gguf: 'Q4_0' },
} as const;

export interface SmolLM2Case {
  readonly name: string;
  readonly bits: keyof typeof storedBits;
  readonly model: LlamaShape;
  readonly batches: readonly number[];
  readonly timedTokens: number;
}

const cases = (model: LlamaShape, batches: readonly number[], timedTokens: number): readonly SmolLM2Case[] =>
  (Object.keys(storedBits) as (keyof typeof storedBits)[]).map((bits) => ({
    ...{ name: `SmolLM2-135M, ${bits}`, bits, model, batches, timedTokens },
  }));

export const smolLM2Cases: Readonly<Record<Size, readonly SmolLM2Case[]>> = {
  large: cases(smolLM2, [1, 8, 32], 64),
  full: cases(smolLM2, [1, 8], 64),
  small: cases(smolLM2, [1], 32),
  tiny: cases(smolLM2Tiny, [2], 32),
};
