/** What the adapter of this process's environment is, as facts: opened as distillm opens it, and asked for one product. */
import { openDevice } from 'distillm';
import { run, Tensor } from 'distillm/tensor';
import { create } from 'webgpu';
import { flag, printFacts } from '../runner/commandLine.ts';

type MatrixInfo = GPUAdapterInfo & {
  readonly subgroupMatrixConfigs?: Iterable<
    Readonly<Record<'M' | 'N' | 'K', number>> & Readonly<Record<string, string>>
  >;
};

const allowSoftware = flag('allow-software');
const gpu = create(['enable-dawn-features=allow_unsafe_apis,vulkan_enable_f16_on_nvidia']);
const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance', forceFallbackAdapter: false });
if (!adapter) throw new Error('no adapter');
const info = adapter.info as MatrixInfo;
const limits: Record<string, number> = {};
for (const name in adapter.limits) {
  const value = adapter.limits[name as keyof GPUSupportedLimits];
  if (typeof value === 'number') limits[name] = value;
}
printFacts({
  vendor: info.vendor,
  architecture: info.architecture,
  device: info.device,
  description: info.description,
  subgroups: `${info.subgroupMinSize} to ${info.subgroupMaxSize} threads`,
  matrices: [...(info.subgroupMatrixConfigs ?? [])].map(
    (c) => `${c.M}x${c.N}x${c.K} ${c.componentType} to ${c.resultComponentType}`,
  ),
  features: [...adapter.features].sort(),
  limits,
});

const device = await openDevice({ kind: 'webgpu', webgpu: { allowSoftware } });
printFacts({ opened: device.info.description, software: device.info.software });
const [a, b, c] = [
  Tensor.from(device, Float32Array.of(2), [1, 1]),
  Tensor.from(device, Float32Array.of(21), [1, 1]),
  Tensor.empty(device, [1, 1]),
];
run(device, 'gemmNN', { a, b, c }, { accumulate: 0 });
const [product] = await c.read();
if (product !== 42) throw new Error(`2 times 21 is ${product} on it`);
await device.dispose();

const matrices = await openDevice({ kind: 'webgpu', webgpu: { allowSoftware, subgroupMatrices: true } }).then(
  async (opened) => {
    await opened.dispose();
    return true;
  },
  (error: Error) => error.message,
);
printFacts({ subgroupMatrices: matrices });
