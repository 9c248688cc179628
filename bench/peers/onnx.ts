/** The few lines of protobuf that an ONNX model of one MatMul takes. */
const varint = (value: number): number[] => (value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)]);
const number = (field: number, value: number): number[] => [...varint(field << 3), ...varint(value)];
const bytes = (field: number, body: number[]): number[] => [
  ...varint((field << 3) | 2),
  ...varint(body.length),
  ...body,
];
const text = (field: number, value: string): number[] => bytes(field, [...new TextEncoder().encode(value)]);

/** A value of f32 [rows, cols]. */
function value(name: string, shape: readonly number[]): number[] {
  const dims = shape.flatMap((extent) => bytes(1, number(1, extent)));
  const tensorType = [...number(1, 1), ...bytes(2, dims)];
  return [...text(1, name), ...bytes(2, bytes(1, tensorType))];
}

/** c [m, n] = a [m, k] b [k, n]. */
export function matMulModel(m: number, k: number, n: number): Uint8Array {
  const node = [...text(1, 'a'), ...text(1, 'b'), ...text(2, 'c'), ...text(4, 'MatMul')];
  const graph = [
    ...bytes(1, node),
    ...text(2, 'matmul'),
    ...bytes(11, value('a', [m, k])),
    ...bytes(11, value('b', [k, n])),
    ...bytes(12, value('c', [m, n])),
  ];
  return Uint8Array.from([...number(1, 8), ...bytes(7, graph), ...bytes(8, number(2, 13))]);
}
