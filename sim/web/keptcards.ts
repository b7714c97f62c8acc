// Cards that the browser stores by name: their flash, in IndexedDB. Nothing is stored unless the user asks for it.

const DATABASE = "dsc";
const CARDS = "cards";
const VERSION = 1;

/** The names of the cards that are kept, in order. */
export async function keptNames(): Promise<string[]> {
  return (await ask("readonly", (cards) => cards.getAllKeys())).map(String);
}

/** The flash of a card; undefined if none has that name. */
export function readKept(name: string): Promise<Uint8Array | undefined> {
  return ask<Uint8Array | undefined>("readonly", (cards) => cards.get(name));
}

/** Keeps a card's flash. */
export async function keep(name: string, flash: Uint8Array): Promise<void> {
  await ask("readwrite", (cards) => cards.put(flash.slice(), name));
}

export async function forget(name: string): Promise<void> {
  await ask("readwrite", (cards) => cards.delete(name));
}

/** Makes one request in its own transaction. Resolves when that is committed. */
async function ask<T>(mode: IDBTransactionMode, request: (cards: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const database = await open();
  try {
    return await new Promise<T>((resolve, reject) => {
      const transaction = database.transaction(CARDS, mode);
      const asked = request(transaction.objectStore(CARDS));
      transaction.oncomplete = () => resolve(asked.result);
      transaction.onerror = transaction.onabort = () => reject(transaction.error);
    });
  } finally {
    database.close();
  }
}

function open(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open(DATABASE, VERSION);
    opening.onupgradeneeded = () => opening.result.createObjectStore(CARDS);
    opening.onsuccess = () => resolve(opening.result);
    opening.onerror = () => reject(opening.error);
  });
}
