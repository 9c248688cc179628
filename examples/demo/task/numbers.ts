import type { Rng } from 'distillm';
import { pick } from './random.ts';
import type { TaskRecord } from './record.ts';

const small = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten'];
const large = ['eleven', 'twelve', 'thirteen', 'fourteen', 'fifteen', 'sixteen', 'seventeen', 'eighteen', 'nineteen'];
const numberWords: readonly string[] = [...small, ...large, 'twenty'];

/** A sum in words, told as a small story or asked plainly. */
export function sums(rng: Rng): TaskRecord {
  const [a, b] = [2 + rng.int(9), 2 + rng.int(9)];
  const total = numberWords[a + b] as string;
  const [x, y] = [numberWords[a], numberWords[b]] as [string, string];
  const things = pick(rng, ['books', 'apples', 'cards', 'eggs', 'flowers', 'letters']);
  const name = pick(rng, ['Anna', 'Ben', 'Clara', 'David', 'Emma', 'Felix']);
  return rng.int(2) === 0
    ? {
        instruction: `How many ${things} does ${name} have now?`,
        input: `${name} has ${x} ${things} and gets ${y} more.`,
        output: `${name} has ${total} ${things}.`,
      }
    : { instruction: 'Add the numbers.', input: `${x} and ${y} ${things}`, output: `${total} ${things}` };
}
