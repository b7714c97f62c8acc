// `dsc` in the process of the test: the same code from the command line to what is printed and the exit code, without the
// start of a process, which takes a hundred times as long. Tests of signals, terminals, lost output and of the process's
// end need a process (simprocess.ts).

import { Readable, Writable } from "node:stream";
import { format } from "node:util";
import { runCommand } from "../../host-tools/cli/main.js";
import { dsc, type Ended } from "./simprocess.js";

const STREAMS = ["stdin", "stdout", "stderr"] as const;

/** Runs `dsc` with `input` on stdin, in `env`. One command at a time: streams and environment are the process's. */
export async function dscHere(args: readonly string[], input = "", env = process.env): Promise<Ended> {
  const stdout = new Said();
  const stderr = new Said();
  const giveBack = replaceStreams({ stdin: Readable.from([Buffer.from(input)]), stdout, stderr });
  const { exitCode, env: ownEnv } = process;
  process.exitCode = undefined;
  process.env = env;
  try {
    await runCommand([...args]);
    const code = Number(process.exitCode ?? 0);
    return { code, stdout: stdout.text, stderr: stderr.text, lines: stdout.text.split("\n").slice(0, -1) };
  } finally {
    process.exitCode = exitCode;
    process.env = ownEnv;
    giveBack();
  }
}

/**
 * Runs the first command in a separate process, which shows that its exit code and output arrive; later ones run here.
 */
export function dscFirstAlone(): (args: readonly string[], env: NodeJS.ProcessEnv) => Promise<Ended> {
  let runs = 0;
  return async (args, env) => (runs++ === 0 ? dsc([...args], { env }) : dscHere(args, "", env));
}

/** Collects what is written. It is no terminal. */
class Said extends Writable {
  text = "";

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

let busy = false;

/** Returns a function that restores them. */
function replaceStreams(streams: Record<(typeof STREAMS)[number], Readable | Writable>): () => void {
  if (busy) throw new Error("one command at a time");
  busy = true;
  const own = STREAMS.map((name) => [name, Object.getOwnPropertyDescriptor(process, name)] as const);
  const { error } = console;
  for (const name of STREAMS) Object.defineProperty(process, name, { configurable: true, value: streams[name] });
  // The console keeps the stream that it first wrote to.
  console.error = (...what: unknown[]) => void process.stderr.write(`${format(...what)}\n`);
  return () => {
    for (const [name, descriptor] of own) Object.defineProperty(process, name, descriptor as PropertyDescriptor);
    console.error = error;
    busy = false;
  };
}
