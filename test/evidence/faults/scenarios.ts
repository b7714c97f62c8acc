// The attacks: the state of the card before each, the actions while an instruction fails, and the promises that must
// hold afterwards.

import { cmac } from "@noble/ciphers/aes.js";
import { Cla, Ins, Level, SetStatusP2, Sw } from "../../../firmware/wire.js";
import type { Response } from "../../../host-tools/card/apdu.js";
import { initializeUpdate, kdf, parseCardHello, SecureChannel } from "../../../host-tools/card/scp03.js";
import { putKeyData, testKeys } from "../../../host-tools/card/transportkeys.js";
import { Silence } from "../../../sim/session/conversation.js";
import { unescaped } from "./secrets.js";
import type { Target } from "./target.js";
import {
  CHALLENGE,
  type Chances,
  CODE_TRIES,
  chancesOf,
  chancesOfFlash,
  enter,
  identity,
  lockCodeOf,
  OWN_PIN,
  off,
  ok,
  on,
  open,
  otherCode,
  pass,
  personalize,
  pullBattery,
  responseOf,
  type SimWorld,
  send,
  sendIn,
  tentatively,
  UNREADABLE,
  unlockCodeOf,
  WRONG_PIN,
  wipeMarkOf,
} from "./world.js";

/** A broken promise. */
export interface Verdict {
  readonly what: string;
  /** Counts only if the same strike with the same fault distinguishes the right PIN or code from a wrong one. */
  readonly ifTelling?: true;
  /** Counts only if the session key does not depend on the transport keys, so that anybody can know it. */
  readonly ifKnown?: true;
}

export interface Scenario {
  readonly name: string;
  /** Brings a fresh personalized card (a blank one where `blank`) to where the attack begins. */
  prepare(target: Target, world: SimWorld): void;
  readonly blank?: true;
  /** The card takes any PIN, and the server checks it. */
  readonly server?: true;
  /**
   * The actions during the fault. `right`: uses the right PIN or code, to see whether the attempt counts. Returns what
   * the attempt told the attacker.
   */
  strike(target: Target, world: SimWorld, right: boolean, session: Session): string | undefined;
  /** Checks the promises afterwards. Returns the broken ones. */
  judge(target: Target, world: SimWorld, before: Before): Verdict[];
  /** Whether the judgment depends on what the card sent. */
  readonly hears?: true;
  /** The owner or the bench is there, with the right PIN or keys. */
  readonly legitimate?: true;
}

/** What was true when the attack began. */
export interface Before {
  readonly identity: string;
  /** The strike ended in an error, so the person or program at the card noticed. */
  readonly noticed: boolean;
  /** The session key for MACs and the chaining value, where they lie in memory. */
  readonly session: Session;
  /** Results by flash contents, kept for the next time. */
  readonly known: Map<string, Chances>;
}

export interface Session {
  readonly macKey: number;
  readonly chain: number;
}

/** Bytes of the answer to INITIALIZE UPDATE. */
const HELLO_SIZE = 29;
const HOST_CHALLENGE = new Uint8Array(8);
const WRONG = Uint8Array.of(0x5a, 0x13, 0xc7, 0x88, 0x21, 0xee, 0x09, 0xb4);
const ZEROS = new Uint8Array(8);

// ---- at the keypad ----

/** Not an attempt: the card did not take all digits, or did not take OK. */
export const NOT_MADE = "not made";

/** Enters a PIN or a code. Returns the screen's verdict. If OK was ignored, there was no attempt. */
function tryDigits(target: Target, digits: string): string {
  target.attempted = false;
  target.do((card) => card.type(digits));
  const before = target.card.display;
  target.attempted = true;
  const screen = ok(target);
  const ignored = screen === before && /^(PIN>|UNLOCK>)$/.test(screen);
  return ignored || /^(PIN>\*|\d)/.test(screen) ? NOT_MADE : screen;
}

/** A PIN is entered on a card that has used `spent` of its three tries. */
function pinScenario(name: string, spent: number): Scenario {
  return {
    name,
    prepare: (target, world) => {
      failPins(target, spent);
      if (spent > 0) carryOver(target, world);
      on(target);
    },
    strike: (target, world, right) => {
      const told = tryDigits(target, right ? world.record.pin : WRONG_PIN);
      pass(target);
      return told;
    },
    judge: judgeAttempts(3 - spent, CODE_TRIES),
  };
}

