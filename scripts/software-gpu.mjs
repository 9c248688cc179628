// A GPU in software for tests: unpacks the headless Chromium, SwiftShader and Vulkan loader that the npm package
// @sparticuz/chromium carries into .cache/software-gpu/VERSION. Needs no root and no system package.
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { brotliDecompress } from 'node:zlib';

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
    for (const archive of archives) await untar(await decompress(await readFile(join(bin, archive))), aside);
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

/** Files, folders and links of a ustar archive; names longer than 100 characters do not occur in these. */
async function untar(archive, folder) {
  const text = (start, length) => archive.toString('utf8', start, start + length).replace(/\0.*$/s, '');
  for (let at = 0; at + 512 <= archive.length && archive[at] !== 0; ) {
    const size = Number.parseInt(text(at + 124, 12), 8) || 0;
    const kind = String.fromCharCode(archive[at + 156] || 0x30);
    const path = join(folder, text(at, 100));
    await mkdir(dirname(path), { recursive: true });
    if (kind === '5') await mkdir(path, { recursive: true });
    else if (kind === '2') await symlink(text(at + 157, 100), path);
    else if (kind === '0') {
      await writeFile(path, archive.subarray(at + 512, at + 512 + size));
      await chmod(path, Number.parseInt(text(at + 100, 8), 8) & 0o777);
    }
    at += 512 + Math.ceil(size / 512) * 512;
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
