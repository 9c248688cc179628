import { type BenchmarkName, benchmarks } from '../benchmarks.ts';
import type { Measurement } from '../frame/measure.ts';
import { peersOf } from '../peers.ts';
import { round } from '../runner/table.ts';
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
    button.value = name;
    button.onclick = () => run([name as BenchmarkName]);
    return button;
  }),
);
find<HTMLOptionElement>('option[value=webgpu]').disabled = !machine.webgpu;
find<HTMLInputElement>('[name=threads]').value = `${machine.threads}`;
find<HTMLInputElement>('[name=threads]').max = `${machine.threads}`;
/** They measure what is handed to a GPU. */
const forWebGPU = new Set<string>(['gemmVariants', 'gpuTime', 'trainingStepRecording'] satisfies BenchmarkName[]);
const buttons = () => [...document.querySelectorAll<HTMLButtonElement>('#benchmarks button')];
const offer = () => {
  const onWasm = new FormData(form).get('device') === 'wasm';
  for (const button of buttons()) button.disabled = onWasm && forWebGPU.has(button.value);
};
form.onchange = offer;
// Enter in a field would load the page anew, without its results.
form.onsubmit = (event) => event.preventDefault();
offer();
find<HTMLButtonElement>('#all').onclick = () =>
  run(buttons().flatMap(({ disabled, value }) => (disabled ? [] : [value as BenchmarkName])));
find<HTMLButtonElement>('#stop').onclick = () => stop.abort();
find<HTMLButtonElement>('#copy').onclick = async () => {
  await navigator.clipboard.writeText(JSON.stringify({ machine: Object.fromEntries(machine.facts), rows }, null, 1));
  status.textContent = 'The results are in the clipboard, as JSON.';
};

async function run(names: readonly BenchmarkName[]): Promise<void> {
  if (!form.reportValidity()) return;
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
    const peers = values.has('peers') ? peersOf(benchmark, 'page') : [];
    for (const device of [settings.device, ...peers.map((peer) => ({ peer }))]) {
      if (signal.aborted) break;
      const name = typeof device === 'string' ? benchmark : `${benchmark} on ${device.peer}`;
      status.textContent = `${name} is running ...`;
      let description = '';
      await runInWorker(
        { ...settings, benchmark, device },
        {
          signal,
          onDevice: (opened) => {
            description = opened;
          },
          onMeasurement: (measurement) => show({ benchmark, device: description, size: settings.size, measurement }),
        },
      ).catch((error: Error) => failures.push(`${name}: ${error.message}`));
    }
  }
  running(false);
  status.textContent = failures.length > 0 ? failures.join('\n') : 'Done.';
}

function running(on: boolean): void {
  document.body.classList.toggle('running', on);
  find<HTMLElement>('#benchmarks').inert = on;
}

/** Adds a line to its benchmark's part of the table, under those of the same case. */
function show(row: Row): void {
  rows.push(row);
  const { benchmark, device, size, measurement } = row;
  const { unit, median, min, max, note } = measurement;
  const part = partOf(`${benchmark}, ${size} shapes`);
  const sameCase = [...part.rows].findLast(({ title }) => title === measurement.case);
  const cells = [
    sameCase ? '' : measurement.case,
    note ? `${device} (${note})` : device,
    `${round(median)} ${unit}`,
    `${round(min)}-${round(max)}`,
  ];
  const line = element('tr', '');
  line.title = measurement.case;
  line.append(...cells.map((text) => element('td', text)));
  if (sameCase) sameCase.after(line);
  else part.append(line);
  find<HTMLElement>('#results').hidden = false;
}

function partOf(name: string): HTMLTableSectionElement {
  const table = find<HTMLTableElement>('table');
  const found = [...table.tBodies].find(({ title }) => title === name);
  if (found) return found;
  const part = table.createTBody();
  part.title = name;
  const heading = element('th', name);
  heading.colSpan = 4;
  part.insertRow().append(heading);
  return part;
}

function element<K extends 'button' | 'td' | 'th' | 'tr' | 'dt' | 'dd'>(
  name: K,
  text: string,
): HTMLElementTagNameMap[K] {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}

/** For drive.ts, which drives this page. */
const collect = async (request: Request): Promise<Measurement[]> => {
  const measurements: Measurement[] = [];
  await runInWorker(request, { onMeasurement: (measurement) => measurements.push(measurement) });
  return measurements;
};
Object.assign(window, { collect, machine });
