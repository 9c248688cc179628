// A GPU in software for tests: unpacks the headless Chromium, SwiftShader and Vulkan loader that the npm package
// @sparticuz/chromium carries into .cache/software-gpu/VERSION. Needs no root and no system package.
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { brotliDecompress } from 'node:zlib';
import { extract } from 'tar';

const root = fileURLToPath(new URL('..', import.meta.url));
const decompress = promisify(brotliDecompress);
const archives = ['swiftshader.tar.br', 'al2023.tar.br', 'fonts.tar.br'];

/**
 * The environment that Dawn and Chromium need (set it before a process starts: the dynamic loader reads it then), and
 * the path of a headless Chromium. Where there is none, `missing` says why.
 * @returns {Promise<{ env: Record<string, string>, chromiumPath: string } | { missing: string }>}
 */
export async function softwareGPU() {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    return { missing: `the packaged software GPU is for linux x64, this is ${process.platform} ${process.arch}` };
  }
  const carrier = join(root, 'node_modules/@sparticuz/chromium');
  if (!existsSync(join(carrier, 'bin/chromium.br'))) {
    return { missing: 'the npm package @sparticuz/chromium is not installed: run npm ci' };
  }
  const { version } = JSON.parse(await readFile(join(carrier, 'package.json'), 'utf8'));
  const folder = join(root, '.cache/software-gpu', version);
  if (!existsSync(folder)) await unpack(join(carrier, 'bin'), folder);
  const libraries = [folder, join(folder, 'lib'), process.env.LD_LIBRARY_PATH].filter(Boolean).join(':');
  return {
    env: {
      LD_LIBRARY_PATH: libraries,
      VK_ICD_FILENAMES: join(folder, 'vk_swiftshader_icd.json'),
      VK_DRIVER_FILES: join(folder, 'vk_swiftshader_icd.json'),
      FONTCONFIG_FILE: join(folder, 'fonts.conf'),
      DISTILLM_CHROMIUM: join(folder, 'chromium'),
    },
    chromiumPath: join(folder, 'chromium'),
  };
}

/** Unpacks aside and renames, so that the folder is there whole or not at all, whoever comes first. */
async function unpack(bin, folder) {
  const aside = `${folder}.${randomBytes(6).toString('hex')}`;
  try {
    await mkdir(aside, { recursive: true });
    await writeFile(join(aside, 'chromium'), await decompress(await readFile(join(bin, 'chromium.br'))), {
      mode: 0o755,
    });
    for (const archive of archives) {
      const plain = await decompress(await readFile(join(bin, archive)));
      await pipeline(Readable.from([plain]), extract({ cwd: aside }));
    }
    // The carrier's own fonts.conf points into AWS Lambda's folders.
    await writeFile(
      join(aside, 'fonts.conf'),
      `<?xml version="1.0"?>\n<!DOCTYPE fontconfig SYSTEM "fonts.dtd">\n<fontconfig>\n  <dir>${join(folder, 'fonts')}</dir>\n` +
        `  <cachedir>${join(folder, 'fonts-cache')}</cachedir>\n</fontconfig>\n`,
    );
    await rename(aside, folder);
  } catch (error) {
    await rm(aside, { recursive: true, force: true });
    if (!existsSync(folder)) throw error; // otherwise another process was faster
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const gpu = await softwareGPU();
  if ('missing' in gpu) {
    console.error(`No software GPU: ${gpu.missing}.`);
    process.exitCode = 1;
  } else {
    for (const [name, value] of Object.entries(gpu.env)) console.log(`export ${name}='${value}'`);
  }
}
