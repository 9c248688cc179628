/* Texts in a row, as decoders pass them on: their bytes one after another, and where each ends. */
import { Buffer } from '../buffer';
import { alloc } from '../memory';

// @ts-ignore: decorator
@unmanaged
export class TokenList {
  bytes: Buffer<u8>;
  ends: Buffer<u32>;

  static create(): TokenList {
    const list = changetype<TokenList>(alloc(offsetof<TokenList>()));
    list.bytes = Buffer.create<u8>();
    list.ends = Buffer.create<u32>();
    return list;
  }

  clear(): void {
    this.bytes.length = 0;
    this.ends.length = 0;
  }

  /** Where token `index` begins. */
  @inline begin(index: u32): usize {
    return this.bytes.data + (index ? <usize>this.ends.at(index - 1) : 0);
  }

  @inline end(index: u32): usize {
    return this.bytes.data + this.ends.at(index);
  }

  /** Ends a token whose bytes were appended. */
  @inline close(): void {
    this.ends.push(this.bytes.length);
  }
}
