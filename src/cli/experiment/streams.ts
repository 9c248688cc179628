import { Writable } from 'node:stream';

/** A stream that hands what is written to a function. */
export const streamTo = (write: (text: string) => void): Writable =>
  new Writable({
    decodeStrings: false,
    write(chunk, _encoding, done) {
      write(String(chunk));
      done();
    },
  });
