// PINs sealed to the desk's public key: opened independently by hand, bound to their order, and closed to all other keys.

import { createPrivateKey, createPublicKey, diffieHellman } from "node:crypto";
import * as assert from "uvu/assert";
import { drawDeskPair, openAtDesk, sealToDesk } from "../../../../host-tools/desk/register/deskbox.js";
import { hkdf, spoiled, unseal } from "../../../support/byhand.js";
import { suite } from "../../../support/suite.js";

const test = suite("deskbox");

const PIN = Buffer.from("4071");
const ORDER = Buffer.from("register, order number, user name");

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64url");

/** X25519 with keys in the form of a JSON Web Key (RFC 8037). */
function sharedSecret(ownPrivate: Uint8Array, ownPublic: Uint8Array, otherPublic: Uint8Array): Buffer {
  const form = { kty: "OKP", crv: "X25519" };
  const privateKey = createPrivateKey({
    key: { ...form, d: base64(ownPrivate), x: base64(ownPublic) },
    format: "jwk",
  });
  return diffieHellman({
    privateKey,
    publicKey: createPublicKey({ key: { ...form, x: base64(otherPublic) }, format: "jwk" }),
  });
}

test("the desk's private key opens the box by RFC 7748, RFC 5869 and AES-256-GCM", () => {
  const desk = drawDeskPair();
  const box = sealToDesk(desk.publicKey, PIN, ORDER);
  const ephemeral = box.subarray(0, 32);
  const shared = sharedSecret(desk.privateKey, desk.publicKey, ephemeral);
  const key = hkdf(shared, Buffer.concat([ephemeral, desk.publicKey]), "dsc desk box");
  assert.equal(unseal(key, box.subarray(32), ORDER), PIN);
  assert.equal(openAtDesk(desk.privateKey, box, ORDER), PIN);
});

test("for another desk, another order, or a changed or shorter box nothing opens", () => {
  const desk = drawDeskPair();
  const box = sealToDesk(desk.publicKey, PIN, ORDER);
  assert.is(openAtDesk(drawDeskPair().privateKey, box, ORDER), undefined);
  assert.is(openAtDesk(desk.privateKey, box, Buffer.from("another order")), undefined);
  for (let at = 0; at < box.length; at++) assert.is(openAtDesk(desk.privateKey, spoiled(box, at), ORDER), undefined);
  for (let size = 0; size < box.length; size++)
    assert.is(openAtDesk(desk.privateKey, box.subarray(0, size), ORDER), undefined);
});

test("no two boxes share an ephemeral key, and no box contains its PIN", () => {
  const { publicKey } = drawDeskPair();
  const boxes = Array.from({ length: 20 }, () => sealToDesk(publicKey, PIN, ORDER));
  assert.is(new Set(boxes.map((box) => box.subarray(0, 32).toString("hex"))).size, 20);
  for (const box of boxes) assert.not(box.includes(PIN));
});

test("a public key with a shared secret that everybody knows is refused", () => {
  const desk = drawDeskPair();
  const box = sealToDesk(desk.publicKey, PIN, ORDER);
  for (const first of [0, 1]) {
    const point = Buffer.concat([Buffer.of(first), Buffer.alloc(31)]);
    assert.throws(() => sealToDesk(point, PIN, ORDER), /no public key/);
    assert.is(openAtDesk(desk.privateKey, Buffer.concat([point, box.subarray(32)]), ORDER), undefined);
  }
});

test.run();
