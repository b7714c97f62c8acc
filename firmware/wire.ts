// Every number that crosses the boundary between the firmware and its hosts, and no other (docs/ABI.md, docs/PROTOCOL.md).
//
//   State, Key, Kind, NEVER          the module's imports and exports
//   Channel, Slip, MAX_PAYLOAD       frames on the serial line
//   Cla, Ins, Sw, the P1s and P2s    commands; Level and the sizes below it: the secure channel
//   Tag, StatusAt, Lock, FirmwareAt  what GET DATA answers (DF20 is Tag.STATUS, its bytes are StatusAt)
//   RecordAt, Limit, PinCheck        the record of STORE DATA
//   PutKey, KeyVersion               PUT KEY
//
// Plain enums: AssemblyScript and TypeScript both read them.

/** Returned as milliseconds when nothing is due, and as tries left when the card counts none (docs/ABI.md). */
export const NEVER = 0x7fffffff;

/** The states of the card, one for each screen (docs/ABI.md). */
export enum State {
  OFF = 0,
  BATT_LOW = 1,
  ERROR = 2,
  NO_KEY = 3,
  PIN = 4,
  WRONG_PIN = 5,
  CHALLENGE = 6,
  RESPONSE = 7,
  NEW_PIN = 8,
  REPEAT_PIN = 9,
  WEAK_PIN = 10,
  NO_MATCH = 11,
  PIN_SET = 12,
  LOCKED = 13,
  LOCK_CODE = 14,
  UNLOCK = 15,
  WRONG_CODE = 16,
  BLOCKED = 17,
  /** A secure channel is open. */
  SERIAL = 18,
  /** The bench tests the screen and the keys. */
  TEST = 19,
}

/** The keys; 0 to 9 are the digits. */
export enum Key {
  OK = 10,
  PRESS = 11,
}

/** The number of an ERROR: on the screen, in byte StatusAt.ERROR of the status, and added to Sw.ERROR. */
export enum ErrorNumber {
  /** The crypto self-test found a wrong answer. */
  CRYPTO = 1,
  /** Flash does not hold what this firmware writes. */
  FLASH = 2,
  /** The random source fails. */
  RANDOM = 3,
}

/** The channels of the serial line (docs/PROTOCOL.md). */
export enum Channel {
  APDU = 0,
  PANEL = 1,
}

/** Offsets in the report of the front panel (channel 1): on | state | text of the screen. */
export enum PanelAt {
  /** 1 on, 0 off. */
  ON = 0,
  /** One of State. */
  STATE = 1,
  /** Eight characters. */
  TEXT = 2,
  SIZE = 10,
}

/** What kind of host the firmware runs in. Only a production image has no front panel on the serial line. */
export enum Kind {
  PRODUCTION = 1,
  DEVELOPMENT = 2,
  SIMULATOR = 3,
}

/** The version of the protocol: the answer to a hello. */
export const PROTOCOL_VERSION = 1;
/** The longest payload of a frame, in bytes: a short APDU with 255 bytes of data. */
export const MAX_PAYLOAD = 261;

/** SLIP's special bytes (RFC 1055). */
export enum Slip {
  END = 0xc0,
  ESC = 0xdb,
  ESC_END = 0xdc,
  ESC_ESC = 0xdd,
}

/** Class bytes, without and with secure messaging. */
export enum Cla {
  ISO = 0x00,
  GP = 0x80,
  ISO_SECURE = 0x04,
  GP_SECURE = 0x84,
}

/** Instructions (ISO 7816-4, GPC_SPE_034 §11), and one of our own. */
export enum Ins {
  SELF_TEST = 0x10,
  CHANGE_REFERENCE_DATA = 0x24,
  RESET_RETRY_COUNTER = 0x2c,
  INITIALIZE_UPDATE = 0x50,
  EXTERNAL_AUTHENTICATE = 0x82,
  INTERNAL_AUTHENTICATE = 0x88,
  SELECT = 0xa4,
  GET_DATA = 0xca,
  PUT_KEY = 0xd8,
  STORE_DATA = 0xe2,
  SET_STATUS = 0xf0,
}

/** Status words (ISO 7816-4 §5.6). */
export enum Sw {
  DONE = 0x9000,
  NOT_AUTHENTIC = 0x6300,
  /** The last digit is the number of tries left. */
  WRONG = 0x63c0,
  FLASH_FAILED = 0x6581,
  WRONG_LENGTH = 0x6700,
  NOT_IN_THIS_CHANNEL = 0x6982,
  NO_TRIES = 0x6983,
  NOT_USABLE = 0x6984,
  NOT_IN_THIS_STATE = 0x6985,
  WRONG_SECURE_MESSAGING = 0x6988,
  WRONG_DATA = 0x6a80,
  NO_APPLICATION = 0x6a82,
  WRONG_PARAMETERS = 0x6a86,
  NO_SUCH_DATA = 0x6a88,
  UNKNOWN_COMMAND = 0x6d00,
  UNKNOWN_CLASS = 0x6e00,
  /** The last two digits are the number of the card's ERROR. */
  ERROR = 0x6f00,
}

