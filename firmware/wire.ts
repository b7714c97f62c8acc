// The numbers that firmware and hosts share. Plain enums: AssemblyScript and TypeScript both read them.

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

/** How an operation inside the firmware ended. No success is zero: a result that got lost is not one. */
export enum Outcome {
  DONE = 0xa5,
  /** Shown as ERROR 01: the crypto self-test found a wrong answer. */
  CRYPTO = 1,
  /** Shown as ERROR 02: flash cannot be read as what this firmware writes. */
  FLASH = 2,
  /** Shown as ERROR 03: the random source fails. */
  RANDOM = 3,
  /** The battery is too low for a flash operation; nothing more is written. */
  BATTERY = 4,
  /** A wrong PIN or unlock code, with tries left. */
  WRONG = 5,
  /** A wrong one, and no tries left. */
  LAST = 6,
  /** Input that the card does not take. */
  REFUSED = 7,
}

/** The channels of the serial line (docs/PROTOCOL.md). */
export enum Channel {
  APDU = 0,
  PANEL = 1,
}

/** What kind of host the firmware runs in. Only a production image has no front panel on the serial line. */
export enum Kind {
  PRODUCTION = 1,
  DEVELOPMENT = 2,
  SIMULATOR = 3,
}

/** The version of the protocol: what a hello is answered with. */
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
  /** Its last digit is the tries left. */
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
  /** Its last digits are the number of the card's ERROR. */
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

/** The life that the status of a card in ERROR names: it is not told. */
export const LIFE_NOT_TOLD = 0xff;

/** P2 of SET STATUS (GPC_SPE_034 table 11-6). */
export enum LifeCode {
  WIPED = 0x01,
  PERSONALIZED = 0x0f,
}

/** P1 of SELF TEST. */
export enum SelfTest {
  SCREEN = 1,
  KEYS = 2,
  BATTERY = 3,
  FLASH = 4,
  RANDOM = 5,
  CRYPTO = 6,
}
