// Who may speak to the card: programs on this computer, and no web page that somebody visits.
//
// A page in a browser may send requests to loopback, too. The browser says whose page it is (Origin, Sec-Fetch-Site); and
// a page whose name was made to lead to loopback (DNS rebinding) gives that name as Host.

import type { IncomingHttpHeaders } from "node:http";

/** Loopback by its address or as localhost, with any port: a forwarded port is another. */
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?$/i;
/** What a browser says of requests that no other site's page made. */
const OWN_PAGES = ["same-origin", "none"];

/** Why a request is refused; nothing where it is in order. */
export function whyRefused(headers: IncomingHttpHeaders): string | undefined {
  const { host = "", origin } = headers;
  if (!LOOPBACK.test(host)) return "Host is not this computer's loopback address; use the address that was printed";
  if (origin !== undefined && origin.toLowerCase() !== `http://${host.toLowerCase()}`) {
    return "a web page of another origin may not use this card";
  }
  const site = headers["sec-fetch-site"];
  if (site !== undefined && !OWN_PAGES.includes(String(site)))
    return "a web page of another site may not use this card";
  return undefined;
}
