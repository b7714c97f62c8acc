// Known answers from test/vectors (OCRA, a seed file) and from ../shared (SCP03, Project Wycheproof's edge cases).

import { decodeCommand, decodeResponse, encodeCommand } from "../../host-tools/card/apdu.js";
import { kdf, SecureChannel, type SecurityLevel } from "../../host-tools/card/scp03.js";
import { diversify, kcv } from "../../host-tools/card/transportkeys.js";
import { ocra } from "../../host-tools/seeds/ocra.js";
import { importPskc } from "../../host-tools/seeds/pskcimport.js";
import { aesEncrypt, cbcDecrypt, cmac, deriveBits, hmac, ocraRespond } from "../support/crypto.js";
import { isAes128, type RecordedSession, scp03Rows, sessionsOfAes128 } from "../support/scp03vectors.js";
import { NO_SHARED, withShared } from "../support/sharedvectors.js";
import {
  EXAMPLE_SEED_FILE,
  EXAMPLE_SEED_KEY,
  EXAMPLE_SEED_SECRET,
  OCRA_FILES,
  ocraVectors,
} from "../support/vectors.js";
import { cbcCases, type MacCase, macCases } from "../support/wycheproof.js";
import { type Answer, hex, type LeftOut, type Origin, type Source, text } from "./answer.js";

const CMAC_FILE = "wycheproof_aes_cmac.json";
const CBC_FILE = "wycheproof_aes_cbc_pkcs5.json";
const HMAC_FILES = { SHA1: "wycheproof_hmac_sha1.json", SHA256: "wycheproof_hmac_sha256.json" } as const;

/** Derivation constants of SCP03 (GPC_SPE_014, table 4-1). */
const CONSTANTS = { cardCryptogram: 0x00, hostCryptogram: 0x01, sEnc: 0x04, sMac: 0x06, sRmac: 0x07 };

/** Those in test/vectors, which are in the repository. */
export const VECTOR_ANSWERS: Source = {
  missing: undefined,
  *answers() {
    for (const file of OCRA_FILES) yield* ocraAnswers(file);
    yield {
      figure: "pskc_example_host",
      id: "pskc-of-another-tool.xml",
      origin: "cross-checked",
      expected: EXAMPLE_SEED_KEY,
      compute: () => text(importPskc(EXAMPLE_SEED_FILE, EXAMPLE_SEED_SECRET).records[0]?.key ?? Buffer.alloc(0)),
    };
  },
  leftOut: () => [],
};

/** Those of other projects. */
export const SHARED_ANSWERS: Source = {
  missing: NO_SHARED,
  answers: () => withShared(() => [...sharedAnswers()]),
  leftOut: () => withShared(leftOut),
};

function* sharedAnswers(): Generator<Answer> {
  for (const session of sessionsOfAes128()) yield* sessionAnswers(session);
  yield* kdfAnswers();
  yield* keysetAnswers();
  yield* macAnswers("aes128_cmac_wycheproof", macCases(CMAC_FILE, 128), cmac);
  for (const [name, file] of Object.entries(HMAC_FILES))
    yield* macAnswers(`hmac_${name.toLowerCase()}_wycheproof`, macCases(file), (key, message) =>
      hmac(name as keyof typeof HMAC_FILES, key, message),
    );
  yield* cbcAnswers();
}

/** One vector, which the firmware and the host must both answer. */
function* byBoth(
  { figure, vector, ...rest }: Pick<Answer, "figure" | "origin" | "expected"> & { readonly vector: string },
  firmware: () => string,
  host: () => string,
): Generator<Answer> {
  yield { ...rest, figure, vector, id: `${vector} firmware`, compute: firmware };
  yield { ...rest, figure: `${figure}_host`, vector, id: `${vector} host`, compute: host };
}

function* ocraAnswers(file: (typeof OCRA_FILES)[number]): Generator<Answer> {
  const source = file === "card.json" ? "card" : "rfc6287";
  for (const [at, { suite, key, input, response: expected }] of ocraVectors(file).entries()) {
    const vector = `ocra ${source} ${at} ${suite}`;
    const origin: Origin = source === "card" ? "cross-checked" : "published";
    yield* byBoth(
      { figure: `ocra_${source}`, vector, origin, expected },
      () => ocraRespond(suite, key, input),
      () => ocra(suite, key, input),
    );
  }
}

/**
 * Session keys and cryptograms, computed by firmware and host; then the host's wrapped commands and unwrapped answers. The
 * cryptograms are in the recording; the session keys were derived from it.
 */
function* sessionAnswers(session: RecordedSession): Generator<Answer> {
  const context = hex(session.hostChallenge + session.cardChallenge);
  const enc = hex(session.keyset.enc);
  const mac = hex(session.keyset.mac);
  const sMac = hex(session.sMac);
  const keys = { sEnc: enc, sMac: mac, sRmac: mac, cardCryptogram: sMac, hostCryptogram: sMac };
  for (const [name, constant] of Object.entries(CONSTANTS)) {
    const key = keys[name as keyof typeof keys];
    const expected = session[name as keyof typeof keys];
    const bits = expected.length * 4;
    const vector = `scp03 session ${session.name} ${name}`;
    const origin = name.endsWith("Cryptogram") ? "published" : "cross-checked";
    yield* byBoth(
      { figure: "scp03_sessions", vector, origin, expected },
      () => text(deriveBits(key, constant, context, bits)),
      () => text(kdf(key, constant, context, bits / 8)),
    );
  }
  yield* channelAnswers(session);
}

