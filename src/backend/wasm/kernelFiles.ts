/**
 * Where the builds of the kernels come from: files of the package beside its code, files that a host has moved, or the script
 * itself. One build is loaded, and only where WebAssembly computes: a page that trains on a GPU loads none.
 */
import { readAddress } from '#platform';
import { bundledAdvice } from '../../bundledAdvice.js';
import { DeviceError } from '../../errors.js';
import { fnv1a } from '../../fnv1a.js';
import { isPlainObject } from '../../inWords.js';
import { special } from '../../settings/index.js';
import { ownKernels } from './ownKernels.js';

/** Whether a * b + c is rounded once ('fused') or after each operation ('plain'). */
export type WasmArithmetic = 'fused' | 'plain';

/** Both builds of the kernels as text. `embeddedKernels` of `distillm/embedded` is the one of this package. */
export interface EmbeddedKernels {
  /** The build of fused arithmetic: deflated, as base64. */
  readonly fused: string;
  /** The build of plain arithmetic: deflated, as base64. */
  readonly plain: string;
}

/** Where the builds are: the address of their folder, or the builds themselves. */
export type KernelPlace = string | URL | EmbeddedKernels;

/** A build as the package has it. */
export interface OwnBuild {
  /** The address of its file. @throws TypeError in a bundle that knows no address of its own */
  readonly file?: () => URL;
  /** Or its bytes: deflated, as base64. */
  readonly text?: string;
  /** FNV-1a of its bytes: a file that was moved may be that of another version. */
  readonly digest: number;
}

const isAddress = (value: unknown): value is string | URL =>
  value instanceof URL || (typeof value === 'string' && value !== '');
const isEmbedded = (value: unknown): value is EmbeddedKernels =>
  isPlainObject(value) && typeof value.fused === 'string' && typeof value.plain === 'string';

/** Takes them, for the options of the device. */
export const kernelPlace = special<KernelPlace>(
  'the address of a folder, or embeddedKernels of distillm/embedded',
  (value) => isAddress(value) || isEmbedded(value),
);

/** Builds that came from an address, or are on their way, by it. */
const loaded = new Map<string, Promise<Uint8Array<ArrayBuffer>>>();

/**
 * The bytes of a build.
 * @throws DeviceError that names the option, where there is none at its place, or that of another version
 */
export async function readKernels(
  arithmetic: WasmArithmetic,
  kernels: KernelPlace | undefined,
): Promise<Uint8Array<ArrayBuffer>> {
  const name = `compute-${arithmetic}.wasm`;
  const own = ownKernels[arithmetic];
  /** What messages call it. */
  let told = name;
  try {
    const text = isEmbedded(kernels) ? kernels[arithmetic] : kernels === undefined ? own.text : undefined;
    if (text !== undefined) return checked(await inflated(text), own);
    const address = kernels === undefined ? addressOf(own) : `${String(kernels).replace(/\/$/, '')}/${name}`;
    told = String(address);
    const bytes = loaded.get(told) ?? readAddress(told).then((bytes) => checked(bytes, own));
    loaded.set(told, bytes);
    return await bytes;
  } catch (cause) {
    loaded.delete(told);
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new DeviceError(
      `openWasm: ${told}: ${why}${bundledAdvice(told)}; expected the kernels of this version. Serve compute-fused.wasm and ` +
        "compute-plain.wasm of the package's dist/ in one folder, and name it by wasm: { kernels: '/folder/' }; or take them into " +
        'the script by wasm: { kernels: embeddedKernels } of distillm/embedded.',
      { found: told, expected: name, cause },
    );
  }
}

/** @throws Error where it has none, in CommonJS for example */
function addressOf({ file }: OwnBuild): URL | undefined {
  try {
    return file?.();
  } catch (cause) {
    throw new Error('this bundle knows no address of its own, beside which files are', { cause });
  }
}

/** Servers of pages answer with a page where there is no file. */
const MAGIC = [0, 0x61, 0x73, 0x6d];

/** @throws Error that says what the bytes are in place of the build */
function checked(bytes: Uint8Array<ArrayBuffer>, { digest }: OwnBuild): Uint8Array<ArrayBuffer> {
  if (!MAGIC.every((byte, at) => bytes[at] === byte)) throw new Error('what is there is no WebAssembly');
  if (fnv1a(bytes) !== digest) throw new Error('what is there are kernels of another version');
  return bytes;
}

async function inflated(text: string): Promise<Uint8Array<ArrayBuffer>> {
  const deflated = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const stream = new Blob([deflated]).stream().pipeThrough(new DecompressionStream('deflate-raw'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
