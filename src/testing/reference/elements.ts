import { expected, exponentialSize, type Reference } from './types.js';

const C = Math.sqrt(2 / Math.PI);
const CUBIC = 0.044715;

export const gelu: Reference<'gelu'> = ({ size }, { x }) => {
  const y = expected(size);
  x.forEach((v, i) => {
    const inner = C * (v + CUBIC * v ** 3);
    const t = Math.tanh(inner);
    y.value[i] = 0.5 * v * (1 + t);
    // 1 + tanh cancels for negative x; an error of the argument counts as far as tanh is not flat.
    y.scale[i] = 0.5 * Math.abs(v) * (1 + Math.abs(t) + Math.abs(inner) * (1 - t * t));
  });
  return { y };
};

export const geluBackward: Reference<'geluBackward'> = ({ size }, { x, dy }) => {
  const dx = expected(size);
  x.forEach((v, i) => {
    const inner = C * (v + CUBIC * v ** 3);
    const slope = C * (1 + 3 * CUBIC * v * v);
    const t = Math.tanh(inner);
    const flat = 1 - t * t;
    dx.value[i] = dy[i]! * (0.5 * (1 + t) + 0.5 * v * flat * slope);
    dx.scale[i] =
      Math.abs(dy[i]!) *
      (0.5 * (1 + Math.abs(t) + Math.abs(inner) * flat) +
        0.5 * Math.abs(v) * slope * (1 + t * t + 2 * Math.abs(t * inner) * flat));
  });
  return { dx };
};

export const relu: Reference<'relu'> = ({ size }, { x }) => {
  const y = expected(size);
  x.forEach((v, i) => {
    y.value[i] = Math.max(v, 0);
  });
  return { y };
};

export const reluBackward: Reference<'reluBackward'> = ({ size }, { x, dy }) => {
  const dx = expected(size);
  x.forEach((v, i) => {
    dx.value[i] = v > 0 ? dy[i]! : 0;
  });
  return { dx };
};

/** 1 / (1 + e^-x) */
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

export const swiGLU: Reference<'swiGLU'> = ({ size }, { gate, up }) => {
  const y = expected(size);
  gate.forEach((x, i) => {
    y.value[i] = x * sigmoid(x) * up[i]!;
    y.scale[i] = Math.abs(x * up[i]!) * exponentialSize(sigmoid(x));
  });
  return { y };
};

export const swiGLUBackward: Reference<'swiGLUBackward'> = ({ size }, { gate, up, dy }) => {
  const dgate = expected(size);
  const dup = expected(size);
  gate.forEach((x, i) => {
    const [s, rest, sizeOfS] = [sigmoid(x), sigmoid(-x), exponentialSize(sigmoid(x))];
    dgate.value[i] = dy[i]! * up[i]! * s * (1 + x * rest);
    dgate.scale[i] = Math.abs(dy[i]! * up[i]!) * sizeOfS * (1 + Math.abs(x) * rest);
    dup.value[i] = dy[i]! * x * s;
    dup.scale[i] = Math.abs(dy[i]! * x) * sizeOfS;
  });
  return { dgate, dup };
};

export const add: Reference<'add'> = ({ size }, { a, b }) => {
  const y = expected(size);
  for (let i = 0; i < size; i++) {
    y.value[i] = a[i]! + b[i]!;
    // One addition, rounded once: the error is counted at the result.
    y.scale[i] = Math.abs(y.value[i]!);
  }
  return { y };
};

export const addInto: Reference<'addInto'> = ({ size }, { x, y: before }, { scale }) => {
  const y = expected(size);
  for (let i = 0; i < size; i++) {
    y.value[i] = before[i]! + scale * x[i]!;
    y.scale[i] = Math.abs(before[i]!) + Math.abs(scale * x[i]!);
  }
  return { y };
};

/** The counter-based hash that decides which elements dropout keeps, in u32. */
export function dropoutHash(seed: number, index: number): number {
  let h = (Math.imul(index, 0x9e3779b9) + seed) >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x7feb352d);
  h = Math.imul(h ^ (h >>> 15), 0x846ca68b);
  return (h ^ (h >>> 16)) >>> 0;
}

export const dropout: Reference<'dropout'> = ({ size }, { x }, { seed, threshold, scale }) => {
  const y = expected(size);
  for (let i = 0; i < size; i++) {
    y.value[i] = dropoutHash(seed, i) >= threshold ? x[i]! * scale : 0;
    y.scale[i] = Math.abs(y.value[i]!);
  }
  return { y };
};
