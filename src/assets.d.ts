/** Build products and shaders that the bundler embeds: text as a string, WebAssembly as bytes. */
declare module '*.wgsl' {
  const source: string;
  export default source;
}
declare module '*.wasm' {
  const bytes: Uint8Array<ArrayBuffer>;
  export default bytes;
}
declare module '*.wasm?file' {
  /** A file beside the code or, in a script that is one file, its bytes as `?deflated` has them; and the FNV-1a of them. */
  const build: { readonly file?: () => URL; readonly text?: string; readonly digest: number };
  export default build;
}
declare module '*.wasm?deflated' {
  /** The bytes of a module, deflated, as base64, and the FNV-1a of them as they were. */
  const build: { readonly text: string; readonly digest: number };
  export default build;
}
declare module '*?shaders' {
  /** WGSL of every shader by name. */
  const code: Readonly<Record<string, string>>;
  export default code;
}
declare module '*?text' {
  const source: string;
  export default source;
}
