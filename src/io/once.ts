/** `read`, called at the first call and again only when it failed. */
export function once<T>(read: () => Promise<T>): () => Promise<T> {
  let result: Promise<T> | undefined;
  return () => {
    if (!result) {
      result = read();
      result.catch(() => {
        result = undefined;
      });
    }
    return result;
  };
}
