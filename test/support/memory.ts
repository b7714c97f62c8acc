// The memory of two cards that went through the same motions, compared byte by byte.

/** Where two memories differ, as a text for a message; empty where they do not. */
export function differences(one: Uint8Array, other: Uint8Array): string {
  const places = [...one.keys()].filter((at) => one[at] !== other[at]);
  return places.length ? `${places.length} bytes, from ${places[0]} to ${places.at(-1)}` : "";
}
