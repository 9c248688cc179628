/**
 * How a Linux machine's GPU is reached through Vulkan. Containers often have NVIDIA's driver libraries but no file that
 * names them (an ICD), no Vulkan loader, or no X11 libraries, which one of the two driver libraries needs. So several
 * environments are tried, the machine's own first.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** One way to start a process. */
export interface Attempt {
  readonly name: string;
  readonly env: Readonly<Record<string, string>>;
  /** The text of the ICD that `env` names, which is to be written first. */
  readonly icd?: { readonly path: string; readonly text: string };
}

interface Place {
  /** Of the file system that is looked at. */
  readonly root: string;
  /** The folder of the packed Vulkan loader. */
  readonly packedLoader: string;
  /** Where ICDs may be written. */
  readonly scratch: string;
  readonly libraryPath: string | undefined;
}

const icdFolders = [
  'etc/vulkan/icd.d',
  'usr/share/vulkan/icd.d',
  'usr/local/share/vulkan/icd.d',
  'usr/local/nvidia/share/vulkan/icd.d',
  'usr/local/etc/vulkan/icd.d',
];
const libraryFolders = [
  'usr/lib/x86_64-linux-gnu',
  'usr/lib64',
  'usr/lib',
  'lib/x86_64-linux-gnu',
  'lib64',
  'usr/lib/x86_64-linux-gnu/nvidia/current',
  'usr/local/nvidia/lib64',
  'usr/local/nvidia/lib',
  'usr/local/lib',
  'usr/local/lib64',
  'run/opengl-driver/lib',
  'usr/lib/wsl/lib',
  'opt/nvidia/lib64',
  'opt/nvidia/lib',
];
/** NVIDIA's Vulkan driver is in both; the second needs no X11. */
const nvidiaLibraries = ['libGLX_nvidia.so.0', 'libEGL_nvidia.so.0'];

/** What this machine has: files that name drivers, NVIDIA's libraries, Vulkan loaders, device files. */
export function findVulkan({ root, libraryPath }: Pick<Place, 'root' | 'libraryPath'>) {
  const names = (folder: string) => {
    try {
      return readdirSync(join(root, folder)).sort();
    } catch {
      return [];
    }
  };
  const icds = icdFolders.flatMap((folder) =>
    names(folder)
      .filter((name) => name.endsWith('.json'))
      .map((name) => `/${folder}/${name}`),
  );
  const folders = [...libraryFolders.map((folder) => `/${folder}`), ...(libraryPath ?? '').split(':').filter(Boolean)];
  const find = (name: string) =>
    [...new Set(folders)].map((folder) => `${folder}/${name}`).filter((path) => existsSync(join(root, path)));
  const devices = [
    ...names('dev').filter((name) => name.startsWith('nvidia')),
    ...names('dev/dri').map((name) => `dri/${name}`),
  ];
  return {
    icds,
    nvidia: nvidiaLibraries.flatMap(find),
    loaders: find('libvulkan.so.1'),
    devices: devices.map((name) => `/dev/${name}`),
  };
}
type Found = ReturnType<typeof findVulkan>;

/** The ways worth trying on such a machine, the likeliest first. */
export function vulkanAttempts(found: Found, { packedLoader, scratch, libraryPath }: Place): Attempt[] {
  const search = (...folders: string[]) => [...new Set(folders), libraryPath].filter(Boolean).join(':');
  const folderOf = (path: string) => path.slice(0, path.lastIndexOf('/'));
  // The machine's loader where its folder is known, then ours.
  const loaders = [
    ...(found.loaders.length > 0 ? [{ name: "the machine's loader", folders: [] as string[] }] : []),
    { name: 'the packed loader', folders: [packedLoader] },
  ];
  const attempts: Attempt[] = loaders.map(({ name, folders }) => ({
    name: `${name}, the machine's drivers`,
    env: folders.length > 0 ? { LD_LIBRARY_PATH: search(...folders) } : {},
  }));
  const drivers = (path: string) => ({ VK_DRIVER_FILES: path, VK_ICD_FILENAMES: path });
  const libraries = found.nvidia.map(folderOf);
  for (const path of found.icds.filter((icd) => /nvidia/i.test(icd))) {
    for (const { name, folders } of loaders) {
      const env = { ...drivers(path), LD_LIBRARY_PATH: search(...folders, ...libraries) };
      attempts.push({ name: `${name}, ${path}`, env });
    }
  }
  for (const [index, library] of found.nvidia.entries()) {
    const path = join(scratch, `nvidia_${index}.json`);
    const icd = { library_path: library, api_version: '1.3.0' };
    const text = `${JSON.stringify({ file_format_version: '1.0.0', ICD: icd }, null, 1)}\n`;
    for (const { name, folders } of loaders) {
      const env = { ...drivers(path), LD_LIBRARY_PATH: search(...folders, folderOf(library)) };
      attempts.push({ name: `${name}, an ICD written for ${library}`, env, icd: { path, text } });
    }
  }
  return attempts;
}

/** What a person should do about a machine on which no attempt found a GPU. */
export function adviceFor({ devices, nvidia }: Found): string[] {
  if (devices.length === 0)
    return [
      'The system shows no GPU. In a container, pass it on: docker run --gpus all -e NVIDIA_DRIVER_CAPABILITIES=all (NVIDIA),',
      'or --device /dev/dri (AMD, Intel). Elsewhere, install its kernel driver.',
    ];
  if (devices.some((name) => name.startsWith('/dev/nvidia')) && nvidia.length === 0)
    return [
      `NVIDIA's Vulkan driver is missing: none of ${nvidiaLibraries.join(', ')} was found. In a container, start it with`,
      '-e NVIDIA_DRIVER_CAPABILITIES=all: the default leaves graphics out. Elsewhere, install the full driver, not the',
      'compute-only packages (Ubuntu, Debian: libnvidia-gl-NUMBER of the driver that nvidia-smi names), or unpack those of',
      'exactly this driver version into a folder and put that into LD_LIBRARY_PATH.',
    ];
  if (nvidia.length > 0)
    return [
      "NVIDIA's Vulkan driver is there but did not load: the log has what the Vulkan loader said. libGLX_nvidia.so.0 needs",
      'libX11.so.6 and libXext.so.6 (Ubuntu, Debian: libx11-6 libxext6); libEGL_nvidia.so.0 does not.',
    ];
  return [
    'Vulkan finds no driver for the GPU, or this user may not open its device. AMD, Intel: install mesa-vulkan-drivers, and',
    'join the group render.',
  ];
}
