/** GGUF files for tests: of any metadata and tensors, and spoilt ones. */
import { concatenate } from '../../src/io/concatenate.js';

/** A value with its type's number in the format; a list has that of its elements. */
export type Typed =
  | { readonly type: number; readonly value: number | bigint | boolean | string }
  | { readonly type: number; readonly list: readonly (number | string)[] };

export const uint32 = (value: number): Typed => ({ type: 4, value });
export const float32 = (value: number): Typed => ({ type: 6, value });
export const flag = (value: boolean): Typed => ({ type: 7, value });
export const text = (value: string): Typed => ({ type: 8, value });
export const texts = (list: readonly string[]): Typed => ({ type: 8, list });
export const floats = (list: readonly number[]): Typed => ({ type: 6, list });
export const integers = (list: readonly number[]): Typed => ({ type: 5, list });

export interface GgufTensor {
  readonly name: string;
  /** Outermost axis first. */
  readonly shape: readonly number[];
  /** ggml's number of the dtype; 0 is F32. */
  readonly type?: number;
  readonly bytes: Uint8Array;
  /** Where it is said to be; where it is by default. */
  readonly offset?: number;
}

const ALIGNMENT = 32;

export function number(type: number, value: number | bigint | boolean): Uint8Array {
  const bytes = new Uint8Array([1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8][type] ?? 0);
  const view = new DataView(bytes.buffer);
  if (type === 6) view.setFloat32(0, value as number, true);
  else if (type === 12) view.setFloat64(0, value as number, true);
  else for (let i = 0; i < bytes.length; i++) bytes[i] = Number((BigInt(value) >> BigInt(8 * i)) & 255n);
  return bytes;
}
const count = (value: number | bigint) => number(10, value);
export function textBytes(content: string): Uint8Array {
  const bytes = new TextEncoder().encode(content);
  return concatenate([count(bytes.length), bytes]);
}
const one = (type: number, value: number | bigint | boolean | string) =>
  typeof value === 'string' ? textBytes(value) : number(type, value);

/** The bytes of a file. */
export function ggufBytes(
  metadata: Readonly<Record<string, Typed>>,
  tensors: readonly GgufTensor[] = [],
  { version = 3, magic = 'GGUF' }: { readonly version?: number; readonly magic?: string } = {},
): Uint8Array<ArrayBuffer> {
  const padded = (bytes: Uint8Array) => concatenate([bytes, new Uint8Array(-bytes.length & (ALIGNMENT - 1))]);
  let offset = 0;
  const infos = tensors.map(({ name, shape, type = 0, bytes, offset: said }) => {
    const here = said ?? offset;
    offset += padded(bytes).length;
    const extents = shape.toReversed().map(count);
    return concatenate([textBytes(name), number(4, shape.length), ...extents, number(4, type), count(here)]);
  });
  const values = Object.entries(metadata).map(([key, typed]) =>
    'list' in typed
      ? concatenate([
          textBytes(key),
          number(4, 9),
          number(4, typed.type),
          count(typed.list.length),
          ...typed.list.map((value) => one(typed.type, value)),
        ])
      : concatenate([textBytes(key), number(4, typed.type), one(typed.type, typed.value)]),
  );
  const header = concatenate([
    new TextEncoder().encode(magic),
    number(4, version),
    count(tensors.length),
    count(values.length),
    ...values,
    ...infos,
  ]);
  return concatenate([padded(header), ...tensors.map(({ bytes }) => padded(bytes))]);
}

/** F32 tensors. */
export const f32Tensor = (name: string, shape: readonly number[], values: ArrayLike<number>): GgufTensor => ({
  name,
  shape,
  bytes: new Uint8Array(Float32Array.from(values).buffer),
});
