/**
 * Questions that come twice: within a file, where they weigh double, and in two files, where the one that should be unseen is
 * known. Texts are kept as hashes, about 100 bytes a record.
 */
import { hash53 } from '../hash53.js';
import { type Place, placeInWords } from '../records.js';

/** Questions of a later file that are in an earlier one too. */
export interface SharedQuestions {
  /** Names of the two files, the earlier first. */
  readonly files: readonly [string, string];
  /** Records of the later file whose question is word for word in the earlier. */
  readonly same: number;
  /** Further ones that differ in case, punctuation and white space alone. */
  readonly alike: number;
  /** The first three of both. */
  readonly first: readonly SharedQuestion[];
}

/** One of them. */
export interface SharedQuestion {
  /** Where it stands in the two files: 'line 12'. */
  readonly at: readonly [string, string];
  /** What is asked. */
  readonly text: string;
}

/** Pairs that are told one by one. */
const told = 3;

/** The text without what hardly matters. Of a script without letters or digits it is the text itself. */
function plain(text: string): string {
  const words = text
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, ' ')
    .trim();
  return words === '' ? text : words;
}

interface Shared {
  same: number;
  alike: number;
  readonly first: SharedQuestion[];
}

interface FileQuestions {
  readonly name: string;
  /** Of its records: what their numbers count. */
  kind: Place['kind'];
  /** Number of the first record with such a question, by the question's hash. */
  readonly same: Map<number, number>;
  /** The same by the hash of what matters of it. */
  readonly alike: Map<number, number>;
}

/** The questions of one file after another. */
export class QuestionIndex {
  readonly #files: FileQuestions[] = [];
  /** By the indices of both files. */
  readonly #shared = new Map<string, Shared>();
  #repeated = 0;

  /** Begins the next file. */
  begin(name: string): void {
    this.#files.push({ name, kind: 'line', same: new Map(), alike: new Map() });
    this.#repeated = 0;
  }

  /** Records of this file whose question an earlier record of it has, word for word. */
  get repeated(): number {
    return this.#repeated;
  }

  add(text: string, place: Place): void {
    const [same, alike] = [hash53(text), hash53(plain(text))];
    const own = this.#files.at(-1) as FileQuestions;
    own.kind = place.kind;
    for (const [index, file] of this.#files.slice(0, -1).entries()) {
      const found = file.same.get(same);
      const near = found ?? file.alike.get(alike);
      if (near === undefined) continue;
      const key = `${index},${this.#files.length - 1}`;
      const shared = this.#shared.get(key) ?? { same: 0, alike: 0, first: [] };
      this.#shared.set(key, shared);
      shared[found === undefined ? 'alike' : 'same']++;
      const there = placeInWords({ kind: file.kind, number: near });
      if (shared.first.length < told) shared.first.push({ at: [there, placeInWords(place)], text });
    }
    if (own.same.has(same)) this.#repeated++;
    else own.same.set(same, place.number);
    if (!own.alike.has(alike)) own.alike.set(alike, place.number);
  }

  /** Pairs of files that share questions. */
  end(): SharedQuestions[] {
    return [...this.#shared].map(([key, shared]) => {
      const [one, other] = key.split(',').map((index) => this.#files[Number(index)]?.name) as [string, string];
      return { files: [one, other], ...shared };
    });
  }
}
