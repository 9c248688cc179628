import { expected, type Reference, Sum, untouched } from './types.js';

export const sum: Reference<'sum'> = ({ size }, { x, total: before }, { slot, accumulate }) => {
  const total = untouched(before);
  const added = new Sum();
  for (let i = 0; i < size; i++) added.add(x[i]!);
  if (accumulate) added.add(before[slot]!);
  added.put(total, slot);
  return { total };
};

export const sumSquares: Reference<'sumSquares'> = ({ size }, { x, total: before }, { slot, accumulate }) => {
  const total = untouched(before);
  const added = new Sum();
  for (let i = 0; i < size; i++) added.add(x[i]! * x[i]!);
  if (accumulate) added.add(before[slot]!);
  added.put(total, slot);
  return { total };
};

export const clipScale: Reference<'clipScale'> = (_, { squares }, { maxNorm }) => {
  const length = Math.sqrt(squares.reduce((total, square) => total + square, 0));
  const factor = maxNorm === 0 ? 1 : Math.min(1, maxNorm / (length + 1e-6));
  const [norm, scale] = [Float64Array.of(length), Float64Array.of(factor)];
  return { norm: { value: norm, scale: norm }, scale: { value: scale, scale } };
};

export const adamW: Reference<'adamW'> = (
  { size },
  { grad, scale, parameter: parameterBefore, m: mBefore, v: vBefore },
  { lr, take1, take2, eps, decay, correction1, correction2 },
) => {
  const parameter = expected(size);
  const m = expected(size);
  const v = expected(size);
  for (let i = 0; i < size; i++) {
    const g = scale[0]! * grad[i]!;
    const [oldM, newM] = [(1 - take1) * mBefore[i]!, take1 * g];
    m.value[i] = oldM + newM;
    m.scale[i] = Math.abs(oldM) + Math.abs(newM);
    v.value[i] = (1 - take2) * vBefore[i]! + take2 * g * g;
    v.scale[i] = v.value[i]!;
    const step = lr / correction1 / (Math.sqrt(v.value[i]! / correction2) + eps);
    const decayed = parameterBefore[i]! * (1 - decay);
    parameter.value[i] = decayed - step * m.value[i]!;
    parameter.scale[i] = Math.abs(decayed) + Math.abs(step) * m.scale[i]!;
  }
  return { parameter, m, v };
};