/** Tags of GET DATA. */
export enum Tag {
  SERIAL = 0x0045,
  RECOGNITION = 0x0066,
  KEY_INFORMATION = 0x00e0,
  STATUS = 0xdf20,
  FIRMWARE = 0xdf21,
  SUITE = 0xdf22,
  SUITES = 0xdf23,
  CARD_ID = 0xdf24,
}

/** Security levels of a secure channel (GPC_SPE_014 §7.1.2), bit by bit. */
export enum Level {
  C_MAC = 0x01,
  C_DECRYPTION = 0x02,
  R_MAC = 0x10,
  R_ENCRYPTION = 0x20,
  FULL = 0x33,
}

/** Sizes of the secure channel, in bytes (GPC_SPE_014 §6.2, §7.1). */
export enum Scp03Size {
  /** A challenge, the host's or the card's. */
  CHALLENGE = 8,
  /** A cryptogram, a C-MAC or an R-MAC as it is sent (S8). */
  // biome-ignore lint/suspicious/noDuplicateEnumValues: the two sizes are independent
  MAC = 8,
  /** The diversification data: the serial number and a zero byte. */
  DIVERSIFICATION = 10,
  /** The data of EXTERNAL AUTHENTICATE: host cryptogram and C-MAC. */
  AUTHENTICATE = 16,
  /** The answer to INITIALIZE UPDATE: diversification data, key version, protocol, i, challenge, cryptogram. */
  INITIALIZE_UPDATE = 29,
}

/**
 * What the answer to INITIALIZE UPDATE says about the protocol: SCP03, and "i" = 60 (random challenge, R-MAC and
 * R-ENC).
 */
export enum Scp03 {
  PROTOCOL = 0x03,
  I = 0x60,
}

/** Derivation constants (GPC_SPE_014 table 4-1). */
export enum Derive {
  CARD_CRYPTOGRAM = 0,
  HOST_CRYPTOGRAM = 1,
  S_ENC = 4,
  S_MAC = 6,
  S_RMAC = 7,
}

/**
 * Offsets in the status: the SIZE bytes that GET DATA of Tag.STATUS (DF20) returns. On a card in ERROR, LIFE is
 * LIFE_NOT_TOLD, ERROR and BATTERY are set, and all other bytes are zero.
 */
export enum StatusAt {
  /** One of Life. */
  LIFE = 0,
  /** One of Lock. */
  LOCK = 1,
  /** One of PinCheck; 0 on a blank card. */
  PIN_CHECK = 2,
  /** How many wrong PINs in a row lock the card; 0 on a blank card. */
  TRIES = 3,
  /** PIN tries left; 0 if the card does not judge the PIN. */
  TRIES_LEFT = 4,
  /** Code tries left; 0 if the card does not judge the PIN. */
  CODE_TRIES_LEFT = 5,
  /** 1 if the transport keys are the public test keys, else 0. */
  TEST_KEYS = 6,
  /** One of ErrorNumber, or 0. */
  ERROR = 7,
  /** Two bytes: the battery's voltage in mV, the high byte first. */
  BATTERY = 8,
  SIZE = 10,
}

/** The life of a card: byte StatusAt.LIFE of the status, and a byte in the head of a flash page. */
export enum Life {
  /** No keys: the card is factory-new or wiped. */
  BLANK = 1,
  /** The card holds its secrets; its personalization is not finished. */
  SEEDED = 2,
  PERSONALIZED = 3,
}
/** LIFE in the status of a card in ERROR. */
export const LIFE_NOT_TOLD = 0xff;

/** Whether the tries of a card that judges the PIN are spent: byte StatusAt.LOCK of the status. */
export enum Lock {
  NONE = 0,
  /** No PIN tries are left: an unlock code opens the card. */
  LOCKED = 1,
  /** No code tries are left either: only a new personalization brings the card back. */
  BLOCKED = 2,
}

/** Who judges the PIN: in the status, in the record of STORE DATA, and in flash. */
export enum PinCheck {
  CARD = 1,
  SERVER = 2,
}

/** Offsets in the answer to GET DATA of Tag.FIRMWARE (DF21). */
export enum FirmwareAt {
  /** Major, minor, patch: a byte each. */
  VERSION = 0,
  /** Eight bytes of the module's hash, which the build inserts. */
  HASH = 3,
  /** One of Kind. The answer of the first release ends before this byte. */
  KIND = 11,
  SIZE = 12,
}

