// Lines of text on a socket of QEMU, as QMP and qtest use them.

import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** How long QEMU may take to create its sockets (ms). */
const TIME_LIMIT = 10_000;
const RETRY = 20;

/** Connects to a socket that a starting QEMU creates. */
export async function connectTo(path: string): Promise<Socket> {
  for (let left = TIME_LIMIT; ; left -= RETRY) {
    try {
      return await connected(path);
    } catch (error) {
      if (left <= 0) throw error;
      await sleep(RETRY);
    }
  }
}

function connected(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path, () => {
      socket.off("error", reject);
      // QEMU's owner handles its end.
      socket.on("error", () => {});
      resolve(socket);
    });
    socket.once("error", reject);
  });
}

/** Calls `take` with each line that arrives, without its end. */
export function onLines(socket: Socket, take: (line: string) => void): void {
  let rest = "";
  socket.setEncoding("latin1");
  socket.on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) take(line);
  });
}
