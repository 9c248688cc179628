// Functions that are inaccurate in WGSL: its exp may be off by 3 + 2 |x| units in the last place. Put before a kernel.

const LOWEST: f32 = -3.0e38;                  // where a maximum starts: infinity is not to be relied on

// e^x within 2 units in the last place on [-87, 88]; 0 below, e^88 above (infinity is not to be relied on).
fn expExact(x: f32) -> f32 {
  let v = clamp(x, -87.0, 88.0);
  let n = round(v * 1.4426950408889634);
  // log 2 in two parts, the first short enough that n times it is exact
  let r = (v - n * 0.693359375) + n * 2.12194440e-4;
  let tail = 1.9875691500e-4 * r + 1.3981999507e-3;
  let p = ((((tail * r + 8.3334519073e-3) * r + 4.1665795894e-2) * r + 1.6666665459e-1) * r + 0.5) * r * r + r + 1.0;
  let scaled = p * bitcast<f32>(u32(i32(n) + 127) << 23u);
  return select(scaled, 0.0, x < -87.0);
}

// log(1 + y) for 0 <= y <= 1, within 1e-7
fn log1pUnit(y: f32) -> f32 {
  let s = y / (2.0 + y);
  let q = s * s;                              // at most 1 / 9: the terms left out are below 1e-9
  return 2.0 * s * (1.0 + q * (0.33333333 + q * (0.2 + q * (0.14285714 + q * (0.11111111 + q * (0.09090909 + q *
    (0.07692308 + q * 0.06666667)))))));
}

// log x for x >= 2^-126, within 2 units in the last place or 1e-7
fn logExact(x: f32) -> f32 {
  let bits = bitcast<u32>(x);
  // x = m * 2^e with m in [sqrt(0.5), sqrt(2)): 0x3f3504f3 is sqrt(0.5)
  let shifted = bits - 0x3f3504f3u;
  let e = i32(shifted) >> 23u;
  let m = bitcast<f32>((shifted & 0x7fffffu) + 0x3f3504f3u);
  let s = (m - 1.0) / (m + 1.0);
  let q = s * s;
  let series = 2.0 * s * (1.0 + q * (0.33333333 + q * (0.2 + q * (0.14285714 + q * (0.11111111 + q * 0.09090909)))));
  return f32(e) * 0.693359375 + (series - f32(e) * 2.12194440e-4);
}

// 1 / (1 + e^-x), relatively accurate at both ends
fn sigmoid(x: f32) -> f32 {
  let z = expExact(-abs(x));
  return select(1.0, z, x < 0.0) / (1.0 + z);
}

// Logits below have no share that f32 holds, and differences of them stay finite: -infinity is a logit like them.
const LEAST_LOGIT: f32 = -1.0e30;

// NaN and +infinity, of which no softmax can be made: by their bits, since WGSL lets compilers assume that there are none.
fn spoils(x: f32) -> bool {
  let bits = bitcast<u32>(x);
  return (bits & 0x7fffffffu) > 0x7f800000u || bits == 0x7f800000u;
}
fn spoils4(x: vec4f) -> vec4<bool> {
  let bits = bitcast<vec4u>(x);
  return ((bits & vec4u(0x7fffffffu)) > vec4u(0x7f800000u)) | (bits == vec4u(0x7f800000u));
}
// NaN, of a number that compilers do not know.
fn notANumber(any: u32) -> f32 { return bitcast<f32>(0x7fc00000u | (any & 1u)); }

// expExact of four. What is left of x after the power of two is at most 0.35, where exp2 is as good as the polynomial:
// within 4 units in the last place by WGSL's rules; and GPUs have it as one instruction.
fn exp4(x: vec4f) -> vec4f {
  let v = clamp(x, vec4f(-87.0), vec4f(88.0));
  let n = round(v * 1.4426950408889634);
  let r = (v - n * 0.693359375) + n * 2.12194440e-4;
  let scaled = exp2(r * 1.4426950408889634) * bitcast<vec4f>(vec4u(vec4i(n) + 127) << vec4u(23u));
  return select(scaled, vec4f(), x < vec4f(-87.0));
}

// log1pUnit of four
fn log1pUnit4(y: vec4f) -> vec4f {
  let s = y / (2.0 + y);
  let q = s * s;
  return 2.0 * s * (1.0 + q * (0.33333333 + q * (0.2 + q * (0.14285714 + q * (0.11111111 + q * (0.09090909 + q *
    (0.07692308 + q * 0.06666667)))))));
}
