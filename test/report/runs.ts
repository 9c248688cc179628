import type { LoggedStep, LoggedValidation, RunLog } from '../../src/entries/report.js';

/** A run that learns, with student outputs from the first step on where `phi` is above 0. */
export function makeRun(name: string, { steps = 300, phi = 0, every = 50, rate = 1 } = {}): RunLog {
  const noise = (step: number) => 1 + 0.2 * Math.sin(step * 12.9898 + name.length * 7);
  const sources = ['data', 'generate', 'replay'] as const;
  const step = (at: number): LoggedStep => ({
    step: at,
    source: phi > 0 && Math.abs(Math.sin(at * 78.233)) < phi ? (sources[1 + (at % 2)] as 'generate') : 'data',
    loss: (0.4 + 5 * Math.exp((-at * rate) / 60)) * noise(at),
    gradNorm: 8 * Math.exp(-at / 90) * noise(at + 1) + 0.05,
    lr: 2e-3 * (0.5 + 0.5 * Math.cos((Math.PI * at) / steps)),
    phi,
    tokens: 1400,
    stepMs: 40,
  });
  const validation = (at: number): LoggedValidation => ({
    step: at,
    loss: 0.5 + 4 * Math.exp((-at * rate) / 80),
    rougeL: 95 * (1 - Math.exp((-at * rate) / 120)),
    exactMatch: 60 * (1 - Math.exp((-at * rate) / 200)),
    examples: [
      {
        prompt: 'Translate into German.\nThe red cat looks for the friend.',
        answer: at === 0 ? 'der der der' : 'Die rote Katze sucht den Freund.',
        references: ['Die rote Katze sucht den Freund.'],
        rougeL: at === 0 ? 0 : 100,
        exactMatch: at > 0,
      },
    ],
  });
  return {
    name,
    steps: Array.from({ length: steps }, (_, i) => step(i + 1)),
    validations: Array.from({ length: Math.floor(steps / every) + 1 }, (_, i) => validation(i * every)),
    totalSteps: steps,
    settings: { optimizer: { lr: 2e-3 }, seed: 10, loss: { kind: name } },
  };
}
