// The hashes that a card may have, by the names that OCRA gives them (RFC 6287 §6.1).

export type HashName = "SHA1" | "SHA256" | "SHA512";
