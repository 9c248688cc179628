// `npm test`: every test, WebGPU ones on the packaged software GPU, then the built package on the installed Node.
// Arguments go on to vitest: `npm test -- test/tensor -t relu`. The tests run on the Node of node_modules, so any Node may
// start them. The last line is 'N passed, N failed, N skipped'.
//   DISTILLM_TEST_ADAPTER=system  test the machine's own WebGPU adapter instead of the software one
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { pinnedNode } from './pinned-node.mjs';
import { softwareGPU } from './software-gpu.mjs';
import { testInstalledNode } from './test-installed-node.mjs';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
const args = process.argv.slice(2);
const node = pinnedNode();
const results = `.cache/test-results.${process.pid}.json`;
mkdirSync('.cache', { recursive: true });

const ownAdapter = process.env.DISTILLM_TEST_ADAPTER === 'system';
const gpu = ownAdapter ? { missing: 'DISTILLM_TEST_ADAPTER=system asks for the own adapter' } : await softwareGPU();
const env = { ...process.env, DISTILLM_REQUIRE_WEBGPU: '1' };
if ('env' in gpu) Object.assign(env, gpu.env);
else if (!ownAdapter) delete env.DISTILLM_REQUIRE_WEBGPU;

const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${results}`];
const command = ['node_modules/vitest/vitest.mjs', 'run', ...reporters, ...args];
const { status } = spawnSync(node, command, { stdio: 'inherit', env });
const counts = count(results);
rmSync(results, { force: true });
// A run that failed without a failed test (a crash, an error outside of tests) must not read as a success.
if (status !== 0 && counts.failed === 0) counts.failed = 1;

// A selection of tests is for quick work: the package may not even be built.
if (args.length === 0) {
  const installed = testInstalledNode(env, spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.trim());
  for (const name of Object.keys(counts)) counts[name] += installed[name];
}
if ('missing' in gpu && !ownAdapter) {
  console.log(
    `\nThere was no software GPU for the WebGPU tests: ${gpu.missing}.\nWithout an adapter of this machine they, and the ` +
      "browser's, were skipped. To run them: install a GPU driver, or Mesa's llvmpipe and set\nVK_ICD_FILENAMES to its ICD " +
      'file; then DISTILLM_TEST_ADAPTER=system npm test makes a missing adapter a failure.',
  );
}
console.log(`\n${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
process.exitCode = counts.failed > 0 ? 1 : 0;

/** Tests by outcome, from vitest's JSON report. A file that fails before its first test counts as one failed test. */
function count(file) {
  try {
    const report = JSON.parse(readFileSync(file, 'utf8'));
    const broken = report.testResults.filter(
      ({ status, assertionResults }) =>
        status === 'failed' && !assertionResults.some((test) => test.status === 'failed'),
    );
    return {
      passed: report.numPassedTests,
      failed: report.numFailedTests + broken.length,
      skipped: report.numPendingTests + report.numTodoTests,
    };
  } catch (error) {
    console.error(`vitest left no report: ${error.message}`);
    return { passed: 0, failed: 1, skipped: 0 };
  }
}
