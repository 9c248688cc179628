/** What the pool needs from a worker thread, of Node or of the web. */
export interface WorkerHandle {
  post(data: unknown): void;
  /** The process may end while this worker sleeps (Node; browsers need no such thing). */
  unref(): void;
  terminate(): Promise<void>;
  /**
   * Whether its thread is there, asked of the system: `died` cannot be called while this thread waits for it. True
   * where the system cannot tell.
   */
  alive: () => boolean;
}

export interface WorkerListeners {
  message(data: unknown): void;
  /** The worker failed or ended, `terminate` included. */
  died(why: string): void;
}

/** Small texts that outlive the process, by file name. */
export interface KeptTexts {
  read(name: string): Promise<string | undefined>;
  /** Gives the place, for people. */
  write(name: string, text: string): Promise<string>;
}

/** The switch of V8's 256-bit packing of WebAssembly vectors. It holds for modules that are compiled afterwards. */
export interface Revectorizer {
  /** The process was started with the flag. */
  readonly onFromStart: boolean;
  set(on: boolean): void;
}
