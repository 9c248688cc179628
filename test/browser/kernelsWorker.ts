import { openDevice } from 'distillm';
import { embeddedKernels } from 'distillm/embedded';

interface Request {
  readonly kind: 'wasm' | 'webgpu';
  readonly arithmetic?: 'plain';
  /** The address of a folder, or 'embedded'. */
  readonly kernels?: string;
}

/** Runs in a worker of the page: opens the device that the page's address asks for, and sends back what came of it. */
self.onmessage = async ({ data: { kind, arithmetic, kernels } }: MessageEvent<Request>) => {
  const wasm = {
    ...(arithmetic && { arithmetic }),
    ...(kernels && { kernels: kernels === 'embedded' ? embeddedKernels : kernels }),
  };
  try {
    const device = await openDevice({ kind, wasm, webgpu: { allowSoftware: true, limits: 'default' } });
    postMessage({ info: device.info });
    await device.dispose();
  } catch (error) {
    const { code, message } = error as { readonly code?: string; readonly message: string };
    postMessage({ failed: { code, message } });
  }
};
