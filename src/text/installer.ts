/** Puts texts, tables and patterns of a tokenizer's components into its instance. All stay until the tokenizer goes. */
import { CheckpointError } from '../errors.js';
import type { PatternField } from './components/component.js';
import { compilePattern } from './regex/automaton.js';
import { literalPattern, parsePattern } from './regex/parse.js';
import { unicodeSets } from './regex/unicodeSets.js';
import { allocate, bytesAt, copyWords, type TextExports } from './wasm.js';

/** Bytes in the instance's memory. */
export interface Block {
  readonly at: number;
  readonly length: number;
}

export class Installer {
  constructor(readonly wasm: TextExports) {}

  text(text: string): Block {
    return this.bytes(new TextEncoder().encode(text));
  }

  bytes(bytes: Uint8Array): Block {
    const at = allocate(this.wasm, bytes.length);
    bytesAt(this.wasm, at, bytes.length).set(bytes);
    return { at, length: bytes.length };
  }

  /** The number of a pattern's automaton. @throws CheckpointError for what is not supported in it */
  automaton(pattern: PatternField, where: string): number {
    const source = 'Regex' in pattern ? pattern.Regex : pattern.String;
    const refuse = (what: string, at?: number) =>
      new CheckpointError(
        `${where}: the regular expression ${JSON.stringify(source)} has ${what}${at === undefined ? '' : ` at character ${at}`}, ` +
          'which is not supported.',
        { found: source },
      );
    const tree = 'Regex' in pattern ? parsePattern(source, unicodeSets(this.wasm), refuse) : literalPattern(source);
    const { ranges, columns, table } = compilePattern(tree, refuse);
    const tableAt = copyWords(this.wasm, table);
    const rangesAt = copyWords(this.wasm, ranges);
    const automaton = this.wasm.defineAutomaton(rangesAt, ranges.length / 2, tableAt, columns);
    this.wasm.release(rangesAt);
    return automaton;
  }
}
