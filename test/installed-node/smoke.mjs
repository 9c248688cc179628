// The built package's core on whatever Node runs this file: kernels, divergences, tokenizer, checkpoints, generation,
// and distillation. Prints '  passed NAME', '  failed NAME' or '  skipped NAME'.
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
let tensors;
await test('import', async () => {
  distillm = await import('distillm');
  tensors = await import('distillm/tensor');
  assert.equal(typeof (await import('distillm/testing')).verifyDevice, 'function');
});

await test('nothing but the entries can be imported', async () => {
  for (const path of ['dist/index.js', 'dist/types/index.d.ts', 'src/index.ts']) {
    await assert.rejects(import(`distillm/${path}`), { code: 'ERR_PACKAGE_PATH_NOT_EXPORTED' });
  }
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

await test('wasm device', async () => kernelsWork(await distillm.openDevice({ kind: 'wasm' })));
await test('webgpu device', async () => {
  if (process.env.DISTILLM_REQUIRE_WEBGPU !== '1') return 'no adapter was promised';
  return kernelsWork(await distillm.openDevice({ kind: 'webgpu', webgpu: { allowSoftware: true, limits: 'default' } }));
});

await test('skew KL and its gradient', async () => {
  const { openDevice } = distillm;
  const { keep, linearDivergence, Tensor, Tape, tidy } = tensors;
  const device = await openDevice({ kind: 'wasm' });
  // Heads that are the identity: hidden states are logits.
  const [p, q] = [
    [1, -2, 0.5],
    [-0.5, 0.25, 2],
  ];
  const eye = Float32Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1);
  const logits = (values) => ({
    hidden: Tensor.from(device, Float32Array.from(values), [1, 3]),
    head: tensors.f32Weight(Tensor.from(device, eye, [3, 3])),
  });
  const [teacher, student] = [logits(p), logits(q)];
  student.hidden.requiresGrad = true;
  const alpha = 0.1;
  const softmax = (x) => x.map((v) => Math.exp(v) / x.reduce((sum, w) => sum + Math.exp(w), 0));
  const loss = (x) => {
    const [a, b] = [softmax(p), softmax(x)];
    return a.reduce((sum, v, i) => sum + v * Math.log(v / (alpha * v + (1 - alpha) * b[i])), 0);
  };
  const tape = new Tape();
  const value = tidy(() => {
    let total;
    tape.record(() => {
      const labels = Int32Array.of(0);
      total = linearDivergence({
        student,
        teacher,
        labels,
        divergence: { kind: 'skewKL', weight: alpha, temperature: 1 },
        gradScale: 1,
      }).loss;
    });
    tape.backward();
    return keep(total);
  });
  const close = (got, want) => assert.ok(Math.abs(got - want) < 1e-5, `${got}, expected ${want}`);
  close((await value.read())[0], loss(q));
  const gradient = await student.hidden.grad.read();
  const moved = (i, by) => loss(q.map((v, j) => (i === j ? v + by : v)));
  for (let i = 0; i < 3; i++) close(gradient[i], (moved(i, 1e-6) - moved(i, -1e-6)) / 2e-6);
  await device.dispose();
});

const letters = ['a b', 'b c', 'c d', 'd e'].flatMap((text, i) =>
  ['say', 'write'].map((verb) => ({ instruction: `${verb} ${i}`, output: text })),
);
const makeTokenizer = () =>
  distillm.trainTokenizer(
    letters.map(({ instruction, output }) => `### ${instruction}\n${output}`),
    { vocabSize: 270, specialTokens: { eos: '<|endoftext|>' } },
  );

await test('tokenizer, through its files', async () => {
  const tokenizer = makeTokenizer();
  const text = 'say 2, \u00fcber \u{1f600} \u4f60\u597d';
  const ids = tokenizer.encode(text);
  assert.equal(tokenizer.decode(ids), text);
  const store = distillm.memoryStore(tokenizer.save());
  assert.deepEqual((await distillm.loadTokenizer(store)).encode(text), ids);
});

/** Final weights of a student after 8 steps of DistiLLM, and what the steps trained on. */
async function distilled(threads) {
  const device = await distillm.openDevice({ kind: 'wasm', wasm: { threads } });
  const tokenizer = makeTokenizer();
  const text = letters.map((record) => JSON.stringify(record)).join('\n');
  const data = await distillm.readInstructions({ text }, { tokenizer, template: 'compact', validation: 2 });
  const config = { model_type: 'gpt2', vocab_size: tokenizer.vocabSize, n_positions: 64, n_head: 2 };
  const teacher = await distillm.createModel({ ...config, n_embd: 16, n_layer: 2 }, { device, seed: 1 });
  const student = await distillm.createModel({ ...config, n_embd: 8, n_layer: 1 }, { device, seed: 2 });
  teacher.setTrainable(false);
  const sources = new Set();
  const run = distillm.distill({
    ...{ teacher, student, tokenizer, data, batchSize: 2, steps: 8, maxNewTokens: 4, seed: 3 },
    loss: distillm.skewReverseKL({ alpha: 0.1 }),
    sgo: distillm.adaptiveOffPolicy({ initThreshold: 0.7, capacity: 4 }),
  });
  for await (const event of run) if (event.type === 'step') sources.add(event.source);
  const store = distillm.memoryStore();
  await distillm.saveModel(student, store);
  const loaded = await distillm.loadModel(store, { device });
  const weights = [];
  for (const [name, tensor] of loaded.parameters) {
    weights.push(...(await tensor.read()));
    assert.deepEqual(await student.parameters.get(name).read(), await tensor.read(), name);
  }
  const prompt = tokenizer.encode('say');
  const [answer] = await distillm.generate(loaded, [prompt], { maxNewTokens: 5, temperature: 0 });
  await device.dispose();
  return { sources, weights, answer };
}

await test('DistiLLM, saved and loaded, the same bits on one thread and on two', async () => {
  const [one, two] = [await distilled(1), await distilled(2)];
  assert.ok(one.sources.has('generate'), `trained on ${[...one.sources]}`);
  assert.ok(one.weights.every(Number.isFinite));
  assert.deepEqual(two, one);
});

process.exitCode = failures > 0 ? 1 : 0;
