import type { Pausable } from '../../pausable.js';
import type { SpecialTokens } from '../addedTokens.js';
import type { Tokenizer } from '../tokenizer.js';

/** Counts the words of texts, and trains a vocabulary on them, once. */
export interface Training {
  add(text: string): void;
  run(): Pausable<Tokenizer>;
  /** Frees its memory. Twice is harmless. A run that goes on afterwards throws DisposedError. */
  free(): void;
}

/** What vocabulary is trained. */
export interface Wanted {
  readonly vocabSize: number;
  /** Texts of the special tokens, which get the first ids. */
  readonly special: readonly string[];
  readonly specialTokens: SpecialTokens;
}