/** An unlock code is entered on a card that has used `spent` of its five code tries. */
function codeScenario(name: string, spent: number): Scenario {
  return {
    name,
    prepare: (target) => {
      failPins(target, 3);
      failCodes(target, spent);
      on(target);
      ok(target);
      ok(target);
    },
    strike: (target, world, right) => {
      const code = unlockCodeOf(world.record, lockCodeOf(target));
      const told = tryDigits(target, right ? code : otherCode(code));
      pass(target);
      return told;
    },
    judge: judgeAttempts(0, CODE_TRIES - spent),
  };
}

/** The card is turned on with this many tries spent, and then the attacker has it. */
function powerOnScenario(name: string, pins: number, codes: number): Scenario {
  return {
    name,
    prepare: (target) => {
      failPins(target, pins);
      failCodes(target, codes);
    },
    strike: (target) => {
      on(target);
      return undefined;
    },
    judge: judgeAttempts(3 - pins, pins < 3 ? CODE_TRIES : CODE_TRIES - codes, false),
  };
}

/** Keys are pressed on a card that nothing can open. */
function closedScenario(name: string, codes: number): Scenario {
  return {
    name,
    prepare: (target) => {
      failPins(target, 3);
      failCodes(target, codes);
      on(target);
    },
    strike: (target, world) => {
      enter(target, world.record.pin);
      ok(target);
      return undefined;
    },
    judge: judgeAttempts(0, CODE_TRIES - codes, false),
  };
}

/** The owner logs in. A fault then must not give a finder more than the tries, nor reveal a key in public data. */
const login: Scenario = {
  name: "login",
  legitimate: true,
  prepare: (target) => {
    failPins(target, 1);
    on(target);
  },
  strike: (target, world) => {
    enter(target, world.record.pin);
    enter(target, CHALLENGE);
    off(target);
    readAll(target);
    return undefined;
  },
  judge: judgeAttempts(3, CODE_TRIES, false),
};

/** A finder logs in on a card whose PIN the server checks: the response must differ from that of the right PIN. */
const serverLogin: Scenario = {
  name: "server",
  server: true,
  prepare: on,
  strike: (target, world, right) => {
    enter(target, right ? world.record.pin : WRONG_PIN);
    enter(target, CHALLENGE);
    off(target);
    return undefined;
  },
  judge: (target, _world, before) => judgeChange(target, before),
};

/** A wipe was begun, and power failed: after power-on the card is the same one, or a blank one. */
const interruptedWipe: Scenario = {
  name: "wipe-interrupted",
  prepare: (target) => target.card.flash.program(wipeMarkOf(target), 0),
  strike: (target) => {
    on(target);
    return undefined;
  },
  judge: judgeAttempts(3, CODE_TRIES, false),
};

/**
 * Counts the tries left for an attacker who goes on, from the current screen and from power-on. `attempted`: the strike
 * was an attempt, with this many tries before it.
 */
function judgeAttempts(pins: number, codes: number, attempted = true): Scenario["judge"] {
  return (target, world, before) => {
    const verdicts: Verdict[] = [];
    const fromPowerOn = tentatively(target, () => {
      pullBattery(target);
      return chancesOfFlash(target, world, before.known);
    });
    for (const left of [fromPowerOn, tentatively(target, () => chancesOf(target, world, before.known))]) {
      if (left.open) verdicts.push({ what: "opened without the right PIN or code" });
      const found = `${left.pins} PINs and ${left.codes} codes left of ${pins} and ${codes}`;
      if (left.pins > pins || left.codes > codes) verdicts.push({ what: found });
      const isFull = pins > 0 ? left.pins === pins : codes > 0 && left.codes === codes;
      if (attempted && isFull) verdicts.push({ what: `an attempt that told, and ${found}`, ifTelling: true });
    }
    return verdicts;
  };
}

function failPins(target: Target, count: number): void {
  for (let i = 0; i < count; i++) {
    on(target);
    enter(target, WRONG_PIN);
    pass(target);
  }
  off(target);
}

/**
Writes a new page by replacing the transport keys with the same ones, so that the spent tries are in its head and not in
slots.
*/
function carryOver(target: Target, { keys }: SimWorld): void {
  const data = putKeyData(keys, keys.dek);
  sendIn(target, open(target, keys), { ins: Ins.PUT_KEY, p1: keys.kvn, p2: 0x81, data });
  off(target);
}

