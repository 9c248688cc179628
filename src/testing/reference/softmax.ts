/** A row of log-probabilities, each with the size of its rounding error. */
export interface LogProbabilities {
  readonly log: Float64Array;
  /** One rounding of the element's distance from the maximum, of the log-sum, and of the exponentials in it. */
  readonly slack: Float64Array;
}

/** log softmax(z / temperature). Distances are taken from the maximum, so large logits cost no accuracy. */
export function logSoftmax(z: Float64Array, temperature = 1): LogProbabilities {
  const top = z.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const distance = z.map((v) => (v - top) / temperature);
  const total = distance.reduce((sum, d) => sum + Math.exp(d), 0);
  const logTotal = Math.log(total);
  const meanDistance = distance.reduce((sum, d) => sum - (d * Math.exp(d)) / total, 0);
  return {
    log: distance.map((d) => d - logTotal),
    slack: distance.map((d) => 1 - d + logTotal + meanDistance),
  };
}
