/**
 * The private files of a site in memory, as far as this package uses them: files are swapped in when their streams are closed;
 * files and no folders can be renamed.
 */

type Entry = FakeFolder | FakeFile;

export class FakeFile {
  readonly kind = 'file';
  bytes = new Uint8Array(0);
  name: string;
  readonly folder: FakeFolder;
  constructor(folder: FakeFolder, name: string) {
    this.folder = folder;
    this.name = name;
  }
  async getFile(): Promise<File> {
    return new File([this.bytes], 'name', { lastModified: 0 });
  }
  async createWritable() {
    const parts: Uint8Array<ArrayBuffer>[] = [];
    return {
      write: async (content: string | Uint8Array) => {
        const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content.slice();
        this.folder.disk.take(bytes.byteLength);
        parts.push(bytes as Uint8Array<ArrayBuffer>);
      },
      abort: async () => {},
      close: async () => {
        this.bytes = new Uint8Array(await new Blob(parts).arrayBuffer());
      },
    };
  }
  async move(name: string): Promise<void> {
    const { children } = this.folder;
    if (children.get(this.name) !== this) throw new DOMException('The file is gone.', 'NotFoundError');
    children.delete(this.name);
    this.name = name;
    children.set(name, this);
  }
}

/** A file as workers have it. */
export class FakeSyncFile extends FakeFile {
  async createSyncAccessHandle() {
    this.bytes = new Uint8Array(0);
    return {
      write: (content: Uint8Array, { at }: { at: number }): number => {
        this.folder.disk.take(content.byteLength);
        const bytes = new Uint8Array(Math.max(this.bytes.length, at + content.byteLength));
        bytes.set(this.bytes);
        bytes.set(content, at);
        this.bytes = bytes;
        return content.byteLength;
      },
      flush: () => {},
      close: () => {},
    };
  }
}

export class FakeFolder {
  readonly kind = 'directory';
  readonly children = new Map<string, Entry>();
  readonly disk: FakeDisk;
  constructor(disk: FakeDisk) {
    this.disk = disk;
  }
  #entry<T extends Entry>(name: string, make: (() => T) | undefined, kind: T['kind']): T {
    if (name === '' || /[/\\]/.test(name) || name === '..') throw new TypeError('Name is not allowed.');
    const found = this.children.get(name) ?? make?.();
    if (!found) throw new DOMException('A requested file or directory could not be found.', 'NotFoundError');
    if (found.kind !== kind) throw new DOMException('The path supplied is of another kind.', 'TypeMismatchError');
    this.children.set(name, found);
    return found as T;
  }
  async getDirectoryHandle(name: string, { create = false } = {}) {
    return this.#entry(name, create ? () => new FakeFolder(this.disk) : undefined, 'directory');
  }
  async getFileHandle(name: string, { create = false } = {}) {
    const { Kind } = this.disk;
    return this.#entry(name, create ? () => new Kind(this, name) : undefined, 'file');
  }
  async removeEntry(name: string) {
    if (!this.children.delete(name)) throw new DOMException('It could not be found.', 'NotFoundError');
  }
  async *keys() {
    yield* this.children.keys();
  }
  async *entries() {
    yield* [...this.children];
  }
}

/** Room for so many bytes in all. */
export class FakeDisk {
  readonly quota: number;
  readonly Kind: typeof FakeFile;
  usage = 0;
  readonly root = new FakeFolder(this);
  constructor(quota = Number.POSITIVE_INFINITY, Kind = FakeFile) {
    this.quota = quota;
    this.Kind = Kind;
  }
  take(bytes: number) {
    if (this.usage + bytes > this.quota) throw new DOMException('The quota has been exceeded.', 'QuotaExceededError');
    this.usage += bytes;
  }
}

type Hold = (lock: object | null) => unknown;

/** Web locks without modes and steals: taken one after the other, or not at all where that is asked for. */
export function fakeLocks() {
  const last = new Map<string, Promise<unknown>>();
  const held = new Set<string>();
  return {
    async request(
      name: string,
      ...rest: [Hold] | [{ signal?: AbortSignal; ifAvailable?: boolean }, Hold]
    ): Promise<unknown> {
      const hold = rest.at(-1) as Hold;
      const { signal, ifAvailable = false } =
        rest.length > 1 ? (rest[0] as { signal?: AbortSignal; ifAvailable?: boolean }) : {};
      if (ifAvailable && held.has(name)) return hold(null);
      if (ifAvailable) held.add(name);
      const before = last.get(name) ?? Promise.resolve();
      const aborted = new Promise<never>((_, reject) => {
        signal?.addEventListener('abort', () => reject(signal.reason));
      });
      const turn = before.then(async () => {
        signal?.throwIfAborted();
        held.add(name);
        try {
          return await hold({ name });
        } finally {
          held.delete(name);
        }
      });
      last.set(
        name,
        turn.catch(() => {}),
      );
      return Promise.race([turn, aborted]);
    },
  };
}
