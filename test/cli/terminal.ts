import { Writable } from 'node:stream';
import type { Interrupt } from '../../src/cli/interrupts.js';
import { pipedLines, type Terminal } from '../../src/cli/terminal.js';

/** A terminal in memory: what was written so far, and a Ctrl-C key. */
export interface TestTerminal extends Terminal {
  out(): string;
  err(): string;
  interrupt(): void;
}

export function testTerminal({
  stdin = '',
  isTTY = false,
  wrote = () => {},
  wroteOut = () => {},
}: {
  stdin?: string;
  isTTY?: boolean;
  /** Called after each write to stderr, with all that was written. */
  wrote?: (err: string, terminal: TestTerminal) => void;
  /** The same of stdout. */
  wroteOut?: (out: string, terminal: TestTerminal) => void;
} = {}): TestTerminal {
  const texts = { out: '', err: '' };
  const listeners = new Set<(signal: Interrupt) => void>();
  const stream = (name: 'out' | 'err') =>
    Object.assign(
      new Writable({
        decodeStrings: false,
        write(chunk, _encoding, done) {
          texts[name] += chunk;
          if (name === 'err') wrote(texts.err, terminal);
          else wroteOut(texts.out, terminal);
          done();
        },
      }),
      { isTTY, columns: 200 },
    );
  const terminal: TestTerminal = {
    program: 'npx distillm',
    stdin: (async function* () {
      if (stdin !== '') yield stdin;
    })(),
    lines: () => pipedLines(terminal.stdin),
    stdout: stream('out'),
    stderr: stream('err'),
    onInterrupt(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    outliveReaders() {},
    out: () => texts.out,
    err: () => texts.err,
    interrupt() {
      const [...pressed] = listeners;
      listeners.clear();
      for (const listener of pressed) listener('SIGINT');
    },
  };
  return terminal;
}
