/**
 * Relative positions as T5 has them (Raffel et al. 2020, arXiv:1910.10683, section 2.1): what attention adds to a score
 * depends on how far the key is from the query, by a bucket of such distances. Near ones have a bucket each; from half of
 * the buckets on they share them, more and more of them, up to `maxDistance`. Beyond, all share the last.
 */

/** Which buckets there are. */
export interface RelativeBuckets {
  readonly buckets: number;
  readonly maxDistance: number;
  /** Queries see no later keys, so that all buckets are of earlier ones. Else the second half is of later ones. */
  readonly causal: boolean;
}

/** The bucket of each relative position, key - query, from `first` to `last`. */
export const relativeBuckets = (first: number, last: number, how: RelativeBuckets): Int32Array =>
  Int32Array.from({ length: last - first + 1 }, (_, i) => bucketOf(first + i, how));

function bucketOf(relative: number, { buckets, maxDistance, causal }: RelativeBuckets): number {
  const ofSide = causal ? buckets : Math.floor(buckets / 2);
  const side = !causal && relative > 0 ? ofSide : 0;
  const distance = causal ? Math.max(-relative, 0) : Math.abs(relative);
  const exact = Math.floor(ofSide / 2);
  if (distance < exact) return side + distance;
  // In f32, as transformers computes it: where a bucket begins is a matter of rounding.
  const { fround, log } = Math;
  const share = fround(fround(log(fround(distance / exact))) / fround(log(maxDistance / exact)));
  return side + Math.min(exact + Math.floor(fround(share * (ofSide - exact))), ofSide - 1);
}
