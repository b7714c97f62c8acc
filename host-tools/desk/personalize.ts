// Carries out the plan of one personalization step by step, and checks each step on the card.
//
//   channel  a secure channel of level 33, in which the card's status is read again
//   keep     the keys are bound to the card in the register
//   store    the record is written to the card, which shows NO KEY from now on
//   prove    the card's response to a random challenge must equal the one computed with the key
//   rotate   the card gets its own transport keys
//   finish   the card becomes personalized
//   mark     the register records that the card is done
//
// The keys are in the register before they are sent to the card. The register records STORE DATA and PUT KEY before
// they are sent and again when they are answered, so that the next run knows which keys the card may have. If STORE
// DATA follows directly, it is recorded together with the keys.
//
// expectedkeys.ts decides which transport keys the card may have and what may be sent under them. If several keysets
// are tried in turn, each has its own steps.

import { randomFillSync, randomInt } from "node:crypto";
import { Level } from "../../firmware/wire.js";
import { triesLeft } from "../card/apdu.js";
import type { CardClient, CardStatus } from "../card/cardclient.js";
import { CardRefused } from "../card/errors.js";
import type { HashName } from "../card/hashes.js";
import { type Keyset, PUBLIC_KVN } from "../card/transportkeys.js";
import { CheckFailed, WrongCard } from "../files/errors.js";
import { copyOfSecret, secretBytes } from "../files/secretbytes.js";
import { ocra } from "../seeds/ocra.js";
import { parseSuite } from "../seeds/suite.js";
import { closeQuietly, openFirst, refuseChanged } from "./channel.js";
import { type CardRecord, isStored, type KeyRegister, type Rotation } from "./keyregister.js";
import { ANEW, type Attempt, type Plan, type Step, type WorkStep } from "./plan.js";
import { masterCheck } from "./refusals.js";
import type { Request } from "./request.js";

/** The length of a drawn key: the output length of the hash (RFC 4226 §4, R6; RFC 2104 §3). */
const KEY_SIZES: Record<HashName, number> = { SHA1: 20, SHA256: 32, SHA512: 64 };
const UNLOCK_KEY_SIZE = 32;

/** Carries out the plan. `onStep` is called before each step. Returns warnings for people. */
export async function carryOut(
  plan: Plan,
  request: Request,
  card: CardClient,
  register: KeyRegister,
  onStep: (step: Step) => void = () => {},
): Promise<string[]> {
  if (plan.action === "nothing") return [];
  let work: Work | undefined;
  try {
    onStep("channel");
    const attempt = await openFirst(plan.attempts, card, Level.FULL, ANEW);
    refuseChanged(plan.status, await card.readStatus());
    await noteAnswer(plan, register);
    work = new Work(request, attempt, plan, card, register);
    for (const step of attempt.steps) {
      onStep(step);
      await work.do(step);
    }
    const hasPin = request.pin === undefined || attempt.steps.includes("store") || attempt.steps.includes("prove");
    return hasPin ? [] : [KEEPS_PIN];
  } finally {
    work?.wipe();
    await closeQuietly(card);
  }
}

/**
 * The card has the keys of STORE DATA, but the register lacks its answer. Record the answer before the next step: the
 * status of a personalized card no longer shows which keys it has.
 */
async function noteAnswer({ kept, status }: Plan, register: KeyRegister): Promise<void> {
  if (kept?.storeData === "sent" && isStored(kept, status)) await register.setStoreData(kept.serial, "answered");
}

const KEEPS_PIN = "the card keeps the PIN of the previous run; the PIN given now was not sent";

/** The steps of one plan. */
class Work {
  readonly #request: Request;
  readonly #keyset: number | undefined;
  readonly #card: CardClient;
  readonly #register: KeyRegister;
  readonly #attempt: Attempt;
  readonly #drawn: boolean;
  readonly #record: CardRecord;
  /** Whether the register already records STORE DATA as sent. */
  #isNoted = false;
  /** The transport keys that the card has now. */
  #now: Keyset;

  constructor(request: Request, attempt: Attempt, plan: Plan, card: CardClient, register: KeyRegister) {
    this.#request = request;
    this.#keyset = plan.keyset;
    this.#card = card;
    this.#register = register;
    this.#attempt = attempt;
    this.#now = attempt.keyset;
    this.#drawn = plan.kept === undefined;
    this.#record = plan.kept ?? draw(request, plan, attempt);
  }

  do(step: WorkStep): Promise<void> {
    switch (step) {
      case "keep":
        return this.#keep();
      case "store":
        return this.#store();
      case "prove":
        return this.#prove();
      case "rotate":
        return this.#rotate();
      case "finish":
        return this.#finish();
      case "mark":
        return this.#register.setDone(this.#record.serial);
    }
  }

  /** Zeroes keys that were drawn here; the register wipes its own. */
  wipe(): void {
    if (!this.#drawn) return;
    this.#record.key.fill(0);
    this.#record.unlockKey.fill(0);
  }

  /** If STORE DATA comes next, it is recorded in the same change, since one write is faster than two. */
  async #keep(): Promise<void> {
    const { steps } = this.#attempt;
    this.#isNoted = steps[steps.indexOf("keep") + 1] === "store";
    await this.#register.bind({ ...this.#record, storeData: this.#isNoted ? "sent" : "unsent" });
  }

