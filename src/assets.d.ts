/** Build products and shaders that the bundler embeds: text as a string, WebAssembly as bytes. */
declare module '*.wgsl' {
  const source: string;
  export default source;
}
declare module '*.wasm' {
  const bytes: Uint8Array<ArrayBuffer>;
  export default bytes;
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
