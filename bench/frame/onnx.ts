/** The few messages of ONNX's protobuf format that the peers' models take. Field numbers: onnx.proto. */

/** Parts of a message, not yet joined: a weight of megabytes is copied once, at the end. */
type Message = Uint8Array[];

const varint = (value: number): number[] => (value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)]);
const sizeOf = (message: Message) => message.reduce((sum, { length }) => sum + length, 0);
const number = (field: number, value: number): Message => [Uint8Array.of(...varint(field << 3), ...varint(value))];
const float = (field: number, value: number): Message => [
  Uint8Array.of(...varint((field << 3) | 5), ...new Uint8Array(Float32Array.of(value).buffer)),
];
const nested = (field: number, body: Message): Message => [
  Uint8Array.of(...varint((field << 3) | 2), ...varint(sizeOf(body))),
  ...body,
];
const text = (field: number, value: string): Message => nested(field, [new TextEncoder().encode(value)]);

const FLOAT = 1;
const INT32 = 6;
const INT64 = 7;
const types = { f32: FLOAT, i32: INT32, i64: INT64 } as const;

/** An input or output; extents that are names may be of any size. */
export interface Value {
  readonly name: string;
  readonly type: keyof typeof types;
  readonly shape: readonly (number | string)[];
}
/** A weight. */
export interface Initializer {
  readonly name: string;
  readonly data: Float32Array | BigInt64Array;
  readonly shape: readonly number[];
}
export interface Node {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Whole numbers are written as integers: give floats of other kinds in `floats`. */
  readonly integers?: Readonly<Record<string, number>>;
  readonly floats?: Readonly<Record<string, number>>;
  /** '' are the standard operators. */
  readonly domain?: 'com.microsoft';
}
export interface Graph {
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly initializers?: readonly Initializer[];
  readonly nodes: readonly Node[];
}

function value({ name, type, shape }: Value): Message {
  const dims = shape.flatMap((extent) => nested(1, typeof extent === 'number' ? number(1, extent) : text(2, extent)));
  const tensorType = [...number(1, types[type]), ...nested(2, dims)];
  return [...text(1, name), ...nested(2, nested(1, tensorType))];
}

function initializer({ name, data, shape }: Initializer): Message {
  const raw = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const dims = shape.flatMap((extent) => number(1, extent));
  return [...dims, ...number(2, data instanceof Float32Array ? FLOAT : INT64), ...text(8, name), ...nested(9, [raw])];
}

function node({ op, inputs, outputs, integers = {}, floats = {}, domain }: Node): Message {
  const attributes = [
    ...Object.entries(integers).map(([name, i]) => [...text(1, name), ...number(3, i), ...number(20, 2)]),
    ...Object.entries(floats).map(([name, f]) => [...text(1, name), ...float(2, f), ...number(20, 1)]),
  ];
  return [
    ...inputs.flatMap((name) => text(1, name)),
    ...outputs.flatMap((name) => text(2, name)),
    ...text(4, op),
    ...attributes.flatMap((attribute) => nested(5, attribute)),
    ...(domain ? text(7, domain) : []),
  ];
}

/** The bytes of a model file. */
export function onnxModel({ inputs, outputs, initializers = [], nodes }: Graph): Uint8Array {
  const graph = [
    ...nodes.flatMap((one) => nested(1, node(one))),
    ...text(2, 'graph'),
    ...initializers.flatMap((one) => nested(5, initializer(one))),
    ...inputs.flatMap((one) => nested(11, value(one))),
    ...outputs.flatMap((one) => nested(12, value(one))),
  ];
  const opset = (domain: string, version: number) => nested(8, [...text(1, domain), ...number(2, version)]);
  const model = [...number(1, 8), ...nested(7, graph), ...opset('', 17), ...opset('com.microsoft', 1)];
  const bytes = new Uint8Array(sizeOf(model));
  let at = 0;
  for (const part of model) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
