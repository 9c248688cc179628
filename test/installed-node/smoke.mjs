// The built package on whatever Node runs this file: prints '  passed NAME', '  failed NAME' or '  skipped NAME'.
import assert from 'node:assert/strict';

let failures = 0;
async function test(name, work) {
  try {
    const skipped = await work();
    console.log(skipped ? `  skipped ${name}: ${skipped}` : `  passed ${name}`);
  } catch (error) {
    failures++;
    console.log(`  failed ${name}: ${error?.stack ?? error}`);
  }
}

let distillm;
await test('import', async () => {
  distillm = await import('../../dist/index.js');
});

/** c = a b and y = gelu(c) by a device's own kernels; then nothing is left, and the device can be disposed of. */
async function kernelsWork(device) {
  const dims = { m: 5, n: 7, k: 3 };
  const a = Float32Array.from({ length: 15 }, (_, i) => i / 8 - 1);
  const b = Float32Array.from({ length: 21 }, (_, i) => 1 - i / 16);
  const store = (data, label) => {
    const storage = device.allocate(data.byteLength, label);
    device.write(storage, data);
    return storage;
  };
  const operands = { a: store(a, 'a'), b: store(b, 'b'), c: device.allocate(4 * 35, 'c') };
  device.run('gemmNN', { dims, operands, params: { accumulate: 0 } });
  const y = device.allocate(4 * 35, 'y');
  device.run('gelu', { dims: { size: 35 }, operands: { x: operands.c, y }, params: {} });
  const got = await device.read(y, 'f32');
  for (let i = 0; i < 5; i++) {
    for (let j = 0; j < 7; j++) {
      let sum = 0;
      for (let k = 0; k < 3; k++) sum += a[i * 3 + k] * b[k * 7 + j];
      const want = 0.5 * sum * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (sum + 0.044715 * sum ** 3)));
      assert.ok(Math.abs(got[i * 7 + j] - want) < 1e-5, `y[${i}, ${j}] is ${got[i * 7 + j]}, expected ${want}`);
    }
  }
  for (const storage of [...Object.values(operands), y]) device.free(storage);
  assert.equal(device.memory().liveStorages, 0);
  await device.dispose();
}

await test('wasm device', async () => kernelsWork(await distillm.openDevice('wasm')));
await test('webgpu device', async () => {
  if (process.env.DISTILLM_REQUIRE_WEBGPU !== '1') return 'no adapter was promised';
  return kernelsWork(await distillm.openDevice('webgpu', { webgpu: { allowSoftware: true, limits: 'default' } }));
});

process.exitCode = failures > 0 ? 1 : 0;
