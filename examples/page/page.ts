/**
 * A page that distils: pick a file, train in the worker, see the curve, download the student. docs/browsers.md says how it is
 * bundled and served.
 */
import { downloadZip } from 'client-zip';
import { adaptiveOffPolicy, skewReverseKL, type TrainingEvent } from 'distillm';
import { plotRuns } from 'distillm/report';
import { type DistillmWorker, startWorker } from 'distillm/worker';

const element = <T extends HTMLElement>(id: string): T => document.getElementById(id) as T;
const [stop, download] = [element<HTMLButtonElement>('stop'), element<HTMLButtonElement>('download')];
const say = (text: string) => {
  element('status').textContent = text;
};

element<HTMLFormElement>('form').addEventListener('submit', (event) => {
  event.preventDefault();
  const fields = new FormData(event.target as HTMLFormElement);
  train(fields.get('data') as File, Number(fields.get('steps'))).catch((error: Error) => say(error.message));
});

let worker: Promise<DistillmWorker> | undefined;

async function train(file: File, steps: number): Promise<void> {
  say('Opening the worker ...');
  // The browser then keeps the files of this site when its disk is nearly full.
  await navigator.storage.persist();
  worker ??= startWorker();
  const distillm = await worker;
  const device = await distillm.openDevice();
  const { description, noGPUBecause = '', oneThreadBecause = '' } = await device.info;

  say(`Reading ${file.name} ...`);
  const template = 'compact';
  const trainer = await distillm.tokenizerTrainer({ vocabSize: 512, specialTokens: { eos: '<|endoftext|>' } });
  for await (const text of distillm.readTokenizerTexts(file, { template })) await trainer.add(text);
  const tokenizer = await trainer.train();
  const lengths = { maxPromptLength: 96, maxLength: 160 };
  const data = await distillm.readInstructions(file, { tokenizer, template, validation: 'tenth', ...lengths });
  const shape = { model_type: 'gpt2', vocab_size: await tokenizer.vocabSize, n_positions: 256, n_layer: 2, n_head: 4 };
  const teacher = await distillm.createModel({ ...shape, n_embd: 128 }, { device, seed: 1 });
  const student = await distillm.createModel({ ...shape, n_embd: 32 }, { device, seed: 2 });

  // A page that is closed, or a browser that ends, goes on with both runs: each folder is of one file and as many steps.
  const folder = `opfs:distillm-page/${file.size}-${steps}-${file.name.replaceAll(/[^\w.-]/g, '_')}`;
  const keptIn = async (name: string) => {
    const checkpoint = `${folder}/${name}`;
    const store = await distillm.openFolder(checkpoint);
    const { folders } = await store.list().catch(() => ({ folders: [] as readonly string[] }));
    return { checkpoint, saveEvery: 10, resume: folders.some((each) => each.startsWith('state-')) };
  };
  const stopping = new AbortController();
  stop.onclick = () => stopping.abort();
  stop.disabled = false;
  const { signal } = stopping;
  const common = { data, tokenizer, steps, batchSize: 8, optimizer: { lr: 2e-3 }, seed: 3, signal };
  await watch('Teacher', distillm.fineTune({ ...common, ...(await keptIn('teacher')), model: teacher }));
  if (!signal.aborted) {
    await teacher.setTrainable(false);
    const method = { loss: skewReverseKL(), sgo: adaptiveOffPolicy(), maxNewTokens: 32 };
    const kept = await keptIn('student');
    await watch('Student', distillm.distill({ ...common, ...method, ...kept, teacher, student }));
    download.onclick = () => void save(distillm, `${folder}/student/best`);
    download.disabled = false;
  }
  stop.disabled = true;
  say([signal.aborted ? 'Stopped.' : 'Done.', `${description}.`, noGPUBecause, oneThreadBecause].join(' '));
}

/** Shows how a run goes: its numbers at each step, its curve at each tenth. */
async function watch(name: string, run: AsyncIterable<TrainingEvent>): Promise<void> {
  const steps: Extract<TrainingEvent, { type: 'step' }>[] = [];
  for await (const event of run) {
    if (event.type !== 'step') continue;
    steps.push(event);
    say(`${name}: step ${event.step} of ${event.totalSteps}, loss ${event.loss.toFixed(3)}, on ${event.source}`);
    if (event.step % 10 > 0 && event.step < event.totalSteps) continue;
    element('curve').innerHTML = plotRuns([{ name, steps, validations: [] }], { charts: ['trainingLoss'] });
  }
}

/** The student as one archive of a Hugging Face folder, which transformers loads. */
async function save(distillm: DistillmWorker, folder: string): Promise<void> {
  const store = await distillm.openFolder(folder);
  const { files } = await store.list();
  const contents = await Promise.all(files.map(async (name) => ({ name, input: await store.read(name) })));
  const link = document.createElement('a');
  link.href = URL.createObjectURL(await downloadZip(contents).blob());
  link.download = 'student.zip';
  link.click();
  URL.revokeObjectURL(link.href);
}
