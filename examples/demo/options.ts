/** What the demo takes on its command line. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const help = `npm run demo -- [options]

  --seeds <number>    whole repetitions, on other pairs each (default: 1; the README's table has 3)
  --out <folder>      where the report, the runs' logs and the distilled student go (default: runs/demo)

For a still smaller run, whose numbers mean little:
  --pairs <number>    pairs that the students see (default: 1000)
  --epochs <number>   passes over them, of the short SFT and of each method (default: 10)
  --held-out <number> pairs that the scores are taken on (default: 400)
`;

export interface DemoOptions {
  readonly seeds: number;
  readonly pairs: number;
  readonly epochs: number;
  readonly heldOut: number;
  readonly out: string;
}

/** A demo replaces what a demo wrote, and nothing else. @throws RangeError for a folder that holds something else */
function checkOut(out: string): void {
  const report = join(out, 'report.html');
  const refuse = (what: string) => {
    throw new RangeError(`--out ${out} ${what}: it would be replaced. Take another folder.`);
  };
  if (existsSync(out) && !statSync(out).isDirectory()) refuse('is a file');
  if (existsSync(report) && !readFileSync(report, 'utf8').startsWith('<!doctype html><!-- a report of distillm -->')) {
    refuse('holds another report.html than a demo writes');
  }
  if (existsSync(join(out, 'student')) && !existsSync(join(out, 'DistiLLM/log.jsonl'))) {
    refuse('holds a folder student that no demo wrote');
  }
}

/** Prints the help, or what is wrong, and ends the process where there is nothing to run. */
export function readOptions(args: readonly string[] = process.argv.slice(2)): DemoOptions {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        seeds: { type: 'string', default: '1' },
        pairs: { type: 'string', default: '1000' },
        epochs: { type: 'string', default: '10' },
        'held-out': { type: 'string', default: '400' },
        out: { type: 'string', default: 'runs/demo' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    if (values.help) {
      process.stdout.write(help);
      process.exit(0);
    }
    const { out } = values;
    checkOut(out);
    const [seeds, pairs, epochs] = [count('seeds', 1, 1000), count('pairs', 20, 1e6), count('epochs', 1, 1e6)];
    return { seeds, pairs, epochs, heldOut: count('held-out', 1, 400), out };

    function count(name: 'seeds' | 'pairs' | 'epochs' | 'held-out', least: number, most: number): number {
      const value = Number(values[name]);
      if (Number.isSafeInteger(value) && value >= least && value <= most) return value;
      throw new RangeError(`--${name} is '${values[name]}', expected a whole number from ${least} to ${most}.`);
    }
  } catch (error) {
    process.stderr.write(`demo: ${(error as Error).message}\n\n${help}`);
    process.exit(2);
  }
}
