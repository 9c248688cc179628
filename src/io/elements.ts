/** The array that holds the elements of each dtype; an F16 element is its 16 bits. */
const elementArrays = {
  F64: Float64Array,
  F32: Float32Array,
  F16: Uint16Array,
  U16: Uint16Array,
  I32: Int32Array,
  U8: Uint8Array,
} as const;

export type ElementDType = keyof typeof elementArrays;
export type ElementsOf<D extends ElementDType> = {
  F64: Float64Array;
  F32: Float32Array;
  F16: Uint16Array;
  U16: Uint16Array;
  I32: Int32Array;
  U8: Uint8Array;
}[D];

export const elementBytes = (dtype: ElementDType): number => elementArrays[dtype].BYTES_PER_ELEMENT;

/** Bytes as elements; they are copied only where the elements would not be aligned. */
export function elementsOf<D extends ElementDType>(dtype: D, bytes: Uint8Array<ArrayBuffer>): ElementsOf<D> {
  const array = elementArrays[dtype];
  const { buffer, byteOffset, byteLength } = bytes.byteOffset % array.BYTES_PER_ELEMENT === 0 ? bytes : bytes.slice();
  return new array(buffer, byteOffset, byteLength / array.BYTES_PER_ELEMENT) as ElementsOf<D>;
}

/** Whether `elements` is the array of a dtype. */
export const isOf = (dtype: ElementDType, elements: unknown): boolean => elements instanceof elementArrays[dtype];
