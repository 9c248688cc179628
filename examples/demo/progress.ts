import type { TrainingEvent } from 'distillm';
import { finishLine, rewriteLine } from '../../scripts/terminal.ts';

/** Shows a run's last step on one line of a terminal, and its validations as lines. */
export const progressLine =
  (prefix: string) =>
  (name: string) =>
  (event: TrainingEvent): void => {
    if (event.type === 'step' && process.stderr.isTTY) {
      const { step, totalSteps, loss, tokensPerSecond, phi, source } = event;
      rewriteLine(
        `${prefix} ${name}: step ${step}/${totalSteps}  loss ${loss.toFixed(3)}  ` +
          `${tokensPerSecond.toFixed(0)} tokens/s${phi > 0 ? `  phi ${phi.toFixed(1)} ${source}` : ''}`,
      );
    }
    if (event.type === 'validation') {
      const rougeL = event.rougeL === undefined ? '' : `  ROUGE-L ${event.rougeL.toFixed(1)}`;
      finishLine(`${prefix} ${name}: step ${event.step}  held-out loss ${event.loss?.toFixed(3)}${rougeL}`);
    }
  };
