/**
 * Runs on a disk that is really full: a file system of memory, mounted in a namespace of its own, which needs no root where
 * the system lets users have one. Uses dist/.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { cp, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { distillm, makeWorkspace } from './workspace.js';

const built = resolve('dist/cli.js');
const mounts = spawnSync('unshare', ['-rm', 'sh', '-c', 'mount -t tmpfs -o size=64k tmpfs /mnt']).status === 0;

let folder: string;
const path = (...parts: string[]) => join(folder, ...parts);
beforeAll(async () => {
  folder = await makeWorkspace();
  const made = await distillm(
    `tokenizer --data ${path('train.jsonl')} --template compact --vocab-size 280 --out ${path('tokenizer')}`,
  );
  expect(made).toMatchObject({ code: 0 });
});
afterAll(() => rm(folder, { recursive: true }));

/** The last two lines say how a run goes on. */
const wayOn = (out: string) => new RegExp(`\\nTo go on:\\n {2}\\S.* train --resume --out ${out}\\n$`);
const begins = (out: string) =>
  `train --method sft --student-config ${path('config.json')} --tokenizer ${path('tokenizer')} --data ${path('train.jsonl')} ` +
  `--template compact --validation 4 --validate-every 3 --steps 6 --batch-size 4 --device wasm --threads 1 --out ${out}`;

/** The end of a script: the run, and what happens once it waits, or has failed. */
const waitedFor = (then: string) => `
  "$@" > "$PLACE/out" 2> "$PLACE/err" &
  run=$!
  tries=0
  until grep -qE '^(Waiting|distillm):' "$PLACE/err" || [ $tries = 400 ]; do tries=$((tries + 1)); sleep 0.1; done
  ${then}
  wait $run
  code=$?
  cp -r "$DISK/run" "$PLACE/run"
  exit $code`;

/** A disk of 512 KiB with room for the log, not for a state. What happens once the run waits is `then`. */
const script = `
  mount -t tmpfs -o size=512k tmpfs "$DISK" || exit 99
  : > "$PLACE/err"
  head -c 470000 /dev/zero > "$DISK/filler"
  ${waitedFor('eval "$THEN"')}`;

async function onFullDisk(name: string, then: string, more = '') {
  const place = path(name);
  await mkdir(join(place, 'disk'), { recursive: true });
  const disk = join(place, 'disk');
  const words = [...begins(join(disk, 'run')).split(' '), ...more.split(' ').filter((word) => word !== '')];
  const child = spawn('unshare', ['-rm', 'sh', '-c', script, 'sh', process.execPath, built, ...words], {
    env: { ...process.env, DISK: disk, PLACE: place, THEN: then },
    stdio: 'inherit',
  });
  const code = await new Promise<number | null>((done) => child.on('close', done));
  const read = (file: string) => readFileSync(join(place, file), 'utf8');
  return { code, out: read('out'), err: read('err'), disk, run: (file: string) => join(place, 'run', file) };
}

it.skipIf(!existsSync(built)).concurrent(
  'distillm train waits for its folder where that is gone, and goes on in it with the same bits',
  async () => {
    const line = (out: string) => `${begins(path(out))} --save-every 1`.replace('--steps 6', '--steps 60');
    expect((await distillm(line('stayed'))).code).toBe(0);
    const child = spawn(process.execPath, [built, ...line('moved').split(' ')]);
    let err = '';
    child.stderr.on('data', (data) => {
      err += data;
    });
    const code = new Promise<number | null>((done) => child.on('close', done));
    const until = async (when: () => boolean) => {
      while (!when() && child.exitCode === null) await new Promise((done) => setTimeout(done, 2));
    };
    await until(() => existsSync(path('moved/state-000005')));
    await rename(path('moved'), path('away'));
    await until(() => err.includes('Waiting:'));
    // A drive that was taken out must not be replaced by a folder of its name.
    expect(existsSync(path('moved'))).toBe(false);
    await rename(path('away'), path('moved'));
    expect(await code, err).toBe(0);
    expect(err).toMatch(
      /^Waiting: the state of step \d+ cannot be written\. .*moved.*(?:is gone\. Mount its disk|no such file or folder)/m,
    );
    expect(err).toMatch(/^Written after \d\ds of waiting: the run goes on\.$/m);
    const weights = (out: string) => readFileSync(path(out, 'last/model.safetensors'));
    expect(weights('moved').equals(weights('stayed'))).toBe(true);
  },
  60_000,
);

