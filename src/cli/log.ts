import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** A JSONL file: each record on its line as it happens, with the time. An existing file is continued or replaced. */
export function openLog(path: string, { append }: { readonly append: boolean }): (record: object) => void {
  mkdirSync(dirname(path), { recursive: true });
  if (!append) writeFileSync(path, '');
  return (record) => appendFileSync(path, `${JSON.stringify({ time: new Date().toISOString(), ...record })}\n`);
}
