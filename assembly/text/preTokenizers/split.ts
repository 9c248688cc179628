/* Split: cuts at the matches of a pattern, and says what becomes of them. */
import { Automaton, matchEnd } from '../automaton';
import { characterLength } from '../characters';
import { pass, Step } from './index';

const REMOVED: u32 = 0;
const MERGED_WITH_PREVIOUS: u32 = 2;
const MERGED_WITH_NEXT: u32 = 3;
const CONTIGUOUS: u32 = 4;

/** Matches and what lies between them are pieces alike. As `passSome`. */
export function splitIsolated(step: Step, p: usize, end: usize, stop: usize): usize {
  const automaton: Automaton = step.automaton;
  const next = step.level + 1;
  while (p < stop) {
    let q = matchEnd(automaton, p, end);
    if (q == p) {
      do q += characterLength(load<u8>(q));
      while (q < end && matchEnd(automaton, q, end) == q);
    }
    pass(next, p, q);
    p = q;
  }
  return p;
}

export function split(step: Step, begin: usize, end: usize): void {
  const automaton: Automaton = step.automaton;
  step.heldBegin = 0;
  let between = begin;
  for (let p = begin; p < end; ) {
    const stop = matchEnd(automaton, p, end);
    if (stop == p) {
      p += characterLength(load<u8>(p));
      continue;
    }
    if (between < p) take(step, between, p, step.invert);
    take(step, p, stop, !step.invert);
    p = stop;
    between = stop;
  }
  if (between < end) take(step, between, end, step.invert);
  if (step.heldBegin) pass(step.level + 1, step.heldBegin, step.heldEnd);
}

function hold(step: Step, begin: usize, end: usize, isMatch: bool): void {
  if (step.heldBegin) pass(step.level + 1, step.heldBegin, step.heldEnd);
  step.heldBegin = begin;
  step.heldEnd = end;
  step.heldMatch = isMatch;
}

function take(step: Step, begin: usize, end: usize, isMatch: bool): void {
  const behavior = step.behavior;
  if (behavior == REMOVED) {
    if (!isMatch) pass(step.level + 1, begin, end);
    return;
  }
  let joins: bool = false;
  if (step.heldBegin) {
    const held = step.heldMatch;
    if (behavior == MERGED_WITH_PREVIOUS) joins = isMatch && !held;
    else if (behavior == MERGED_WITH_NEXT) joins = held && !isMatch;
    else if (behavior == CONTIGUOUS) joins = held == isMatch;
  }
  if (!joins) {
    hold(step, begin, end, isMatch);
    return;
  }
  step.heldEnd = end;
  step.heldMatch = isMatch;
}
