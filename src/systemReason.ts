/**
 * What an operating system means when it refuses a file or a folder. Its own words ("ENOSPC: no space left on device,
 * write") name neither the file nor a way out.
 */
const reasons: Readonly<Record<string, readonly [what: string, advice: string]>> = {
  ENOENT: ['there is no such file or folder', 'Check the path.'],
  ENOTDIR: ['a part of the path is a file, expected a folder', 'Check the path.'],
  EISDIR: ['it is a folder, expected a file', 'Name a file in it.'],
  EACCES: ['this user has no right to', 'Check the owner and the permissions, or take another folder.'],
  EPERM: ['this user has no right to', 'Check the owner and the permissions, or take another folder.'],
  EROFS: ['its file system is read-only', 'Write to another folder.'],
  ENOSPC: ['the disk is full', 'Free some space, or write to another disk.'],
  EDQUOT: ["this user's share of the disk is full", 'Free some space, or write to another disk.'],
  EFBIG: ['the file is larger than the file system or the limit of this user allows', 'Write to another disk.'],
  EMFILE: ['this process has too many files open', 'Raise the limit: ulimit -n 4096.'],
  ENFILE: ['this machine has too many files open', 'End other programs, or try again later.'],
  ENAMETOOLONG: ['a name in the path is too long', 'Take a shorter name.'],
  ELOOP: ['links lead in a circle, or a link is where there was none before', 'Check the links in the path.'],
  ENOTEMPTY: ['there is a folder of this name already', 'Remove it, or take another name.'],
  EEXIST: ['there is a file of this name, expected a folder or nothing', 'Take another name.'],
  EBUSY: ['another program uses it', 'End that program, or take another name.'],
  ETXTBSY: ['another program uses it', 'End that program, or take another name.'],
  EIO: ['the disk gave an error', "Check the disk, and the system's log."],
  ENXIO: ['the device behind it is not there', 'Check the path.'],
  ENODEV: ['the device behind it is not there', 'Check the path.'],
  ESTALE: ['the network drive has lost it', 'Mount the drive again.'],
};

/** Whether an error comes from the operating system. */
export const isSystemError = (error: unknown): error is Error & { readonly code: string } =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' && /^E[A-Z0-9]+$/.test(error.code);

/** Whether the disk, or the user's share of it, is full. */
export const isFullDisk = (error: unknown): boolean =>
  isSystemError(error) && ['ENOSPC', 'EDQUOT'].includes(error.code);

/** Why the system refused, and what to do: "the disk is full (ENOSPC). Free some space, or write to another disk." */
export function systemReason(cause: unknown): string {
  const known = isSystemError(cause) ? reasons[cause.code] : undefined;
  if (known) return `${known[0]} (${(cause as Error & { code: string }).code}). ${known[1]}`;
  return `${cause instanceof Error ? cause.message : cause}. Check the path.`;
}
