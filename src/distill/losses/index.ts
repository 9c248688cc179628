/**
 * The divergences between teacher and student that a run can minimise, as plain data. Each is a file here and a line in
 * factories.ts; most are points of the alpha-beta family, the others a case in the divergence kernels. The command line and
 * whoever else offers a choice reads the table `losses`.
 */
import type { DivergenceForm } from '../../backend/kernels/index.js';
import { CheckpointError } from '../../errors.js';
import { type DataOf, variantSchema } from '../../settings/index.js';
import type { DivergenceSpec } from '../../tensor/index.js';
import type { LossState, MeasuredStep } from './course.js';
import type { Behaviour } from './defineLoss.js';
import * as factories from './factories.js';

/** Every loss's factory by its kind. */
export const losses = { ...factories };

/** Which divergence a run minimises, with its options: `{ kind: 'skewKL', alpha: 0.1, temperature: 1 }`. */
export type Divergence = DataOf<typeof losses>;

export const divergenceSchema = variantSchema(losses);

/** The kind is found by the data, so its functions take this data. */
const kindOf = ({ kind }: Divergence) => losses[kind] as unknown as Behaviour<Divergence>;

const specOf = (
  { temperature, teacherTemperature, clamp, topK }: Divergence,
  form: DivergenceForm,
): DivergenceSpec => ({
  ...form,
  temperature,
  ...(teacherTemperature !== undefined && { teacherTemperature }),
  ...(clamp !== undefined && { clamp }),
  ...(topK !== undefined && { topK }),
});

/** What `linearDivergence` takes; of a loss that changes during a run, as it begins. */
export const divergenceSpec = (loss: Divergence): DivergenceSpec => specOf(loss, kindOf(loss).form(loss));

/** What multiplies the divergence and its gradient. */
export const divergenceScale = ({ temperature, temperatureSquared }: Divergence): number =>
  temperatureSquared ? temperature ** 2 : 1;

/** Whether it is not the same in every step. */
export const changesDuringRun = (loss: Divergence): boolean => kindOf(loss).course !== undefined;

/** A loss at work in one run. */
export interface LossAtWork {
  /** The divergence of the next step. */
  readonly spec: DivergenceSpec;
  /** What the next step is taken with, by name; empty where nothing changes. */
  readonly told: Readonly<Record<string, number>>;
  /** Called after each step with what it measured. */
  observe(measured: Omit<MeasuredStep, 'totalSteps'>): void;
  /** Plain JSON from which `startLoss` continues; undefined where nothing changes. */
  toState(): LossState | undefined;
}

/**
 * A loss in a run of so many steps, from its beginning or from where a state has it.
 * @throws CheckpointError when `snapshot` is not of this loss
 */
export function startLoss(
  loss: Divergence,
  { totalSteps, snapshot }: { readonly totalSteps: number; readonly snapshot?: LossState | undefined },
): LossAtWork {
  const { course } = kindOf(loss);
  if (!course) return { spec: divergenceSpec(loss), told: {}, observe() {}, toState: () => undefined };
  const first = course.start(loss);
  let state = snapshot ?? first;
  const missing = Object.keys(first).find((name) => state[name] === undefined);
  if (missing !== undefined) {
    throw new CheckpointError(
      `${loss.kind}: the stored state is ${JSON.stringify(snapshot)}, expected one with ${Object.keys(first).join(', ')}. Resume ` +
        'with the loss that the run began with.',
      { found: snapshot, expected: Object.keys(first) },
    );
  }
  return {
    get spec() {
      return specOf(loss, course.form(loss, state));
    },
    get told() {
      return course.told(state);
    },
    observe(measured) {
      state = course.next(loss, state, { ...measured, totalSteps });
    },
    toState: () => state,
  };
}

export type { LossState } from './course.js';
export * from './factories.js';
