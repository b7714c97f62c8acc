// Secrets from a pipe: standard input, or a FIFO in place of a file, such as a shell makes for <(command). They may
// come late or never, so Ctrl-C ends the wait.

import { closeSync, fstatSync } from "node:fs";
import { Socket } from "node:net";
import { addAbortSignal, type Readable } from "node:stream";
import { explained, openWithoutWaiting } from "./files.js";
import { interruption } from "./interruption.js";
import { concatSecrets } from "./secretbytes.js";
import { MAX_BYTES, refuseShared, type SecretOptions } from "./secretfile.js";

/** All of standard input, up to more than a secret may have. Wipe it after use. */
export function readStdin(): Promise<Buffer> {
  return readAll(process.stdin);
}

/** Everything from a FIFO; undefined if the path is no FIFO. Wipe it after use. */
export async function readFifo(path: string, options: SecretOptions): Promise<Buffer | undefined> {
  const file = openFifo(path, options);
  if (file === undefined) return undefined;
  const stream = new Socket({ fd: file, readable: true, writable: false });
  try {
    return await readAll(stream);
  } finally {
    stream.destroy();
  }
}

function openFifo(path: string, { allowShared }: SecretOptions): number | undefined {
  let file: number;
  try {
    file = openWithoutWaiting(path);
  } catch (error) {
    throw explained(path, "read", error);
  }
  try {
    const stats = fstatSync(file);
    if (stats.isFIFO()) {
      if (!allowShared) refuseShared(path, stats);
      return file;
    }
  } catch (error) {
    closeSync(file);
    throw error;
  }
  closeSync(file);
  return undefined;
}

async function readAll(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of addAbortSignal(interruption, stream)) {
      chunks.push(chunk as Buffer);
      size += chunks.at(-1)?.length ?? 0;
      if (size > MAX_BYTES) break;
    }
    return concatSecrets(...chunks);
  } finally {
    for (const chunk of chunks) chunk.fill(0);
  }
}
