// The injected file system, loaded into a `dsc` process before its code (`node --import`). It numbers and logs every operation
// that changes or syncs a file or sends bytes to a card, and kills or stops the process at the operation that DSC_EVIDENCE
// in the environment names.
//
// The behaviour of dsc is unchanged: each call goes on to node:fs. Only its time-outs are longer, because they run on
// while it is stopped or waits on a busy machine.

import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { performance } from "node:perf_hooks";
import { onStatement } from "../../support/statements.js";
import type { Operation, Orders } from "./orders.js";

const orders = JSON.parse(process.env.DSC_EVIDENCE ?? "{}") as Orders;
/** How many times longer a time-out is. */
const LONGER = 60;

const real = { ...fs };
const realTimeout = setTimeout;
const paths = new Map<number, string>();
const log = orders.log === undefined ? undefined : real.openSync(orders.log, "a", 0o600);
let count = 0;
let atPort = orders.stopAtPort;
/** The events of killBehindFrameAfter that have already happened. */
let seen: "nothing" | "statement" | "frame" = "nothing";
/** Whether an operation is under way, because node:fs itself calls the replaced functions. */
let within = false;

/** Counts an operation, and kills or stops the process if this is the chosen one. `half` does half of the operation. */
function begin(half: () => void = () => {}): void {
  count++;
  if (count === orders.kill || seen === "frame") {
    if (orders.torn) half();
    process.kill(process.pid, "SIGKILL");
    // The signal may take a moment; nothing more is done meanwhile.
    for (;;) performance.now();
  }
  if (orders.stop?.includes(count)) process.kill(process.pid, "SIGSTOP");
}

function note(operation: Operation): void {
  if (log !== undefined) real.writeSync(log, `${JSON.stringify(operation)}\n`);
}

/** Runs an operation on names; one that fails is counted and logged, too. */
function counted<T>(operation: Operation, run: () => T, half?: () => void): T {
  if (within) return run();
  begin(half);
  within = true;
  try {
    const result = run();
    note(operation);
    return result;
  } catch (error) {
    note({ kind: "failed" });
    throw error;
  } finally {
    within = false;
  }
}

const pathOf = (file: unknown) => paths.get(Number(file)) ?? "";

function openSync(...args: Parameters<typeof fs.openSync>): number {
  const [path, flags] = args;
  const open = () => {
    const file = real.openSync(...args);
    paths.set(file, String(path));
    return file;
  };
  return typeof flags === "string" && /[wax+]/.test(flags)
    ? counted({ kind: "create", path: String(path) }, open)
    : open();
}

function writeFileSync(...args: Parameters<typeof fs.writeFileSync>): void {
  const [file, data] = args;
  // Not copied, because each copy of a secret would be found by the search.
  const bytes = data as Uint8Array;
  const path = typeof file === "number" ? pathOf(file) : String(file);
  const half = () => typeof file === "number" && real.writeSync(file, bytes, 0, bytes.length >> 1);
  counted({ kind: "write", path, contents: contentsOf(bytes) }, () => real.writeFileSync(...args), half);
}

/** Data is kept only for power cuts, because the log must not spread secrets in memory. */
function contentsOf(bytes: Uint8Array): string {
  return orders.contents ? Buffer.from(bytes).toString("base64") : "";
}

/** dsc writes the lines of a trace with this, and no other file. */
function writeSync(...args: unknown[]): number {
  const [file, text] = args as [number, string];
  const write = () => (real.writeSync as (...args: unknown[]) => number)(...args);
  if (!paths.has(file)) return write();
  return counted({ kind: "trace" }, write, () => real.writeSync(file, text.slice(0, text.length >> 1)));
}

function fsyncSync(file: number): void {
  counted({ kind: "sync", path: pathOf(file) }, () => real.fsyncSync(file));
}

function linkSync(from: fs.PathLike, to: fs.PathLike): void {
  counted({ kind: "link", path: String(from), to: String(to) }, () => real.linkSync(from, to));
}

function renameSync(from: fs.PathLike, to: fs.PathLike): void {
  counted({ kind: "rename", path: String(from), to: String(to) }, () => real.renameSync(from, to));
}

function unlinkSync(path: fs.PathLike): void {
  counted({ kind: "remove", path: String(path) }, () => real.unlinkSync(path));
}

/** serialport sends with this, and nothing else here does. */
function write(...args: unknown[]): void {
  const [file, data, offset, length] = args as [number, Buffer, number, number];
  begin(() => real.writeSync(file, data, offset, length >> 1));
  note({ kind: "frame" });
  if (seen === "statement") seen = "frame";
  (real.write as (...args: unknown[]) => void)(...args);
}

/** dsc calls this for a port before it opens it, and is stopped there once. */
function statSync(...args: unknown[]): unknown {
  if (args[0] === atPort) {
    atPort = undefined;
    process.kill(process.pid, "SIGSTOP");
  }
  return (real.statSync as (...args: unknown[]) => unknown)(...args);
}

function longTimeout(call: () => void, ms = 0, ...args: unknown[]): NodeJS.Timeout {
  return (realTimeout as (...args: unknown[]) => NodeJS.Timeout)(call, ms * LONGER, ...args);
}

// util.promisify reads these properties.
Object.defineProperties(longTimeout, Object.getOwnPropertyDescriptors(realTimeout));
Object.defineProperties(write, Object.getOwnPropertyDescriptors(real.write));
Object.assign(fs, { openSync, writeFileSync, writeSync, fsyncSync, linkSync, renameSync, unlinkSync, statSync, write });
syncBuiltinESMExports();
globalThis.setTimeout = longTimeout as typeof setTimeout;

/** Called before a statement goes to the engine. */
function beforeStatement(text: string): void {
  const { gate } = orders;
  if (gate && text.startsWith(gate.statement)) {
    note({ kind: "statement", text });
    real.closeSync(real.openSync(gate.file, "r"));
  }
  if (!orders.statements) return;
  begin();
  const { killBehindFrameAfter: kept } = orders;
  if (kept !== undefined && text.startsWith(kept)) seen = "statement";
  note({ kind: "statement", text });
}

const server = process.argv.some((arg) => /^postgres(ql)?:/.test(arg));
if (orders.statements || orders.gate) onStatement(beforeStatement, { server });
if (orders.stopAtEnd) process.on("exit", () => process.kill(process.pid, "SIGSTOP"));
