import { normalDensity, normalShare } from './normal.js';
import { expected, exponentialSize, type Reference } from './types.js';

const C = Math.sqrt(2 / Math.PI);
const CUBIC = 0.044715;

/** A value, and the size at which its roundings count (see `Expected`). */
interface Sized {
  readonly value: number;
  readonly scale: number;
}

/** GELU's tanh form. */
function geluTanh(v: number): Sized {
  const inner = C * (v + CUBIC * v ** 3);
  const t = Math.tanh(inner);
  // 1 + tanh cancels for negative x; an error of the argument counts as far as tanh is not flat.
  const scale = 0.5 * Math.abs(v) * (1 + Math.abs(t) + Math.abs(inner) * (1 - t * t));
  return { value: 0.5 * v * (1 + t), scale };
}

/** Its slope. */
function geluTanhSlope(v: number): Sized {
  const inner = C * (v + CUBIC * v ** 3);
  const slope = C * (1 + 3 * CUBIC * v * v);
  const t = Math.tanh(inner);
  const flat = 1 - t * t;
  const scale =
    0.5 * (1 + Math.abs(t) + Math.abs(inner) * flat) +
    0.5 * Math.abs(v) * slope * (1 + t * t + 2 * Math.abs(t * inner) * flat);
  return { value: 0.5 * (1 + t) + 0.5 * v * flat * slope, scale };
}

export const gelu: Reference<'gelu'> = ({ size }, { x }) => {
  const y = expected(size);
  x.forEach((v, i) => {
    const { value, scale } = geluTanh(v);
    y.value[i] = value;
    y.scale[i] = scale;
  });
  return { y };
};

export const geluBackward: Reference<'geluBackward'> = ({ size }, { x, dy }) => {
  const dx = expected(size);
  x.forEach((v, i) => {
    const { value, scale } = geluTanhSlope(v);
    dx.value[i] = dy[i]! * value;
    dx.scale[i] = Math.abs(dy[i]!) * scale;
  });
  return { dx };
};

export const geGLU: Reference<'geGLU'> = ({ size }, { gate, up }) => {
  const y = expected(size);
  gate.forEach((x, i) => {
    const { value, scale } = geluTanh(x);
    y.value[i] = value * up[i]!;
    y.scale[i] = scale * Math.abs(up[i]!);
  });
  return { y };
};

export const geGLUBackward: Reference<'geGLUBackward'> = ({ size }, { gate, up, dy }) => {
  const dgate = expected(size);
  const dup = expected(size);
  gate.forEach((x, i) => {
    const [value, slope] = [geluTanh(x), geluTanhSlope(x)];
    dgate.value[i] = dy[i]! * up[i]! * slope.value;
    dgate.scale[i] = Math.abs(dy[i]! * up[i]!) * slope.scale;
    dup.value[i] = dy[i]! * value.value;
    dup.scale[i] = Math.abs(dy[i]!) * value.scale;
  });
  return { dgate, dup };
};

/** P(X <= v) as 0.5 (1 + erf), which cancels for negative v; the exponential's argument is of the size v^2 / 2. */
const shareScale = (v: number) => 0.5 * (1 + Math.abs(2 * normalShare(v) - 1)) + densityScale(v);
const densityScale = (v: number) => exponentialSize(normalDensity(v)) * (1 + (v * v) / 2);

export const geluErf: Reference<'geluErf'> = ({ size }, { x }) => {
  const y = expected(size);
  x.forEach((v, i) => {
    y.value[i] = v * normalShare(v);
    y.scale[i] = Math.abs(v) * shareScale(v);
  });
  return { y };
};

export const geluErfBackward: Reference<'geluErfBackward'> = ({ size }, { x, dy }) => {
  const dx = expected(size);
  x.forEach((v, i) => {
    dx.value[i] = dy[i]! * (normalShare(v) + v * normalDensity(v));
    dx.scale[i] = Math.abs(dy[i]!) * (shareScale(v) + Math.abs(v) * densityScale(v));
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
/** Its size for counting errors, where its argument was rounded once: that counts as far as the sigmoid is not flat. */
const logisticSize = (z: number) => exponentialSize(sigmoid(z)) * (1 + Math.abs(z) * sigmoid(-z));

export const swish: Reference<'swish'> = ({ size }, { x }, { slope }) => {
  const y = expected(size);
  x.forEach((v, i) => {
    y.value[i] = v * sigmoid(slope * v);
    y.scale[i] = Math.abs(v) * logisticSize(slope * v);
  });
  return { y };
};

export const swishBackward: Reference<'swishBackward'> = ({ size }, { x, dy }, { slope }) => {
  const dx = expected(size);
  x.forEach((v, i) => {
    const z = slope * v;
    dx.value[i] = dy[i]! * sigmoid(z) * (1 + z * sigmoid(-z));
    dx.scale[i] = Math.abs(dy[i]!) * logisticSize(z) * (1 + Math.abs(z) * sigmoid(-z));
  });
  return { dx };
};

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

export const scale: Reference<'scale'> = ({ size }, { x }, { factor }) => {
  const y = expected(size);
  x.forEach((v, i) => {
    y.value[i] = factor * v;
    y.scale[i] = Math.abs(factor * v);
  });
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
