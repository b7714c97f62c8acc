// Keys in a SoftHSM token give the same results as the same keys in a file. A PIN is tried once. A token that is pulled
// out, read-only, full, without the key or with a wrong key gives one clear line.

import { symlinkSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { diversificationData, diversify, kcv, masterKcv } from "../../../../host-tools/card/transportkeys.js";
import {
  Attr,
  type Cryptoki,
  type Handle,
  loadCryptoki,
  TokenFlag,
} from "../../../../host-tools/desk/custody/cryptoki.js";
import { TokenError, TokenPinError, type TokenReason } from "../../../../host-tools/desk/custody/errors.js";
import { type KeyUse, MAC_USE, TRANSPORT_USE, WRAPPING_USE } from "../../../../host-tools/desk/custody/keyuses.js";
import { findSlot } from "../../../../host-tools/desk/custody/slots.js";
import type { Token } from "../../../../host-tools/desk/custody/token.js";
import { TokenMac, TokenMaster, TokenWrapping } from "../../../../host-tools/desk/custody/tokenkeys.js";
import { Tokens } from "../../../../host-tools/desk/custody/tokens.js";
import { parseTokenUri } from "../../../../host-tools/desk/custody/uri.js";
import { JournalKey } from "../../../../host-tools/desk/register/journalchain.js";
import { UsageError } from "../../../../host-tools/files/errors.js";
import { hmac, spoiled } from "../../../support/byhand.js";
import { pattern } from "../../../support/pattern.js";
import { scratchFolder } from "../../../support/scratch.js";
import { packageTest } from "../../../support/skipping.js";
import { giving, importKey, MODULE, NO_PKCS11JS, NO_SOFTHSM, SoftTokens, TOKEN_PIN } from "../../../support/softhsm.js";
import { skip, suite } from "../../../support/suite.js";

const inner = suite("keys in a token");
const test = (name: string, body: () => Promise<void>) =>
  packageTest(inner, NO_SOFTHSM, name, NO_PKCS11JS === undefined ? body : () => skip(NO_PKCS11JS ?? ""));

const MASTER = pattern(16, 7);
const KEY = pattern(32, 8);
const REGISTER = pattern(16, 9);
/** SoftHSM 2.6.1 ignores the first name of the list. */
const WITHOUT_MECHANISMS = "slots.mechanisms = -CKM_MD5,CKM_AES_GCM,CKM_AES_CMAC,CKM_SHA256_HMAC";
const uriOf = (object: string, more = "token=desk;") => parseTokenUri(`pkcs11:${more}object=${object}`);

/** Counts the calls of functions, and replaces their results. */
interface Spy {
  readonly calls: string[];
  /** The CKR_ value with which a function fails from now on. */
  readonly failing: Map<string, string>;
  /** Additional flags of the token. */
  flags: number;
}

/** The module, watched. */
function watched(cryptoki: Cryptoki, spy: Spy): Cryptoki {
  return new Proxy(cryptoki, {
    get(target, name: keyof Cryptoki) {
      if (typeof target[name] !== "function") return target[name];
      return (...args: unknown[]) => {
        spy.calls.push(name);
        const failure = spy.failing.get(name);
        if (failure !== undefined) throw new Error(failure);
        const result = (target[name] as (...all: unknown[]) => unknown).apply(target, args);
        return name === "C_GetTokenInfo" ? withFlags(result as object & { flags: number }, spy.flags) : result;
      };
    },
  });
}

function withFlags<T extends { flags: number }>(info: T, flags: number): T {
  return { ...info, flags: info.flags | flags };
}

interface Rig {
  readonly soft: SoftTokens;
  readonly spy: Spy;
  readonly tokens: Tokens;
  open(uri?: ReturnType<typeof uriOf>, pin?: string, typed?: boolean): Promise<Token>;
  /** Keys with known bytes, and others as `changed` says. */
  put(label: string, use: KeyUse, value: Buffer, ...changed: Parameters<typeof importKey>[5] & object): Promise<void>;
}

/** A new token with the label `desk`, and the spy on its module. */
async function withToken(body: (rig: Rig) => Promise<void>, ...settings: readonly string[]): Promise<void> {
  const soft = new SoftTokens(...settings);
  soft.add("desk");
  const spy: Spy = { calls: [], failing: new Map(), flags: 0 };
  let module: Cryptoki | undefined;
  const load = async (path: string) => {
    module = await loadCryptoki(path);
    return watched(module, spy);
  };
  const tokens = new Tokens(load);
  const open: Rig["open"] = (uri = uriOf("any"), pin = TOKEN_PIN, typed = false) =>
    tokens.tokenOf(uri, MODULE, giving(pin, typed));
  const put: Rig["put"] = async (label, use, value, ...changed) => {
    await open();
    const cryptoki = module as Cryptoki;
    const session = cryptoki.C_OpenSession(findSlot(cryptoki, uriOf(label)) as Handle, 6);
    importKey(cryptoki, session, label, use, value, changed);
    cryptoki.C_CloseSession(session);
  };
  try {
    await body({ soft, spy, tokens, open, put });
  } finally {
    tokens.close();
  }
}

/** Asserts that the work fails with this reason and a message of one line. Returns the message. */
async function refused(reason: TokenReason, work: () => unknown): Promise<string> {
  try {
    await work();
  } catch (error) {
    assert.instance(error, TokenError, String(error));
    const { reason: given, message } = error as TokenError;
    assert.is(given, reason, message);
    assert.not.match(message, /\n/);
    assert.not.match(message, TOKEN_PIN);
    assert.is(error instanceof TokenPinError, reason.startsWith("pin"), message);
    return message;
  }
  return assert.unreachable(`it was done: ${reason} was expected`) as never;
}

test("a transport master key in a token gives the same keys and check value as in a file", () =>
  withToken(async ({ open, put }) => {
    await put("transport", TRANSPORT_USE, MASTER);
    const master = new TokenMaster((await open()).key(uriOf("transport"), TRANSPORT_USE));
    assert.equal(masterKcv(master), kcv(MASTER));
    for (const serial of ["IB3000001", "IB3000123", "IB9999999"])
      assert.equal(
        diversify(master, diversificationData(serial), 3),
        diversify(MASTER, diversificationData(serial), 3),
        serial,
      );
  }));

test("a journal key in a token gives the same HMAC, head and tag as in a file", () =>
  withToken(async ({ open, put }) => {
    await put("journal", MAC_USE, KEY);
    const mac = new TokenMac((await open()).key(uriOf("journal"), MAC_USE));
    for (const size of [1, 63, 64, 65, 5000]) {
      const text = pattern(size, 11);
      assert.equal(mac.hmac(text), hmac(KEY, text), `${size} bytes`);
      assert.equal(mac.hmac(text.subarray(0, 20), text.subarray(20)), hmac(KEY, text), `${size} bytes in two parts`);
    }
    const [held, readable] = [new JournalKey(mac, REGISTER), new JournalKey(KEY, REGISTER)];
    const position = { number: 3, mac: pattern(32, 1) };
    assert.equal(held.publicKey, readable.publicKey);
    assert.ok(readable.isTaggedBy(held.tag), "a register that was made with the token opens with a copy of the key");
    assert.not.ok(new JournalKey(spoiled(KEY, 0), REGISTER).isTaggedBy(held.tag));
    assert.not.ok(new JournalKey(KEY, spoiled(REGISTER, 0)).isTaggedBy(held.tag));
    assert.equal(held.positionMac(position), readable.positionMac(position));
    assert.equal(held.signHead(position, 5), readable.signHead(position, 5));
  }));

test("a token opens what it wrapped, and nothing that was changed", () =>
  withToken(async ({ open }) => {
    const token = await open();
    const wrapping = new TokenWrapping(token.create(uriOf("site"), WRAPPING_USE));
    const other = new TokenWrapping(token.create(uriOf("other"), WRAPPING_USE));
    const place = Buffer.from("site of a register");
    const wrapped = wrapping.wrap(KEY, place);
    assert.not.ok(wrapped.includes(KEY.subarray(0, 8)));
    assert.not.equal(wrapping.wrap(KEY, place), wrapped, "two with one nonce");
    assert.equal(wrapping.unwrap(wrapped, place), KEY);
    assert.is(other.unwrap(wrapped, place), undefined);
    assert.is(wrapping.unwrap(wrapped, Buffer.from("desk of a register")), undefined);
    for (let at = 0; at < wrapped.length; at++)
      assert.is(wrapping.unwrap(spoiled(wrapped, at), place), undefined, `byte ${at}`);
    for (const size of [0, 1, 29, wrapped.length - 1])
      assert.is(wrapping.unwrap(wrapped.subarray(0, size), place), undefined, `${size} bytes`);
  }));

test("a key made in a token cannot leave it, and is made once", () =>
  withToken(async ({ open, soft }) => {
    const token = await open();
    for (const [label, use] of [
      ["t", TRANSPORT_USE],
      ["w", WRAPPING_USE],
      ["m", MAC_USE],
    ] as const) {
      token.create(uriOf(label), use);
      token.key(uriOf(label), use);
      await refused("exists", () => token.create(uriOf(label), use));
    }
    assert.is(soft.keyFiles.length, 3);
  }));

test("a wrong PIN is tried once per command, however many keys there are", () =>
  withToken(async ({ open, spy }) => {
    const said = await refused("pin", () => open(uriOf("a"), "2718-wrong"));
    assert.not.match(said, "2718-wrong");
    assert.equal(
      spy.calls.filter((name) => name === "C_Login"),
      ["C_Login"],
    );
  }));

test("a token is opened once, and its PIN asked for once", () =>
  withToken(async ({ tokens, spy }) => {
    let asked = 0;
    const askPin = (name: string) => {
      asked++;
      assert.is(name, 'token "desk"');
      return giving()(name);
    };
    const opened = [];
    for (const label of ["a", "b", "c"]) opened.push(await tokens.tokenOf(uriOf(label), MODULE, askPin));
    assert.is(new Set(opened).size, 1);
    assert.is(asked, 1);
    assert.is(spy.calls.filter((name) => name === "C_Login").length, 1);
  }));

test("a module named by two paths is loaded once, and its PIN asked for once", () =>
  withToken(async ({ tokens, spy, soft }) => {
    const link = join(scratchFolder(), "module.so");
    symlinkSync(MODULE, link);
    const first = (await tokens.tokenOf(uriOf("a"), MODULE, giving())).create(uriOf("a"), MAC_USE);
    const again = await tokens.tokenOf(uriOf("a"), link, giving("2718-wrong"));
    assert.equal(new TokenMac(again.key(uriOf("a"), MAC_USE)).hmac(KEY), new TokenMac(first).hmac(KEY));
    assert.is(spy.calls.filter((name) => name === "C_Login").length, 1);
    assert.is(soft.keyFiles.length, 1);
  }));

test("a locked token is not asked, and one with its last try takes no PIN from a file", () =>
  withToken(async ({ open, spy }) => {
    spy.flags = TokenFlag.LOCKED;
    await refused("pin-locked", open);
    spy.flags = TokenFlag.FINAL_TRY;
    await refused("pin", open);
    assert.not.ok(spy.calls.includes("C_Login"));
    await open(uriOf("any"), TOKEN_PIN, true);
    assert.ok(spy.calls.includes("C_Login"));
  }));

test("a token's different answers to a PIN are distinguished", () =>
  withToken(async ({ open, spy }) => {
    for (const [code, reason] of [
      ["CKR_PIN_LOCKED", "pin-locked"],
      ["CKR_PIN_EXPIRED", "pin-locked"],
      ["CKR_PIN_LEN_RANGE", "pin"],
      ["CKR_DEVICE_REMOVED", "removed"],
    ] as const) {
      spy.failing.set("C_Login", code);
      assert.match(await refused(reason, open), code);
    }
  }));

test("a token removed in the middle gives one line; put back, it works in the next command", () =>
  withToken(async ({ open, soft, tokens }) => {
    const token = await open();
    const master = new TokenMaster(token.create(uriOf("transport"), TRANSPORT_USE));
    const mac = new TokenMac(token.create(uriOf("journal"), MAC_USE));
    const wrapping = new TokenWrapping(token.create(uriOf("site"), WRAPPING_USE));
    const place = Buffer.from("place");
    const wrapped = wrapping.wrap(KEY, place);
    const before = soft.keyFiles;
    soft.takeOut();
    for (const work of [
      () => master.cmac(MASTER),
      () => master.checkValue(),
      () => mac.hmac(KEY),
      () => wrapping.wrap(KEY, place),
      () => wrapping.unwrap(wrapped, place),
    ])
      assert.match(await refused("removed", work), "put the token back");
    for (const work of [() => token.key(uriOf("transport"), TRANSPORT_USE), () => token.create(uriOf("new"), MAC_USE)])
      await assertRefused(work);
    soft.putBack();
    assert.equal(soft.keyFiles, before, "nothing half done");
    tokens.close();
    const again = new TokenWrapping((await open()).key(uriOf("site"), WRAPPING_USE));
    assert.equal(again.unwrap(wrapped, place), KEY);
  }));

async function assertRefused(work: () => unknown): Promise<void> {
  try {
    work();
  } catch (error) {
    return assert.instance(error, TokenError, String(error));
  }
  assert.unreachable("it was done");
}

test("no token, another label, two tokens with one label, no key and two keys are each reported", () =>
  withToken(async ({ open, soft, tokens, put }) => {
    assert.match(
      await refused("missing", () => open(uriOf("a", "token=till;"))),
      /; present: token "desk", serial [0-9a-f]{16}/,
    );
    await refused("missing", () => open(uriOf("a", "token=desk;manufacturer=Snake%20Oil;")));
    assert.match(await refused("no-key", async () => (await open()).key(uriOf("site"), WRAPPING_USE)), 'token "desk"');
    await put("twice", WRAPPING_USE, KEY, { type: Attr.ID, value: Buffer.of(1) });
    await put("twice", WRAPPING_USE, KEY, { type: Attr.ID, value: Buffer.of(2) });
    const token = await open();
    await refused("ambiguous", () => token.key(uriOf("twice"), WRAPPING_USE));
    await refused("ambiguous", () => token.create(uriOf("twice"), WRAPPING_USE));
    token.key(parseTokenUri("pkcs11:token=desk;object=twice;id=%02"), WRAPPING_USE);
    token.key(parseTokenUri("pkcs11:token=desk;id=%01"), WRAPPING_USE);
    tokens.close();
    soft.add("desk");
    const said = await refused("ambiguous", () => open());
    const [serial] = /(?<=serial )[0-9a-f]{16}/.exec(said) ?? [];
    await open(uriOf("a", `serial=${serial};`));
  }));

test("a key of another type or size, or one that may leave its token, is refused", () =>
  withToken(async ({ open, put }) => {
    await put("short", WRAPPING_USE, MASTER);
    await put("mac", MAC_USE, KEY);
    await put("loose", TRANSPORT_USE, MASTER, { type: Attr.EXTRACTABLE, value: true });
    await put("bare", TRANSPORT_USE, MASTER, { type: Attr.SENSITIVE, value: false });
    const token = await open();
    await refused("wrong-key", () => token.key(uriOf("short"), WRAPPING_USE));
    await refused("wrong-key", () => token.key(uriOf("mac"), WRAPPING_USE));
    for (const label of ["loose", "bare"])
      assert.match(await refused("wrong-key", () => token.key(uriOf(label), TRANSPORT_USE)), "may leave its token");
  }));

test("a token that lacks a needed mechanism says which, before a key is made", () =>
  withToken(async ({ open, soft }) => {
    const token = await open();
    for (const [use, mechanism] of [
      [TRANSPORT_USE, "CKM_AES_CMAC"],
      [WRAPPING_USE, "CKM_AES_GCM"],
      [MAC_USE, "CKM_SHA256_HMAC"],
    ] as const)
      assert.match(await refused("unsupported", () => token.create(uriOf("a"), use)), mechanism);
    assert.equal(soft.keyFiles, []);
  }, WITHOUT_MECHANISMS));

test("a read-only or full token makes no key, but its keys can be used", () =>
  withToken(async ({ open, spy, tokens, soft }) => {
    (await open()).create(uriOf("site"), WRAPPING_USE);
    const [site] = soft.keyFiles;
    for (const [code, reason] of [
      ["CKR_DEVICE_MEMORY", "full"],
      ["CKR_TOKEN_WRITE_PROTECTED", "read-only"],
      ["CKR_GENERAL_ERROR", "other"],
    ] as const) {
      spy.failing.set("C_GenerateKey", code);
      const said = await refused(reason, async () => (await open()).create(uriOf("new"), MAC_USE));
      assert.match(said, "no key was made");
      assert.match(said, code);
    }
    spy.failing.clear();
    tokens.close();
    spy.flags = TokenFlag.WRITE_PROTECTED;
    const token = await open();
    await refused("read-only", () => token.create(uriOf("new"), MAC_USE));
    token.key(uriOf("site"), WRAPPING_USE);
    assert.equal(soft.keyFiles, [site]);
  }));

test("for a missing module or package the error says what to install", async () => {
  const tokens = new Tokens();
  const open = (path: string | undefined, uri = uriOf("a")) => tokens.tokenOf(uri, path, giving());
  assert.match(await refused("library", () => open("/no/such/module.so")), "/no/such/module.so");
  assert.match(await refused("library", () => open(process.execPath)), "cannot be loaded");
  assert.match(await refused("library", () => open(undefined)), "PKCS11_MODULE_PATH");
  assert.match(await refused("library", () => loadCryptoki(MODULE, "no-such-package")), "npm rebuild pkcs11js");
});

test("a URI with a PIN, without a key, or of another kind of object is refused before anything is loaded", async () => {
  const tokens = new Tokens(() => assert.unreachable("loaded") as never);
  for (const text of ["pkcs11:object=a?pin-value=2718", "pkcs11:token=desk", "pkcs11:object=a;type=private"])
    try {
      await tokens.tokenOf(parseTokenUri(text), MODULE, giving());
      assert.unreachable(text);
    } catch (error) {
      assert.instance(error, UsageError, text);
      assert.not.match((error as Error).message, "2718");
    }
});

inner.run();