function failCodes(target: Target, count: number): void {
  for (let i = 0; i < count; i++) {
    on(target);
    ok(target);
    ok(target);
    enter(target, "00000001");
    pass(target);
  }
  off(target);
}

// ---- on the serial line ----

/** Turns the card on, by a command. */
function wake(target: Target): void {
  send(target, { cla: Cla.GP, ins: Ins.GET_DATA, p1: 0xdf, p2: 0x20 });
}

/** Opens a channel without the keys: `forge` makes cryptogram and MAC from the card's answer. */
function channelScenario(
  name: string,
  forge: (answer: Response) => [cryptogram: Uint8Array, mac: Uint8Array],
): Scenario {
  return {
    name,
    prepare: wake,
    strike: (target, world, right) => {
      const answer = send(target, initializeUpdate(0, HOST_CHALLENGE));
      if (right) {
        const channel = new SecureChannel(world.keys, Level.FULL, HOST_CHALLENGE, parseCardHello(answer.data));
        send(target, channel.externalAuthenticate);
        return undefined;
      }
      const [cryptogram, mac] = forge(answer);
      send(target, {
        cla: Cla.GP_SECURE,
        ins: Ins.EXTERNAL_AUTHENTICATE,
        p1: Level.FULL,
        p2: 0,
        data: Buffer.concat([cryptogram, mac]),
      });
      return undefined;
    },
    judge: judgeChannel,
  };
}

/** Whether an attacker who knows only the session key for MACs opens the channel that was begun. */
function opensUnder(target: Target, macKey: Uint8Array): boolean {
  const challenge = unescaped(target.sent).subarray(15, 23);
  const context = Buffer.concat([HOST_CHALLENGE, challenge]);
  const cryptogram = kdf(macKey, 0x01, context, 8);
  const header = [Cla.GP_SECURE, Ins.EXTERNAL_AUTHENTICATE, Level.C_MAC, 0, 16];
  const mac = cmac(Uint8Array.from([...new Uint8Array(16), ...header, ...cryptogram]), macKey).subarray(0, 8);
  const data = Buffer.concat([cryptogram, mac]);
  const command = { cla: Cla.GP_SECURE, ins: Ins.EXTERNAL_AUTHENTICATE, p1: Level.C_MAC, p2: 0, data };
  return tentatively(target, () => answerOf(target, command)) === Sw.DONE;
}

/** The forgery of an attacker who guesses that a fault left the session keys at zero. */
function forgeUnderZero(answer: Response): [Uint8Array, Uint8Array] {
  return forgeIn(Buffer.concat([HOST_CHALLENGE, answer.data.subarray(13, 21)]));
}

/** The same for a fault that also left the challenges at zero. */
function forgeInZero(): [Uint8Array, Uint8Array] {
  return forgeIn(new Uint8Array(16));
}

/** Cryptogram and MAC under session keys of zeros, with `context` as the challenges. */
function forgeIn(context: Uint8Array): [Uint8Array, Uint8Array] {
  const zero = new Uint8Array(16);
  const cryptogram = kdf(zero, 0x01, context, 8);
  const header = [Cla.GP_SECURE, Ins.EXTERNAL_AUTHENTICATE, Level.FULL, 0, 16];
  const mac = cmac(Uint8Array.from([...zero, ...header, ...cryptogram]), zero).subarray(0, 8);
  return [cryptogram, mac];
}

/** A channel is open if a command is accepted under the keys in the card's memory, whatever they are. */
function judgeChannel(target: Target, _world: SimWorld, before: Before): Verdict[] {
  const memory = target.card.memory;
  const key = memory.slice(before.session.macKey, before.session.macKey + 16);
  const chain = memory.slice(before.session.chain, before.session.chain + 16);
  const header = [Cla.GP_SECURE, Ins.GET_DATA, 0xdf, 0x20, 8];
  const mac = cmac(Uint8Array.from([...chain, ...header]), key).subarray(0, 8);
  const answered = tentatively(target, () =>
    answerOf(target, { cla: Cla.GP_SECURE, ins: Ins.GET_DATA, p1: 0xdf, p2: 0x20, data: mac }),
  );
  if (answered === Sw.DONE) return [{ what: "a channel is open" }];
  return judgeChange(target, before);
}

