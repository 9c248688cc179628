/** Bundlers that leave files of the package behind, and what to do about them. */

/** Vite's folder of the packages that it has bundled for its development server. */
const viteFolder = '/.vite/deps/';

/**
 * A clause for a message about a file that is not at its place: what to do where a bundler is known to move code without its files.
 * Empty elsewhere.
 * @param place the address of the file, or of the code that it is to be beside
 */
export const bundledAdvice = (place: string): string =>
  place.includes(viteFolder)
    ? '; the development server of Vite before version 8 moves the code of packages and not their files: name this one in its ' +
      "config, optimizeDeps: { exclude: ['distillm'] }"
    : '';
