// Which elements dropout keeps: those whose hash(seed, index) >= threshold, threshold = probability * 2^32. The hash is
// lowbias32 on a golden-ratio counter. Put before a kernel. Twin: assembly/compute/shared/hash.ts
fn kept(seed: u32, index: u32, threshold: u32) -> bool {
  var h = index * 0x9e3779b9u + seed;
  h ^= h >> 16u;
  h *= 0x7feb352du;
  h ^= h >> 15u;
  h *= 0x846ca68bu;
  h ^= h >> 16u;
  return h >= threshold;
}
