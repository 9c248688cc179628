/**
 * `npm run gpu:report -- FOLDER`: takes what the archive's run.sh left in FOLDER into bench/results, a file a suite, and
 * writes bench/README.md anew. `--to` names another folder than bench. All is read and checked before anything is written.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { readme } from '../runner/readme.ts';
import { keepResult, pathOfResult } from '../runner/resultsFolder.ts';
import type { Result } from '../runner/table.ts';
import { writeWhole } from '../runner/writeWhole.ts';
import { Refused, type Run, readRun, sizes } from './readRun.ts';

try {
  const { from, to } = readWords();
  const results = join(to, 'results');
  const { size, results: found } = await readRun(from);
  if (existsSync(results)) await readme(results); // what is there can be read, too
  const decided = await Promise.all(found.map((result) => decide(results, result, size)));
  for (const { take, say } of decided) {
    if (take) await keepResult(results, take);
    console.error(say);
  }
  if (decided.some(({ take }) => take)) await writeWhole(join(to, 'README.md'), await readme(results));
} catch (error) {
  // Besides what is refused here, files that cannot be read or written.
  if (!(error instanceof Refused) && !(error as NodeJS.ErrnoException).code) throw error;
  console.error(`gpu:report: ${(error as Error).message}`);
  process.exitCode = 2;
}

function readWords(): { from: string; to: string } {
  const bench = fileURLToPath(new URL('..', import.meta.url));
  const usage = 'It takes one folder that run.sh wrote, and --to FOLDER for another folder than bench.';
  let words: { values: { to: string }; positionals: string[] };
  try {
    words = parseArgs({ options: { to: { type: 'string', default: bench } }, allowPositionals: true });
  } catch (error) {
    throw new Refused(`${(error as Error).message.split('\n')[0]?.replace(/\.$/, '')}. ${usage}`);
  }
  const { values, positionals } = words;
  const [from] = positionals;
  if (from === undefined) throw new Refused(`no folder was named. ${usage}`);
  if (positionals.length > 1) throw new Refused(`'${positionals[1]}' is one folder too many. ${usage}`);
  return { from, to: values.to };
}

/** What becomes of a suite: the result to keep, if it is one, and a line that says so. */
async function decide(folder: string, result: Result, size: Run['size']): Promise<{ take?: Result; say: string }> {
  const path = pathOfResult(folder, result);
  const kept = existsSync(path) ? (JSON.parse(await readFile(path, 'utf8')) as Result) : undefined;
  const [cases, keptCases] = [casesOf(result), kept ? casesOf(kept) : 0];
  const { suite, facts = {}, interrupted, variants } = result;
  const stays = kept ? '; what was kept before stays' : '';
  const cutOff = interrupted ? '; it was interrupted, as its table says' : '';
  if (cases === 0 && (keptCases > 0 || Object.keys(facts).length === 0))
    return { say: `${suite}: left out, for it has no cases${interrupted ? ' (it was interrupted)' : ''}${stays}` };
  if (kept && sizes.indexOf(size) > sizes.indexOf(sizeOf(kept)))
    return { say: `${suite}: left out, for its shapes are ${size}, those kept are ${sizeOf(kept)}${stays}` };
  const about = size === 'large' ? result.about : `${result.about}${withShapes(size)}`;
  const taken = variants.map(({ name }) => name).join(', ');
  const instead = keptCases > 0 ? ` in place of ${keptCases}` : '';
  return {
    take: { ...result, about },
    say: `${suite}: ${cases === 0 ? 'facts alone' : `${taken}: ${cases} cases${instead}`}${cutOff}`,
  };
}

function withShapes(size: Run['size']): string {
  return `. With ${size} shapes`;
}
function sizeOf({ about }: Result): Run['size'] {
  return sizes.find((size) => about.endsWith(withShapes(size))) ?? 'large';
}
function casesOf({ variants }: Result): number {
  return variants.reduce((sum, { measurements }) => sum + measurements.length, 0);
}