/** The recorded commands and answers, in their order, since a channel counts them. */
function* channelAnswers(session: RecordedSession): Generator<Answer> {
  const { keyset, hostChallenge, cardChallenge, cardCryptogram, name } = session;
  const card = { challenge: hex(cardChallenge), cryptogram: hex(cardCryptogram) };
  const level = Number(session.securityLevel) as SecurityLevel;
  const channel = new SecureChannel({ enc: hex(keyset.enc), mac: hex(keyset.mac) }, level, hex(hostChallenge), card);
  const figure = "scp03_messages_host";
  const id = (what: string) => `scp03 session ${name} ${what}`;
  const authenticate = () => text(encodeCommand(channel.externalAuthenticate));
  yield { figure, id: id("EXTERNAL AUTHENTICATE"), expected: session.extAuth, compute: authenticate };
  for (const [at, { plain, wrapped, response }] of session.apdusInOrder.entries()) {
    // Computed here and not in `compute`, because the next message depends on it.
    const command = text(encodeCommand(channel.wrap(decodeCommand(hex(plain)))));
    yield { figure, id: id(`command ${at}`), expected: wrapped, compute: () => command };
    if (!response) continue;
    const answer = text(channel.unwrap(decodeResponse(hex(response.wrapped + response.sw))).data);
    yield { figure, id: id(`answer ${at}`), expected: response.plain, compute: () => answer };
  }
}

/** The published rows of key derivation: those of AES-128 in the firmware, all of them on the host. */
function* kdfAnswers(): Generator<Answer> {
  for (const [at, { key, constant, context, out: expected }] of scp03Rows("kdf").entries()) {
    const byte = Number.parseInt(constant, 16);
    const vector = `scp03 kdf ${at}`;
    const fromFirmware = () => text(deriveBits(hex(key), byte, hex(context), expected.length * 4));
    const fromHost = () => text(kdf(hex(key), byte, hex(context), expected.length / 2));
    if (isAes128(key)) yield* byBoth({ figure: "scp03_kdf", vector, expected }, fromFirmware, fromHost);
    else yield { figure: "scp03_kdf_host", vector, id: `${vector} host`, expected, compute: fromHost };
  }
}

/** Key check values, and diversified keys (KDF3), whose check values the source prints. */
function* keysetAnswers(): Generator<Answer> {
  for (const [at, { key, kcv: value }] of scp03Rows("kcv").entries()) {
    const expected = value.toLowerCase();
    const fromFirmware = () => text(aesEncrypt(hex(key), Buffer.alloc(16, 0x01)).subarray(0, 3));
    yield* byBoth({ figure: "scp03_check_values", vector: `kcv ${at}`, expected }, fromFirmware, () =>
      text(kcv(hex(key))),
    );
  }
  for (const row of scp03Rows("kdf3").filter(({ master }) => isAes128(master))) {
    for (const [at, name] of (["enc", "mac", "dek"] as const).entries()) {
      const vector = `kdf3 ${row.kdd} ${name}`;
      const expected = row[name];
      const input = hex(`01000000${(at + 1).toString(16).padStart(2, "0")}00${row.kdd}`);
      const fromHost = () => text(diversify(hex(row.master), hex(row.kdd), 1)[name]);
      const fromFirmware = () => text(cmac(hex(row.master), input));
      yield* byBoth({ figure: "scp03_kdf3", vector, origin: "cross-checked", expected }, fromFirmware, fromHost);
      const check = () => text(kcv(hex(expected)));
      yield { figure: "scp03_check_values_host", id: `${vector} kcv`, expected: row.kcv[name], compute: check };
    }
  }
}

function* macAnswers(
  figure: string,
  cases: MacCase[],
  mac: (key: Buffer, message: Buffer) => Buffer,
): Generator<Answer> {
  for (const { name, key, message, tag, valid } of cases) {
    const compute = () => (mac(key, message).subarray(0, tag.length).equals(tag) ? "right" : "wrong");
    yield { figure, id: `${figure} ${name}`, expected: valid ? "right" : "wrong", compute };
  }
}

function* cbcAnswers(): Generator<Answer> {
  const figure = "aes128_cbc_wycheproof";
  for (const { name, key, iv, padded, cipher, valid } of cbcCases(CBC_FILE, 128)) {
    if (!valid) continue;
    yield { figure, id: `${figure} ${name}`, expected: text(padded), compute: () => text(cbcDecrypt(key, iv, cipher)) };
  }
}

function leftOut(): LeftOut[] {
  const cbc = cbcCases(CBC_FILE);
  const cbc128 = cbcCases(CBC_FILE, 128);
  const other = "keys not of AES-128";
  return [
    {
      name: "aes_cmac_wycheproof",
      count: macCases(CMAC_FILE).length - macCases(CMAC_FILE, 128).length,
      why: other,
    },
    { name: "aes_cbc_wycheproof", count: cbc.length - cbc128.length, why: other },
    {
      name: "aes128_cbc_wycheproof_invalid",
      count: cbc128.filter(({ valid }) => !valid).length,
      why: "wrong padding of PKCS #5, of which the card has none",
    },
    { name: "scp03_sessions", count: scp03Rows("sessions").length - sessionsOfAes128().length, why: other },
    { name: "scp03_kdf_firmware", count: scp03Rows("kdf").filter(({ key }) => !isAes128(key)).length, why: other },
    { name: "scp03_kdf3", count: scp03Rows("kdf3").filter(({ master }) => !isAes128(master)).length, why: other },
  ];
}
