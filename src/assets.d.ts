/** Build products and shaders that the bundler embeds: text as a string, WebAssembly as bytes. */
declare module '*.wgsl' {
  const source: string;
  export default source;
}
declare module '*.wasm' {
  const bytes: Uint8Array<ArrayBuffer>;
  export default bytes;
}
declare module '*?text' {
  const source: string;
  export default source;
}
