// The service worker: stores the files of the page, so that it works without a network. It fetches nothing else, and
// nothing twice.

/** Inserted by the bundler: the names of all files, and a hash of all their bytes. */
declare const DSC_FILES: readonly string[];
declare const DSC_VERSION: string;

interface LifeEvent extends Event {
  waitUntil(work: Promise<unknown>): void;
}
interface FetchEvent extends Event {
  readonly request: Request;
  respondWith(answer: Promise<Response>): void;
}
interface Worker extends EventTarget {
  readonly registration: { readonly scope: string };
}

const worker = self as unknown as Worker;
const PREFIX = "dsc ";
const CACHE = `${PREFIX}${DSC_VERSION}`;

worker.addEventListener("install", (event) => (event as LifeEvent).waitUntil(keep()));
worker.addEventListener("activate", (event) => (event as LifeEvent).waitUntil(forgetOthers()));
worker.addEventListener("fetch", (event) => {
  const { request } = event as FetchEvent;
  if (request.method === "GET") (event as FetchEvent).respondWith(answer(request));
});

async function keep(): Promise<void> {
  const cache = await caches.open(CACHE);
  await cache.addAll(DSC_FILES.map((name) => new Request(name, { cache: "reload" })));
}

/** Deletes the files of other versions. */
async function forgetOthers(): Promise<void> {
  const others = (await caches.keys()).filter((name) => name.startsWith(PREFIX) && name !== CACHE);
  await Promise.all(others.map((name) => caches.delete(name)));
}

async function answer(request: Request): Promise<Response> {
  const { scope } = worker.registration;
  const address = request.url.split(/[?#]/)[0] as string;
  const cache = await caches.open(CACHE);
  const kept = await cache.match(address === scope ? `${scope}index.html` : address);
  return kept ?? fetch(request);
}
