// The hashes that a card may support, by their OCRA names (RFC 6287 §6.1).

export type HashName = "SHA1" | "SHA256" | "SHA512";
