/**
 * Writes the data of the experiments' small tasks into examples/experiments/data: `node examples/experiments/makeData.ts`.
 * Instructions are those of the demo; translations are its sentences alone. Teachers see clean pairs, students few of which 30%
 * are spoilt, as crowd-written data is. The same files come out on every machine.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { createRng } from 'distillm';
import { generateTask } from '../demo/task/generateTask.ts';
import type { TaskRecord } from '../demo/task/record.ts';
import { spoil } from '../demo/task/spoil.ts';
import { translation } from '../demo/task/translation.ts';

const folder = new URL('./data/', import.meta.url);
const sizes = { teacher: 6000, student: 600, valid: 60, test: 150 };

const lines = (records: readonly TaskRecord[]) => records.map((record) => `${JSON.stringify(record)}\n`).join('');

function write(task: string, sets: Readonly<Record<keyof typeof sizes, readonly TaskRecord[]>>): void {
  mkdirSync(new URL(`${task}/`, folder), { recursive: true });
  for (const [name, records] of Object.entries(sets)) {
    const text = lines(records);
    // The teacher's are many.
    if (name === 'teacher') writeFileSync(new URL(`${task}/${name}.jsonl.gz`, folder), gzipSync(text, { level: 9 }));
    else writeFileSync(new URL(`${task}/${name}.jsonl`, folder), text);
  }
}

const { teacher, student, heldOut } = generateTask({
  seed: 1,
  teacherPairs: sizes.teacher,
  studentPairs: sizes.student,
  heldOutPairs: sizes.valid + sizes.test,
});
write('instructions', { teacher, student, valid: heldOut.slice(0, sizes.valid), test: heldOut.slice(sizes.valid) });

const rng = createRng(3);
const seen = new Set<string>();
/** Sentences that are in no set before. */
function fresh(count: number): TaskRecord[] {
  const records: TaskRecord[] = [];
  while (records.length < count) {
    const record = translation(rng);
    if (seen.has(record.input)) continue;
    seen.add(record.input);
    records.push(record);
  }
  return records;
}
const [valid, test] = [fresh(sizes.valid), fresh(sizes.test)];
const clean = fresh(sizes.student);
write('translation', { valid, test, student: spoil(clean, 0.3, rng), teacher: fresh(sizes.teacher) });
