/*
 * A trie over bytes. Its edges are in one hash table of (node << 8 | byte) -> child, so that a step is one probe and
 * nothing is rebuilt when texts are added. Several roots share one trie.
 */
import { Buffer } from './buffer';
import { hash64 } from './hash';
import { alloc, free } from './memory';

// @ts-ignore: decorator
@unmanaged
export class Trie {
  /** Slots of 8 bytes: (node << 8 | byte) + 1, 0 where free; child. */
  slots: usize;
  mask: u32;
  edges: u32;
  /** Of each node: what `insert` gave it, 0 for nothing. */
  values: Buffer<u32>;

  /** Nodes 0 to `roots` - 1 are the roots. */
  static create(roots: u32): Trie {
    const trie = changetype<Trie>(alloc(offsetof<Trie>()));
    trie.values = Buffer.create<u32>();
    for (let i: u32 = 0; i < roots; i++) trie.values.push(0);
    trie.edges = 0;
    trie.open(1 << 8);
    return trie;
  }

  private open(size: u32): void {
    this.mask = size - 1;
    this.slots = alloc(<usize>size << 3);
    memory.fill(this.slots, 0, <usize>size << 3);
  }

  // @ts-ignore: decorator
  @inline private slot(key: u32): usize {
    let at = hash64(key) & this.mask;
    while (true) {
      const slot = this.slots + (<usize>at << 3);
      const found = load<u32>(slot);
      if (found == key || !found) return slot;
      at = (at + 1) & this.mask;
    }
  }

  /** The child of `node` by `byte`, 0 where there is none. */
  // @ts-ignore: decorator
  @inline child(node: u32, byte: u32): u32 {
    const slot = this.slot(((node << 8) | byte) + 1);
    return load<u32>(slot) ? load<u32>(slot, 4) : 0;
  }

  /** Gives a text under `root` its value, in place of an earlier one. */
  insert(root: u32, text: usize, length: u32, value: u32): void {
    let node = root;
    for (let i: u32 = 0; i < length; i++) {
      const key = ((node << 8) | <u32>load<u8>(text + i)) + 1;
      let slot = this.slot(key);
      if (!load<u32>(slot)) {
        if (this.edges << 1 > this.mask) {
          this.grow();
          slot = this.slot(key);
        }
        this.edges += 1;
        store<u32>(slot, key);
        store<u32>(slot, this.values.length, 4);
        this.values.push(0);
      }
      node = load<u32>(slot, 4);
    }
    this.values.set(node, value);
  }

  private grow(): void {
    const before = this.slots;
    const size = this.mask + 1;
    this.open(size << 1);
    for (let i: u32 = 0; i < size; i++) {
      const from = before + (<usize>i << 3);
      if (load<u32>(from)) store<u64>(this.slot(load<u32>(from)), load<u64>(from));
    }
    free(before);
  }
}
