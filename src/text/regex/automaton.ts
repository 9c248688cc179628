/**
 * From a pattern to a table that assembly/text/automaton.ts runs over a text. A state of the table is the list of places
 * in the pattern where a backtracking engine could be, in the order in which it would try them; what it would try after
 * a match is dropped. So the table ends a match where such an engine ends it, with one look at each character.
 */
import { type CharacterSet, LAST_CODE_POINT } from './characterSet.js';
import type { Pattern } from './parse.js';

/** A pattern as a table; see assembly/text/automaton.ts. */
export interface Automaton {
  /** (first code point, class) of each range of code points. */
  readonly ranges: Uint32Array;
  /** Classes, and one column for the end of the text. */
  readonly columns: number;
  /** [states, columns]: the next state's row in bytes, bit 0 for a match that ends here. */
  readonly table: Uint32Array;
}

/** One step of a program that a backtracking engine could run. `next` and `other` are places in the program. */
type Step =
  | { readonly kind: 'character'; readonly set: number; next: number }
  | { readonly kind: 'before'; readonly set: number; readonly orEnd: boolean; next: number }
  | { readonly kind: 'fork'; next: number; other: number }
  | { readonly kind: 'match' };

const MOST_STEPS = 20_000;
const MOST_STATES = 4096;
/** How much work expressions may make: the places that are looked at while states are found, a million of them a second. */
export interface Work {
  left: number;
}
const MOST_WORK = 2_000_000;

/**
 * @param refuse makes the error for a pattern whose table would be too large
 * @param work what may still be spent, of several patterns together; by default that of one
 */
export function compilePattern(
  pattern: Pattern,
  refuse: (what: string) => Error,
  work: Work = { left: MOST_WORK },
): Automaton {
  const sets = new Map<string, number>();
  const program: Step[] = [];
  const start = write(pattern, program, sets, push(program, { kind: 'match' }, refuse), refuse);
  const { ranges, members } = classes([...sets.keys()].map((key) => (key === '' ? [] : key.split(',').map(Number))));
  if (members.length > 256) throw refuse('more than 256 classes of characters');
  return { ranges, columns: members.length + 1, table: tabulate(program, start, { members, work, refuse }) };
}

function push(program: Step[], step: Step, refuse: (what: string) => Error): number {
  if (program.length === MOST_STEPS) throw refuse(`more than ${MOST_STEPS} steps`);
  return program.push(step) - 1;
}

/** The number of a set; the same set has the same. */
function numberOf(set: CharacterSet, sets: Map<string, number>): number {
  const key = set.join();
  const number = sets.get(key) ?? sets.size;
  sets.set(key, number);
  return number;
}

/** Writes a pattern's steps, from its end to its start; `next` follows it. Returns where it starts. */
function write(
  pattern: Pattern,
  program: Step[],
  sets: Map<string, number>,
  next: number,
  refuse: (what: string) => Error,
): number {
  const add = (step: Step) => push(program, step, refuse);
  const part = (inner: Pattern, after: number) => write(inner, program, sets, after, refuse);
  switch (pattern.kind) {
    case 'character':
      return add({ kind: 'character', set: numberOf(pattern.set, sets), next });
    case 'before':
      return add({ kind: 'before', set: numberOf(pattern.set, sets), orEnd: pattern.orEnd, next });
    case 'sequence':
      return pattern.parts.reduceRight((after, inner) => part(inner, after), next);
    case 'choice':
      return pattern.parts
        .map((inner) => part(inner, next))
        .reduceRight((other, first) => add({ kind: 'fork', next: first, other }));
    case 'repeat': {
      const { least, most, lazy } = pattern;
      const fork = (inside: number, after: number) =>
        add(lazy ? { kind: 'fork', next: after, other: inside } : { kind: 'fork', next: inside, other: after });
      let begin = next;
      if (most === Number.POSITIVE_INFINITY) {
        begin = fork(next, next);
        const loop = program[begin] as Step & { kind: 'fork' };
        const inside = part(pattern.part, begin);
        if (lazy) loop.other = inside;
        else loop.next = inside;
      } else for (let i = least; i < most; i++) begin = fork(part(pattern.part, begin), next);
      for (let i = 0; i < least; i++) {
        const before = program.length;
        begin = part(pattern.part, begin);
        // Nothing, many times.
        if (program.length === before) break;
      }
      return begin;
    }
  }
}

/** Code points that no set tells apart are one class: where classes begin, and which sets each is in. */
function classes(sets: readonly CharacterSet[]): { ranges: Uint32Array; members: boolean[][] } {
  const changes = new Map<number, number[]>([[0, []]]);
  const change = (at: number, set: number) => {
    if (at > LAST_CODE_POINT) return;
    const there = changes.get(at);
    if (there) there.push(set);
    else changes.set(at, [set]);
  };
  sets.forEach((set, index) => {
    for (let i = 0; i < set.length; i += 2) {
      change(set[i] as number, index);
      change((set[i + 1] as number) + 1, index);
    }
  });
  const inside = sets.map(() => false);
  const numbers = new Map<string, number>();
  const members: boolean[][] = [];
  const ranges: number[] = [];
  for (const at of [...changes.keys()].sort((a, b) => a - b)) {
    for (const set of changes.get(at) as number[]) inside[set] = !inside[set];
    const key = inside.map(Number).join('');
    let number = numbers.get(key);
    if (number === undefined) {
      number = members.push([...inside]) - 1;
      numbers.set(key, number);
    }
    ranges.push(at, number);
  }
  return { ranges: Uint32Array.from(ranges), members };
}

function tabulate(
  program: readonly Step[],
  start: number,
  {
    members,
    work,
    refuse,
  }: { readonly members: readonly boolean[][]; readonly work: Work; readonly refuse: (what: string) => Error },
): Uint32Array {
  const columns = members.length + 1;
  const states: (readonly number[])[] = [[], [start]];
  const numbers = new Map([
    ['', 0],
    [String(start), 1],
  ]);
  const table: number[] = Array.from({ length: columns }, () => 0);
  for (let state = 1; state < states.length; state++) {
    for (let column = 0; column < columns; column++) {
      const { places, matches, visited } = step(program, states[state] as readonly number[], members[column]);
      work.left -= visited;
      if (work.left < 0) throw refuse('too many places in its states');
      const key = places.join();
      let next = numbers.get(key);
      if (next === undefined) {
        if (states.length === MOST_STATES) throw refuse(`more than ${MOST_STATES} states`);
        next = states.push(places) - 1;
        numbers.set(key, next);
      }
      table.push(next * columns * 4 + (matches ? 1 : 0));
    }
  }
  return Uint32Array.from(table);
}

/**
 * From the places before a character to those after it, in the order of trial. `inside`: which sets the character is
 * in; undefined at the end of the text. `matches`: a match ends before the character.
 */
function step(program: readonly Step[], from: readonly number[], inside: readonly boolean[] | undefined) {
  const places = new Set<number>();
  const visited = new Set<number>();
  const found = (matches: boolean) => ({ places: [...places], matches, visited: visited.size });
  const pending = [...from].reverse();
  while (pending.length > 0) {
    const at = pending.pop() as number;
    if (visited.has(at)) continue;
    visited.add(at);
    const here = program[at] as Step;
    if (here.kind === 'match') return found(true);
    if (here.kind === 'fork') pending.push(here.other, here.next);
    else if (here.kind === 'before') {
      if (inside ? inside[here.set] : here.orEnd) pending.push(here.next);
    } else if (inside?.[here.set]) places.add(here.next);
  }
  return found(false);
}
