import path from 'node:path';
import type { Writable } from 'node:stream';
import { DataError } from '../errors.js';
import type { TrainingEvent } from '../index.js';
import { type Interrupt, onInterrupt } from './interrupts.js';

/** A stream that people may read, at a terminal of so many columns, or through a pipe. */
type HumanStream = Writable & { readonly isTTY?: boolean; readonly columns?: number; readonly rows?: number };

/** Where a command reads and writes: the process's own streams, or a test's. */
export interface Terminal {
  /** How this program was called, for lines that can be typed again: 'npx distillm'. */
  readonly program: string;
  readonly stdin: AsyncIterable<Uint8Array | string> & { readonly isTTY?: boolean };
  /**
   * Lines as they are typed, each after `prompt`, with the keys of a line editor; or those of a file or a pipe, without.
   * @throws DataError for what is not UTF-8
   */
  lines(prompt: string): AsyncIterable<string>;
  /** Results. */
  readonly stdout: HumanStream;
  /** Lines for people. */
  readonly stderr: HumanStream;
  /**
   * Calls `listener` at the first of these signals. A second Ctrl-C ends the process.
   * @returns a function that stops listening
   */
  onInterrupt(listener: (signal: Interrupt) => void, signals: readonly Interrupt[]): () => void;
  /** Ends what a command does, as soon as it can. Absent where no program runs the command. */
  readonly signal?: AbortSignal;
  /** Gets each event of a run, where a program runs the command. */
  watch?(event: TrainingEvent): void;
  /** From now on the process goes on where nobody reads its results: for commands that have more to do than to print. */
  outliveReaders(): void;
}

/**
 * A line for people: on a terminal in as many lines as its width asks for, broken between words; in a file or a pipe
 * one line.
 */
export function wrapped(line: string, { isTTY, columns }: HumanStream): string {
  if (!isTTY || !columns) return line;
  return line
    .split('\n')
    .map((each) => fitted(each, columns))
    .join('\n');
}

/** What people should know besides the results: a line that begins with "Note:". */
export const noted = (text: string): string => `Note: ${text}`;

/** Writes it. */
export function note(stderr: HumanStream, text: string): void {
  stderr.write(`${wrapped(noted(text), stderr)}\n`);
}

function fitted(line: string, columns: number): string {
  const lines: string[] = [];
  let last = '';
  for (const part of line.split(/(?<=\S)(?= )/)) {
    if (last !== '' && last.length + part.length > columns) {
      lines.push(last);
      last = part.trimStart();
    } else last += part;
  }
  return [...lines, last].join('\n');
}

/** What finds a program of node_modules, by how the package manager that runs it calls itself. */
const runners: readonly (readonly [agent: RegExp, command: string])[] = [
  [/^pnpm\//, 'pnpm exec distillm'],
  [/^yarn\//, 'yarn distillm'],
  [/^bun\//, 'bunx distillm'],
];

/**
 * How the program was called. npm, which npx is part of, says so in the environment; a link in node_modules/.bin is not
 * on the path of a shell, but npx finds it.
 * @param script path of the script, or of the link to it, that Node was given
 */
export function calledAs(
  script: string,
  { npm_command: npm, npm_config_user_agent: by = '' }: Readonly<Record<string, string | undefined>>,
): string {
  if (npm === 'exec' || /[\\/]node_modules[\\/]/.test(script))
    return runners.find(([agent]) => agent.test(by))?.[1] ?? 'npx distillm';
  if (!/\.[cm]?[jt]s$/.test(script)) return shellWord(path.basename(script));
  const fromHere = path.relative('.', script);
  return `node ${shellWord(fromHere.startsWith('..') ? script : fromHere)}`;
}

/** The lines of a file or a pipe. @throws DataError for what is not UTF-8: a model would read other characters */
export async function* pipedLines(stdin: AsyncIterable<Uint8Array | string>): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let number = 1;
  let begun = '';
  const take = (piece: string): string[] => {
    const lines = (begun + piece).split('\n');
    begun = lines.pop() as string;
    return lines;
  };
  const decode = (bytes?: Uint8Array): string => {
    try {
      return bytes ? decoder.decode(bytes, { stream: true }) : decoder.decode();
    } catch (cause) {
      throw new DataError(`stdin is not UTF-8, in line ${number} or after it. Convert it to UTF-8.`, { cause });
    }
  };
  for await (const piece of stdin) {
    for (const line of take(typeof piece === 'string' ? piece : decode(piece))) {
      number++;
      yield line.replace(/\r$/, '');
    }
  }
  take(decode());
  if (begun !== '') yield begun;
}

/** The lines of a person at a terminal. Ctrl-C is the signal that it is elsewhere. */
async function* typedLines(prompt: string): AsyncGenerator<string> {
  const { createInterface } = await import('node:readline');
  const editor = createInterface({ input: process.stdin, output: process.stdout, prompt });
  editor.on('SIGINT', () => process.kill(process.pid, 'SIGINT'));
  try {
    editor.prompt();
    for await (const line of editor) {
      yield line;
      editor.prompt();
    }
  } finally {
    editor.close();
  }
}

/** A word as a shell reads it back: in quotes where it has spaces or anything else that a shell would read otherwise. */
export function shellWord(word: string, platform: string = process.platform): string {
  if (platform === 'win32') return /^[\w./\\:@%+=,-]+$/.test(word) ? word : `"${word}"`;
  if (/^[\w./:@%+=,-]+$/.test(word)) return word;
  // Double quotes are those that every shell knows; within them these characters have a meaning.
  return /[$`"\\!]/.test(word) ? `'${word.replaceAll("'", "'\\''")}'` : `"${word}"`;
}

/**
 * Text of a model or a file as it may be written to a stream: on a terminal, control characters other than line ends and
 * tabs are replaced by their pictures, for they could move the cursor, or change the title or the clipboard.
 */
export const shownOn = ({ isTTY }: { readonly isTTY?: boolean }, text: string): string =>
  isTTY ? text.replace(/(?![\n\t])\p{Cc}/gu, pictureOf) : text;

/** Codes that colour what follows, and those that end it. */
const styles = { green: [32, 39], bold: [1, 22] } as const;

/** Text in a colour, or bold, where people see it on a terminal and do not forbid it (NO_COLOR, see no-color.org). */
export function coloured({ isTTY }: { readonly isTTY?: boolean }, style: keyof typeof styles, text: string): string {
  if (!isTTY || process.env.NO_COLOR || process.env.TERM === 'dumb') return text;
  const [begin, end] = styles[style];
  return `\u001b[${begin}m${text}\u001b[${end}m`;
}

function pictureOf(control: string): string {
  const code = control.charCodeAt(0);
  if (code < 0x20) return String.fromCharCode(0x2400 + code);
  return code === 0x7f ? '\u2421' : '\ufffd';
}

/** The process's own. Who reads it is watched in main.ts, once. */
export const processTerminal: Omit<Terminal, 'outliveReaders'> = {
  program: calledAs(process.argv[1] ?? 'distillm', process.env),
  stdin: process.stdin,
  lines: (prompt) => (process.stdin.isTTY ? typedLines(prompt) : pipedLines(process.stdin)),
  stdout: process.stdout,
  stderr: process.stderr,
  onInterrupt,
};
