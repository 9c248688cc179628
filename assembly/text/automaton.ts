/*
 * Regular expressions as tables. src/text/regex/ compiles one to an automaton that decides with one look at each
 * character: a row a state, a column a class of characters, and a last column for the end of the text. An entry is the
 * next row's offset in bytes; its bit 0 says that a match ends before the character. Row 0 is where nothing can match
 * any more, row 1 is the start.
 */
import { Buffer } from './buffer';
import { codePoint } from './characters';
import { alloc } from './memory';

// @ts-ignore: decorator
@unmanaged
export class Automaton {
  /** u8 [0x110000] */
  classes: usize;
  /** u32 [states, columns] */
  table: usize;
  /** Bytes of a row. */
  row: u32;
}

let automata: Buffer<usize> = changetype<Buffer<usize>>(0);

/**
 * Classes are `count` pairs of u32: the first code point of a range, and its class. Keeps `table`, not `ranges`.
 * Returns the automaton's number.
 */
export function defineAutomaton(ranges: usize, count: u32, table: usize, columns: u32): u32 {
  if (!changetype<usize>(automata)) automata = Buffer.create<usize>();
  const automaton = changetype<Automaton>(alloc(offsetof<Automaton>()));
  automaton.classes = alloc(0x110000);
  for (let i: u32 = 0; i < count; i++) {
    const at = ranges + (<usize>i << 3);
    const first = load<u32>(at);
    const next = i + 1 < count ? load<u32>(at, 8) : 0x110000;
    memory.fill(automaton.classes + first, <u8>load<u32>(at, 4), next - first);
  }
  automaton.table = table;
  automaton.row = columns << 2;
  automata.push(changetype<usize>(automaton));
  return automata.length - 1;
}

export function automatonAt(index: u32): Automaton {
  return changetype<Automaton>(automata.at(index));
}

/** End of the match that starts at `p`, where a backtracking engine would end it; `p` itself without a match. */
export function matchEnd(automaton: Automaton, p: usize, end: usize): usize {
  const classes = automaton.classes;
  const table = automaton.table;
  const row = automaton.row;
  let last = p;
  let state = row;
  while (p < end) {
    const a: u32 = load<u8>(p);
    let length: u32 = 1;
    let code = a;
    if (a >= 0x80) {
      const c = codePoint(p);
      code = c >> 3;
      length = c & 7;
    }
    const entry = load<u32>(table + state + (<usize>load<u8>(classes + code) << 2));
    if (entry & 1) last = p;
    state = entry & ~1;
    if (!state) return last;
    p += length;
  }
  return load<u32>(table + state + row - 4) & 1 ? p : last;
}

/** Whether the end of a text alone is a match. */
export function matchesEnd(automaton: Automaton): bool {
  return (load<u32>(automaton.table + automaton.row + automaton.row - 4) & 1) != 0;
}
