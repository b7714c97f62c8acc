// The host's side of GlobalPlatform's Secure Channel Protocol 03 (GPC_SPE_014): AES-128, S8, i = 60.
//
//   KDF(key, constant, context)  session keys and cryptograms               §4.1.5
//   C-MAC  = CMAC(S-MAC, chaining | header | Lc | data), its first 8 bytes  §6.2.4
//   R-MAC  = CMAC(S-RMAC, chaining | data | SW), its first 8 bytes          §6.2.5
//   ICV    = AES(S-ENC, counter); for a response the first byte is 80       §6.2.6, §6.2.7
//
// Any fault in the card's answers ends the channel; nothing is retried here.

import { timingSafeEqual } from "node:crypto";
import { Cla, Derive, Ins, Level, Scp03, Scp03Size, Sw } from "../../firmware/wire.js";
import { secretBytes } from "../files/secretbytes.js";
import { cmac, decryptCbc, encryptBlocks, encryptCbc } from "./aes.js";
import { ANY, type Command, type Response, SECURE } from "./apdu.js";
import { AuthenticationFailed, BadAnswer } from "./errors.js";

/** The security levels that the card supports. All include the C-MAC. */
export const LEVELS = [0x01, 0x03, 0x11, 0x13, 0x33] as const;
export type SecurityLevel = (typeof LEVELS)[number];

const BLOCK = 16;
const MAC_SIZE = Scp03Size.MAC;
const CHALLENGE_SIZE = Scp03Size.CHALLENGE;
const KDD_SIZE = Scp03Size.DIVERSIFICATION;
const MAX_DATA = 255;

/** The static keys that open a channel. */
export interface ChannelKeys {
  readonly enc: Uint8Array;
  readonly mac: Uint8Array;
}

export interface SessionKeys {
  readonly enc: Uint8Array;
  readonly mac: Uint8Array;
  readonly rmac: Uint8Array;
}

/** The card's answer to INITIALIZE UPDATE (§7.1.1.6). */
export interface CardHello {
  /** The diversification data. */
  readonly kdd: Buffer;
  readonly kvn: number;
  readonly challenge: Buffer;
  readonly cryptogram: Buffer;
}

/** The first command of opening a channel; kvn 0: any keyset. */
export function initializeUpdate(kvn: number, hostChallenge: Uint8Array): Command {
  if (hostChallenge.length !== CHALLENGE_SIZE) throw new RangeError("a challenge has eight bytes");
  return { cla: Cla.GP, ins: Ins.INITIALIZE_UPDATE, p1: kvn, p2: 0, data: hostChallenge, le: ANY };
}

/** Parses the answer to INITIALIZE UPDATE. */
export function parseCardHello(data: Buffer): CardHello {
  if (data.length !== Scp03Size.INITIALIZE_UPDATE)
    throw new BadAnswer("INITIALIZE UPDATE: the answer has a wrong length");
  const [kvn = 0, protocol, i] = data.subarray(KDD_SIZE);
  if (protocol !== Scp03.PROTOCOL || i !== Scp03.I)
    throw new BadAnswer("INITIALIZE UPDATE: the card does not offer SCP03 with i = 60");
  const rest = data.subarray(KDD_SIZE + 3);
  return {
    kdd: data.subarray(0, KDD_SIZE),
    kvn,
    challenge: rest.subarray(0, CHALLENGE_SIZE),
    cryptogram: rest.subarray(CHALLENGE_SIZE),
  };
}

/** The key derivation of §4.1.5: NIST SP 800-108 in counter mode over CMAC. `size` in bytes. Wipe the result after use. */
export function kdf(key: Uint8Array, constant: number, context: Uint8Array, size: number): Uint8Array {
  const bits = size * 8;
  const out = secretBytes(size);
  for (let at = 0, counter = 1; at < size; at += BLOCK, counter++) {
    // Label (eleven zeros and the constant), separator, length, counter, context.
    const head = [...new Uint8Array(11), constant, 0x00, bits >> 8, bits & 0xff, counter];
    const block = cmac(key, Uint8Array.from([...head, ...context]));
    out.set(block.subarray(0, size - at), at);
    block.fill(0);
  }
  return out;
}

/** The session keys (§6.2.1). */
export function deriveSessionKeys(keys: ChannelKeys, context: Uint8Array): SessionKeys {
  return {
    enc: kdf(keys.enc, Derive.S_ENC, context, BLOCK),
    mac: kdf(keys.mac, Derive.S_MAC, context, BLOCK),
    rmac: kdf(keys.mac, Derive.S_RMAC, context, BLOCK),
  };
}

/** An SCP03 session. The card's side is open once it has accepted `externalAuthenticate`. */
export class SecureChannel {
  /** The second command of opening the channel; it proves the host's keys and sets the level. */
  readonly externalAuthenticate: Command;

  readonly #keys: SessionKeys;
  /** The MAC chaining value (§6.2.3): the whole last C-MAC. */
  #chaining = new Uint8Array(BLOCK);
  /** The number of commands so far (§6.2.6); each one counts, encrypted or not. */
  #counter = 0;
  #closed = false;

