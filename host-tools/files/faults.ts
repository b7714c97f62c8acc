// What an error of the file system means, in words.

import type { FileReason } from "./errors.js";

const FAULTS: Readonly<Record<string, readonly [FileReason, string]>> = {
  EEXIST: ["exists", "exists already, and is never overwritten"],
  ENOENT: ["missing", "there is no such file or folder"],
  ENOTDIR: ["missing", "there is no such folder"],
  EACCES: ["denied", "you have no permission"],
  EPERM: ["denied", "you have no permission"],
  EROFS: ["denied", "the disk is read-only"],
  ENOSPC: ["full", "the disk is full"],
  EDQUOT: ["full", "your quota is used up"],
  EFBIG: ["full", "the file would be too large"],
  EISDIR: ["other", "it is a folder"],
  ELOOP: ["other", "its links lead in a circle"],
  ENAMETOOLONG: ["other", "the name is too long"],
  EIO: ["other", "the disk reports an error"],
  EBUSY: ["other", "it is in use"],
  EBADF: ["other", "it is not open for that"],
  EMFILE: ["other", "too many files are open"],
};

/** The reason and its words; an error that is not known keeps its code. */
export function faultOf(error: unknown): readonly [FileReason, string] {
  const code = (error as NodeJS.ErrnoException).code ?? String(error);
  return (Object.hasOwn(FAULTS, code) ? FAULTS[code] : undefined) ?? ["other", code];
}

/** The words alone. */
export function faultInWords(error: unknown): string {
  return faultOf(error)[1];
}
