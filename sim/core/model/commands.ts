// The serial line of the model (docs/PROTOCOL.md): what a frame does to the card, and the card's answer.
//
// Each command is a row of the table: what it needs, and every reason to refuse it. If several reasons apply, the
// documents leave open which one is reported, so the answer may name any of them. If none applies, the command is
// carried out. A refused command changes nothing, except that a try may be used up.

import {
  ALL_KEYS,
  Cla,
  Digits,
  Ins,
  ISSUER_DOMAIN,
  KeyVersion,
  Level,
  LIFE_NOT_TOLD,
  Life,
  Lock,
  ONE_ENCRYPTED_BLOCK,
  PinCheck,
  PROTOCOL_VERSION,
  PutKey,
  RecordAt,
  Scp03Size,
  SELECT_BY_NAME,
  SelfTest,
  SetStatusP2,
  State,
  StatusAt,
  SuitesAt,
  Sw,
  Tag,
} from "../../../firmware/wire.js";
import { type Check, CODES, type Kept, LOWEST, type Model } from "./model.js";

/** The contents of a command as facts, known to whoever made it. */
export interface Asked {
  readonly cla: number;
  readonly ins: number;
  readonly p1: number;
  readonly p2: number;
  /** Bytes of data without secure messaging. */
  readonly size: number;
  /** The APDU's own length fields are inconsistent. */
  readonly malformed?: boolean;
  /** Secure messaging: the session whose keys protect the command, unless MAC or padding were spoilt. */
  readonly secured?: { readonly session: number | undefined; readonly spoilt: boolean };
  /** SELECT: of an application that does not exist. */
  readonly otherApplication?: boolean;
  /** INITIALIZE UPDATE: the host's number for this session. */
  readonly begins?: number;
  /** EXTERNAL AUTHENTICATE: the keys and the session that it was made with. */
  readonly proves?: { readonly keys: number; readonly session: number | undefined; readonly spoilt: boolean };
  /** The data of other commands; absent if it is malformed. */
  readonly record?: Stored;
  readonly keyset?: { readonly kvn: number; readonly keys: number };
  readonly pin?: string;
  readonly newPin?: string;
  readonly code?: string;
  readonly challenge?: string;
}

/** The record of STORE DATA, its keys identified by a number. */
export interface Stored {
  readonly record: number;
  readonly check: Exclude<Check, "none">;
  readonly tries: number;
  readonly pin: string;
  readonly serial: string;
  readonly suite: string;
}

export type Frame =
  | { readonly kind: "noise" }
  | { readonly kind: "hello" }
  | { readonly kind: "panel" }
  | { readonly kind: "command"; readonly asked: Asked };

/** The expected answer of the card. */
export interface Answer {
  /** Possible status words; empty: the card is silent. */
  readonly sw: readonly number[];
  /** The answer's data, if the model knows it. */
  readonly data?: readonly number[] | undefined;
  /** The answer is protected by secure messaging, in a channel of this level. */
  readonly secured?: boolean;
  readonly level?: number;
  /** The answer is delayed. */
  readonly heldBack?: boolean;
}

export const SILENCE: Answer = { sw: [] };
const DONE: Answer = { sw: [Sw.DONE] };
const HELLO: Answer = { sw: [], data: [PROTOCOL_VERSION] };

/** The number of wrong transport keys in a row that are answered at once; then 1 s, doubling to 64 s. */
const AT_ONCE = 2;
const FIRST_DELAY = 1_000;
const MOST_DOUBLINGS = 6;
const LEVELS: readonly number[] = [0x01, 0x03, 0x11, 0x13, 0x33];

/** Handles a frame. Returns the card's answer. */
export function receive(model: Model, frame: Frame): Answer {
  if (model.battery === 0 || model.ram.held || frame.kind === "noise" || frame.kind === "panel") return SILENCE;
  if (!model.on) model.turnOn();
  if (!model.on) return SILENCE;
  model.noteFrame();
  return frame.kind === "hello" ? HELLO : carryOut(model, frame.asked);
}

