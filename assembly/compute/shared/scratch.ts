// Working memory of the calling thread. Globals belong to an instance and every thread has its own instance, so this is
// the thread's own; the host sets it before a kernel that needs more than the thread has.

let base: usize = 0;

/** The host gives this thread a block of working memory, 64-aligned. */
export function setScratch(pointer: usize): void {
  base = pointer;
}

// @ts-ignore: decorator
@inline
export function scratch(): usize {
  return base;
}
