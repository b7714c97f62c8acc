// Decides who may speak to the card: programs on this computer, but no web page of another site.
//
// A page in a browser may send requests to loopback too. The browser names the page's origin (Origin, Sec-Fetch-Site).
// A page whose host name was made to resolve to loopback (DNS rebinding) sends that name as Host.

import type { IncomingHttpHeaders } from "node:http";

/** Loopback by address or as localhost, with any port, since a forwarded port differs. */
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?$/i;
/** Sec-Fetch-Site of requests that no page of another site made. */
const OWN_PAGES = ["same-origin", "none"];

/** Why a request is refused; undefined if it is allowed. */
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
