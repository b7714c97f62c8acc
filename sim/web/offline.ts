// The page without a network: registers the service worker, where a browser allows one.

/** Browsers allow it over HTTPS and on the loopback. Elsewhere, and where it fails, the page works as well, with a network. */
export function keepOffline(): void {
  if (!isSecureContext || !location.protocol.startsWith("http") || !("serviceWorker" in navigator)) return;
  navigator.serviceWorker.register("sw.js").catch(() => {});
}