  /** Throws AuthenticationFailed if the card's cryptogram was not made with these keys. */
  constructor(
    keys: ChannelKeys,
    readonly level: SecurityLevel,
    hostChallenge: Uint8Array,
    card: Pick<CardHello, "challenge" | "cryptogram">,
  ) {
    const context = Buffer.concat([hostChallenge, card.challenge]);
    this.#keys = deriveSessionKeys(keys, context);
    if (!same(kdf(this.#keys.mac, Derive.CARD_CRYPTOGRAM, context, MAC_SIZE), card.cryptogram)) {
      throw this.#failed("the card does not have these transport keys");
    }
    // Never encrypted, whatever the level (§7.1.2).
    const data = kdf(this.#keys.mac, Derive.HOST_CRYPTOGRAM, context, MAC_SIZE);
    this.externalAuthenticate = this.#sign({
      cla: Cla.GP_SECURE,
      ins: Ins.EXTERNAL_AUTHENTICATE,
      p1: level,
      p2: 0,
      data,
    });
  }

  /** A command as it is sent over the line. */
  wrap(command: Command): Command {
    this.#mustBeOpen();
    this.#counter++;
    const { data } = command;
    // A command without data is not encrypted (§6.2.6).
    if (!(this.level & Level.C_DECRYPTION) || !data?.length) return this.#sign(command);
    const padded = pad(data);
    const encrypted = encryptCbc(this.#keys.enc, this.#icv(0x00), padded);
    padded.fill(0);
    return this.#sign({ ...command, data: encrypted });
  }

  /** The card's answer to the last wrapped command. Throws AuthenticationFailed if it is not authentic. */
  unwrap(response: Response<Buffer>): Response<Buffer> {
    this.#mustBeOpen();
    const { data, sw } = response;
    // An error status comes without data and unprotected (§6.2.5).
    if (isError(response)) return { data: Buffer.alloc(0), sw };
    const inner = this.level & Level.R_MAC ? this.#verified(data, sw) : data;
    if (!(this.level & Level.R_ENCRYPTION) || inner.length === 0) return { data: inner, sw };
    return { data: this.#decrypted(inner), sw };
  }

  /** Zeroes the keys. The channel cannot be used afterwards. */
  close(): void {
    this.#closed = true;
    for (const bytes of [this.#keys.enc, this.#keys.mac, this.#keys.rmac, this.#chaining]) bytes.fill(0);
  }

  /** §6.2.4: the class byte marks secure messaging, and the length includes the MAC. */
  #sign(command: Command): Command {
    const { data = new Uint8Array(0) } = command;
    if (data.length + MAC_SIZE > MAX_DATA) throw new RangeError("the command is too long for this secure channel");
    const cla = (command.cla & 0xf0) | SECURE;
    const header = [cla, command.ins, command.p1, command.p2, data.length + MAC_SIZE];
    this.#chaining = Uint8Array.from(cmac(this.#keys.mac, Uint8Array.from([...this.#chaining, ...header, ...data])));
    return { ...command, cla, data: Buffer.concat([data, this.#chaining.subarray(0, MAC_SIZE)]) };
  }

  /** The data before the R-MAC, after checking it. */
  #verified(data: Buffer, sw: number): Buffer {
    if (data.length < MAC_SIZE) throw this.#failed("the card's answer has no MAC");
    const inner = data.subarray(0, -MAC_SIZE);
    const signed = Buffer.concat([this.#chaining, inner, Buffer.of(sw >> 8, sw & 0xff)]);
    const mac = cmac(this.#keys.rmac, signed).subarray(0, MAC_SIZE);
    if (!same(mac, data.subarray(-MAC_SIZE))) throw this.#failed("the card's answer has a wrong MAC");
    return inner;
  }

  #decrypted(data: Buffer): Buffer {
    const whole = data.length % BLOCK === 0;
    const plain = whole ? unpad(decryptCbc(this.#keys.enc, this.#icv(0x80), data)) : undefined;
    if (!plain) throw this.#failed("the card's answer has wrong padding");
    return plain;
  }

  /** The initial vector of AES-CBC: the encrypted counter; `mark` distinguishes responses (80) from commands (00). */
  #icv(mark: number): Buffer {
    const counter = Buffer.alloc(BLOCK);
    counter.writeUInt32BE(this.#counter, BLOCK - 4);
    counter[0] = mark;
    return encryptBlocks(this.#keys.enc, counter);
  }

  #mustBeOpen(): void {
    if (this.#closed) throw new Error("the secure channel is closed");
  }

  #failed(reason: string): AuthenticationFailed {
    this.close();
    return new AuthenticationFailed(reason);
  }
}

/**
 * Whether a response is a status word without data and R-MAC. A warning (62xx, 63xx) carries an R-MAC (§6.2.5). A
 * warning without one counts as an error: the command was refused, and the number of tries in it cannot be trusted.
 */
function isError({ data, sw }: Response<Buffer>): boolean {
  const warning = sw >> 8 === 0x62 || sw >> 8 === 0x63;
  return sw !== Sw.DONE && !(warning && data.length > 0);
}

/** Padding method 2 of ISO 9797-1 (GPC_SPE_014 §4.1.4): 80, then zeros to a whole block. */
function pad(data: Uint8Array): Uint8Array {
  const padded = secretBytes(data.length + BLOCK - (data.length % BLOCK));
  padded.set(data);
  padded[data.length] = 0x80;
  return padded;
}

/** The data before its padding; undefined if the padding is wrong. */
function unpad(padded: Uint8Array): Buffer | undefined {
  const end = padded.findLastIndex((byte) => byte !== 0);
  if (padded[end] !== 0x80 || padded.length - end > BLOCK) return undefined;
  return Buffer.from(padded.subarray(0, end));
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
