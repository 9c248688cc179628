import type { GemmShape } from '../gemmShapes.ts';

/** The few lines of protobuf that an ONNX model of one product takes. */
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

/** c [m, n] = a b, a and b transposed in memory as `form` says: a MatMul, or a Gemm with transA or transB. */
export function matMulModel({ form, m, k, n }: GemmShape): Uint8Array {
  const attribute = (name: string) => bytes(5, [...text(1, name), ...number(3, 1), ...number(20, 2)]);
  const node = [...text(1, 'a'), ...text(1, 'b'), ...text(2, 'c'), ...text(4, form === 'NN' ? 'MatMul' : 'Gemm')];
  if (form !== 'NN') node.push(...attribute(form === 'NT' ? 'transB' : 'transA'));
  const graph = [
    ...bytes(1, node),
    ...text(2, 'matmul'),
    ...bytes(11, value('a', form === 'TN' ? [k, m] : [m, k])),
    ...bytes(11, value('b', form === 'NT' ? [n, k] : [k, n])),
    ...bytes(12, value('c', [m, n])),
  ];
  return Uint8Array.from([...number(1, 8), ...bytes(7, graph), ...bytes(8, number(2, 13))]);
}
