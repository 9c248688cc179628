import { expected, type Reference, untouched } from '../types.js';

export const layerNorm: Reference<'layerNorm'> = ({ rows, cols }, { x, weight, bias }, { eps }) => {
  const y = expected(rows * cols);
  const mean = expected(rows);
  const rstd = expected(rows);
  for (let r = 0; r < rows; r++) {
    const row = x.subarray(r * cols, (r + 1) * cols);
    const average = row.reduce((sum, v) => sum + v, 0) / cols;
    const size = row.reduce((sum, v) => sum + Math.abs(v), 0) / cols;
    const variance = row.reduce((sum, v) => sum + (v - average) ** 2, 0) / cols;
    const inverse = 1 / Math.sqrt(variance + eps);
    // An error of the mean moves every deviation, and through them the variance.
    const spread = row.reduce((sum, v) => sum + Math.abs(v - average) * (Math.abs(v) + size), 0) / cols;
    const condition = 1 + spread / (variance + eps);
    mean.value[r] = average;
    mean.scale[r] = size;
    rstd.value[r] = inverse;
    rstd.scale[r] = inverse * condition;
    row.forEach((v, c) => {
      const xhat = (v - average) * inverse;
      y.value[r * cols + c] = xhat * weight[c]! + bias[c]!;
      y.scale[r * cols + c] =
        Math.abs(weight[c]!) * (Math.abs(xhat) * condition + (Math.abs(v) + size) * inverse) + Math.abs(bias[c]!);
    });
  }
  return { y, mean, rstd };
};

export const layerNormBackward: Reference<'layerNormBackward'> = ({ rows, cols }, { x, weight, mean, rstd, dy }) => {
  const dx = expected(rows * cols);
  for (let r = 0; r < rows; r++) {
    const g = (c: number) => dy[r * cols + c]! * weight[c]!;
    const xhat = (c: number) => (x[r * cols + c]! - mean[r]!) * rstd[r]!;
    let [meanG, sizeG, meanGX, sizeGX] = [0, 0, 0, 0];
    for (let c = 0; c < cols; c++) {
      meanG += g(c) / cols;
      sizeG += Math.abs(g(c)) / cols;
      meanGX += (g(c) * xhat(c)) / cols;
      sizeGX += Math.abs(g(c) * xhat(c)) / cols;
    }
    for (let c = 0; c < cols; c++) {
      dx.value[r * cols + c] = rstd[r]! * (g(c) - meanG - xhat(c) * meanGX);
      dx.scale[r * cols + c] = rstd[r]! * (Math.abs(g(c)) + sizeG + Math.abs(xhat(c)) * sizeGX);
    }
  }
  return { dx };
};

export const layerNormBackwardWeights: Reference<'layerNormBackwardWeights'> = (
  { rows, cols },
  { x, mean, rstd, dy, dweight: dweightBefore, dbias: dbiasBefore },
) => {
  const dweight = untouched(dweightBefore);
  const dbias = untouched(dbiasBefore);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < cols; c++) {
      const gradient = dy[r * cols + c]!;
      const term = gradient * (x[r * cols + c]! - mean[r]!) * rstd[r]!;
      dweight.value[c]! += term;
      dweight.scale[c]! += Math.abs(term);
      dbias.value[c]! += gradient;
      dbias.scale[c]! += Math.abs(gradient);
    }
  }
  return { dweight, dbias };
};

export const rmsNorm: Reference<'rmsNorm'> = ({ rows, cols }, { x, weight }, { eps, offset }) => {
  const y = expected(rows * cols);
  const rstd = expected(rows);
  for (let r = 0; r < rows; r++) {
    const row = x.subarray(r * cols, (r + 1) * cols);
    const inverse = 1 / Math.sqrt(row.reduce((sum, v) => sum + v * v, 0) / cols + eps);
    rstd.value[r] = inverse;
    rstd.scale[r] = inverse;
    row.forEach((v, c) => {
      y.value[r * cols + c] = v * inverse * (offset + weight[c]!);
      y.scale[r * cols + c] = Math.abs(v * inverse) * (Math.abs(offset) + Math.abs(weight[c]!));
    });
  }
  return { y, rstd };
};

export const rmsNormBackward: Reference<'rmsNormBackward'> = ({ rows, cols }, { x, weight, rstd, dy }, { offset }) => {
  const dx = expected(rows * cols);
  for (let r = 0; r < rows; r++) {
    const g = (c: number) => dy[r * cols + c]! * (offset + weight[c]!);
    const sizeOfG = (c: number) => Math.abs(dy[r * cols + c]!) * (Math.abs(offset) + Math.abs(weight[c]!));
    const xhat = (c: number) => x[r * cols + c]! * rstd[r]!;
    let [mean, size] = [0, 0];
    for (let c = 0; c < cols; c++) {
      mean += (g(c) * xhat(c)) / cols;
      size += (sizeOfG(c) * Math.abs(xhat(c))) / cols;
    }
    for (let c = 0; c < cols; c++) {
      dx.value[r * cols + c] = rstd[r]! * (g(c) - xhat(c) * mean);
      dx.scale[r * cols + c] = rstd[r]! * (sizeOfG(c) + Math.abs(xhat(c)) * size);
    }
  }
  return { dx };
};

export const rmsNormBackwardWeights: Reference<'rmsNormBackwardWeights'> = (
  { rows, cols },
  { x, rstd, dy, dweight: before },
) => {
  const dweight = untouched(before);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < cols; c++) {
      const term = dy[r * cols + c]! * x[r * cols + c]! * rstd[r]!;
      dweight.value[c]! += term;
      dweight.scale[c]! += Math.abs(term);
    }
  }
  return { dweight };
};
