/** Replies of a judge on disk: a line of JSON each, added as they come, so that no reply is lost and none is paid for twice. */
import { appendFileSync, readFileSync } from 'node:fs';
import type { JudgeCache } from '../../index.js';
import { writing } from '../outputs.js';

/** @param path of such a file, or of none. @throws CheckpointError where the system refuses */
export function openJudgeCache(path: string): JudgeCache {
  const lines = writing('--judge-cache', path, () => textOf(path)).split('\n');
  // A writer that was killed leaves a line without its end.
  let begin = lines.pop() === '' ? '' : '\n';
  const replies = new Map(lines.flatMap(entriesIn));
  return {
    get: (key) => replies.get(key),
    set(key, reply) {
      const line = `${begin}${JSON.stringify({ judged: key, reply })}\n`;
      writing('--judge-cache', path, () => appendFileSync(path, line));
      begin = '';
      replies.set(key, reply);
    },
  };
}

/** None in a line that was cut. */
function entriesIn(line: string): [key: string, reply: string][] {
  try {
    const { judged, reply } = Object(JSON.parse(line)) as Readonly<Record<string, unknown>>;
    return typeof judged === 'string' && typeof reply === 'string' ? [[judged, reply]] : [];
  } catch {
    return [];
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}
