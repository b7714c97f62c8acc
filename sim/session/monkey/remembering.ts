// Functions of a small whole number whose results are made once.

/** The function, with every result remembered. */
export function remembering<T>(make: (number: number) => T): (number: number) => T {
  const made = new Map<number, T>();
  return (number) => {
    let result = made.get(number);
    if (result === undefined) {
      result = make(number);
      made.set(number, result);
    }
    return result;
  };
}
