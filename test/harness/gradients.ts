import { describe, expect, it } from 'vitest';
import type { Device } from '../../src/backend/backend.js';
import { clearGradients, sizeOf, Tape, Tensor, tidy } from '../../src/tensor/index.js';
import { createRandom, seedOf } from '../../src/testing/random.js';
import { forEachBackend } from './backends.js';
import { openReference } from './referenceBackend.js';

export interface GradientCase {
  readonly name: string;
  /** Shapes of the inputs that are differentiated; filled with normals times `spread` (1). */
  readonly inputs: Readonly<Record<string, readonly number[]>>;
  readonly spread?: number;
  /** The op, or a few. Makes what else it needs (ids, masks) on `device`. */
  readonly forward: (inputs: Readonly<Record<string, Tensor>>, device: Device) => Tensor;
  /** For ops that are roots of the tape (losses): the gradients are those of `gradScale` times the result. */
  readonly gradScale?: number;
  /** Allowed difference on devices in place of `ALLOWED.device`, where an op rounds more on purpose. */
  readonly allowed?: number;
}

/** Central differences in float64: their own error is about the square of the step. */
const STEP = 1e-5;
/** Allowed difference, as a share of the largest entry of the input's gradient. */
const ALLOWED = { reference: 2e-7, device: 2e-5 };
/** Gradients that are zero in theory are compared at this share of the largest gradient of all inputs. */
const FLOOR = 1e-2;

type Values = Readonly<Record<string, Float32Array>>;

function fill({ name, inputs, spread = 1 }: GradientCase): Values {
  const random = createRandom(seedOf(name));
  const values = (shape: readonly number[]) =>
    Float32Array.from({ length: sizeOf(shape) }, () => spread * random.normal());
  return Object.fromEntries(Object.entries(inputs).map(([input, shape]) => [input, values(shape)]));
}

/** The upstream gradient: what the output's elements count for. */
function upstream({ name, gradScale }: GradientCase, size: number): Float32Array {
  const random = createRandom(seedOf(`${name} dy`));
  return Float32Array.from({ length: size }, () => gradScale ?? random.normal());
}

const upload = (device: Device, { inputs }: GradientCase, values: Values): Record<string, Tensor> =>
  Object.fromEntries(
    Object.entries(inputs).map(([name, shape]) => {
      const tensor = Tensor.from(device, values[name]!, shape, name);
      tensor.requiresGrad = true;
      return [name, tensor];
    }),
  );

const known = new Map<GradientCase, Record<string, Float64Array>>();

/** d(sum of y dy) / d(each input element), from the float64 reference forward pass alone. */
export function differences(testCase: GradientCase): Readonly<Record<string, Float64Array>> {
  const found = known.get(testCase);
  if (found) return found;
  const device = openReference();
  const tensors = upload(device, testCase, fill(testCase));
  const objective = () =>
    tidy(() => {
      const y = testCase.forward(tensors, device);
      const values = device.peek(y.storage);
      const dy = upstream(testCase, values.length);
      return values.reduce((sum, value, i) => sum + value * dy[i]!, 0);
    });
  const gradients: Record<string, Float64Array> = {};
  for (const [name, tensor] of Object.entries(tensors)) {
    const values = device.peek(tensor.storage);
    gradients[name] = values.map((value, i) => {
      const at = (shifted: number) => {
        values[i] = shifted;
        device.poke(tensor.storage, values);
        return objective();
      };
      const slope = (at(value + STEP) - at(value - STEP)) / (2 * STEP);
      values[i] = value;
      return slope;
    });
    device.poke(tensor.storage, values);
  }
  known.set(testCase, gradients);
  return gradients;
}

/** Gradients from the tape, after `passes` backward passes. */
export async function tapeGradients(
  device: Device,
  testCase: GradientCase,
  passes = 1,
): Promise<Record<string, Float32Array>> {
  const tensors = upload(device, testCase, fill(testCase));
  for (let pass = 0; pass < passes; pass++) {
    tidy(() => {
      const tape = new Tape();
      const y = tape.record(() => testCase.forward(tensors, device));
      if (testCase.gradScale !== undefined) tape.backward();
      else tape.backward(y, Tensor.from(device, upstream(testCase, y.size), y.shape, 'dy'));
    });
  }
  const gradients: Record<string, Float32Array> = {};
  for (const [name, tensor] of Object.entries(tensors)) gradients[name] = (await tensor.grad!.read()) as Float32Array;
  clearGradients(Object.values(tensors));
  for (const tensor of Object.values(tensors)) {
    expect((await tensor.grad!.read()).every((value) => value === 0)).toBe(true);
    tensor.dispose();
  }
  expect(device.memory().liveStorages).toBe(0);
  return gradients;
}

const largest = (values: ArrayLike<number>) => Array.from(values).reduce((most, v) => Math.max(most, Math.abs(v)), 0);

async function checkGradients(device: Device, testCase: GradientCase, allowed: number): Promise<void> {
  const want = differences(testCase);
  const got = await tapeGradients(device, testCase);
  const floor = FLOOR * Math.max(...Object.values(want).map(largest));
  for (const [name, values] of Object.entries(want)) {
    const errors = Array.from(values, (value, i) => Math.abs(value - got[name]![i]!));
    const worst = errors.reduce((at, error, i) => (error <= errors[at]! ? at : i), 0);
    const limit = allowed * Math.max(largest(values), floor);
    expect(
      errors[worst]! <= limit,
      `${testCase.name}: d${name}[${worst}] is ${got[name]![worst]}, expected ${values[worst]}: ` +
        `off by ${errors[worst]}, allowed ${limit}`,
    ).toBe(true);
  }
}

/**
 * Checks the tape's gradients of each case against finite differences in float64: on the float64 reference, where
 * only a wrong derivation can fail, then on every backend. No storage may be left over.
 */
export function gradientTests(cases: readonly GradientCase[]): void {
  describe('gradients on the float64 reference', () => {
    for (const testCase of cases) {
      it(testCase.name, () => checkGradients(openReference(), testCase, ALLOWED.reference));
    }
  });
  forEachBackend((backend) => {
    for (const testCase of cases) {
      it(`gradients: ${testCase.name}`, () => checkGradients(backend(), testCase, testCase.allowed ?? ALLOWED.device));
    }
  });
}
