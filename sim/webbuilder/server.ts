// Serves the pages on a loopback port, like any file server: the pages need no special headers.

import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { extname } from "node:path";
import type { Site } from "./bundle.js";

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
  ".webmanifest": "application/manifest+json",
};

/** A running server, and its address. */
export interface Serving {
  readonly url: string;
  readonly server: Server;
  close(): Promise<void>;
}

/** Serves the files of a site; port 0: any free port. */
export async function serve(site: Site, port = 0): Promise<Serving> {
  const server = createServer(({ method, url = "/" }, response) => {
    const { pathname } = new URL(url, "http://localhost");
    const name = pathname === "/" ? "index.html" : pathname.slice(1);
    const bytes = site.get(name);
    if (method !== "GET" && method !== "HEAD") response.writeHead(405, { allow: "GET, HEAD" }).end();
    else if (!bytes) response.writeHead(404, { "content-type": "text/plain" }).end("There is no such file.\n");
    else {
      response.writeHead(200, { "content-type": TYPES[extname(name)] ?? "application/octet-stream" });
      response.end(method === "HEAD" ? undefined : bytes);
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, server, close };
}
