import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { WebGPUDevice } from '../../../src/backend/webgpu/device.js';
import { openWebGPU } from '../../../src/backend/webgpu/index.js';
import { gemmElements } from '../../../src/backend/webgpu/products/elements.js';
import { measureGemm } from '../../../src/backend/webgpu/products/measure.js';
import { floatTiles } from '../../../src/backend/webgpu/products/variants.js';
import { shaders } from '../../../src/backend/webgpu/shaders.js';
import { DeviceError } from '../../../src/errors.js';
import { f16ToF32, f32ToF16 } from '../../../src/halfFloats.js';
import { findMatrixUnit, matrixFeatures } from '../../../src/hardware/webgpu/matrixUnit.js';
import type { AnyCase } from '../../../src/testing/case.js';
import { checkCase, prepare, runCase } from '../../../src/testing/compare.js';
import { atDefaultLimits, describeWebGPU, withWebGPU } from './adapter.js';

// Software adapters compile a variant for seconds.
vi.setConfig({ testTimeout: 120_000 });

// At the adapter's limits: tiles of matrices need more workgroup memory than every device has.
const withMatrices = { ...atDefaultLimits, limits: 'adapter', subgroupMatrices: true } as const;
const missing = await openWebGPU(withMatrices).then(
  async (device) => void (await device.dispose()),
  (error: Error) => error.message,
);

type Sides = readonly [m: number, n: number, k: number];
const kernels = ['gemmNNF16', 'gemmNTF16'] as const;

const rounded = (values: Float64Array) => values.set(f16ToF32(f32ToF16(Float32Array.from(values))));
/** The left operand holds halves, so that the reference knows of no rounding. */
const caseOf = ([m, n, k]: Sides, { accumulate = 0, scale = 1 } = {}): AnyCase => ({
  dims: { m, n, k },
  params: { accumulate, scale },
  prepare: ({ a, c }) => {
    rounded(a!);
    if (!accumulate) c?.fill(Number.NaN);
  },
});

/** Around tiles of 128 x 128, their halves and quarters, and steps of 32: multiples of four and odd ones. */
const shapes: readonly Sides[] = [
  [9, 1, 1],
  [12, 4, 4],
  [13, 7, 5],
  [63, 31, 15],
  [65, 33, 17],
  [128, 128, 32],
  [124, 132, 36],
  [132, 124, 132],
  [129, 127, 67],
  [257, 131, 37],
];

describe.skipIf(missing)(`products on subgroup matrices${missing ? ` (skipped: ${missing})` : ''}`, () => {
  let backend: WebGPUDevice;
  beforeAll(async () => {
    // Few workgroups a side, so that small shapes need the second axis of the grid.
    backend = await openWebGPU({ ...withMatrices, maxGroupsPerSide: 3 });
  });
  afterAll(() => backend?.dispose());

  for (const kernel of kernels) {
    it(`${kernel}, whole and added`, async () => {
      for (const shape of shapes)
        for (const accumulate of [0, 1])
          await checkCase(backend, 'WebGPU', prepare(kernel, caseOf(shape, { accumulate, scale: 2 ** -3 })));
      expect(backend.memory().liveStorages).toBe(0);
    });

    it(`${kernel}, k in parts`, async () => {
      backend.gemm.forced = { tile: 'matrices', parts: 3 };
      try {
        for (const shape of [
          [9, 1, 1],
          [31, 33, 35],
          [129, 36, 131],
        ] as const)
          await checkCase(backend, 'WebGPU', prepare(kernel, caseOf(shape, { accumulate: 1 })));
      } finally {
        backend.gemm.forced = undefined;
      }
    });
  }

  it('operands in windows', () =>
    withWebGPU({ ...withMatrices, maxBindingBytes: 8192 }, async (narrow) => {
      for (const kernel of kernels) await checkCase(narrow, 'WebGPU', prepare(kernel, caseOf([67, 19, 101])));
    }));

  it('rounds the left operand to halves, and what halves cannot hold to the largest', async () => {
    const [m, n, k] = [9, 4, 3];
    const left = [1 + 2 ** -12, 1e6, -1e9];
    const values: AnyCase = {
      dims: { m, n, k },
      params: { accumulate: 0, scale: 1 },
      prepare: ({ a, b, c }) => {
        for (let i = 0; i < m; i++) a!.set(left, i * k);
        // Column j holds the j-th element of a row alone; the last column the sum of all.
        b!.fill(0);
        for (let j = 0; j < k; j++) b![j * n + j] = b![j * n + k] = 1;
        c!.fill(Number.NaN);
      },
    };
    const { c } = await runCase(backend, 'WebGPU', prepare('gemmNNF16', values));
    expect(Array.from(c!.subarray(0, n))).toEqual([1, 65504, -65504, 1]);
    expect(c!.subarray(n * (m - 1))).toEqual(c!.subarray(0, n));
  });

  it('are measured with the other tiles', async () => {
    const { tiles } = await measureGemm(backend, { milliseconds: 0, side: 32 });
    expect(Object.keys(tiles)).toEqual([...floatTiles, 'matrices']);
    expect(tiles.matrices?.gflops).toBeGreaterThan(0);
  });

  it('products in f32 stay in f32', async () => {
    const exact: AnyCase = {
      dims: { m: 37, n: 29, k: 67 },
      params: { accumulate: 0 },
      prepare: ({ c }) => void c!.fill(Number.NaN),
    };
    for (const kernel of ['gemmNN', 'gemmNT', 'gemmTN'] as const)
      await checkCase(backend, 'WebGPU', prepare(kernel, exact));
  });

  it('a device of the caller', async () => {
    const { create, globals } = await import('webgpu');
    Object.assign(globalThis, globals);
    const gpu = create(['enable-dawn-features=allow_unsafe_apis,vulkan_enable_f16_on_nvidia']);
    const adapter = await gpu.requestAdapter();
    const device = await adapter!.requestDevice({ requiredFeatures: matrixFeatures({ pinned: false }) });
    // Dawn's devices do not list their matrices, as browsers' do.
    Object.defineProperty(device, 'adapterInfo', { value: adapter!.info });
    await withWebGPU({ device, subgroupMatrices: true }, async (own) => {
      expect(own.gemm.matrixUnit).toEqual(backend.gemm.matrixUnit);
      await checkCase(own, 'WebGPU', prepare('gemmNTF16', caseOf([17, 9, 33])));
    });
    device.destroy();
    await device.lost;
  });
});

