/** The private files of a site in memory, as far as the cache of the hub uses them: files are swapped in when they are closed. */

type Entry = FakeFolder | FakeFile;

export class FakeFile {
  readonly kind = 'file';
  bytes = new Uint8Array(0);
  readonly #disk: FakeDisk;
  constructor(disk: FakeDisk) {
    this.#disk = disk;
  }
  async getFile(): Promise<File> {
    return new File([this.bytes], 'name');
  }
  async createWritable() {
    const parts: Uint8Array<ArrayBuffer>[] = [];
    return {
      write: async (content: string | Uint8Array) => {
        const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content.slice();
        this.#disk.take(bytes.byteLength);
        parts.push(bytes as Uint8Array<ArrayBuffer>);
      },
      abort: async () => {},
      close: async () => {
        this.bytes = new Uint8Array(await new Blob(parts).arrayBuffer());
      },
    };
  }
}

export class FakeFolder {
  readonly kind = 'directory';
  readonly entries = new Map<string, Entry>();
  readonly #disk: FakeDisk;
  constructor(disk: FakeDisk) {
    this.#disk = disk;
  }
  #entry<T extends Entry>(name: string, make: (() => T) | undefined, kind: T['kind']): T {
    if (name === '' || /[/\\]/.test(name) || name === '..') throw new TypeError('Name is not allowed.');
    const found = this.entries.get(name) ?? make?.();
    if (!found) throw new DOMException('A requested file or directory could not be found.', 'NotFoundError');
    if (found.kind !== kind) throw new DOMException('The path supplied is of another kind.', 'TypeMismatchError');
    this.entries.set(name, found);
    return found as T;
  }
  async getDirectoryHandle(name: string, { create = false } = {}) {
    return this.#entry(name, create ? () => new FakeFolder(this.#disk) : undefined, 'directory');
  }
  async getFileHandle(name: string, { create = false } = {}) {
    return this.#entry(name, create ? () => new FakeFile(this.#disk) : undefined, 'file');
  }
  async removeEntry(name: string) {
    if (!this.entries.delete(name)) throw new DOMException('It could not be found.', 'NotFoundError');
  }
  async *keys() {
    yield* this.entries.keys();
  }
}

/** Room for so many bytes in all. */
export class FakeDisk {
  readonly quota: number;
  usage = 0;
  readonly root = new FakeFolder(this);
  constructor(quota = Number.POSITIVE_INFINITY) {
    this.quota = quota;
  }
  take(bytes: number) {
    if (this.usage + bytes > this.quota) throw new DOMException('The quota has been exceeded.', 'QuotaExceededError');
    this.usage += bytes;
  }
}

/** Web locks without modes and options but the signal. */
export function fakeLocks() {
  const last = new Map<string, Promise<unknown>>();
  return {
    request(name: string, { signal }: { signal?: AbortSignal }, hold: () => Promise<void>): Promise<void> {
      const before = last.get(name) ?? Promise.resolve();
      const aborted = new Promise<never>((_, reject) => {
        signal?.addEventListener('abort', () => reject(signal.reason));
      });
      const turn = before.then(() => {
        signal?.throwIfAborted();
        return hold();
      });
      last.set(
        name,
        turn.catch(() => {}),
      );
      return Promise.race([turn, aborted]);
    },
  };
}
