/** The files of examples/experiments hold options that there are, on data that are there. */
import { mkdtempSync, readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { distillm } from '../cli/workspace.js';

const examples = 'examples/experiments';
const folder = mkdtempSync(join(tmpdir(), 'distillm-experiments-'));
afterAll(() => rm(folder, { recursive: true }));

const files = readdirSync(examples).filter((name) => name.endsWith('.json') && name !== 'base.json');

it.each(files)(
  '%s is a grid of three seeds',
  async (name) => {
    const { code, out, err } = await distillm('experiment', {
      more: [join(examples, name), '--dry-run', '--threads', '1', '--out', join(folder, 'out')],
    });
    expect(code, err).toBe(0);
    const { runs } = JSON.parse(out) as { runs: { labels: Record<string, string> }[] };
    expect(runs.length).toBeGreaterThanOrEqual(9);
    expect(new Set(runs.map(({ labels }) => labels.seed))).toEqual(new Set(['1', '2', '3']));
  },
  60_000,
);
