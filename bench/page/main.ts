import { type BenchmarkName, benchmarks } from '../benchmarks/index.ts';
import type { Measurement } from '../measure.ts';
import { round } from '../table.ts';
import { describeMachine } from './machine.ts';
import type { Request } from './protocol.ts';
import { runInWorker } from './runInWorker.ts';

/** One row of the table, and of the JSON that the page gives out. */
interface Row {
  readonly benchmark: BenchmarkName;
  readonly device: string;
  readonly size: Request['size'];
  readonly measurement: Measurement;
}

const find = <T extends Element>(selector: string) => document.querySelector(selector) as T;
const form = find<HTMLFormElement>('form');
const status = find<HTMLElement>('#status');
const rows: Row[] = [];
let stop = new AbortController();

const machine = await describeMachine();
find('#machine').replaceChildren(
  ...machine.facts.flatMap(([name, value]) => [element('dt', name), element('dd', value)]),
);
find('#benchmarks').append(
  ...Object.keys(benchmarks).map((name) => {
    const button = element('button', name);
    button.type = 'button';
    button.onclick = () => run([name as BenchmarkName]);
    return button;
  }),
);
find<HTMLOptionElement>('option[value=webgpu]').disabled = !machine.webgpu;
find<HTMLInputElement>('[name=threads]').value = `${machine.threads}`;
find<HTMLInputElement>('[name=threads]').max = `${machine.threads}`;
find<HTMLButtonElement>('#all').onclick = () => run(Object.keys(benchmarks) as BenchmarkName[]);
find<HTMLButtonElement>('#stop').onclick = () => stop.abort();
find<HTMLButtonElement>('#copy').onclick = async () => {
  await navigator.clipboard.writeText(JSON.stringify({ machine: Object.fromEntries(machine.facts), rows }, null, 1));
  status.textContent = 'The results are in the clipboard, as JSON.';
};

async function run(names: readonly BenchmarkName[]): Promise<void> {
  const values = new FormData(form);
  const settings = {
    size: values.get('size') as Request['size'],
    device: values.get('device') as Request['device'],
    threads: Number(values.get('threads')),
    allowSoftware: true,
  };
  stop = new AbortController();
  const { signal } = stop;
  running(true);
  const failures: string[] = [];
  for (const benchmark of names) {
    if (signal.aborted) break;
    if (benchmark === 'gemmWebGPU' && settings.device === 'wasm' && names.length > 1) continue;
    status.textContent = `${benchmark} is running ...`;
    let device = '';
    await runInWorker(
      { ...settings, benchmark },
      {
        signal,
        onDevice: (description) => {
          device = description;
        },
        onMeasurement: (measurement) => show({ benchmark, device, size: settings.size, measurement }),
      },
    ).catch((error: Error) => failures.push(`${benchmark}: ${error.message}`));
  }
  running(false);
  status.textContent = failures.length > 0 ? failures.join('\n') : 'Done.';
}

function running(on: boolean): void {
  document.body.classList.toggle('running', on);
  find<HTMLElement>('#benchmarks').inert = on;
}

function show(row: Row): void {
  rows.push(row);
  const { benchmark, device, size, measurement } = row;
  const { unit, median, min, max, note } = measurement;
  const cells = [
    benchmark,
    note ? `${measurement.case} (${note})` : measurement.case,
    `${device}, ${size}`,
    `${round(median)} ${unit}`,
    `${round(min)}-${round(max)}`,
  ];
  const line = document.createElement('tr');
  line.append(...cells.map((text) => element('td', text)));
  find('tbody').append(line);
  find<HTMLElement>('#results').hidden = false;
}

function element<K extends 'button' | 'td' | 'dt' | 'dd'>(name: K, text: string): HTMLElementTagNameMap[K] {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}

/** For bench/browser.ts, which drives this page. */
const collect = async (request: Request): Promise<Measurement[]> => {
  const measurements: Measurement[] = [];
  await runInWorker(request, { onMeasurement: (measurement) => measurements.push(measurement) });
  return measurements;
};
Object.assign(window, { collect, machine });
