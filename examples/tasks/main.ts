/** `npm run tasks`: writes the small data sets of examples/tasks anew; they are the same bytes on every machine. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { plainText, type TaskFiles, tasks } from './tasks.ts';

const folder = import.meta.dirname;
const lines = (records: readonly object[]) => records.map((record) => `${JSON.stringify(record)}\n`).join('');
const write = (path: string, content: string | Uint8Array) => {
  writeFileSync(join(folder, path), content);
  console.log(`examples/tasks/${path}: ${content.length.toLocaleString('en')} bytes`);
};

for (const [name, make] of Object.entries(tasks)) {
  mkdirSync(join(folder, name), { recursive: true });
  for (const [set, records] of Object.entries(make()) as [keyof TaskFiles, readonly object[]][]) {
    if (set === 'teacher') write(`${name}/teacher.jsonl.gz`, gzipSync(lines(records), { level: 9 }));
    else write(`${name}/${set}.jsonl`, lines(records));
  }
}
mkdirSync(join(folder, 'text'), { recursive: true });
write('text/corpus.txt', plainText());