function carryOut(model: Model, asked: Asked): Answer {
  if (model.state === State.TEST && asked.ins !== Ins.SELF_TEST) endTest(model);
  const answer = judged(model, asked);
  return asked.ins === Ins.EXTERNAL_AUTHENTICATE ? heldBack(model, answer) : answer;
}

/** The bench test ends with the first command of another kind. */
function endTest(model: Model): void {
  model.show(model.ram.channel ? State.SERIAL : model.first());
}

function judged(model: Model, asked: Asked): Answer {
  if (asked.malformed) return otherwise(model, Sw.WRONG_LENGTH);
  const isSecure = asked.cla === Cla.GP_SECURE || asked.cla === Cla.ISO_SECURE;
  if (!isSecure && asked.cla !== Cla.GP && asked.cla !== Cla.ISO) return otherwise(model, Sw.UNKNOWN_CLASS);
  const isPublic = asked.ins === Ins.SELECT || asked.ins === Ins.GET_DATA;
  if (model.ram.error && (isSecure || !isPublic)) return refused(Sw.ERROR + model.ram.error);
  if (asked.ins === Ins.EXTERNAL_AUTHENTICATE && isSecure) return externalAuthenticate(model, asked);
  return isSecure ? secured(model, asked) : plain(model, asked);
}

// ---- the channel ----

function initializeUpdate(model: Model, asked: Asked): Answer {
  const reasons = [
    ...when(asked.cla !== Cla.GP, Sw.UNKNOWN_CLASS),
    ...when(asked.p2 !== 0, Sw.WRONG_PARAMETERS),
    ...when(asked.size !== Scp03Size.CHALLENGE, Sw.WRONG_LENGTH),
    ...when(asked.p1 !== 0 && asked.p1 !== model.kept.kvn, Sw.NO_SUCH_DATA),
  ];
  if (reasons.length > 0) return { sw: reasons };
  closeChannel(model);
  model.ram.begun = asked.begins;
  return DONE;
}

function externalAuthenticate(model: Model, asked: Asked): Answer {
  const reasons = [
    ...when(asked.cla !== Cla.GP_SECURE, Sw.UNKNOWN_CLASS),
    ...when(asked.p2 !== 0 || !LEVELS.includes(asked.p1), Sw.WRONG_PARAMETERS),
    ...when(asked.size !== Scp03Size.AUTHENTICATE, Sw.WRONG_LENGTH),
    ...when(model.ram.begun === undefined, Sw.NOT_IN_THIS_STATE),
  ];
  if (reasons.length > 0) return { sw: reasons };
  const { begun } = model.ram;
  model.ram.begun = undefined;
  const { proves } = asked;
  const right = proves && !proves.spoilt && proves.session === begun && proves.keys === model.kept.keys;
  if (!right || begun === undefined) {
    model.ram.failures++;
    return { sw: [Sw.NOT_AUTHENTIC] };
  }
  model.ram.failures = 0;
  model.ram.channel = { session: begun, level: asked.p1 };
  // Opening a channel discards everything that was entered or opened.
  Object.assign(model.ram, { opened: "", typed: "", repeat: "" });
  model.show(State.SERIAL);
  return DONE;
}

/** From the third wrong key in a row, the answer is delayed; so is any other answer to EXTERNAL AUTHENTICATE then. */
function heldBack(model: Model, answer: Answer): Answer {
  const { failures } = model.ram;
  if (failures <= AT_ONCE) return answer;
  const delay = FIRST_DELAY * 2 ** Math.min(failures - AT_ONCE - 1, MOST_DOUBLINGS);
  model.ram.held = { at: model.now + delay, sw: 0 };
  return { ...answer, heldBack: true };
}

