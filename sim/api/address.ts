// The address of the API: only loopback is allowed.

import { isIPv4, isIPv6 } from "node:net";

export interface Address {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
}

export const USUAL_ADDRESS: Address = { host: "127.0.0.1", port: 0 };
const HIGHEST_PORT = 65_535;

/** Reads `127.0.0.1:8080`, `[::1]:8080` or `localhost:8080`. Throws an Error with one line for any other text. */
export function parseAddress(text: string): Address {
  const [, name = "", digits = ""] = /^(.*):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (digits === "" || port > HIGHEST_PORT) throw new Error("an address is like 127.0.0.1:8080 or [::1]:8080");
  const host = name === "localhost" ? USUAL_ADDRESS.host : name.replace(/^\[(.*)\]$/, "$1");
  const isRight = name.startsWith("[") ? isIPv6(host) : isIPv4(host);
  if (!isRight)
    throw new Error("an address is like 127.0.0.1:8080 or [::1]:8080; names but localhost are not looked up");
  if (host !== "::1" && !(isIPv4(host) && host.startsWith("127."))) {
    throw new Error("the card is for this computer only: listen on 127.0.0.0/8 or ::1");
  }
  return { host, port };
}

/** The address of a server that listens there. */
export function urlOf({ host, port }: Address): string {
  return `http://${isIPv6(host) ? `[${host}]` : host}:${port}/`;
}
