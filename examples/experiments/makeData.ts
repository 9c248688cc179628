/**
 * Writes the data of the experiments' small task into examples/experiments/data: `node examples/experiments/makeData.ts`, after
 * a build. It is the demo's translations into German. The teacher sees clean pairs, students few, of which 30% are spoilt, as
 * crowd-written data is. The same files come out on every machine.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { createRng } from 'distillm';
import type { TaskRecord } from '../demo/task/record.ts';
import { spoil } from '../demo/task/spoil.ts';
import { translation } from '../demo/task/translation.ts';

const folder = new URL('./data/', import.meta.url);
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
const lines = (records: readonly TaskRecord[]) => records.map((record) => `${JSON.stringify(record)}\n`).join('');

mkdirSync(folder, { recursive: true });
writeFileSync(new URL('valid.jsonl', folder), lines(fresh(60)));
writeFileSync(new URL('test.jsonl', folder), lines(fresh(200)));
const first = spoil(fresh(400), 0.3, rng);
writeFileSync(new URL('teacher.jsonl.gz', folder), gzipSync(lines(fresh(5000)), { level: 9 }));
writeFileSync(new URL('student.jsonl', folder), lines([...first, ...spoil(fresh(600), 0.3, rng)]));
