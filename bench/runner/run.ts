/**
 * `npm run bench [-- gemm decode]`: runs the suites, prints a table each, keeps results/NAME.json and renders
 * README.md from all results that are there. An interruption leaves the result of the suite in progress as it was.
 */
import { fileURLToPath } from 'node:url';
import { suites } from '../suites.ts';
import { chooseSuites } from './chooseSuites.ts';
import { interruption } from './interruption.ts';
import { readme } from './readme.ts';
import { keepResult } from './resultsFolder.ts';
import { runSuite } from './runSuite.ts';
import { chapter } from './table.ts';
import { writeWhole } from './writeWhole.ts';

const folder = fileURLToPath(new URL('..', import.meta.url));
const asked = chooseSuites(suites);
if ('refused' in asked) {
  console.error(`bench: ${asked.refused}`);
  process.exit(2);
}
const { signal, exitCode } = interruption();
try {
  for (const suite of asked.chosen) {
    const result = await runSuite(suite, { pathOf: (script) => folder + script, signal });
    await keepResult(`${folder}results`, result);
    await writeWhole(`${folder}README.md`, await readme(`${folder}results`));
    console.log(`\n${chapter([result])}`);
  }
} catch (error) {
  if (!signal.aborted) throw error;
  process.exitCode = exitCode();
}
