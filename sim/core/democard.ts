// The demo card: its public data. It has the public test key of RFC 6287.

const KEY = "12345678901234567890123456789012";

/** Its personalization. */
export const DEMO_CARD = {
  serial: "IB3000001",
  suite: "OCRA-1:HOTP-SHA256-8:QN06",
  pinCheck: "card",
  tries: 5,
  pin: "4071",
  key: Uint8Array.from(KEY, (character) => character.charCodeAt(0)),
  unlockKey: Uint8Array.from({ length: 32 }, (_, i) => i),
} as const;
