/**
 * Which fields the records of one reading have. A field under a wrong name is missing in every record: that is one
 * mistake, told once, and of an input nothing else would tell, for records may go without.
 */
import { DataError } from '../errors.js';
import { short } from '../inWords.js';
import { didYouMean } from '../requireOption.js';
import { type FieldNames, fieldRoles, type InstructionFields } from './instructionFields.js';

/** What can be done with questions that have no answers. */
export const questionsAdvice = (questions: string): string =>
  `${questions} can be answered (readPrompts reads them, and generate --prompts), and learnt from by methods that need prompts alone: ` +
  'onPolicy, imitkd, minillm, seqkd, distillm2, and gkd (lambda: 1)';

/** Names that are kept for messages. */
const mostNames = 20;

/** Counts the fields of one reading, which may have several sources. */
export class FieldCensus {
  readonly #where: string;
  readonly #named: InstructionFields;
  readonly #names: FieldNames;
  #objects = 0;
  /** Names of fields, in the order of their first appearance. */
  readonly #found = new Set<string>();
  readonly #roles = new Set<keyof FieldNames>();
  #chats: string | undefined;

  /**
   * @param where names the data
   * @param named the names that the user gave
   * @param names the names that are looked for, with the defaults
   */
  constructor(where: string, named: InstructionFields, names: FieldNames) {
    this.#where = where;
    this.#named = named;
    this.#names = names;
  }

  /** Counts the fields of a record. One that is null is there. */
  add(record: Readonly<Record<string, unknown>>): void {
    this.#objects++;
    for (const role of fieldRoles) {
      if (!this.#roles.has(role) && this.#names[role].some((name) => Object.hasOwn(record, name)))
        this.#roles.add(role);
    }
    if (this.#found.size < mostNames) for (const name of Object.keys(record)) this.#found.add(name);
    this.#chats ??= chatField(record);
  }

  /**
   * What is wrong with the names, when so many records were read.
   * @param needsAnswer whether an output that was not named must be there
   * @returns undefined where every field that must be there is in some record, or most lines are no records
   */
  fault(records: number, { needsAnswer }: { readonly needsAnswer: boolean }): DataError | undefined {
    const isNeeded = (role: keyof FieldNames) =>
      this.#named[role] !== undefined || role === 'instruction' || (role === 'output' && needsAnswer);
    const missing = fieldRoles.filter((role) => !this.#roles.has(role) && isNeeded(role));
    if (missing.length === 0 || this.#objects * 2 <= records) return undefined;
    const found = [...this.#found];
    const expected = missing.map((role) => this.#names[role].map((name) => `'${short(name)}'`).join(' or '));
    return new DataError(
      `${this.#where}: no record has ${expected.join(', nor ')}; the records have ` +
        `${found.length > 0 ? short(found.join(', ')) : 'no fields'}. ${this.#advice(missing, found)}`,
      { found, expected: missing.flatMap((role) => this.#names[role]) },
    );
  }

  #advice(missing: readonly (keyof FieldNames)[], found: readonly string[]): string {
    if (this.#chats !== undefined && missing.includes('instruction')) {
      return `They are chats ('${this.#chats}'): write them as messages, a list of { role, content }.`;
    }
    const meant = missing.map((role) => didYouMean(this.#named[role], found)).filter((advice) => advice !== '');
    if (meant.length > 0) return meant.join(' ');
    const needed = missing.includes('input') ? "instruction: 'question', input: 'passage'" : "instruction: 'question'";
    const advice = `Check that it is the right file, or say which of them holds what, as in fields: { ${needed}, output: 'answer' }.`;
    // Whoever names the answers' field expects some.
    const isAsked = missing.join() === 'output' && this.#named.output === undefined;
    return isAsked ? `${advice} ${questionsAdvice('Questions alone')}.` : advice;
  }
}

/** The field in which a record keeps a conversation, under whatever name. */
export const chatField = (record: Readonly<Record<string, unknown>>): string | undefined =>
  ['messages', 'conversations'].find((field) => Array.isArray(record[field]));
