/**
 * A page that distils: pick or drop a file and, if you have one, a teacher's folder; train in the worker, see the curve, download
 * the student. docs/browsers.md says how it is bundled and served.
 */
import { downloadZip } from 'client-zip';
import { adaptiveOffPolicy, skewReverseKL, type TrainingEvent } from 'distillm';
import { plotRuns } from 'distillm/report';
import { type DistillmWorker, startWorker } from 'distillm/worker';

const element = <T extends HTMLElement>(id: string): T => document.getElementById(id) as T;
const form = element<HTMLFormElement>('form');
const [stop, download] = [element<HTMLButtonElement>('stop'), element<HTMLButtonElement>('download')];
const say = (text: string) => {
  element('status').textContent = text;
};

/** What was picked or dropped last. */
const picked: { data?: File; teacher?: Picked } = {};
interface Picked {
  readonly name: string;
  /** By their paths in the folder. */
  readonly files: Readonly<Record<string, File>>;
}
const sayPicked = () => {
  const { data, teacher } = picked;
  const teaching = teacher ? `, teacher ${teacher.name} (${Object.keys(teacher.files).length} files)` : '';
  say(data ? `Data ${data.name}${teaching}.` : `Pick a file of data${teaching}.`);
};

form.addEventListener('change', ({ target }) => {
  const { name, files } = target as HTMLInputElement;
  if (name === 'data' && files?.[0]) picked.data = files[0];
  if (name === 'folder' && files) {
    // Paths begin with the folder's own name.
    const inside = [...files].map((file) => [file.webkitRelativePath.replace(/^[^/]*\//, ''), file] as const);
    const folder = files[0]?.webkitRelativePath.split('/', 1)[0] ?? '';
    picked.teacher = { name: folder, files: Object.fromEntries(inside) };
  }
  if (name === 'data' || name === 'folder') sayPicked();
});

form.addEventListener('dragover', (event) => {
  event.preventDefault();
  form.classList.add('over');
});
form.addEventListener('dragleave', () => form.classList.remove('over'));
form.addEventListener('drop', (event) => {
  event.preventDefault();
  form.classList.remove('over');
  const entries = [...(event.dataTransfer?.items ?? [])].map((item) => item.webkitGetAsEntry());
  take(entries.filter((entry) => entry !== null)).then(sayPicked, (error: Error) => say(error.message));
});

/** A folder is a teacher, a file data. */
async function take(entries: readonly FileSystemEntry[]): Promise<void> {
  for (const entry of entries) {
    const files = await filesOf(entry);
    if (entry.isDirectory) picked.teacher = { name: entry.name, files: Object.fromEntries(files) };
    else picked.data = files[0]?.[1] as File;
  }
}

/** All files of what was dropped, by their paths in it. */
async function filesOf(entry: FileSystemEntry, path = ''): Promise<[path: string, file: File][]> {
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    return [[path || file.name, file]];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const files: [string, File][] = [];
  for (;;) {
    // A browser gives a hundred at a time.
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return files;
    for (const each of some) files.push(...(await filesOf(each, path ? `${path}/${each.name}` : each.name)));
  }
}

const bytes = (count: number) =>
  count < 1e6
    ? `${(count / 1e3).toFixed(0)} kB`
    : count < 1e9
      ? `${(count / 1e6).toFixed(1)} MB`
      : `${(count / 1e9).toFixed(1)} GB`;

/** What this site may keep beside what it keeps. */
async function room(): Promise<number> {
  const { usage = 0, quota = Infinity } = await navigator.storage.estimate();
  const isKept = await navigator.storage.persisted();
  const ends = isKept ? 'until you clear them' : 'until the disk is nearly full';
  element('room').textContent =
    `Private files of this site: ${bytes(usage)}, room for ${bytes(quota - usage)} more, kept ${ends}.`;
  return quota - usage;
}

form.addEventListener('submit', (event) => {
  event.preventDefault();
  const fields = new FormData(form);
  const [submit] = form.querySelectorAll<HTMLButtonElement>('[type=submit]');
  if (!picked.data) return say('Pick a file of data, or drop one.');
  if (submit) submit.disabled = true;
  train(picked.data, Number(fields.get('steps')), String(fields.get('hub')))
    .catch((error: Error) => say(error.message))
    .finally(() => {
      stop.disabled = true;
      if (submit) submit.disabled = false;
      void room();
    });
});

let worker: Promise<DistillmWorker> | undefined;

async function train(file: File, steps: number, hub: string): Promise<void> {
  say('Opening the worker ...');
  download.disabled = true;
  // The browser then keeps the files of this site when its disk is nearly full. Some ask the user.
  await navigator.storage.persist();
  worker ??= startWorker();
  const distillm = await worker;
  const device = await distillm.openDevice();
  const { description, noGPUBecause = '', oneThreadBecause = '' } = await device.info;

  const given = hub ? await fromHub(distillm, hub) : picked.teacher && (await distillm.blobStore(picked.teacher.files));
  const onProgress = ({ file, loaded, total }: { file: string; loaded: number; total: number | undefined }) =>
    say(`${file}: ${bytes(loaded)} of ${total === undefined ? '?' : bytes(total)} ...`);
  say(`Reading ${file.name} ...`);
  const template = 'compact';
  const tokenizer = given
    ? await distillm.loadTokenizer(given, { onProgress })
    : await newTokenizer(distillm, file, template);
  const lengths = { maxPromptLength: 96, maxLength: 160 };
  const data = await distillm.readInstructions(file, { tokenizer, template, validation: 'tenth', ...lengths });
  const shape = { model_type: 'gpt2', vocab_size: await tokenizer.vocabSize, n_positions: 256, n_layer: 2, n_head: 4 };
  const teacher = given
    ? await distillm.loadModel(given, { device, onProgress })
    : await distillm.createModel({ ...shape, n_embd: 128 }, { device, seed: 1 });
  const vocab_size = await teacher.vocabSize;
  const student = await distillm.createModel({ ...shape, vocab_size, n_embd: 32 }, { device, seed: 2 });

  // A page that is closed, or a browser that ends, goes on with its runs: each folder is of one file, teacher and number of steps.
  const words = [file.size, steps, file.name, hub || (picked.teacher?.name ?? '')].join('-');
  const folder = `opfs:distillm-page/${words.replaceAll(/[^\w.-]/g, '_')}`;
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
  if (!given) await watch('Teacher', distillm.fineTune({ ...common, ...(await keptIn('teacher')), model: teacher }));
  if (!signal.aborted) {
    await teacher.setTrainable(false);
    const method = { loss: skewReverseKL(), sgo: adaptiveOffPolicy(), maxNewTokens: 32 };
    const kept = await keptIn('student');
    await watch('Student', distillm.distill({ ...common, ...method, ...kept, teacher, student }));
    download.onclick = () => void save(distillm, `${folder}/student/best`);
    download.disabled = false;
  }
  say([signal.aborted ? 'Stopped.' : 'Done.', `${description}.`, noGPUBecause, oneThreadBecause].join(' '));
}

/** The name of a model, once the user knows what it takes. */
async function fromHub(distillm: DistillmWorker, name: string): Promise<string> {
  say(`Asking for ${name} ...`);
  const store = await distillm.openFolder(name);
  const { files } = await store.list();
  const weights = files.some((file) => file.endsWith('.safetensors')) ? '.safetensors' : '.bin';
  const read = files.filter((file) => file.endsWith(weights) || /\.(json|model|jinja|txt)$/.test(file));
  const sizes = await Promise.all(read.map((file) => store.size(file)));
  const all = bytes(sizes.reduce((sum, size) => sum + size, 0));
  if (confirm(`${name} has ${all}. This site may keep ${bytes(await room())} more. Download what is not here yet?`))
    return name;
  throw new Error(`${name} was not downloaded.`);
}

async function newTokenizer(distillm: DistillmWorker, file: File, template: 'compact') {
  const trainer = await distillm.tokenizerTrainer({ vocabSize: 512, specialTokens: { eos: '<|endoftext|>' } });
  for await (const text of distillm.readTokenizerTexts(file, { template })) await trainer.add(text);
  return trainer.train();
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

void room();
