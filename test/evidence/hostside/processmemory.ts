// The whole memory of a stopped process (proc(5): maps, mem), and what other processes can see of it.

import { closeSync, openSync, readFileSync, readSync } from "node:fs";
import type { Search } from "./secretsearch.js";

const CHUNK = 8 * 1024 * 1024;

interface Region {
  readonly start: number;
  readonly end: number;
}

/** Searches all writable memory of the process, and all that is not mapped from a file. Returns the number of bytes. */
export function searchImage(pid: number, search: Search): number {
  const memory = openSync(`/proc/${pid}/mem`, "r");
  const buffer = Buffer.alloc(CHUNK + search.overlap);
  let size = 0;
  try {
    for (const region of regionsOf(pid)) size += searchRegion(memory, region, buffer, search);
  } finally {
    closeSync(memory);
  }
  return size;
}

function regionsOf(pid: number): Region[] {
  const lines = readFileSync(`/proc/${pid}/maps`, "utf8").trimEnd().split("\n");
  return lines.flatMap((line) => {
    const [range = "", modes = "", , , , name = ""] = line.split(/\s+/);
    const isCode = name.startsWith("/") && !modes.includes("w");
    if (!modes.startsWith("r") || isCode || /^\[(vvar|vdso|vsyscall)/.test(name)) return [];
    const [start = 0, end = 0] = range.split("-").map((digits) => Number.parseInt(digits, 16));
    return [{ start, end }];
  });
}

function searchRegion(memory: number, { start, end }: Region, buffer: Buffer, search: Search): number {
  let size = 0;
  for (let at = start; at < end; at += CHUNK) {
    const count = readAt(memory, buffer, at, Math.min(end - at, buffer.length));
    const places = Math.min(count, CHUNK);
    search.look(buffer.subarray(0, count), places);
    size += places;
  }
  return size;
}

/** A region that is gone or cannot be read counts as empty. */
function readAt(memory: number, buffer: Buffer, at: number, length: number): number {
  try {
    return readSync(memory, buffer, 0, length, at);
  } catch {
    return 0;
  }
}

/** What every process of the computer, or of the same user, can see of it. */
export function seenOf(pid: number): Buffer {
  return Buffer.concat(["cmdline", "environ", "comm"].map((name) => readFileSync(`/proc/${pid}/${name}`)));
}
