import { existsSync } from 'node:fs';
import { cp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { arithmetics } from '../harness/arithmetics.js';
import { testTerminal } from './terminal.js';
import { distillm, type Finished, makeWorkspace } from './workspace.js';

let folder: string;
let teacher: Finished;

const tiny = '--device wasm --threads 1 --template compact --batch-size 4 --lr 5e-3';
const path = (...parts: string[]) => join(folder, ...parts);
const train = (line: string, options = {}) => distillm(`train --data ${path('train.jsonl')} ${tiny} ${line}`, options);
const distilled = (out: string, line = '') =>
  train(
    `--method distillm --teacher ${path('teacher/best')} --student-config ${path('config.json')} --epochs 2 ` +
      `--validation ${path('held-out.jsonl')} --init-threshold 0.7 --capacity 8 --max-new-tokens 8 --out ${path(out)} ${line}`,
  );
const eventsOf = async (log: string): Promise<Record<string, unknown>[]> =>
  (await readFile(path(log), 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

beforeAll(async () => {
  folder = await makeWorkspace();
  const made = await distillm(
    `tokenizer --data ${path('train.jsonl')} --template compact --vocab-size 280 --out ${path('tokenizer')}`,
  );
  expect(made).toMatchObject({ code: 0 });
  teacher = await train(
    `--method sft --student-config ${path('config.json')} --tokenizer ${path('tokenizer')} --epochs 6 ` +
      `--validation ${path('held-out.jsonl')} --out ${path('teacher')}`,
  );
});
afterAll(() => rm(folder, { recursive: true }));

describe('distillm train', () => {
  it('fine-tunes a model from random weights and says where it is', async () => {
    expect(teacher.code, teacher.err).toBe(0);
    expect(JSON.parse(teacher.out)).toMatchObject({ step: 30, reason: 'finished', student: path('teacher/best') });
    expect(teacher.err).toContain(`  npx distillm generate --model ${path('teacher/best')} "Name three animals."\n`);
    expect(teacher.err).not.toContain('No validation beat');
    const { best, initial, improved } = JSON.parse(teacher.out);
    expect([improved, initial.step, best.loss < initial.loss]).toEqual([true, 0, true]);
    const lines = [...teacher.err.matchAll(/^(step|validation after step) (\d+)/gm)].map(([, what, step]) => [
      step,
      what,
    ]);
    expect(lines.slice(-2)).toEqual([
      ['30', 'step'],
      ['30', 'validation after step'],
    ]);
    expect(teacher.err).toContain('20 records, 10 for validation');
    const config = JSON.parse(await readFile(path('teacher/best/config.json'), 'utf8'));
    expect(config).toMatchObject({ vocab_size: 280, n_embd: 8, eos_token_id: 0 });
  });

  it.skipIf(arithmetics.length === 1)('goes on in another arithmetic only where that is asked for', async () => {
    const short = `--method sft --student ${path('teacher/best')} --steps 2 --validation 0 --out ${path('arithmetic')}`;
    expect(await train(`${short} --arithmetic plain`)).toMatchObject({ code: 0 });
    const same = await train(`${short} --resume`);
    expect([same.code, same.err]).toEqual([0, expect.stringContaining('plain arithmetic')]);
    // As of a run that code has started, which keeps no options of the command line.
    await rm(path('arithmetic/options.jsonl'));
    const refused = await train(`${short} --resume`);
    expect(refused.err).toContain(
      'arithmetic was plain and is fused. Resume with the same, or give --arithmetic fused to go on with it',
    );
    expect(refused.code).not.toBe(0);
    expect(await train(`${short} --resume --arithmetic fused`)).toMatchObject({ code: 0 });
    const settings = (await eventsOf('arithmetic/log.jsonl')).filter(({ type }) => type === 'settings');
    expect(settings.map(({ arithmetic }) => arithmetic)).toEqual(['plain', 'plain', 'fused']);

    const { code, err } = await train(`${short} --resume --arithmetic gpu`);
    expect([code, err]).toEqual([
      2,
      expect.stringContaining('--arithmetic gpu is that of --device webgpu, not of wasm.'),
    ]);
  });

  it('says when no validation beat the model that it began with, and quotes a folder with a space', async () => {
    const { code, err, out } = await train(
      `--method sft --student ${path('teacher/best')} --lr 30 --steps 3 --validation ${path('held-out.jsonl')} --out`,
      { more: [path('worse than before')] },
    );
    expect(code, err).toBe(0);
    const { best, initial, improved } = JSON.parse(out);
    expect([improved, best.loss > initial.loss]).toEqual([false, true]);
    expect(err).toContain(
      `No validation beat the model before training (validation loss ${initial.loss.toFixed(4)}): this is the best of the run ` +
        `(validation loss ${best.loss.toFixed(4)}), not an improvement. Try a lower learning rate, or more data.\n`,
    );
    expect(err).toContain(`generate --model "${path('worse than before')}/best" "Name three animals."\n`);
  });

  it('distils with student outputs and replay, and logs every step', async () => {
    const { code, err } = await distilled('distilled');
    expect(code, err).toBe(0);
    const events = await eventsOf('distilled/log.jsonl');
    const steps = events.filter(({ type }) => type === 'step');
    expect(steps.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(new Set(steps.map(({ source }) => source))).toEqual(new Set(['generate', 'replay', 'data']));
    expect(steps.every(({ phi, terms }) => phi === 0.7 && (terms as Record<string, number>).divergence! > 0)).toBe(
      true,
    );
    expect(events.map(({ type }) => type)).toEqual(
      expect.arrayContaining(['options', 'start', 'validation', 'checkpoint', 'end']),
    );
  });

  it('distils on the data alone, with cross-entropy and a plain-text loss beside the divergence', async () => {
    await writeFile(path('text.txt'), 'the ant and the bee\n\nthe cat saw a dog, an eel and a fox\n');
    const { code, err } = await train(
      `--method kd --teacher ${path('teacher/best')} --teacher-dtype f16 --student-config ${path('config.json')} --steps 2 --kd-ratio 0.5 ` +
        `--text ${path('text.txt')} --lm-coef 0.25 --out ${path('kd')}`,
    );
    expect(code, err).toBe(0);
    const [step] = (await eventsOf('kd/log.jsonl')).filter(({ type }) => type === 'step');
    const { loss, terms, source } = step as { loss: number; terms: Record<string, number>; source: string };
    expect(source).toBe('data');
    expect(Object.keys(terms)).toEqual(['divergence', 'crossEntropy', 'text']);
    expect(loss).toBeCloseTo(0.5 * terms.crossEntropy! + 0.5 * terms.divergence! + 0.25 * terms.text!, 5);
  });

  it('has the defaults of the paper: 20 epochs, the best by ROUGE-L; of small data a tenth is held out', async () => {
    const { code, err } = await train(
      `--teacher ${path('teacher/best')} --student-config ${path('config.json')} --batch-size 18 --max-new-tokens 2 ` +
        `--out ${path('defaults')}`,
    );
    expect(code, err).toBe(0);
    expect(err).toContain('18 records, 2 for validation');
    expect(err).toContain('20 steps, 1 an epoch');
    expect(err).toMatch(/step 20 .*ROUGE-L/);
    const [{ method, loss }] = (await eventsOf('defaults/log.jsonl')) as [Record<string, unknown>];
    expect([method, loss]).toEqual(['distillm', undefined]);
  });

  it('says what the settings and the data leave out, in the words of its flags, and at the end what was never used', async () => {
    const { code, err } = await train(
      `--teacher ${path('teacher/best')} --student-config ${path('config.json')} --validation 2 --validation-order first ` +
        `--epochs 1 --kd-ratio 0.5 --loss-temperature 2 --max-new-tokens 2 --rouge-samples 0 --out ${path('said')}`,
    );
    expect(code, err).toBe(0);
    const notes = err.split('\n').filter((line) => line.startsWith('Note: '));
    expect(notes).toEqual([
      expect.stringMatching(/2 of 18 records are left out of each epoch, by turns: .* a --batch-size that divides/),
      expect.stringMatching(
        /square of --loss-temperature \(2\).* 4 times less .* Set --temperature-squared, or raise --kd-ratio/,
      ),
      expect.stringMatching(
        /Of 4 steps none trained on student outputs: .* set --init-threshold .* lower --loss-eps .* \(--validate-every\)/,
      ),
    ]);
    expect(err.indexOf(notes[2]!)).toBeGreaterThan(err.indexOf('validation after step 4'));
  });

  it('asks which template and which end token count where teacher and student differ, and names both', async () => {
    const again = `--student ${path('other')} --teacher ${path('teacher/best')}`;
    await cp(path('teacher/best'), path('other'), { recursive: true });
    await writeFile(path('other/distillm.json'), '{"promptTemplate": "alpaca"}');
    const line = `train --data ${path('train.jsonl')} --device wasm --threads 1 --method kd --steps 1 --validation 0 ${again}`;
    const templates = await distillm(`${line} --out ${path('unused')}`);
    expect(templates.code).toBe(2);
    expect(templates.err).toMatch(/other was trained with the template alpaca, .*best with compact: .* by --template/);
    expect(await distillm(`${line} --template compact --out ${path('chosen')}`)).toMatchObject({ code: 0 });

    const settings = JSON.parse(await readFile(path('other/tokenizer_config.json'), 'utf8'));
    await writeFile(path('other/tokenizer_config.json'), JSON.stringify({ ...settings, eos_token: '!' }));
    const map = JSON.parse(await readFile(path('other/special_tokens_map.json'), 'utf8'));
    await writeFile(path('other/special_tokens_map.json'), JSON.stringify({ ...map, eos_token: '!' }));
    const ends = await distillm(`${line} --template compact --out ${path('unused')}`);
    expect(ends.code).toBe(2);
    expect(ends.err).toMatch(
      /ends answers with "!" \(id \d+\), the teacher's with "<\|endoftext\|>" \(id 0\)\. Choose one by --tokenizer/,
    );
    const chosen = await distillm(`${line} --template compact --tokenizer ${path('other')} --out ${path('ended')}`);
    expect(chosen).toMatchObject({
      code: 0,
      err: expect.stringMatching(/Note: The student ends its answers with "!" .* the teacher with "<\|endoftext\|>"/),
    });
  });

  it('tells another vocabulary before another end token, which no --tokenizer would mend', async () => {
    await distillm(`tokenizer --data ${path('train.jsonl')} --vocab-size 270 --out ${path('small-tokenizer')}`);
    const made = await train(
      `--method sft --student-config ${path('config.json')} --tokenizer ${path('small-tokenizer')} --steps 1 --out ${path('small')} --validation 0`,
    );
    expect(made.code, made.err).toBe(0);
    for (const file of ['tokenizer_config.json', 'special_tokens_map.json']) {
      const fields = JSON.parse(await readFile(path('small/last', file), 'utf8'));
      await writeFile(path('small/last', file), JSON.stringify({ ...fields, eos_token: '!' }));
    }
    const { code, err } = await train(
      `--method kd --student ${path('small/last')} --teacher ${path('teacher/best')} --steps 1 --out ${path('unused')}`,
    );
    expect([code, err]).toEqual([
      1,
      expect.stringMatching(
        /the teacher's vocabulary has 280 tokens, the student's 270; .* take a student of the same family/,
      ),
    ]);
    expect(err).not.toContain('--tokenizer');
  });

  it('chooses the best by the measure that is asked for', async () => {
    const { code, out, err } = await train(
      `--method sft --student ${path('teacher/best')} --steps 2 --validation 3 --rouge-samples 3 --max-new-tokens 4 ` +
        `--best-by exactMatch --out ${path('exact')}`,
    );
    expect(code, err).toBe(0);
    expect(JSON.parse(out).best).toMatchObject({ exactMatch: expect.any(Number), rougeL: expect.any(Number) });
    const settings = (await eventsOf('exact/log.jsonl')).find(({ type }) => type === 'settings');
    expect(settings).toMatchObject({ validation: { bestBy: 'exactMatch' } });
  });

  it('says that it validates first, also when the records are held out by default', async () => {
    const { code, err } = await train(
      `--method sft --student-config ${path('config.json')} --tokenizer ${path('tokenizer')} --steps 1 --out ${path('first')}`,
    );
    expect(code, err).toBe(0);
    expect(err).toContain('validating before the first step');
  });

  it('saves at Ctrl-C, and a resumed run ends with the weights of an uninterrupted one', async () => {
    const whole = ['--method', 'sft', '--steps', '7', '--validation', path('held-out.jsonl'), '--validate-every', '1'];
    const fresh = `--student ${path('teacher/best')}`;
    expect((await train(`${fresh} --out ${path('whole')}`, { more: whole })).code).toBe(0);

    const terminal = testTerminal({
      wrote: (err, self) => {
        if (err.includes('validation after step 3')) self.interrupt();
      },
    });
    const stopped = await train(`${fresh} --out ${path('halves')}`, { more: whole, terminal });
    expect(stopped.code).toBe(130);
    expect(stopped.err).toContain(`Saved in: ${path('halves')}/last`);
    expect(JSON.parse(stopped.out)).toMatchObject({ reason: 'aborted', step: 3 });

    const early = testTerminal({ wrote: (err, self) => err.includes('Training') && self.interrupt() });
    const nothing = await train(`${fresh} --out ${path('early')}`, { more: whole, terminal: early });
    expect([nothing.code, nothing.err]).toEqual([
      130,
      expect.stringContaining('step 0. There was nothing new to save'),
    ]);
    expect(JSON.parse(nothing.out)).not.toHaveProperty('student');
    expect(nothing.err).toContain(`To start it again:\n  npx distillm train --config ${path('early')}/options.jsonl`);

    const again = await train(`${fresh} --out ${path('halves')}`, { more: whole });
    expect(again.code).toBe(2);
    expect(again.err).toContain('holds a run already');

    const resumed = await train(`${fresh} --out ${path('halves')} --resume`, { more: whole });
    expect(resumed.code, resumed.err).toBe(0);
    const weights = (run: string) => readFile(path(run, 'last/model.safetensors'));
    expect((await weights('halves')).equals(await weights('whole'))).toBe(true);
    const steps = (await eventsOf('halves/log.jsonl')).filter(({ type }) => type === 'step');
    expect(steps.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6, 7]);

    const finished = await train(`${fresh} --out ${path('halves')} --resume`, { more: whole });
    expect(finished.code, finished.err).toBe(0);
    expect(finished.err).toContain('; all of them are done already\n');
    expect(finished.err).toContain('The run was finished already. The trained model: ');
    expect(finished.err).not.toMatch(/going on|Done in/);
  });

  it('goes on by --resume and --out alone; what is given once more and differs is refused by name, and nothing else is', async () => {
    const made = await train(
      `--method sft --student-config ${path('config.json')} --tokenizer ${path('tokenizer')} --seed 7 --steps 1 --validation 0 --out ${path('other-teacher')}`,
    );
    expect(made.code, made.err).toBe(0);
    const began = (out: string) =>
      `--method kd --teacher ${path('teacher/best')} --student-config ${path('config.json')} --validation ${path('held-out.jsonl')} ` +
      `--rouge-samples 0 --validate-every 2 --steps 6 --max-length 90 --out ${path(out)}`;
    expect((await train(began('alone-whole'))).code).toBe(0);
    const terminal = testTerminal({
      wrote: (err, self) => {
        if (err.includes('validation after step 4')) self.interrupt();
      },
    });
    const stopped = await train(began('alone'), { terminal });
    expect([stopped.code, stopped.err]).toEqual([
      130,
      expect.stringContaining(`train --resume --out ${path('alone')}\n`),
    ]);

    const again = (line: string) => distillm(`train --resume --out ${path('alone')} ${line}`);
    const changes: [string, RegExp][] = [
      ['--max-length 70', /--max-length was 90 and is 70\. Leave it out/],
      ['--max-prompt-length 44', /--max-prompt-length was 45 and is 44/],
      [
        '--template alpaca --validation-order first',
        /--template was compact and is alpaca; --validation-order was random and is first\. Leave them/,
      ],
      ['--teacher-dtype f16', /--teacher-dtype was f32 and is f16/],
      ['--method sft', /--method was kd and is sft/],
      [`--teacher ${path('other-teacher/last')}`, /the digest of the teacher's weights was \w+ and is \w+\./],
      [`--data ${path('held-out.jsonl')}`, /the digest of --data was \w+ and is \w+\./],
      ['--schedule constant', /--schedule was cosine and is constant/],
      ['--warmup-steps 2', /--warmup-steps was 0 and is 2/],
      ['--weight-decay 0.5', /--weight-decay was 0\.01 and is 0\.5/],
      ['--seed 11', /--seed was 10 and is 11/],
      ['--batch-size 5', /--batch-size was 4 and is 5/],
      ['--kd-ratio 0.5', /--kd-ratio was 1 and is 0\.5/],
      ['--loss-temperature 2', /--loss-temperature was 1 and is 2/],
      ['--steps 8', /steps was 6 and is 8.* made longer when it is finished, and this one is at step 4 of 6/],
    ];
    for (const [line, message] of changes) {
      const { code, err } = await again(line);
      expect([line, code === 0, err]).toEqual([line, false, expect.stringMatching(message)]);
    }
    const resumed = await again('--lr 5e-3 --max-length 90 --template compact');
    expect(resumed.code, resumed.err).toBe(0);
    const weights = (run: string) => readFile(path(run, 'last/model.safetensors'));
    expect((await weights('alone')).equals(await weights('alone-whole'))).toBe(true);
    const longer = await again('--epochs 2');
    expect(longer.err).toMatch(
      /The run was finished after 6 steps and is made longer: .* now ends at step 10; step 7 takes/,
    );
    expect(await again('')).toMatchObject({
      code: 0,
      err: expect.stringContaining('10 steps, 5 an epoch; all of them are done already'),
    });
    const steps = (await eventsOf('alone/log.jsonl')).filter(({ type }) => type === 'step').map(({ step }) => step);
    expect(steps).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });

  it('goes on when its log cannot be written, and says so once', async () => {
    const { code, err } = await train(
      `--method sft --student ${path('teacher/best')} --steps 2 --validation 0 --log /dev/full --out ${path('unlogged')}`,
    );
    expect(code, err).toBe(0);
    expect(
      err.match(/--log \/dev\/full cannot be written: the disk is full \(ENOSPC\)\..* The run goes on without it\./g),
    ).toHaveLength(1);
  });

  it('--resume where no run is, is refused; --epochs and --learning-rate are spoken of as they were typed', async () => {
    const short = `--method sft --student ${path('teacher/best')} --validation ${path('held-out.jsonl')} --out ${path('short')}`;
    const nowhere = await train(`${short} --resume`);
    expect([nowhere.code, nowhere.err]).toEqual([
      1,
      `distillm: --resume goes on with a run, and --out ${path('short')} holds none. Check the path, or leave it out.\n`,
    ]);
    expect((await train(`${short} --epochs 1`)).code).toBe(0);
    const longer = await train(`${short} --epochs 2 --resume`);
    expect(longer.code, longer.err).toBe(0);
    expect(longer.err).toMatch(
      /Note: The run was finished after 5 steps and is made longer: its cosine schedule ended .* at step 10; step 6 takes/,
    );
    const shorter = await train(`${short} --epochs 1 --resume`);
    expect(shorter.code).not.toBe(0);
    expect(shorter.err).toMatch(/other settings: --epochs \(in steps\) was 10 and is 5\. Resume with the same/);
    expect(shorter.err).not.toContain('--steps');
    const named = await train(`${short} --learning-rate 1`);
    expect([named.code, named.err]).toEqual([2, 'distillm: train has no option --learning-rate. Did you mean --lr?\n']);
    expect((await train(`${short} --learningRate 1`)).err).toMatch(/--learningRate\. Did you mean --lr\?/);
    for (const other of ['--checkpoint-activations', '--activation-checkpointing']) {
      expect((await train(`${short} ${other}`)).err).toContain('Did you mean --gradient-checkpointing?');
    }
    const other = await train(`${short} --batch-size 3 --resume`);
    expect(other.err).toMatch(/other settings: --batch-size was \d+ and is 3\. Resume/);
    const homeless = await distillm('train --resume');
    expect([homeless.code, homeless.err]).toEqual([
      2,
      'distillm: train --resume needs --out <folder>, the folder of the run that goes on.\n',
    ]);
  });

  it.each([
    ['--method kd --student x --out y', '--teacher'],
    ['--method sft --student x --out y --alpha 0.2', '--alpha'],
    ['--method sft --student x --out y --lr fast', 'a number of at least 0'],
    ['--method sft --student x --out y --lr -1', 'a number of at least 0'],
    ['--method sft --student x --out y --schedule steps', 'one of constant, linear, cosine, noam'],
    ['--method sft --student x', '--out'],
    ['--method sft --student x --out y --epoch 3', '--epochs'],
    ['--method sft --student x --out y --batch-size 1.5', 'an integer of at least 1'],
    ['--method sft --student x --out y --kd-ratio 2', 'a number from 0 to 1'],
    ['--method sft --student x --out y --validate-every never', "'epoch' or an integer of at least 1"],
    ['--method sft --student x --out y --phi-cap 1', '--phi-cap does nothing with --method sft'],
    ['--method sft --student x --out y --betas 0.9', 'two numbers of at least 0 and below 1'],
    ['--method sft --student x --out y --betas 0.9,', 'two numbers of at least 0 and below 1'],
    ['--method sft --student x --out y --betas ,0.99', 'two numbers of at least 0 and below 1'],
    ['--method sft --student x --out y --betas ,', 'two numbers of at least 0 and below 1'],
    ['--method kd --teacher x --student x --out y --sgo dataOnly', '--sgo does nothing with --method kd'],
    ['--method sft --student x --out y --teacher-dtype f16', '--teacher-dtype does nothing with --method sft'],
    ['--method kd --teacher x --student x --out y --teacher-dtype bf16', 'one of f32, f16, int8, int4'],
    ['--method kd --teacher x --student x --out y --phi-cap 1', '--phi-cap does nothing with --method kd'],
    ['--method sft --student x --out y --lm-coef 1', '--lm-coef weighs the loss on --text'],
    ['--method sft --out y', 'train needs the model to train: --student <source>, or --student-config <file>'],
    ['--out y', 'train needs the model to train: --student'],
    ['--method sft --student-config x --out y', '--student-config makes a new model, which needs --tokenizer'],
  ])('calls %s wrong usage', async (line, expected) => {
    const { code, err, out } = await train(line);
    expect(code).toBe(2);
    expect(err).toContain(expected);
    expect(err).not.toContain('    at ');
    expect(out).toBe('');
  });

  describe('--dry-run', () => {
    const dry = (line: string) =>
      train(
        `--teacher ${path('teacher/best')} --student-config ${path('config.json')} --validation 4 --epochs 3 ` +
          `--init-threshold 0.5 --max-new-tokens 6 --rouge-samples 2 --out ${path('dry')} --dry-run ${line}`,
      );

    it('says what a run would take, and writes nothing', async () => {
      const { code, err, out } = await dry(`--log ${path('dry.jsonl')} --tensorboard ${path('dry-board')}`);
      expect(code, err).toBe(0);
      expect(err).toMatch(/^Run: 12 steps, 4 an epoch, of 4 sequences each; about [\d,]+ tokens; 4 validations$/m);
      expect(err).toMatch(/^ {2}\d+ steps? would begin with answers of the student, as long as phi stays as it is$/m);
      for (const part of [
        "teacher's weights",
        "student's weights",
        'gradients',
        "AdamW's moments",
        'activations',
        'logits',
        'caches',
      ]) {
        expect(err).toMatch(new RegExp(`^  ${part} +[\\d.]+ [KM]iB( |$)`, 'm'));
      }
      expect(err).toMatch(/^ {2}in all, at most +[\d.]+ [KM]iB {2}of the 4\.0 GiB that WebAssembly can address$/m);
      expect(err).toMatch(
        /^Time: about [\d,]+ ?m?s \([\d,]+ ?m?s for updates, [\d,]+ ?m?s for answers to train on, [\d,]+ ?m?s for validations\)$/m,
      );
      expect(err).toMatch(
        /^ {2}from \d+ steps? of this run at learning rate 0, \d+ ms each; a batch of answers of full length, /m,
      );
      expect(err).toMatch(
        /Saving comes on top\.\nNothing was written\. The same command without --dry-run runs it\.\n$/,
      );
      const { dryRun, steps, totalSteps, memory, time, settings } = JSON.parse(out);
      expect([dryRun, steps, totalSteps, settings.steps, memory.fits]).toEqual([true, 12, 12, 12, true]);
      expect(time.total).toBeGreaterThan(0);
      for (const name of ['dry', 'dry.jsonl', 'dry-board']) expect(existsSync(path(name)), name).toBe(false);
    });

    it('refuses what the run would refuse', async () => {
      for (const [line, expected] of [
        ['--init-threshold 2', '--init-threshold is 2, expected a number from 0 to 1.'],
        ['--capacity 2', "the replay buffer's capacity is 2, expected at least the 4 samples of a batch."],
        [`--out ${path('teacher')}`, 'holds a run already'],
        [`--profile ${path('trace.json')}`, 'writes nothing, and --profile'],
        ['--max-new-tokens 96', 'answers of 96 new tokens do not fit'],
      ] as const) {
        const { code, err, out } = await dry(line);
        expect([code > 0, out]).toEqual([true, '']);
        expect(err).toContain(expected);
      }
    });

    it('counts the records that there are, where they are fewer than a batch', async () => {
      const records = Array.from({ length: 6 }, (_, i) =>
        JSON.stringify({ instruction: `Say ant ${i}.`, output: 'ant' }),
      );
      await writeFile(path('six.jsonl'), records.join('\n'));
      const { code, err, out } = await distillm(
        `train --method sft --student ${path('teacher/best')} --data ${path('six.jsonl')} --validation 0 --device wasm --threads 1 ` +
          `--grad-accumulation-steps 3 --batch-size 8 --epochs 2 --out ${path('dry-six')} --dry-run`,
      );
      expect(code, err).toBe(0);
      expect(err).toMatch(/^ {2}activations .* of the longest 6 sequences$/m);
      expect(err).toMatch(/^Run: 2 steps, 1 an epoch, of 6 sequences each; /m);
      expect(JSON.parse(out)).toMatchObject({ steps: 2, stepsPerEpoch: 1, sequencesPerStep: 6 });
    });

    it('says what is left of a run that goes on', async () => {
      const line = `--method sft --student ${path('teacher/best')} --validation 4 --steps 3 --out ${path('dry-resumed')}`;
      expect(await train(line)).toMatchObject({ code: 0 });
      // Where nothing can be written, a trial of it would fail: there is none, and no lock.
      const touched = () => stat(path('dry-resumed')).then(({ mtimeMs }) => mtimeMs);
      const before = await touched();
      const { code, err } = await train(`${line} --resume --dry-run`);
      expect(code, err).toBe(0);
      expect(err).toContain('Run: 0 steps after 3 that are done, 4 an epoch');
      expect(await touched()).toBe(before);
    });
  });

  it('writes the curves of a run for TensorBoard, and goes on with them', async () => {
    const line = `--method sft --student ${path('teacher/best')} --validation 4 --rouge-samples 1 --max-new-tokens 2 --validate-every 2`;
    const board = path('board');
    const terminal = testTerminal({
      wrote: (err, self) => {
        if (err.includes('validation after step 2')) self.interrupt();
      },
    });
    const run = `${line} --steps 4 --tensorboard ${board} --out ${path('curves')}`;
    expect((await train(run, { terminal })).code).toBe(130);
    const [first] = await readdir(board);
    expect(first).toMatch(/^events\.out\.tfevents\.\d{10}\.distillm\.000$/);
    const content = (await readFile(join(board, first!))).toString('latin1');
    for (const tag of [
      'train/loss',
      'train/gradNorm',
      'train/lr',
      'validation/loss',
      'validation/rougeL',
      'terms/crossEntropy',
      'source/data',
    ]) {
      expect(content).toContain(tag);
    }
    const other = await train(`${line} --steps 1 --tensorboard ${board} --out ${path('curves-of-another')}`);
    expect([other.code, other.err]).toEqual([2, expect.stringContaining('has the curves of another run')]);
    expect(await train(`${run} --resume`)).toMatchObject({ code: 0 });
    expect(await readdir(board)).toHaveLength(2);
  });

  it('takes several data files, field names of their own, and leaves bad records out where that is asked for', async () => {
    const questions = (...names: string[]) =>
      names.map((name) => JSON.stringify({ question: `Say ${name}`, answer: name })).join('\n');
    await writeFile(path('a.jsonl'), questions('ant', 'bee', 'cat'));
    await writeFile(path('b.jsonl'), `${questions('dog', 'eel')}\n{"question": "x", "answer": 7}\n{"question"`);
    const fields = '--fields instruction=question,output=answer';
    const line =
      `train ${tiny} --method sft --student ${path('teacher/best')} --steps 1 --validation 1 ${fields} ` +
      `--data ${path('a.jsonl')} --data ${path('b.jsonl')}`;
    const refused = await distillm(`${line} --out ${path('fields-refused')}`);
    expect(refused.code).toBe(1);
    expect(refused.err).toMatch(/2 of 7 records cannot be used.* leave them out with --skip-invalid\. The first 2:\n/);
    expect(refused.err).toMatch(/b\.jsonl: line 3: field 'answer' is 7, expected the answer/);
    const taken = await distillm(`${line} --skip-invalid --out ${path('fields-taken')}`);
    expect(taken.code, taken.err).toBe(0);
    expect(taken.err).toContain('Note: 2 records are left out, which cannot be used:');
    expect(taken.err).toContain('Data: 4 records, 1 for validation');
    const misnamed = await distillm(
      `${line} --out ${path('x')} --fields instruction=question,input=pasage,output=answer --skip-invalid`,
    );
    expect([misnamed.code, misnamed.err]).toEqual([
      1,
      expect.stringMatching(
        /b\.jsonl: no record has 'pasage'; the records have question, answer\. .*--fields instruction=question,input=passage,output=answer\.$/m,
      ),
    ]);
    const prompt = await distillm(`${line} --out ${path('x')} --fields prompt=question,output=answer`);
    expect([prompt.code, prompt.err]).toEqual([
      2,
      expect.stringContaining('one of instruction, input, output before each =, found prompt'),
    ]);
    const twice = await distillm(`${line} --out ${path('x')} --fields output=a,output=b`);
    expect([twice.code, twice.err]).toEqual([2, expect.stringContaining('found output twice')]);
    for (const names of ['question', 'output=', 'output=a=b']) {
      const wrong = await distillm(`${line} --out ${path('x')} --fields ${names}`);
      expect([names, wrong.code]).toEqual([names, 2]);
      expect(wrong.err).toContain('names of fields with commas between them, as in instruction=question');
    }
  });

  it('takes several files for validation, the last of several numbers, and not both', async () => {
    const line = (validation: string, out: string) =>
      train(`--method sft --student ${path('teacher/best')} --steps 1 ${validation} --out ${path(out)}`);
    const held = `--validation ${path('held-out.jsonl')}`;
    const files = await line(`${held} ${held}`, 'held-files');
    expect(files.err).toContain('Data: 20 records, 20 for validation');
    expect((await line('--validation 3 --validation 5', 'held-numbers')).err).toContain('15 records, 5 for validation');
    const both = await line(`--validation 3 ${held}`, 'held-both');
    expect([both.code, both.err]).toEqual([2, expect.stringMatching(/--validation is 3 and .*, expected files or a/)]);
  });

  it.each(['0.1', '10%', '-3', '1e3'])('does not take --validation %s for a file', async (share) => {
    const { code, err } = await train(`--method sft --student x --out y --validation ${share}`);
    expect(code).toBe(2);
    expect(err).toContain(`--validation is ${share}, expected a file, or a whole number of records.`);
  });

  it('says which file is missing, or which line is broken, on one line', async () => {
    const missing = await train(`--method sft --student ${path('nowhere')} --out ${path('unused')}`);
    expect(missing.code).toBe(1);
    expect(missing.err).toMatch(/^distillm: .*nowhere: there is no checkpoint: .*ENOENT.*\n$/);
    const run = await train(`--method sft --student ${path('teacher')} --out ${path('unused')}`);
    expect(run.err).toContain(`A run wrote its model to '${path('teacher')}/best': give that.`);
    await writeFile(path('other.json'), '{"n_embd": 8}');
    for (const [name, message] of [
      ['other.json', /^distillm: .*other\.json: no record has 'instruction' or 'prompt', nor/],
      [
        'config.json',
        /^distillm: .*config\.json is the config of a model \(config\.json\), expected records of data\. Leave/,
      ],
    ] as const) {
      const broken = await distillm(
        `train --data ${path(name)} ${tiny} --method sft --student ${path('teacher/best')} --out ${path('unused')}`,
      );
      expect(broken.code).toBe(1);
      expect(broken.err.trim().split('\n').at(-1)).toMatch(message);
    }
  });

  it.each([
    ['--loss reverseKL --alpha 0.1', 2, 'only to alphaMixture, skewKL and skewReverseKL'],
    ['--sgo dataOnly --capacity 9', 2, 'does not apply to the sgo dataOnly, only to adaptiveOffPolicy'],
    ['--validation 0', 2, /--sgo adaptiveOffPolicy follows the validation loss, and --validation 0 holds nothing out/],
    ['--init-threshold 0.5 --phi-cap 0.4', 2, '--phi-cap is 0.4, expected between --init-threshold (0.5) and 1'],
    [
      '--epochs 1 --steps 1',
      2,
      /^distillm: --epochs 1 and --steps 1 are both given, and each is the length of the run/,
    ],
    [
      '--max-prompt-length 90 --max-length 80',
      2,
      /^distillm: --max-length is 80, expected more than --max-prompt-length \(90\)\.$/m,
    ],
    ['--validation 20', 1, 'all 20 records go to the validation set'],
    [
      '--epochs 9007199254740991',
      2,
      /^distillm: --epochs is 9007199254740991, of 4 steps each, expected a run of at most 2\^53 - 1 steps\. Lower it\.$/m,
    ],
    [
      '--steps 2 --warmup-steps 3',
      2,
      /^distillm: --warmup-steps is 3, expected an integer from 0 to --steps \(2\)\.$/m,
    ],
    ['--capacity 1e9', 2, /^distillm: --capacity is 1000000000, expected an integer from 1 to 16777216\.$/m],
    ['--threads 65', 2, /^distillm: --threads is 65, expected an integer from 1 to 64\.$/m],
    [
      '--max-prompt-length 2',
      1,
      /The template 'compact' alone takes \d+ tokens, --max-prompt-length is 2\. Raise it\.$/m,
    ],
    [
      '--template alpaca --max-prompt-length 120',
      1,
      /^distillm: The template 'alpaca' takes \d+ tokens around one letter, and one of the models has 96 positions: no prompt fits\. Take --template compact, .* or a model with more positions\.$/m,
    ],
    [
      '--max-prompt-length 96',
      2,
      /^distillm: --max-prompt-length is 96, expected less, for one of the models has 96 positions\.$/m,
    ],
  ])('refuses a distillation with "%s"', async (line, expected, message) => {
    const { code, err, out } = await train(
      `--teacher ${path('teacher/best')} --student-config ${path('config.json')} --out ${path('unused')} ${line}`,
    );
    expect([code, out]).toEqual([expected, '']);
    expect(err).toMatch(message);
  });

  it('refuses a loss that cannot be before it opens anything', async () => {
    const { code, err } = await train(
      `--teacher ${path('teacher/best')} --student ${path('teacher/best')} --out ${path('unused')} --weight 0.3`,
    );
    expect(code).toBe(2);
    expect(err).toMatch(/^distillm: --weight does not apply to the loss skewReverseKL, only to .*\n$/);
  });

  it('a new model whose config leaves out its positions says where they are from, and what is mostly cut is a Note', async () => {
    const { n_positions: _, ...config } = JSON.parse(await readFile(path('config.json'), 'utf8'));
    await writeFile(path('open.json'), JSON.stringify(config));
    const begin = (file: string) =>
      train(
        `--method sft --student-config ${path(file)} --tokenizer ${path('tokenizer')} --max-length 24 --max-prompt-length 8 ` +
          `--steps 1 --dry-run --out ${path('unused')}`,
      );
    const { code, err } = await begin('open.json');
    expect(code, err).toBe(0);
    expect(err).toContain(
      'Note: the new model has 24 positions, from --max-length: it will never read longer texts.\n',
    );
    expect(err).toMatch(/^Note: most prompts are cut, \d+ of \d+\. Raise --max-prompt-length where/m);
    expect((await begin('config.json')).err).not.toContain('the new model has');
  });

  it('refuses a teacher of another vocabulary and names both sizes', async () => {
    const { code, err } = await distillm(
      `train --data ${path('train.jsonl')} ${tiny} --method kd --teacher examples/demo/teacher --student ${path('teacher/best')} ` +
        `--epochs 1 --out ${path('unused')}`,
    );
    expect(code).toBe(1);
    expect(err).toMatch(
      /teacher's vocabulary has 512 tokens, the student's 280; their tokenizers differ, .*same family, or make one/,
    );
  });
});
