/**
 * The demo's data set: six kinds of short tasks with known answers, in sizes that a model of a million parameters can
 * learn, and a share of answers spoilt as crowd-written data has them.
 */
import { createRng, type Rng } from 'distillm';
import { dialogue } from './dialogue.ts';
import { sums } from './numbers.ts';
import type { TaskRecord } from './record.ts';
import { spoil } from './spoil.ts';
import { translation } from './translation.ts';
import { oppositeWords, sharedWords, sorting } from './words.ts';

/** The kinds of task and how often each comes up, in parts. */
const kinds: readonly (readonly [(rng: Rng) => TaskRecord, number])[] = [
  [translation, 6],
  [dialogue, 6],
  [oppositeWords, 2],
  [sorting, 2],
  [sharedWords, 2],
  [sums, 2],
];

export interface Task {
  /** Clean pairs in number for the teacher. */
  readonly teacher: TaskRecord[];
  /** Few pairs, a share of the answers spoilt, for the students. */
  readonly student: TaskRecord[];
  /** Clean pairs that occur in neither. */
  readonly heldOut: TaskRecord[];
}

interface TaskOptions {
  readonly seed: number;
  readonly teacherPairs?: number;
  readonly studentPairs?: number;
  /** Share of the students' answers that are spoilt, 0 to 1. */
  readonly spoilt?: number;
  readonly heldOutPairs?: number;
}

/**
 * A small instruction-following task: translation into German, dialogue summaries, opposites, sorting, lists, sums.
 * The teacher's set and the held-out set depend on no option but their sizes; `seed` draws the student's pairs.
 */
export const generateTask = (options: TaskOptions): Task => generateTaskOf(mixed, options);

/** The same of one kind of record. */
export function generateTaskOf(make: (rng: Rng) => TaskRecord, options: TaskOptions): Task {
  const { seed, teacherPairs = 20_000, studentPairs = 600, spoilt = 0.3, heldOutPairs = 500 } = options;
  const seen = new Set<string>();
  const heldOut = distinct(make, heldOutPairs, createRng(1), seen);
  const teacher = draw(make, teacherPairs, createRng(2), seen);
  const rng = createRng(1000 + seed);
  return { teacher, heldOut, student: spoil(draw(make, studentPairs, rng, seen), spoilt, rng) };
}

const wholeQuestion = ({ instruction, input }: TaskRecord) => `${instruction}\n${input}`;

function mixed(rng: Rng): TaskRecord {
  const total = kinds.reduce((sum, [, parts]) => sum + parts, 0);
  let ticket = rng.int(total);
  for (const [make, parts] of kinds) {
    if (ticket < parts) return make(rng);
    ticket -= parts;
  }
  throw new RangeError('unreachable: the ticket is below the sum of the parts');
}

/** Records that differ from one another, and from those whose keys are in `seen`, to which theirs are added. */
export function distinct(
  make: (rng: Rng) => TaskRecord,
  count: number,
  rng: Rng,
  seen: Set<string>,
  keyOf = wholeQuestion,
): TaskRecord[] {
  const records: TaskRecord[] = [];
  while (records.length < count) {
    const record = make(rng);
    if (seen.has(keyOf(record))) continue;
    seen.add(keyOf(record));
    records.push(record);
  }
  return records;
}

/** Records that are not held out; the same one may come twice, as in real data. */
function draw(make: (rng: Rng) => TaskRecord, count: number, rng: Rng, heldOut: ReadonlySet<string>): TaskRecord[] {
  const records: TaskRecord[] = [];
  while (records.length < count) {
    const record = make(rng);
    if (!heldOut.has(wholeQuestion(record))) records.push(record);
  }
  return records;
}
