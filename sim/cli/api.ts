// `dsc-sim api`: serves the card over HTTP until it is stopped.

import { type Command, InvalidArgumentError } from "commander";
import { version } from "../../host-tools/files/project.js";
import { type Address, parseAddress, USUAL_ADDRESS } from "../api/address.js";
import { UserError } from "../session/usererror.js";
import { withCardOptions } from "./cardoptions.js";
import { endWithOthers } from "./lifetime.js";
import { type CardOptions, withSession } from "./simulate.js";

export interface ApiOptions extends CardOptions {
  readonly listen?: Address;
}

/** An address that the server cannot listen on; the message is for people. */
class ListenError extends UserError {
  override name = "ListenError";
  override readonly exitCode = 3;
}

/** The options of `dsc-sim api`, on its command. */
export function withApiOptions(command: Command): Command {
  return withCardOptions(
    command
      .description("the card over HTTP on this computer; the first line on stdout is JSON with its url")
      .option("--listen <address>", "127.0.0.1:PORT (a free port unless given)", parseListen),
  );
}

/** Serves a card. Returns only if that fails. */
export async function api({ listen = USUAL_ADDRESS, ...options }: ApiOptions): Promise<void> {
  const disarm = endWithOthers();
  // Loaded only here, so that other commands start sooner.
  const { serveCard } = await import("../api/server.js");
  try {
    await withSession(
      options,
      async (session, onBegin) => {
        let broken = (_: unknown) => {};
        const failed = new Promise<never>((_, reject) => {
          broken = reject;
        });
        const card = { session, onBegin };
        const server = await serveCard(card, listen, { version: version(), onBroken: (error) => broken(error) }).catch(
          (error) => {
            throw listenError(error);
          },
        );
        process.stdout.write(`${JSON.stringify({ url: server.url })}\n`);
        await failed.finally(() => server.close());
      },
      "no file is opened over HTTP; name it as --flash when dsc-sim api is started",
    );
  } finally {
    disarm();
  }
}

const LISTENING: Readonly<Record<string, string>> = {
  EACCES: "you have no permission for that port",
  EADDRNOTAVAIL: "this computer has no such address",
};

function listenError(error: unknown): unknown {
  const { code, syscall, address, port } = error as NodeJS.ErrnoException & { address?: string; port?: number };
  if (syscall !== "listen" && syscall !== "bind") return error;
  const why =
    code === "EADDRINUSE"
      ? "in use by another program; choose another port"
      : `cannot be used: ${LISTENING[code ?? ""] ?? code}`;
  return new ListenError(`--listen ${address}:${port}: ${why}`);
}

function parseListen(text: string): Address {
  try {
    return parseAddress(text);
  } catch (error) {
    throw new InvalidArgumentError(`${(error as Error).message}.`);
  }
}