// Dawn's null adapter knows the types and all sizes of subgroups, without multiplying anything.
describeWebGPU('subgroup matrices as hardware has them', () => {
  let gpu: GPU; // must outlive the device
  let device: GPUDevice;
  beforeAll(async () => {
    const { create, globals } = await import('webgpu');
    Object.assign(globalThis, globals);
    gpu = create(['backend=null', 'enable-dawn-features=allow_unsafe_apis']);
    const adapter = await gpu.requestAdapter();
    device = await adapter!.requestDevice({ requiredFeatures: matrixFeatures({ pinned: true }) });
  });
  afterAll(async () => {
    device?.destroy();
    await device?.lost;
  });

  const forms = [
    [16, 16, 16],
    [16, 8, 16],
    [8, 16, 16],
    [8, 8, 8],
  ] as const;
  for (const pinned of [false, true]) {
    it.each([4, 8, 16, 32, 64])(
      `shaders are valid WGSL for subgroups of %d${pinned ? ', asked for' : ''}`,
      async (size) => {
        for (const form of ['gemmNN', 'gemmNT'] as const) {
          for (const [m, n, k] of forms) {
            const layouts = { a: 'vec4', b: 'f16x4', c: 'f32', scaled: 'whole', biased: form === 'gemmNT' } as const;
            const { code } = gemmElements({ ...layouts, matrixUnit: { m, n, k, subgroupSize: size, pinned } });
            const main = shaders[`${form}Matrices${pinned ? 'Pinned' : ''}`];
            expect(main.includes('@subgroup_size(SUBGROUP_SIZE)')).toBe(pinned);
            const module = device.createShaderModule({ code: code + main });
            expect((await module.getCompilationInfo()).messages.map(({ message }) => message)).toEqual([]);
          }
        }
      },
    );
  }

  /** The null device, with an adapter that says to have subgroups of these sizes. */
  const withSubgroups = (subgroupMinSize: number, subgroupMaxSize: number) => {
    // The null adapter has the least limits, which hold these matrices.
    const subgroupMatrixConfigs = [{ M: 8, N: 8, K: 8, componentType: 'f16', resultComponentType: 'f32' }];
    const info = { vendor: '', architecture: '', device: '', description: 'faked', isFallbackAdapter: false };
    const adapterInfo = { ...info, subgroupMinSize, subgroupMaxSize, subgroupMatrixConfigs };
    return new Proxy(device, {
      get: (target, name) => {
        if (name === 'adapterInfo') return adapterInfo;
        const value = Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  };

  it.each([
    [32, 32, 32, false],
    [16, 16, 16, false],
    [8, 32, 32, true],
    [16, 32, 32, true],
    [32, 64, 32, true],
    [4, 128, 32, true],
  ])('products run on adapters of %d to %d threads, in subgroups of %d', async (least, most, subgroupSize, pinned) => {
    await withWebGPU({ device: withSubgroups(least, most), subgroupMatrices: true }, async (backend) => {
      expect(backend.gemm.matrixUnit).toMatchObject({ subgroupSize, pinned });
      for (const kernel of kernels) {
        const { a, b, c } = {
          a: backend.allocate(4 * 17 * 33, 'a'),
          b: backend.allocate(4 * 9 * 33, 'b'),
          c: backend.allocate(4 * 17 * 9, 'c'),
        };
        const params = { accumulate: 0, scale: 1 };
        backend.run(kernel, { dims: { m: 17, n: 9, k: 33 }, operands: { a, b, c }, params });
        // What the pipelines were refused for would be thrown here.
        await backend.read(c, 'f32');
      }
    });
  });
});

describe('sizes of subgroups', () => {
  it('matter to no shader but that of the matrices', () => {
    const code = (name: string) => (shaders[name] as string).replaceAll(/\/\/.*/g, '');
    const dependent = Object.keys(shaders).filter((name) => /subgroup/i.test(code(name)));
    const forms = ['gemmNN', 'gemmNT'].flatMap((form) => [`${form}Matrices`, `${form}MatricesPinned`]);
    expect(dependent.sort()).toEqual(forms.sort());
  });
});

describeWebGPU('subgroup matrices where there are none', () => {
  it.skipIf(!missing)('is a DeviceError that says what is missing', async () => {
    await expect(openWebGPU(withMatrices)).rejects.toThrow(DeviceError);
    await expect(openWebGPU(withMatrices)).rejects.toThrow(/^webgpu\.subgroupMatrices: .* (lacks|multiplies|has) /);
  });
});

describe('findMatrixUnit', () => {
  const features = new Set<string>(matrixFeatures({ pinned: false }));
  const config = { M: 16, N: 16, K: 16, componentType: 'f16', resultComponentType: 'f32' };
  const roomy = { maxComputeWorkgroupStorageSize: 32_768, maxComputeInvocationsPerWorkgroup: 1024 };
  const find = (
    subgroupMatrixConfigs: (typeof config)[],
    sizes = { subgroupMinSize: 32, subgroupMaxSize: 32 },
    has: ReadonlySet<string> = features,
    limits = roomy,
  ) =>
    findMatrixUnit({ features: has, info: { ...sizes, subgroupMatrixConfigs } as unknown as GPUAdapterInfo, limits });

  it('takes the first form of halves that are summed in f32', () => {
    const others = [
      { ...config, resultComponentType: 'f16' },
      { ...config, componentType: 'i8', resultComponentType: 'i32', K: 32 },
    ];
    expect(find([...others, { ...config, N: 8 }, config])).toEqual({
      ...{ m: 16, n: 8, k: 16, subgroupSize: 32, pinned: false },
    });
    const missing = 'multiplies 16x16x16 f16 to f16, 16x16x32 i8 to i32 instead of f16 to f32';
    expect(find(others)).toEqual({ missing });
    expect(find([])).toEqual({ missing: 'multiplies no matrices instead of f16 to f32' });
  });

  it.each([4, 8, 16, 32, 64])('takes subgroups of %d threads, where all are of that size', (size) => {
    const unit = find([config], { subgroupMinSize: size, subgroupMaxSize: size });
    expect(unit).toMatchObject({ subgroupSize: size, pinned: false });
  });

  const mixed = [
    [4, 32, 32],
    [8, 32, 32],
    [16, 32, 32],
    [32, 64, 32],
    [4, 128, 32],
    [64, 128, 64],
    [8, 16, 16],
  ] as const;
  it.each(mixed)('of subgroups of %d to %d threads takes %d, where the size can be chosen', (least, most, size) => {
    const sizes = { subgroupMinSize: least, subgroupMaxSize: most };
    const has = new Set<string>(matrixFeatures({ pinned: true }));
    expect(find([config], sizes, has)).toMatchObject({ subgroupSize: size, pinned: true });
    expect(find([config], sizes)).toEqual({
      missing: `has subgroups of ${least} to ${most} threads, and lacks subgroup-size-control to choose one size`,
    });
  });

  it.each([
    [128, 128],
    [1, 1],
    [0, 0],
  ])('leaves subgroups of %d threads to the other products', (subgroupMinSize, subgroupMaxSize) => {
    expect(find([config], { subgroupMinSize, subgroupMaxSize })).toEqual({
      missing: `has subgroups of ${subgroupMinSize} to ${subgroupMaxSize} threads instead of 4 to 64`,
    });
  });

  it('takes a smaller form where the memory of a workgroup holds no larger one', () => {
    const small = { ...config, M: 8, N: 8, K: 8 };
    const least = { maxComputeWorkgroupStorageSize: 16_384, maxComputeInvocationsPerWorkgroup: 256 };
    expect(find([config, small], undefined, undefined, least)).toMatchObject({ m: 8, n: 8, k: 8 });
    expect(find([config], undefined, undefined, least)).toEqual({
      missing: 'allows 16384 bytes of workgroup memory instead of 28672',
    });
    expect(find([config], { subgroupMinSize: 64, subgroupMaxSize: 64 }, undefined, least)).toEqual({
      missing: 'allows workgroups of 256 threads instead of 512',
    });
  });

  it('says which features are missing', () => {
    expect(findMatrixUnit({ features: new Set(['subgroups']), info: undefined, limits: roomy })).toEqual({
      missing: 'lacks shader-f16 and chromium-experimental-subgroup-matrix',
    });
  });
});
