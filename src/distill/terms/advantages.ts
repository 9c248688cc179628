/** Rewards of an answer's tokens to advantages, as MiniLLM has them. In float64, on the host. */

export interface AdvantageOptions {
  /** Discount of the rewards of later tokens. */
  readonly gamma: number;
  /** Divides what is yet to come by the tokens that are yet to come. */
  readonly lengthNorm: boolean;
}

/** One reward a token: log p - log q, divided by `scale` and kept within `clip` of 0. */
export const rewardsOf = (
  teacher: readonly number[],
  student: readonly number[],
  { scale, clip }: { readonly scale: number; readonly clip: number },
): number[] => teacher.map((logP, t) => Math.min(clip, Math.max(-clip, (logP - (student[t] as number)) / scale)));

/** sum over t' >= t of gamma^(t' - t) r[t'], divided by the number of tokens from t on where `lengthNorm` says so. */
export function returnsOf(rewards: readonly number[], { gamma, lengthNorm }: AdvantageOptions): number[] {
  const returns = [...rewards];
  let rest = 0;
  for (let t = rewards.length - 1; t >= 0; t--) {
    rest = (rewards[t] as number) + gamma * rest;
    returns[t] = lengthNorm ? rest / (rewards.length - t) : rest;
  }
  return returns;
}

/**
 * The returns of all tokens of a step with mean 0 and variance 1. The published code counts padding among them, so that
 * its numbers depend on the longest answer of a batch.
 */
export function whitened(answers: readonly (readonly number[])[]): number[][] {
  const all = answers.flat();
  const mean = all.reduce((sum, value) => sum + value, 0) / Math.max(1, all.length);
  const variance = all.reduce((sum, value) => sum + (value - mean) ** 2, 0) / Math.max(1, all.length);
  return answers.map((answer) => answer.map((value) => (value - mean) / Math.sqrt(variance + 1e-8)));
}