function judgeChange(target: Target, before: Before): Verdict[] {
  const now = identity(target);
  // A fault that makes the card unreadable breaks it, but gives the attacker nothing.
  return now === before.identity || now === UNREADABLE ? [] : [{ what: "the card was changed" }];
}

/** INITIALIZE UPDATE alone: the session keys must come from the transport keys. */
const derivation: Scenario = {
  name: "derivation",
  hears: true,
  prepare: wake,
  strike: (target) => {
    send(target, initializeUpdate(0, HOST_CHALLENGE));
    return undefined;
  },
  judge: (target, _world, before) => {
    const key = target.card.memory.slice(before.session.macKey, before.session.macKey + 16);
    return opensUnder(target, key) ? [{ what: "a channel under a key that everybody knows", ifKnown: true }] : [];
  },
};

/**
 * The status word of a command, or undefined. An INITIALIZE UPDATE that a fault left in the line's buffer may be
 * answered only now; that is not an answer to the command.
 */
function answerOf(target: Target, command: Parameters<typeof send>[1]): number | undefined {
  try {
    const { sw, data } = send(target, command);
    return data.length === HELLO_SIZE ? undefined : sw;
  } catch {
    return undefined;
  }
}

/** Unauthenticated commands: in somebody else's channel, or in none. */
function commandScenario(name: string, inChannel: boolean, ins: Ins, p: [number, number], size: number): Scenario {
  return {
    name,
    prepare: (target, world) => {
      wake(target);
      if (inChannel) open(target, world.keys);
    },
    strike: (target) => {
      const body = new Uint8Array(size).fill(0x31);
      const forged = { cla: Cla.GP_SECURE, ins, p1: p[0], p2: p[1], data: Buffer.concat([body, WRONG]) };
      const plain = { cla: Cla.GP, ins, p1: p[0], p2: p[1], ...(size && { data: body }) };
      send(target, inChannel ? forged : plain);
      if (inChannel) return undefined;
      const header = [Cla.GP_SECURE, ins, p[0], p[1], size + 8];
      const mac = cmac(Uint8Array.from([...new Uint8Array(16), ...header, ...body]), new Uint8Array(16)).subarray(0, 8);
      send(target, { ...forged, data: Buffer.concat([body, mac]) });
      return undefined;
    },
    judge: (target, _world, before) => judgeChange(target, before),
  };
}

/** An attacker with the transport keys but without the PIN tries the proof and a change of PIN. */
function benchPin(name: string, ins: Ins): Scenario {
  return {
    name,
    prepare: wake,
    strike: (target, world, right, session) => {
      const pin = right ? world.record.pin : WRONG_PIN;
      return tryAtBench(target, world, session, ins, pin + (ins === Ins.INTERNAL_AUTHENTICATE ? CHALLENGE : OWN_PIN));
    },
    judge: judgeAttempts(3, CODE_TRIES),
  };
}

/**
An attacker with the transport keys but without an unlock code tries to set a PIN; `spent` of five code tries are gone.
*/
function benchCode(name: string, spent: number): Scenario {
  return {
    name,
    prepare: (target) => {
      failPins(target, 3);
      failCodes(target, spent);
      wake(target);
    },
    strike: (target, world, right, session) => {
      const code = unlockCodeOf(world.record, lockCodeOf(target));
      return tryAtBench(target, world, session, Ins.RESET_RETRY_COUNTER, (right ? code : otherCode(code)) + OWN_PIN);
    },
    judge: judgeAttempts(0, CODE_TRIES - spent),
  };
}

/** Sends digits of a PIN or a code through a channel. Returns what the answer tells. */
function tryAtBench(target: Target, world: SimWorld, session: Session, ins: Ins, digits: string): string {
  target.attempted = false;
  const channel = open(target, world.keys);
  const command = channel.wrap({ cla: Cla.GP_SECURE, ins, p1: 0, p2: 0, data: Buffer.from(digits) });
  target.attempted = true;
  const chained = chainOf(target, session);
  try {
    const { sw, data } = channel.unwrap(send(target, command));
    target.screens.push(data.toString("latin1"));
    // The card refused the command before a try, because the digits were garbled on the line.
    return sw === Sw.WRONG_DATA || sw === Sw.WRONG_SECURE_MESSAGING ? NOT_MADE : String(sw);
  } catch (error) {
    // The frame was lost on the line: the card has not checked its MAC.
    if (error instanceof Silence && chainOf(target, session) === chained) return NOT_MADE;
    throw error;
  }
}

