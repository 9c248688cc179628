/** What run.sh of the archive left in a folder, read and checked as a whole: a run that is no use is refused, not mixed in. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import type { Result } from '../runner/table.ts';
import { packedSuites } from '../suites.ts';

/** Why a report cannot be made, in one line that says what to do. */
export class Refused extends Error {}

/** Sizes whose results are of use to others, the largest first. */
export const sizes = ['large', 'full', 'small'] as const;

export interface Run {
  readonly size: (typeof sizes)[number];
  readonly results: readonly Result[];
}

const measurement = z.object({
  ...{ case: z.string(), unit: z.string() },
  ...{ median: z.number(), min: z.number(), max: z.number(), runs: z.number() },
  note: z.string().exactOptional(),
});
/** A part's file. What is not named here, as the machine's folders in a-adapter.json, is not published. */
const partFile = z.object({
  size: z.enum([...sizes, 'tiny']),
  results: z.array(
    z.object({
      ...{ suite: z.enum(packedSuites), about: z.string(), date: z.string(), machine: z.string() },
      processor: z.object({ name: z.string(), vectors: z.string() }),
      adapter: z.string().exactOptional(),
      interrupted: z.literal(true).exactOptional(),
      facts: z.record(z.string(), z.unknown()).exactOptional(),
      variants: z.array(z.object({ name: z.string(), measurements: z.array(measurement) })),
      skipped: z.array(z.string()),
    }),
  ),
});

/**
 * All parts of a run on a GPU, in their order.
 * @throws Refused when a file cannot be read or was not written by run.sh, and for runs of tiny shapes or without a GPU
 */
export async function readRun(folder: string): Promise<Run> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    const what = { ENOENT: 'there is no such folder', ENOTDIR: 'it is a file' }[error.code as string] ?? error.message;
    throw new Refused(`${folder}: ${what}. Name the folder that run.sh wrote.`);
  });
  const files = names.filter((name) => /^[a-f]-\w+\.json$/.test(name)).sort();
  if (files.length === 0) throw new Refused(`${folder} has no results. Name the folder that run.sh wrote.`);
  const parts = await Promise.all(files.map((name) => readPart(join(folder, name))));
  const results = parts.flatMap((part) => part.results);
  const sizesFound = [...new Set(parts.map(({ size }) => size))];
  const [size] = sizesFound as [(typeof sizesFound)[number]];
  if (sizesFound.length > 1)
    throw new Refused(`${folder} is of ${sizesFound.join(' and ')} shapes. Name the folder of one run.`);
  if (size === 'tiny')
    throw new Refused(`${folder} is of tiny shapes, whose times say nothing. Run run.sh without --size tiny.`);
  if (!results.every(({ adapter }) => adapter))
    throw new Refused(`${folder} is of a run that found no GPU. Its log.txt says what to do on that machine.`);
  if (results.some(({ facts }) => facts?.software === true))
    throw new Refused(`${folder} is of a software adapter, not of a GPU. Run run.sh without --software.`);
  return { size, results };
}

async function readPart(path: string): Promise<z.infer<typeof partFile>> {
  let json: unknown;
  try {
    json = JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    const what = error instanceof SyntaxError ? 'it is no whole JSON' : (error as Error).message;
    throw new Refused(`${path}: ${what}. Copy the folder again, or take the file out to go without its part.`);
  }
  const { data, error } = partFile.safeParse(json);
  if (data) return data;
  const [{ path: where, message }] = error.issues as [z.core.$ZodIssue];
  const said = `${where.length > 0 ? `'${where.join('.')}': ` : ''}${message}`;
  throw new Refused(`${path} was not written by this version's run.sh (${said}). Take it out to go without its part.`);
}
