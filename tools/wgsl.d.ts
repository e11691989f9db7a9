/** A kernel's source text. Vite and the Node loader (`tools/wgsl-loader.mjs`) both turn a `.wgsl` file into this. */
declare module '*.wgsl' {
  const source: string;
  export default source;
}
