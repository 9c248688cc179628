/** Character of each byte in GPT-2's files: visible ones stand for themselves, the others are U+0100 and on. */
export function byteAlphabet(): string[] {
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => {
    const visible = (byte >= 33 && byte <= 126) || (byte >= 161 && byte !== 173);
    return String.fromCharCode(visible ? byte : next++);
  });
}
