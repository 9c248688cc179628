/**
 * `npm run gpu:report -- FOLDER`: takes what the archive's run.sh left in FOLDER into bench/results, a file a suite, and
 * writes bench/README.md anew. `--to` names another folder than bench.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { argument } from '../runner/commandLine.ts';
import { readme } from '../runner/readme.ts';
import { keepResult } from '../runner/resultsFolder.ts';
import type { Result } from '../runner/table.ts';
import { writeWhole } from '../runner/writeWhole.ts';

const from = process.argv[2];
const to = argument('to', fileURLToPath(new URL('..', import.meta.url)));
const parts = from ? (await readdir(from)).filter((name) => /^[a-f]-\w+\.json$/.test(name)).sort() : [];
if (!from || parts.length === 0) {
  console.error(`gpu:report: ${from ?? 'no folder'} has no results: name the folder that run.sh wrote.`);
  process.exit(2);
}
for (const part of parts) {
  const { size, results } = JSON.parse(await readFile(join(from, part), 'utf8')) as { size: string; results: Result[] };
  for (const result of results) {
    if (size !== 'large') console.error(`gpu:report: ${part} is of ${size} shapes.`);
    const about = size === 'large' ? result.about : `${result.about}. With ${size} shapes`;
    await keepResult(join(to, 'results'), { ...result, about });
    console.error(`${result.suite}: ${result.variants.map(({ name }) => name).join(', ') || 'facts alone'}`);
  }
}
await writeWhole(join(to, 'README.md'), await readme(join(to, 'results')));
