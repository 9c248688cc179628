import { chaptersOf } from './resultsFolder.ts';

/** bench/README.md: all results of the folder as tables. */
export async function readme(results: string): Promise<string> {
  const intro = [
    '# Benchmarks',
    '',
    'Written by `npm run bench` (`npm run bench -- gemm decode` runs these two suites, `--filter gemm` all whose names begin',
    'so). Every variant is a process of its own on the same machine in the same run; each kind of processor has tables of its own.',
    'PyTorch rows appear where `python3` (or `BENCH_PYTHON`) has torch. distillm has fused arithmetic unless a row says plain.',
    '256-bit: V8 packs pairs of 128-bit vectors (`--experimental-wasm-revectorize`, in Chromium behind `--js-flags=`). A variant',
    'that takes more than ten minutes is stopped and listed as not run; Ctrl-C leaves the suite in progress as it was.',
    '',
    '`npm run bench:browser` runs the suites `browser-...`, in headless Chromium; `npm run bench:page` serves their page for a',
    'browser of your own; `npm run gpu:pack` makes an archive that checks and measures the GPU of another Linux',
    'x64 machine; `npm run gpu:report -- FOLDER` puts what came back into these tables.',
  ];
  return `${intro.join('\n')}\n\n${await chaptersOf(results)}\n`;
}
