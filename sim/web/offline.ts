// The page without a network: registers the service worker, if the browser allows one.

/** Browsers allow it over HTTPS and on loopback. Otherwise, and if it fails, the page still works with a network. */
export function keepOffline(): void {
  if (!isSecureContext || !location.protocol.startsWith("http") || !("serviceWorker" in navigator)) return;
  navigator.serviceWorker.register("sw.js").catch(() => {});
}
