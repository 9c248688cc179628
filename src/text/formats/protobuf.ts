/** Protocol buffers, as far as a SentencePiece model needs them: the fields of a message, one after another. */
import { CheckpointError } from '../../errors.js';

/** One field of a message. */
export interface Field {
  readonly number: number;
  /** A varint, or the bits of a fixed number of 32 bits. */
  readonly value: number;
  /** The content of a length-delimited field; empty for a number. */
  readonly bytes: Uint8Array;
}

const VARINT = 0;
const FIXED64 = 1;
const LENGTH_DELIMITED = 2;
const FIXED32 = 5;

/** @throws CheckpointError for what is no message. `where`: for messages */
export function* fieldsOf(message: Uint8Array, where: string): Generator<Field> {
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  const malformed = () =>
    new CheckpointError(`${where}: no SentencePiece model: byte ${at} begins no field. Download the file again.`);
  let at = 0;
  const varint = () => {
    let value = 0;
    // Beyond 2^53 a value is not exact: negative numbers, which nothing here reads.
    for (let scale = 1; ; scale *= 128) {
      const byte = message[at++];
      if (byte === undefined || scale > 2 ** 63) throw malformed();
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  while (at < message.length) {
    const tag = varint();
    const number = Math.floor(tag / 8);
    let value = 0;
    let length = 0;
    switch (tag % 8) {
      case VARINT:
        value = varint();
        break;
      case FIXED64:
        length = 8;
        break;
      case LENGTH_DELIMITED:
        length = varint();
        break;
      case FIXED32:
        if (at + 4 > message.length) throw malformed();
        value = view.getUint32(at, true);
        length = 4;
        break;
      default:
        throw malformed();
    }
    if (number === 0 || at + length > message.length) throw malformed();
    yield { number, value, bytes: message.subarray(at, at + length) };
    at += length;
  }
}

/** The number whose bits a fixed field of 32 bits has. */
export const floatOf = ({ value }: Field): number => new Float32Array(Uint32Array.of(value).buffer)[0] as number;