/** Closing a channel leaves its screen; the bench test's screen ends by its own rules. */
function closeChannel(model: Model): void {
  const { ram } = model;
  ram.channel = undefined;
  ram.begun = undefined;
  if (ram.state === State.SERIAL) model.show(model.first());
}

/** A command without secure messaging. */
function plain(model: Model, asked: Asked): Answer {
  if (asked.ins === Ins.SELECT) return select(model, asked);
  if (asked.ins === Ins.INITIALIZE_UPDATE) return initializeUpdate(model, asked);
  if (model.ram.channel) {
    closeChannel(model);
    return refused(Sw.NOT_IN_THIS_CHANNEL);
  }
  return command(model, asked, 0);
}

/** A command in the channel: its MAC is checked before anything else. */
function secured(model: Model, asked: Asked): Answer {
  const { channel } = model.ram;
  if (!channel) return refused(Sw.NOT_IN_THIS_CHANNEL);
  if (asked.secured?.spoilt !== false || asked.secured.session !== channel.session) {
    closeChannel(model);
    return refused(Sw.WRONG_SECURE_MESSAGING);
  }
  model.restartIdle();
  const answer = command(model, asked, channel.level);
  return { ...answer, secured: true, level: channel.level };
}

// ---- the commands ----

interface Row {
  /** The required channel: none, one that allows changes (03, 13, 33), or 33. */
  readonly needs?: "change" | "proof";
  readonly parameters: (asked: Asked, kept: Kept) => boolean;
  readonly sizes: readonly number[];
  /** Further reasons for a refusal. */
  readonly reasons: (model: Model, asked: Asked) => readonly number[];
  readonly act: (model: Model, asked: Asked) => Answer;
}