/** Offsets in the answer to GET DATA of Tag.SUITES (DF23). */
export enum SuitesAt {
  /** Hashes of the response: bit 0 SHA-1, bit 1 SHA-256, bit 2 SHA-512. */
  HASHES = 0,
  /** Hashes of the PIN, in the same bits. */
  PIN_HASHES = 1,
  /** Digits of a response. */
  DIGITS = 2,
  /** Digits of a challenge. */
  CHALLENGE = 3,
  SIZE = 4,
}

/** Bytes of a card id: GET DATA of Tag.CARD_ID (DF24). */
export const CARD_ID_SIZE = 8;

/** Lengths of what is entered, shown or sent, in ASCII digits. */
export enum Digits {
  PIN = 4,
  CHALLENGE = 6,
  RESPONSE = 8,
  /** An unlock code, and a lock code. */
  // biome-ignore lint/suspicious/noDuplicateEnumValues: the two sizes are independent
  CODE = 8,
}

/** The least and the most that the card accepts. */
export enum Limit {
  /** How many wrong PINs in a row lock the card. */
  LEAST_TRIES = 3,
  MOST_TRIES = 10,
  /** How many wrong unlock codes in a row block the card. */
  CODE_TRIES = 5,
  /** Bytes of a token key. */
  SHORTEST_KEY = 16,
  LONGEST_KEY = 64,
  /** Bytes of an unlock key. */
  UNLOCK_KEY = 32,
  /** Bytes of a suite. */
  LONGEST_SUITE = 35,
  /** The serial number: "IB" and seven digits. */
  SERIAL = 9,
}

/**
 * Offsets of the fields in the record of STORE DATA, SIZE bytes in all. Zeros fill the rest of each field. From SECRETS
 * to its end the record is encrypted under the DEK.
 */
export enum RecordAt {
  /** One of PinCheck. */
  PIN_CHECK = 0,
  /** How many wrong PINs in a row lock the card. */
  TRIES = 1,
  KEY_LENGTH = 2,
  SUITE_LENGTH = 3,
  /** 10 bytes. */
  SERIAL = 4,
  /** 35 bytes. */
  SUITE = 14,
  SECRETS = 49,
  /** The token key: 64 bytes. */
  // biome-ignore lint/suspicious/noDuplicateEnumValues: the secrets begin with the token key
  KEY = 49,
  /** 32 bytes. */
  UNLOCK_KEY = 113,
  /** Four ASCII digits, in 16 bytes. */
  PIN = 145,
  SIZE = 161,
}

/** P1 of SELECT: by name. */
export const SELECT_BY_NAME = 0x04;
/** P1 of STORE DATA: the last block, secrets encrypted (GPC_SPE_034 table 11-89). */
export const ONE_ENCRYPTED_BLOCK = 0xe0;
/** P1 of SET STATUS: the issuer security domain. */
export const ISSUER_DOMAIN = 0x80;
/** P2 of PUT KEY: several keys, from the first on. */
export const ALL_KEYS = 0x81;

/** Versions of the transport keys. */
export enum KeyVersion {
  /** The lowest and the highest version that PUT KEY accepts. */
  LOWEST = 0x01,
  HIGHEST = 0x7f,
  /** The public GlobalPlatform test keys, which a factory-new card has. */
  TEST = 0xff,
}

/**
 * The data of PUT KEY: a version byte, then a block for each of ENC, MAC and DEK:
 *
 *   TYPE_AES | 11 | 10 | key under the current DEK (16) | 03 | check value (3)     LONG_BLOCK bytes
 *   TYPE_AES | 10 | key under the current DEK (16) | 03 | check value (3)          SHORT_BLOCK bytes
 *
 * 11 (KEY + 1) is the length of the two fields after it; other makers' clients leave it out. The answer is the version
 * and three check values.
 */
export enum PutKey {
  /** The type of a key (GPC_SPE_034 table 11-16). */
  TYPE_AES = 0x88,
  /** Bytes of a transport key. */
  KEY = 16,
  /** Bytes of a check value. */
  CHECK = 3,
  LONG_BLOCK = 23,
  SHORT_BLOCK = 22,
  /** Bytes of the answer. */
  ANSWER = 10,
}

/** P2 of SET STATUS (GPC_SPE_034 table 11-6). */
export enum SetStatusP2 {
  WIPED = 0x01,
  PERSONALIZED = 0x0f,
}

/** P1 of SELF TEST. Each comment is the answer. */
export enum SelfTest {
  /** Nothing. */
  SCREEN = 1,
  /** Two bytes, the high byte first: bit n is key n. */
  KEYS = 2,
  /** Two bytes, the high byte first: the battery's voltage in mV. */
  BATTERY = 3,
  /** One byte: the number of good pages. */
  FLASH = 4,
  /** One byte: 1 if the random source is good. */
  RANDOM = 5,
  /** One byte: 1 if every algorithm gives its known answer. */
  CRYPTO = 6,
}
