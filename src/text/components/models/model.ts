/** What turns a piece of text into ids, as tokenizer.json has it. */
import type { Installer } from '../../installer.js';
import type { Vocabulary } from '../../vocabulary.js';

/** A model that was read from a file. */
export interface Model {
  readonly vocab: Vocabulary;
  /** Puts the model into an instance that has its vocabulary. `specialIds`: tokens that no text is made of. */
  install(into: Installer, specialIds: ReadonlySet<number>): void;
  /** The words of the vocabulary are worth a look before the first text. */
  readonly knowsWords: boolean;
  /** A word that is a token is that token. */
  readonly ignoresMerges: boolean;
  /** The field `model` of tokenizer.json again. `tokenOf`: each id's text. */
  json(installed: { readonly mergePairs: ArrayLike<number>; tokenOf(id: number): string }): object;
}
