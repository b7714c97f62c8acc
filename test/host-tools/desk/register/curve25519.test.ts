// Keys of X25519 and Ed25519 as bytes: the published vectors of RFC 7748 §5.2 and RFC 8032 §7.1.

import { diffieHellman, sign, verify } from "node:crypto";
import * as assert from "uvu/assert";
import { privateKeyOf, publicBytesOf, publicKeyOf } from "../../../../host-tools/desk/register/curve25519.js";
import { suite } from "../../../support/suite.js";

const test = suite("curve25519");

const hex = (text: string) => Buffer.from(text, "hex");

test("X25519: scalar and point of RFC 7748 §5.2 give the stated output", () => {
  const scalar = hex("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4");
  const point = hex("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c");
  const privateKey = privateKeyOf("X25519", scalar);
  const publicKey = publicKeyOf("X25519", point);
  assert.is(
    diffieHellman({ privateKey, publicKey }).toString("hex"),
    "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552",
  );
  assert.equal(publicBytesOf(publicKey), point);
});

test("X25519: a public key is the private key times the point 9", () => {
  const nine = Buffer.concat([Buffer.of(9), Buffer.alloc(31)]);
  assert.is(
    publicBytesOf(privateKeyOf("X25519", nine)).toString("hex"),
    "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079",
  );
});

test("Ed25519: the second test of RFC 8032 §7.1 gives the stated signature", () => {
  const privateKey = privateKeyOf("Ed25519", hex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"));
  const publicBytes = publicBytesOf(privateKey);
  assert.is(publicBytes.toString("hex"), "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
  const message = Buffer.of(0x72);
  const signature =
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aee" +
    "b00d291612bb0c00";
  assert.is(sign(null, message, privateKey).toString("hex"), signature);
  assert.ok(verify(null, message, publicKeyOf("Ed25519", publicBytes), hex(signature)));
});

test("a key of 31 or 33 bytes is refused", () => {
  for (const size of [0, 31, 33]) {
    assert.throws(() => privateKeyOf("X25519", Buffer.alloc(size)), /has 32 bytes/);
    assert.throws(() => publicKeyOf("Ed25519", Buffer.alloc(size)), /has 32 bytes/);
  }
});

test.run();