describe.skipIf(!existsSync(built) || !mounts).concurrent('distillm train on a full disk', () => {
  it('waits, and goes on when there is room', async () => {
    expect((await distillm(begins(path('whole')))).code).toBe(0);
    const { code, err, disk, run } = await onFullDisk('room', 'rm "$DISK/filler"');
    expect(code, err).toBe(0);
    expect(err).toMatch(
      /^Waiting: the state of step 3 cannot be written\. .*state-000003.*the disk is full \(ENOSPC\)\..* A state takes about [\d.]+ KiB\. It is tried again in 10s, and so on\. Free some space, and the run goes on; Ctrl-C ends it\.$/m,
    );
    expect(err).toContain(disk);
    expect(err).toMatch(
      /^Memory: at most [\d.]+ MiB of the 4\.0 GiB that WebAssembly can address \(student [\d.]+ KiB, gradients and moments [\d.]+ KiB, activations and logits [\d.]+ KiB\)$/m,
    );
    expect(err).toMatch(/^Written after \d\ds of waiting: the run goes on\.$/m);
    expect(err.match(/^Waiting/gm)).toHaveLength(1);
    const weights = (file: string) => readFileSync(file);
    expect(weights(run('last/model.safetensors')).equals(weights(path('whole/last/model.safetensors')))).toBe(true);
    const types = readFileSync(run('log.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).type);
    expect(types.filter((type) => type.startsWith('wait'))).toEqual(['waiting', 'waited']);
  }, 60_000);

  it('is ended by Ctrl-C, with its state in the second folder, from which it goes on by its name alone', async () => {
    const second = path('second');
    const { code, err, out } = await onFullDisk(
      'signal',
      'kill -INT $run',
      `--fallback-out ${second} --log ${path('second.jsonl')}`,
    );
    expect(code, err).toBe(130);
    expect(err).toContain(`Written to the fallback: ${second}/last\n`);
    expect(err).toMatch(/To go on:\n {2}.* train --resume --out .*second$/m);
    expect(JSON.parse(out)).toMatchObject({ step: 3, reason: 'aborted', student: `${second}/best` });
    const again = await distillm(begins(path('other')), { more: ['--fallback-out', second] });
    expect([again.code, again.err]).toEqual([2, expect.stringContaining('holds a state of a run')]);
    const resumed = await distillm(`train --resume --out ${second}`);
    expect(resumed.code, resumed.err).toBe(0);
    expect(JSON.parse(resumed.out)).toMatchObject({ step: 6, reason: 'finished' });
  }, 60_000);

  it('without a second folder says after its time what is lost, and that it failed', async () => {
    const { code, err, out } = await onFullDisk('lost', ':', '--wait-for-room 0.02min');
    expect([code, out]).toEqual([1, '']);
    expect(err).toMatch(/until 1s have passed/);
    expect(err).toMatch(
      /^distillm: step 3 of 6: the state cannot be written, after \d s of waiting: .*ENOSPC.* All 3 steps are lost\. Make room, and give --fallback-out, a folder on another disk\.$/m,
    );
  }, 60_000);

  it('goes on when there is room: a run that is resumed waits, and has the bits of one that was left alone', async () => {
    const place = path('resumed');
    await mkdir(join(place, 'disk'), { recursive: true });
    expect((await distillm(begins(path('alone')))).code).toBe(0);
    // As if it had been killed after its first state, before it shared that as last/.
    await cp(path('alone'), path('begun'), { recursive: true });
    for (const part of ['state-000006', 'last']) await rm(path('begun', part), { recursive: true });
    await writeFile(
      join(place, 'script'),
      `mount -t tmpfs -o size=768k tmpfs "$DISK" || exit 99
       cp -r "$BEGUN" "$DISK/run" && rm -r "$DISK/run/best"
       head -c 1000000 /dev/zero > "$DISK/filler" 2> "$PLACE/filler"
       ${waitedFor('rm "$DISK/filler"')}`,
    );
    const env = { ...process.env, DISK: join(place, 'disk'), PLACE: place, BEGUN: path('begun') };
    const line = ['train', '--resume', '--out', join(place, 'disk/run')];
    const child = spawn('unshare', ['-rm', 'sh', join(place, 'script'), process.execPath, built, ...line], { env });
    const code = await new Promise<number | null>((done) => child.on('close', done));
    const err = readFileSync(join(place, 'err'), 'utf8');
    expect(code, err).toBe(0);
    expect(err).toMatch(/^Waiting: the (?:run cannot go on in its folder|state of step 3 is written).*ENOSPC/m);
    expect(err.indexOf('Waiting:')).toBeLessThan(err.indexOf('Training'));
    const weights = (folder: string) => readFileSync(join(folder, 'last/model.safetensors'));
    expect(weights(join(place, 'run')).equals(weights(path('alone')))).toBe(true);
    const types = readFileSync(join(place, 'run/log.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((each) => JSON.parse(each).type);
    expect(types).toEqual(expect.arrayContaining(['waiting', 'waited', 'start']));
  }, 60_000);

  it('that may not wait says by which command it goes on', async () => {
    const second = path('third');
    const { code, err } = await onFullDisk('unwaiting', ':', `--wait-for-room 0min --fallback-out ${second}`);
    expect(code).toBe(1);
    expect(err).toMatch(wayOn(second));
    const resumed = await distillm(`train --resume --out ${second}`);
    expect([resumed.code, JSON.parse(resumed.out)]).toMatchObject([0, { step: 6, reason: 'finished' }]);
  }, 60_000);

  it('says of a trace and of answers for which there is no room that they cannot be written', async () => {
    const place = path('short');
    await mkdir(join(place, 'disk'), { recursive: true });
    const disk = join(place, 'disk');
    const made = await distillm(begins(path('short-run')));
    expect(made.code, made.err).toBe(0);
    const script = 'mount -t tmpfs -o size=4k tmpfs "$DISK" || exit 99\nexec "$@" 2> "$PLACE/err" > "$PLACE/out"\n';
    await writeFile(join(place, 'script'), script);
    const asked = `--model ${path('short-run/last')} --device wasm --threads 1 --max-new-tokens 30`;
    for (const [flag, line] of [
      ['--profile', `generate ${asked} --profile ${disk}/trace.json hello`],
      ['--answers', `eval ${asked} --data ${path('train.jsonl')} --answers ${disk}/answers.jsonl`],
    ]) {
      const words = ['-rm', 'sh', join(place, 'script'), process.execPath, built, ...(line as string).split(' ')];
      const child = spawn('unshare', words, { env: { ...process.env, DISK: disk, PLACE: place } });
      const code = await new Promise<number | null>((done) => child.on('close', done));
      const err = readFileSync(join(place, 'err'), 'utf8');
      expect([flag, code, err]).toEqual([flag, 1, expect.stringMatching(`distillm: ${flag} .* the disk is full`)]);
    }
  }, 60_000);

  it('warns of a log and of curves that find no room, and goes on', async () => {
    // The run itself is elsewhere.
    const place = path('curves');
    await mkdir(join(place, 'disk'), { recursive: true });
    const disk = join(place, 'disk');
    const line = `${begins(path('curves-run'))} --log ${disk}/log.jsonl --tensorboard ${disk}/board`;
    await writeFile(
      join(place, 'script'),
      'mount -t tmpfs -o size=4k tmpfs "$DISK" || exit 99\nexec "$@" 2> "$PLACE/err" > "$PLACE/out"\n',
    );
    const env = { ...process.env, DISK: disk, PLACE: place };
    const words = ['-rm', 'sh', join(place, 'script'), process.execPath, built, ...line.split(' ')];
    const child = spawn('unshare', words, { env });
    const code = await new Promise<number | null>((done) => child.on('close', done));
    const err = readFileSync(join(place, 'err'), 'utf8');
    expect(code, err).toBe(0);
    expect(err).toMatch(/^Note: --log .* the disk is full \(ENOSPC\)\..* The run goes on without it\.$/m);
    expect(err).toMatch(/^Note: --tensorboard .* the disk is full \(ENOSPC\)\./m);
    expect(err).not.toContain('Waiting');
    expect(existsSync(path('curves-run/last/model.safetensors'))).toBe(true);
  }, 60_000);
});
