/**
 * Event files as TensorBoard reads them, byte for byte: a TFRecord holds an Event of TensorFlow's event.proto.
 *
 * A record is the length of its data (u64), the checksum of these 8 bytes (u32), the data, and the checksum of the data
 * (u32), all little-endian. A checksum is CRC-32C, rotated and offset, so that a checksum over data that holds checksums
 * stays a good one. Of event.proto these fields are written: Event { double wall_time = 1; int64 step = 2; string
 * file_version = 3; Summary summary = 5; SessionLog session_log = 7 }, Summary { repeated Value value = 1 }, Value {
 * string tag = 1; float simple_value = 2 } and SessionLog { status = 1 }, of which 1 is START.
 */

/** One number of an event, under the name of its curve. */
export interface Scalar {
  readonly tag: string;
  readonly value: number;
}

interface EventTime {
  /** Seconds since 1970. */
  readonly wallTime: number;
  /** Optimizer steps done. */
  readonly step: number;
}

/** The first record of a file. */
export const versionRecord = (time: EventTime): Uint8Array =>
  record([...timeFields(time), ...bytesField(3, new TextEncoder().encode('brain.Event:2'))]);

/** Says that a run goes on: what another file has of this step and later ones counts no longer. */
export const restartRecord = (time: EventTime): Uint8Array =>
  record([...timeFields(time), ...bytesField(7, Uint8Array.of(tag(1, VARINT), 1))]);

/** The numbers of one step. */
export function scalarsRecord(time: EventTime, scalars: readonly Scalar[]): Uint8Array {
  const values = scalars.flatMap(({ tag: name, value }) =>
    bytesField(1, Uint8Array.from([...bytesField(1, new TextEncoder().encode(name)), ...floatField(2, value)])),
  );
  return record([...timeFields(time), ...bytesField(5, Uint8Array.from(values))]);
}

/** Wire types of protocol buffers. */
const [VARINT, FIXED64, BYTES, FIXED32] = [0, 1, 2, 5] as const;
const tag = (field: number, wireType: number): number => (field << 3) | wireType;

const timeFields = ({ wallTime, step }: EventTime): number[] => [
  ...[tag(1, FIXED64), ...new Uint8Array(viewOf(8, (view) => view.setFloat64(0, wallTime, true)))],
  ...[tag(2, VARINT), ...varint(step)],
];

const bytesField = (field: number, bytes: Uint8Array): number[] => [
  tag(field, BYTES),
  ...varint(bytes.length),
  ...bytes,
];

const floatField = (field: number, value: number): number[] => [
  tag(field, FIXED32),
  ...new Uint8Array(viewOf(4, (view) => view.setFloat32(0, value, true))),
];

/** Seven bits a byte, the lowest first. */
function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return [...bytes, rest];
}

function viewOf(length: number, fill: (view: DataView) => void): ArrayBuffer {
  const buffer = new ArrayBuffer(length);
  fill(new DataView(buffer));
  return buffer;
}

/** Bytes of a record around its data. */
const HEADER = 12;
const FOOTER = 4;

function record(data: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(HEADER + data.length + FOOTER);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(data.length), true);
  view.setUint32(8, maskedCrc32c(bytes.subarray(0, 8)), true);
  bytes.set(data, HEADER);
  view.setUint32(HEADER + data.length, maskedCrc32c(bytes.subarray(HEADER, HEADER + data.length)), true);
  return bytes;
}

/**
 * The records of a file up to a step, and without one that a kill cut or that is damaged, or anything after it.
 * @param step records of later steps are left out
 */
export function recordsUntil(file: Uint8Array, step: number): Uint8Array[] {
  const records: Uint8Array[] = [];
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  for (let at = 0; at + HEADER + FOOTER <= file.length; ) {
    const length = Number(view.getBigUint64(at, true));
    const end = at + HEADER + length + FOOTER;
    if (view.getUint32(at + 8, true) !== maskedCrc32c(file.subarray(at, at + 8)) || end > file.length) break;
    const data = file.subarray(at + HEADER, end - FOOTER);
    if (view.getUint32(end - FOOTER, true) !== maskedCrc32c(data)) break;
    if (stepOf(data) <= step) records.push(file.subarray(at, end));
    at = end;
  }
  return records;
}

/** The step of an event as we write it: the field after its time. Another program may leave it out where it is 0. */
function stepOf(data: Uint8Array): number {
  if (data[9] !== tag(2, VARINT)) return 0;
  let step = 0;
  for (let i = 10, scale = 1; i < data.length; i++, scale *= 0x80) {
    const byte = data[i] as number;
    step += (byte & 0x7f) * scale;
    if (byte < 0x80) break;
  }
  return step;
}

function maskedCrc32c(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

/** CRC-32C (Castagnoli), a byte at a time. */
const crcTable = Uint32Array.from({ length: 256 }, (_, index) => {
  let crc = index;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc;
});

/** CRC-32C of bytes, as RFC 3720 has it. */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (crc >>> 8) ^ (crcTable[(crc ^ byte) & 0xff] as number);
  return ~crc >>> 0;
}
