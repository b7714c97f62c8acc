// Files that the page offers to its user.

import { element } from "./dom.js";

/** The time that a download may take to start, in ms. */
const BEGINNING = 10_000;

/** Hands a file to the user. */
export function saveFile(name: string, contents: Uint8Array | string): void {
  const address = URL.createObjectURL(new Blob([contents as BlobPart], { type: "application/octet-stream" }));
  element("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), BEGINNING);
}