const ROWS: Partial<Record<Ins, Row>> = {
  [Ins.GET_DATA]: {
    parameters: () => true,
    sizes: [0],
    reasons: (model, { cla, p1, p2, size }) => {
      const tag = (p1 << 8) | p2;
      const mayLack = model.ram.error !== 0 && FROM_FLASH.has(tag) && size !== 0;
      return when(mayLack || dataOf(model, tag, cla) === undefined, Sw.NO_SUCH_DATA);
    },
    act: (model, { cla, p1, p2 }) => {
      const tag = (p1 << 8) | p2;
      if (model.ram.error && FROM_FLASH.has(tag)) return { sw: [Sw.DONE, Sw.NO_SUCH_DATA] };
      const data = dataOf(model, tag, cla);
      return data && data.length > 0 ? { sw: [Sw.DONE], data } : DONE;
    },
  },
  [Ins.SELF_TEST]: {
    parameters: ({ p1, p2 }) => p2 === 0 && p1 >= SelfTest.SCREEN && p1 <= SelfTest.CRYPTO,
    sizes: [0],
    reasons: (model, { p1 }) => [
      ...when(model.kept.life === Life.PERSONALIZED, Sw.NOT_IN_THIS_STATE),
      ...when(p1 === SelfTest.FLASH && !mayChange(model), Sw.NOT_IN_THIS_CHANNEL),
    ],
    act: selfTest,
  },
  [Ins.STORE_DATA]: {
    needs: "change",
    parameters: ({ p1, p2 }) => p1 === ONE_ENCRYPTED_BLOCK && p2 === 0,
    sizes: [RecordAt.SIZE],
    reasons: (model, { record }) => [...when(!record, Sw.WRONG_DATA), ...whenLow(model)],
    act: (model, { record }) => {
      if (record) model.write(seeded(record));
      return forgotten(model);
    },
  },
  [Ins.INTERNAL_AUTHENTICATE]: {
    needs: "proof",
    parameters: ({ p1, p2 }) => p1 === 0 && p2 === 0,
    sizes: [Digits.PIN + Digits.CHALLENGE],
    reasons: (model, { pin, challenge }) => [
      ...when(model.kept.life === Life.BLANK, Sw.NOT_IN_THIS_STATE),
      ...when(pin === undefined || challenge === undefined, Sw.WRONG_DATA),
      ...whenPinIsGone(model),
    ],
    act: prove,
  },
  [Ins.CHANGE_REFERENCE_DATA]: {
    needs: "change",
    parameters: ({ p1, p2 }) => p1 === 0 && p2 === 0,
    sizes: [2 * Digits.PIN],
    reasons: (model, { pin, newPin }) => [
      ...whenNoPin(model),
      ...when(pin === undefined || newPin === undefined, Sw.WRONG_DATA),
      ...whenPinIsGone(model),
    ],
    act: (model, { pin = "", newPin = "" }) => {
      if (!model.tryPin(pin)) return wrong(model.kept.left);
      model.setPin(newPin);
      return DONE;
    },
  },
  [Ins.RESET_RETRY_COUNTER]: {
    needs: "change",
    parameters: ({ p1, p2 }) => p1 === 0 && p2 === 0,
    sizes: [Digits.CODE + Digits.PIN],
    reasons: (model, { code, newPin }) => [
      ...whenNoPin(model),
      ...when(code === undefined || newPin === undefined, Sw.WRONG_DATA),
      ...when(model.kept.left > 0, Sw.NOT_IN_THIS_STATE),
      ...when(model.kept.codes === 0, Sw.NO_TRIES),
      ...whenLow(model),
    ],
    act: (model, { code = "", newPin = "" }) => {
      if (!model.tryCode(code)) return wrong(model.kept.codes);
      model.setPin(newPin);
      return DONE;
    },
  },
  [Ins.PUT_KEY]: {
    needs: "change",
    parameters: ({ p1, p2 }, { kvn }) => (p1 === kvn || (p1 === 0 && kvn === KeyVersion.TEST)) && p2 === ALL_KEYS,
    sizes: [1 + 3 * PutKey.SHORT_BLOCK, 1 + 3 * PutKey.LONG_BLOCK],
    reasons: (model, { keyset }) => [...when(!keyset, Sw.WRONG_DATA), ...whenLow(model)],
    act: (model, { keyset }) => {
      if (keyset) model.write(keyset);
      return DONE;
    },
  },
  [Ins.SET_STATUS]: {
    needs: "change",
    parameters: ({ p1, p2 }) => p1 === ISSUER_DOMAIN && (p2 === SetStatusP2.WIPED || p2 === SetStatusP2.PERSONALIZED),
    sizes: [0],
    reasons: (model, { p2 }) => [
      ...when(p2 === SetStatusP2.PERSONALIZED && model.kept.life !== Life.SEEDED, Sw.NOT_IN_THIS_STATE),
      ...whenLow(model),
    ],
    act: (model, { p2 }) => {
      model.write(p2 === SetStatusP2.PERSONALIZED ? { life: Life.PERSONALIZED } : WIPED);
      return forgotten(model);
    },
  },
};

/** A wipe keeps the serial number and the transport keys. */
const WIPED: Partial<Kept> = {
  ...{ life: Life.BLANK, check: "none", tries: 0, left: 0, codes: 0, pin: "", record: 0, suite: "" },
  lockCode: undefined,
};

function command(model: Model, asked: Asked, level: number): Answer {
  const row = ROWS[asked.ins as Ins];
  if (!row) {
    const known = Ins[asked.ins] !== undefined;
    return { sw: known ? [Sw.NOT_IN_THIS_CHANNEL, Sw.UNKNOWN_COMMAND] : [Sw.UNKNOWN_COMMAND] };
  }
  if (!isEnough(row.needs, level)) return refused(Sw.NOT_IN_THIS_CHANNEL);
  const reasons = [
    ...when(!row.parameters(asked, model.kept), Sw.WRONG_PARAMETERS),
    ...when(!row.sizes.includes(asked.size), Sw.WRONG_LENGTH),
    ...row.reasons(model, asked),
  ];
  return reasons.length > 0 ? { sw: reasons } : row.act(model, asked);
}