/** The MAC chaining value: each command that arrives changes it. */
function chainOf(target: Target, { chain }: Session): string {
  return target.card.memory.slice(chain, chain + 16).join();
}

const GET = [0x0045, 0x00e0, 0xdf20, 0xdf21, 0xdf22, 0xdf23, 0xdf24];

function readAll(target: Target): void {
  for (const tag of GET) send(target, { cla: Cla.GP, ins: Ins.GET_DATA, p1: tag >> 8, p2: tag & 0xff });
  send(target, { cla: 0, ins: Ins.SELECT, p1: 4, p2: 0 });
}

/** Reads all public data. */
const read: Scenario = {
  name: "read",
  prepare: wake,
  strike: (target) => {
    readAll(target);
    for (let test = 2; test <= 6; test++) send(target, { cla: Cla.GP, ins: Ins.SELF_TEST, p1: test, p2: 0 });
    send(target, initializeUpdate(0, HOST_CHALLENGE));
    return undefined;
  },
  judge: (target, _world, before) => judgeChange(target, before),
};

/**
Reads the card id, which is computed from the root secret, twice, because a fault in the first read may persist in the
second.
*/
const readId: Scenario = {
  name: "read-id",
  prepare: wake,
  strike: (target) => {
    for (let i = 0; i < 2; i++) send(target, { cla: Cla.GP, ins: Ins.GET_DATA, p1: 0xdf, p2: 0x24 });
    return undefined;
  },
  judge: (target, _world, before) => judgeChange(target, before),
};

/** The bench personalizes the card, checks what it can, and gives the card out. */
const personalization: Scenario = {
  name: "personalize",
  blank: true,
  legitimate: true,
  prepare: wake,
  strike: (target, world) => {
    personalize(target, world);
    return undefined;
  },
  judge: (target, world, before) => {
    if (before.noticed || !identity(target).startsWith("personalized")) return [];
    const shown = tentatively(target, () => {
      on(target);
      return enter(target, world.record.pin) === "CHALLNG>" ? enter(target, CHALLENGE) : "";
    });
    if (shown !== responseOf(world.record)) return [];
    const verdicts = judgeAttempts(3, CODE_TRIES)(target, world, before).filter(({ ifTelling }) => !ifTelling);
    if (tentatively(target, () => opensChannel(target))) verdicts.push({ what: "the public test keys open a channel" });
    return verdicts;
  },
};

function opensChannel(target: Target): boolean {
  try {
    open(target, testKeys());
    return true;
  } catch {
    return false;
  }
}

export const SCENARIOS: readonly Scenario[] = [
  pinScenario("pin", 0),
  pinScenario("pin-last", 2),
  codeScenario("code", 0),
  codeScenario("code-last", CODE_TRIES - 1),
  powerOnScenario("power-on", 1, 0),
  powerOnScenario("power-on-locked", 3, 1),
  powerOnScenario("power-on-blocked", 3, CODE_TRIES),
  closedScenario("locked", 1),
  closedScenario("blocked", CODE_TRIES),
  login,
  serverLogin,
  interruptedWipe,
  derivation,
  channelScenario("channel", () => [WRONG, WRONG]),
  channelScenario("channel-echo", ({ data }) => [data.subarray(21, 29), ZEROS]),
  channelScenario("channel-zero", forgeUnderZero),
  channelScenario("channel-wiped", forgeInZero),
  commandScenario("forged-wipe", true, Ins.SET_STATUS, [0x80, SetStatusP2.WIPED], 0),
  commandScenario("forged-record", true, Ins.STORE_DATA, [0xe0, 0], 161),
  commandScenario("forged-keys", true, Ins.PUT_KEY, [7, 0x81], 70),
  commandScenario("bare-wipe", false, Ins.SET_STATUS, [0x80, SetStatusP2.WIPED], 0),
  benchPin("proof", Ins.INTERNAL_AUTHENTICATE),
  benchPin("change", Ins.CHANGE_REFERENCE_DATA),
  benchCode("unlock", 0),
  benchCode("unlock-last", CODE_TRIES - 1),
  read,
  readId,
  personalization,
];
