/** The version of the package: the build puts that of package.json in its place. */
declare const DISTILLM_VERSION: string;

export const version = DISTILLM_VERSION;