  async #store(): Promise<void> {
    const { serial, suite, pinCheck, key, unlockKey } = this.#record;
    // If the server checks the PIN, the card keeps none, but the record still has room for one.
    const { tries, pin = "0000" } = this.#request;
    if (!this.#isNoted) await this.#register.setStoreData(serial, "sent");
    await this.#card.storeData({ serial, suite, pinCheck, tries, pin, key, unlockKey }, this.#now.dek);
    await this.#register.setStoreData(serial, "answered");
    await this.#expect("seeded");
  }

  async #prove(): Promise<void> {
    const { suite, key } = this.#record;
    const pin = this.#request.pin ?? randomDigits(4);
    const challenge = randomDigits(6);
    const response = await this.#respond(pin, challenge);
    if (response !== ocra(suite, key, { challenge, pin }))
      throw new CheckFailed("the card's response does not fit its key; do not use this card");
  }

  /** A card that took STORE DATA in a previous run has the PIN of that run. */
  async #respond(pin: string | Uint8Array, challenge: string): Promise<string> {
    try {
      return await this.#card.prove(pin, challenge);
    } catch (error) {
      const tries = error instanceof CardRefused ? triesLeft(error.sw) : undefined;
      if (tries === undefined || this.#attempt.steps.includes("store")) throw error;
      throw new WrongCard(
        `the card has the PIN of the previous run, not this one (tries left: ${tries}); give that PIN, or ` +
          "wipe the card and give it new keys with --reseed",
      );
    }
  }

  async #rotate(): Promise<void> {
    const { next, secrets, secretsAfter } = this.#attempt;
    if (!next) return;
    const { serial } = this.#record;
    await this.#register.setPutKey(serial, secretsAfter ? "sent" : "resent");
    await this.#card.putKey(next, this.#now.dek);
    this.#now = next;
    const { kvn, testKeys } = await this.#card.readStatus();
    if (kvn !== next.kvn || testKeys)
      throw new CheckFailed("the card does not report its new transport keys; run the command again");
    if (secretsAfter) await this.#register.setPutKey(serial, "done");
    if (!secrets) await this.#card.openChannel(Level.FULL, next, { secrets: secretsAfter });
  }

  async #finish(): Promise<void> {
    if (!(await this.#isFinished())) await this.#card.setPersonalized();
    await this.#expect("personalized");
  }

  /** After STORE DATA in this run the card is seeded. Otherwise it may already be personalized. */
  async #isFinished(): Promise<boolean> {
    return !this.#attempt.steps.includes("store") && (await this.#card.readStatus()).life === "personalized";
  }

  /** Reads the status back and compares it. */
  async #expect(life: CardStatus["life"]): Promise<void> {
    const status = await this.#card.readStatus();
    const wrong: string[] = differences(this.#request, status);
    if (status.life !== life) wrong.push("life");
    if (status.lock !== "none") wrong.push("lock");
    if (this.#request.pinCheck === "card" && status.triesLeft !== this.#request.tries) wrong.push("tries left");
    // The new keyset may not be there yet.
    const kvn = life === "personalized" ? (this.#keyset ?? this.#now.kvn) : this.#now.kvn;
    if (status.kvn !== kvn || status.testKeys !== (kvn === PUBLIC_KVN)) wrong.push("keyset");
    if (wrong.length > 0)
      throw new CheckFailed(
        `the card does not report what was written to it (${wrong.join(", ")}); do not use this card`,
      );
  }
}

/** The settings that the card reports differently from the request. */
function differences(request: Request, status: CardStatus): string[] {
  return (["serial", "suite", "pinCheck", "tries"] as const).filter((what) => status[what] !== request[what]);
}

function draw(request: Request, plan: Plan, attempt: Attempt): CardRecord {
  const { serial, suite, pinCheck, tries, key, transport } = request;
  const { keyset, status } = plan;
  return {
    serial,
    suite,
    pinCheck,
    tries,
    key: key ? copyOfSecret(key) : randomFillSync(secretBytes(KEY_SIZES[parseSuite(suite).hash])),
    unlockKey: randomFillSync(secretBytes(UNLOCK_KEY_SIZE)),
    origin: key ? "given" : "drawn",
    state: "pending",
    cardId: status.id,
    lifeBefore: status.life,
    storeData: "unsent",
    keyset,
    rotation: keyset === undefined ? undefined : rotationOf(plan, attempt),
    transport: keyset === undefined || !transport ? undefined : masterCheck(transport),
  };
}

/** New token keys do not change the progress of the same transport keys. */
function rotationOf({ record, keyset }: Plan, { isPublic, next }: Attempt): Rotation {
  const carried = record?.keyset === keyset ? record?.rotation : undefined;
  return carried ?? { before: isPublic ? "public" : "own", putKey: next ? "unsent" : "done" };
}

/** Random decimal digits. */
export function randomDigits(count: number): string {
  return String(randomInt(10 ** count)).padStart(count, "0");
}
