// `npm run web`: builds the card for the browser into build/web and serves it on a loopback port until it is stopped.

import { Command, CommanderError, InvalidArgumentError } from "commander";
import { inOneLine, withoutControls } from "../../host-tools/files/commandline.js";
import { writeSite } from "./bundle.js";
import { serve } from "./server.js";

const FAILED = 1;
const USAGE = 2;
const AFTER = `
The first line on stdout is JSON: {"url":"http://127.0.0.1:N/"}. The files are in build/web; any file server will do.`;

async function main(args: readonly string[]): Promise<void> {
  const program = new Command("web")
    .description("Build the card for the browser and serve it on a loopback port.")
    .option("--port <n>", "the port; any that is free unless told", parsePort)
    .option("--build-only", "build, and serve nothing")
    .addHelpText("after", AFTER)
    .allowExcessArguments(false)
    .configureOutput({ outputError: (text) => say(inOneLine(text)) })
    .exitOverride()
    .action(run);
  try {
    await program.parseAsync(args, { from: "user" });
  } catch (error) {
    fail(error);
  }
}

async function run({ port, buildOnly }: { port?: number; buildOnly?: boolean }): Promise<void> {
  const site = await writeSite();
  if (buildOnly) return;
  const { url } = await serve(site, port);
  process.stdout.write(`${JSON.stringify({ url })}\n`);
}

function parsePort(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65535) throw new InvalidArgumentError("a port is a number from 0 to 65535.");
  return port;
}

function fail(error: unknown): void {
  if (error instanceof CommanderError) {
    // Commander has printed it already.
    process.exitCode = error.exitCode === 0 ? 0 : USAGE;
    return;
  }
  const { code, message } = error as NodeJS.ErrnoException;
  say(code === "EADDRINUSE" ? "that port is in use; choose another one" : message);
  process.exitCode = FAILED;
}

function say(text: string): void {
  process.stderr.write(`web: ${withoutControls(text)}\n`);
}

await main(process.argv.slice(2));
