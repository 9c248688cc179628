/** Starting the worker that runs the whole API, in a page or in Node, and ending it. */
import { startThread } from '#thread';
import { DeviceError } from '../errors.js';
import { requireFields, requireOption, unknownOptions } from '../requireOption.js';
import type * as api from './api.js';
import { openWorker } from './openWorker.js';
import type { Member } from './types.js';

/** The functions that the worker offers. */
type Functions = typeof api;

/** Where the script of the worker is. */
export interface WorkerOptions {
  /**
   * Address of the script of the worker, `platform/browserWorker.js` of the package, where a host has moved it: on another
   * path than beside the code, or on a server of static files. In Node a path or a URL of a file, `platform/nodeWorker.js`.
   * By default the one of this package, as bundlers find it.
   */
  readonly script?: string | URL | undefined;
}

/**
 * The functions of `distillm`, `distillm/report` and `distillm/testing`, run by a worker; and the end of the worker.
 */
export type DistillmWorker = {
  readonly [Name in keyof Functions as Functions[Name] extends (...given: never[]) => unknown ? Name : never]: Member<
    Functions[Name]
  >;
} & {
  /** Ends the worker and all that runs in it, at once. What is waited for is refused by a DisposedError. */
  terminate(): Promise<void>;
  /** The same, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
};

/**
 * Starts a worker (a web worker in pages, a worker thread in Node) and gives the functions of the package as it runs them, so
 * that this thread stays responsive. They take and give the same, but for objects at work: models, tokenizers, devices,
 * file stores and runs stay in the worker, and this thread has handles, whose methods give promises and whose properties
 * `await` reads. Data sets stay there too. Settings, events and results are plain data; buffers of results are moved and
 * not copied. Errors have their class, message and fields. A signal is heard, and `break` ends a run, as in one thread.
 * Listeners (`onProgress`) are told; other functions cannot go to the worker.
 *
 * In a page, runs with a `checkpoint` write their state after the step in progress when the page is hidden or left.
 * @example
 * const distillm = await startWorker();
 * const device = await distillm.openDevice();
 * const student = await distillm.loadModel('./student', { device, trainable: true });
 * const tokenizer = await distillm.loadTokenizer('./student');
 * const data = await distillm.readInstructions(file, { tokenizer });
 * for await (const event of distillm.fineTune({ model: student, tokenizer, data, epochs: 3 })) show(event);
 * @throws OptionError; DeviceError where the script does not load, with what the browser says of it; CompatibilityError
 * where the script is of another version
 */
export async function startWorker(options: WorkerOptions = {}): Promise<DistillmWorker> {
  requireFields('startWorker', options);
  const { script, ...others } = options as WorkerOptions;
  if (Object.keys(others).length > 0) throw unknownOptions('startWorker', Object.keys(others), ['script']);
  const isAddress = script === undefined || script instanceof URL || (typeof script === 'string' && script !== '');
  requireOption('startWorker', 'script', script, isAddress, 'the address of the script');
  let failed = (_: Error) => {};
  const thread = startThread(script, (why) =>
    failed(
      new DeviceError(
        `startWorker: the worker ended: ${why}. Check that its script is served (option script), and that the page's ` +
          'Content-Security-Policy allows it (docs/browsers.md).',
      ),
    ),
  );
  try {
    return await openWorker(thread.endpoint, {
      terminate: thread.terminate,
      onFailure: (fail) => {
        failed = fail;
      },
    });
  } catch (error) {
    await thread.terminate();
    throw error;
  }
}
