/*
 * Pre-tokenizers: steps that cut a text into pieces, each the pieces of the one before. What the last leaves goes to the
 * model. Nothing is stored in between: a piece goes down to the model before the next is cut.
 */
import { Automaton, automatonAt } from '../automaton';
import { Buffer } from '../buffer';
import { alloc } from '../memory';
import { openCut } from '../merges';
import { encodePiece, encodeSome } from '../model';
import { digits } from './digits';
import { encodeGpt2Words } from './gpt2';
import { spaced, splitBefore } from './metaspace';
import { split, splitIsolated } from './split';

const GPT2: u32 = 0;
const SPLIT: u32 = 1;
const ISOLATED: u32 = 2;
const DIGITS: u32 = 3;
const SPACED: u32 = 4;
const BEFORE: u32 = 5;

// @ts-ignore: decorator
@unmanaged
export class Step {
  kind: u32;
  /** The step's place in the list. */
  level: u32;
  /** Split: the pattern. */
  automaton: Automaton;
  behavior: u32;
  invert: bool;
  /** Split: a piece that the next may still join. */
  heldBegin: usize;
  heldEnd: usize;
  heldMatch: bool;
  /** Digits: each is a piece. */
  individual: bool;
  /** Metaspace: what stands for a space, where it is put before a piece, and the piece that was made so. */
  text: usize;
  textLength: u32;
  scheme: u32;
  made: Buffer<u8>;
}

let steps: Buffer<usize> = changetype<Buffer<usize>>(0);

/** Where the text to be encoded begins, for what is put before its first piece alone. */
export let firstAt: usize = 0;

export function openPreTokenizers(): void {
  steps = Buffer.create<usize>();
}

function add(kind: u32): Step {
  const step = changetype<Step>(alloc(offsetof<Step>()));
  step.kind = kind;
  step.level = steps.length;
  steps.push(changetype<usize>(step));
  return step;
}

/** GPT-2's words, which must be the last step. */
export function addGpt2Words(): void {
  add(GPT2);
}

/** Split at the matches of an automaton. `behavior` as split.ts has it. */
export function addSplit(automaton: u32, behavior: u32, invert: bool): void {
  const step = add(behavior == 1 ? ISOLATED : SPLIT);
  step.automaton = automatonAt(automaton);
  step.behavior = behavior;
  step.invert = invert;
}

export function addDigits(individual: bool): void {
  add(DIGITS).individual = individual;
}

/** Spaces become `text`, which is also put before a piece. `scheme` as metaspace.ts has it. Keeps `text`. */
export function addSpaced(text: usize, length: u32, scheme: u32): void {
  const step = add(SPACED);
  step.text = text;
  step.textLength = length;
  step.scheme = scheme;
  step.made = Buffer.create<u8>();
}

/** A piece begins at each `text`. Keeps it. */
export function addSplitBefore(text: usize, length: u32): void {
  const step = add(BEFORE);
  step.text = text;
  step.textLength = length;
}

/** Passes a piece through the steps from `level` on. */
export function pass(level: u32, begin: usize, end: usize): void {
  if (begin == end) return;
  if (level == steps.length) {
    encodePiece(begin, end);
    return;
  }
  const step = changetype<Step>(steps.at(level));
  if (step.kind == SPACED) {
    spaced(step, begin, end);
    pass(level + 1, step.made.data, step.made.data + step.made.length);
  } else passSome(level, begin, end, end);
}

/**
 * Passes pieces that start in [p, stop) on; returns where the last of them ends. Steps that look back at their last
 * piece go on to the end.
 */
function passSome(level: u32, p: usize, end: usize, stop: usize): usize {
  if (level == steps.length) return encodeSome(p, end, stop);
  const step = changetype<Step>(steps.at(level));
  if (step.kind == GPT2) return encodeGpt2Words(p, end, stop);
  if (step.kind == ISOLATED) return splitIsolated(step, p, end, stop);
  if (step.kind == BEFORE) return splitBefore(step, p, end, stop);
  if (step.kind == DIGITS) digits(step, p, end);
  else split(step, p, end);
  return end;
}

/** The piece that is passed on part by part: the first step that is not done with it, what is left of it. */
let level: u32 = 0;
let rest: usize = 0;
let restEnd: usize = 0;

/** Starts on a text. `first`: it begins what is encoded. */
export function openText(begin: usize, end: usize, first: bool): void {
  firstAt = first ? begin : 0;
  level = 0;
  rest = begin;
  restEnd = end;
  openCut();
  if (!steps.length) return;
  const step = changetype<Step>(steps.at(0));
  if (step.kind != SPACED) return;
  spaced(step, begin, end);
  level = 1;
  rest = step.made.data;
  restEnd = rest + step.made.length;
}

/** Passes about `budget` bytes on; returns how much of the budget is left, 0 where the text is not done. */
export function continueText(budget: u32): u32 {
  const stop = <usize>min<u64>(<u64>restEnd, <u64>rest + budget);
  budget -= <u32>(stop - rest);
  rest = passSome(level, rest, restEnd, stop);
  return rest < restEnd ? 0 : max<u32>(budget, 1);
}