function isEnough(needs: Row["needs"], level: number): boolean {
  if (needs === "proof") return level === Level.FULL;
  return needs === undefined || isChanging(level);
}

function isChanging(level: number): boolean {
  return (level & Level.C_MAC) !== 0 && (level & Level.C_DECRYPTION) !== 0;
}

function mayChange({ ram }: Model): boolean {
  return isChanging(ram.channel?.level ?? 0);
}

function select(model: Model, asked: Asked): Answer {
  const reasons = [
    ...when(asked.p1 !== SELECT_BY_NAME || asked.p2 !== 0, Sw.WRONG_PARAMETERS),
    ...when(asked.otherApplication === true, Sw.NO_APPLICATION),
  ];
  if (reasons.length > 0) return { sw: reasons };
  closeChannel(model);
  return { sw: [Sw.DONE], data: [0x6f, 0x0a, 0x84, 0x08, 0xa0, 0, 0, 1, 0x51, 0, 0, 0] };
}

function selfTest(model: Model, { p1 }: Asked): Answer {
  const { ram } = model;
  if (p1 === SelfTest.SCREEN || p1 === SelfTest.KEYS) {
    if (ram.state !== State.TEST) model.show(State.TEST);
  }
  switch (p1) {
    case SelfTest.KEYS: {
      const keys = ram.tested;
      ram.tested = 0;
      return { sw: [Sw.DONE], data: [keys >> 8, keys & 0xff] };
    }
    case SelfTest.BATTERY:
      return { sw: [Sw.DONE], data: [model.battery >> 8, model.battery & 0xff] };
    case SelfTest.FLASH:
      return model.battery < LOWEST ? { sw: [Sw.DONE, Sw.NOT_IN_THIS_STATE] } : { sw: [Sw.DONE], data: [3] };
    case SelfTest.RANDOM:
      return { sw: [Sw.DONE], data: [model.defects.random ? 0 : 1] };
    case SelfTest.CRYPTO:
      return { sw: [Sw.DONE], data: [1] };
    default:
      return DONE;
  }
}

/** The proof uses the keypad's code path, and leaves nothing open. */
function prove(model: Model, { pin = "", challenge = "" }: Asked): Answer {
  const { kept } = model;
  if (kept.check === "card" && !model.tryPin(pin)) return wrong(model.kept.left);
  const response = model.oracle.response(kept.record, challenge, pin);
  return { sw: [Sw.DONE], data: [...response].map((digit) => digit.charCodeAt(0)) };
}

function seeded(record: Stored): Partial<Kept> {
  const isCard = record.check === "card";
  return {
    ...{ life: Life.SEEDED, check: record.check, tries: record.tries, left: record.tries },
    ...{ codes: isCard ? CODES : 0, pin: record.pin, record: record.record, lockCode: undefined },
    ...{ serial: record.serial, suite: record.suite },
  };
}

/** A wipe or a seeding discards everything that was entered or opened. */
function forgotten({ ram }: Model): Answer {
  Object.assign(ram, { entered: "", opened: "", typed: "", repeat: "" });
  return DONE;
}

// ---- GET DATA ----

/** Data that a card in ERROR may be unable to report, since its flash may be unreadable. */
const FROM_FLASH: ReadonlySet<number> = new Set([Tag.SERIAL, Tag.SUITE, Tag.KEY_INFORMATION]);

/** The data of a tag; empty: data that the model does not know; undefined: no data. */
function dataOf({ kept, ram, battery }: Model, tag: number, cla: number): readonly number[] | undefined {
  switch (tag) {
    case Tag.SERIAL:
      return textOf(kept.serial, ram.error);
    case Tag.KEY_INFORMATION:
      return template(
        tag,
        [1, 2, 3].flatMap((id) => [0xc0, 0x04, id, kept.kvn, PutKey.TYPE_AES, PutKey.KEY]),
        cla,
      );
    case Tag.RECOGNITION:
      return [];
    case Tag.STATUS:
      return statusOf(kept, ram.error, battery);
    case Tag.FIRMWARE:
      return [];
    case Tag.CARD_ID:
      return ram.error ? undefined : [];
    case Tag.SUITE:
      return textOf(kept.suite, ram.error);
    case Tag.SUITES:
      return suitesOf();
    default:
      return undefined;
  }
}

/** An interindustry command gets the contents of a template, any other the template. */
function template(tag: number, contents: readonly number[], cla: number): readonly number[] {
  return cla === Cla.ISO || cla === Cla.ISO_SECURE ? contents : [tag, contents.length, ...contents];
}

/** The three hashes, each for response and PIN, and the digits of response and challenge. */
function suitesOf(): number[] {
  const data = new Array<number>(SuitesAt.SIZE).fill(0);
  data[SuitesAt.HASHES] = 0b111;
  data[SuitesAt.PIN_HASHES] = 0b111;
  data[SuitesAt.DIGITS] = Digits.RESPONSE;
  data[SuitesAt.CHALLENGE] = Digits.CHALLENGE;
  return data;
}

const CHECKS = { none: 0, card: PinCheck.CARD, server: PinCheck.SERVER } as const;

/** The bytes of DF20. */
export function statusOf(kept: Kept, error: number, battery: number): number[] {
  const data = new Array<number>(StatusAt.SIZE).fill(0);
  data[StatusAt.ERROR] = error;
  data[StatusAt.BATTERY] = battery >> 8;
  data[StatusAt.BATTERY + 1] = battery & 0xff;
  data[StatusAt.LIFE] = error ? LIFE_NOT_TOLD : kept.life;
  if (error) return data;
  data[StatusAt.PIN_CHECK] = CHECKS[kept.check];
  data[StatusAt.TRIES] = kept.tries;
  data[StatusAt.TEST_KEYS] = kept.kvn === KeyVersion.TEST ? 1 : 0;
  if (kept.check !== "card") return data;
  data[StatusAt.LOCK] = kept.codes === 0 ? Lock.BLOCKED : kept.left === 0 ? Lock.LOCKED : Lock.NONE;
  data[StatusAt.TRIES_LEFT] = kept.left;
  data[StatusAt.CODE_TRIES_LEFT] = kept.codes;
  return data;
}

/** In ERROR the text may or may not be there. */
function textOf(text: string, error: number): readonly number[] | undefined {
  return text === "" && !error ? undefined : [...text].map((letter) => letter.charCodeAt(0));
}

// ---- reasons ----

function when(condition: boolean, sw: number): readonly number[] {
  return condition ? [sw] : [];
}

function whenLow({ battery }: Model): readonly number[] {
  return when(battery < LOWEST, Sw.NOT_IN_THIS_STATE);
}

/** Commands about the PIN need a personalized card that checks it. */
function whenNoPin({ kept }: Model): readonly number[] {
  return [
    ...when(kept.life !== Life.PERSONALIZED, Sw.NOT_IN_THIS_STATE),
    ...when(kept.check === "server", Sw.NOT_USABLE),
  ];
}

function whenPinIsGone(model: Model): readonly number[] {
  if (model.kept.check !== "card") return [];
  return [...when(model.kept.left === 0, Sw.NO_TRIES), ...whenLow(model)];
}

function wrong(left: number): Answer {
  return { sw: [Sw.WRONG | left] };
}

/** The answer to data that are no command. A card in ERROR may also answer with its error. */
function otherwise({ ram }: Model, sw: number): Answer {
  return { sw: ram.error ? [sw, Sw.ERROR + ram.error] : [sw] };
}

function refused(sw: number): Answer {
  return { sw: [sw] };
}
