// The file of a batch: CSV (RFC 4180, UTF-8) with one card in each row, checked as a whole before the first card is
// touched. Each error is one line that names the line and the column and contains no PIN and no key.
//
//   serial     IB and seven digits; empty: the next serial number
//   user       the user name that the card is for
//   suite      empty: the default, as pin_check says
//   pin        four digits; empty: drawn
//   pin_check  card or server; empty: as the suite says
//   tries      wrong PINs in a row that lock the card; empty: the default
//   key        the key that the site already has, in hexadecimal; empty: drawn
//
// The columns may come in any order, and all of them are required: otherwise a column left out by mistake would not be
// noticed.

import { isUtf8 } from "node:buffer";
import { type CsvError, parse } from "csv-parse/sync";
import { isSerialNumber } from "../../card/serialnumber.js";
import { counted } from "../../files/counted.js";
import { FileError, FileFaults } from "../../files/errors.js";
import { copyOfSecret, secretBytes } from "../../files/secretbytes.js";
import { parseSuite } from "../../seeds/suite.js";
import type { WantedCard } from "../register/batches.js";
import { isWeakPin } from "../weakpin.js";

const COLUMNS = ["serial", "user", "suite", "pin", "pin_check", "tries", "key"] as const;
type Column = (typeof COLUMNS)[number];

/** A card of the list. The caller wipes PIN and key. */
export interface ListedCard extends WantedCard {
  /** Four digits as ASCII. */
  readonly pin?: Buffer | undefined;
  readonly key?: Buffer | undefined;
}

/** Defaults for what a list leaves out. */
export interface ListRules {
  readonly suite: string;
  /** The suite if the server checks the PIN. */
  readonly serverSuite: string;
  readonly tries: number;
  readonly leastTries: number;
  readonly mostTries: number;
  readonly allowWeakPins: boolean;
}

/** Holds more than 100,000 rows with all columns filled. */
export const LONGEST_LIST = 64 * 1024 * 1024;

/** The most errors that are reported one by one. */
export const MOST_ERRORS = 20;

const HEADER_LINE = 1;
const LONGEST_NAME = 200;
const PIN_DIGITS = 4;
const LEAST_KEY = 16;
const MOST_KEY = 64;
/** Characters that a spreadsheet takes for the start of a formula. */
const FORMULA = /^[=+\-@]/;
const CONTROLS = /\p{Cc}/u;
const NEWLINE = 0x0a;
const UTF16 = [Buffer.from([0xff, 0xfe]), Buffer.from([0xfe, 0xff])];
const SAVE_AS = 'save it as "CSV UTF-8"';

/** The cards of a file. Throws a FileError with all errors if the file breaks rules. `path`: its name, for messages. */
export function readCardList(path: string, contents: Buffer, rules: ListRules): ListedCard[] {
  const list = new CardList(path, rules);
  try {
    list.read(contents);
    return list.cards;
  } catch (error) {
    wipeCardList(list.cards);
    throw error;
  }
}

/** Zeroes PINs and keys. */
export function wipeCardList(cards: readonly ListedCard[]): void {
  for (const { pin, key } of cards) {
    pin?.fill(0);
    key?.fill(0);
  }
}

/** A row as it is written in the file. */
interface Row {
  readonly line: number;
  readonly cells: readonly string[];
}

class CardList {
  readonly cards: ListedCard[] = [];
  readonly #path: string;
  readonly #rules: ListRules;
  /** The line in which each unique value first appeared. */
  readonly #serials = new Map<string, number>();
  readonly #keys = new Map<string, number>();
  /** The errors of the rows, in order. */
  readonly #errors: string[] = [];
  /** Who checks the PIN, by suite. */
  readonly #pinChecks = new Map<string, "card" | "server">();

  constructor(path: string, rules: ListRules) {
    this.#path = path;
    this.#rules = rules;
  }

  read(contents: Buffer): void {
    this.#refuseEncoding(contents);
    const [header, ...rows] = this.#rowsOf(contents);
    if (!header) throw new FileError(`${this.#path}: is empty; its first line names the columns: ${COLUMNS.join(",")}`);
    const columns = this.#columnsOf(header);
    for (const row of rows) this.#take(row, columns);
    this.#refuseErrors();
    if (this.cards.length === 0)
      throw new FileError(`${this.#path}: has no cards below its column names; add one line for each card`);
  }

  #refuseEncoding(contents: Buffer): void {
    if (UTF16.some((mark) => contents.subarray(0, mark.length).equals(mark)))
      throw new FileError(`${this.#path}: is in UTF-16; ${SAVE_AS}`);
    const nul = contents.indexOf(0);
    if (nul >= 0)
      throw new FileError(`${this.#path}: line ${lineAt(contents, nul)}: contains a NUL character; ${SAVE_AS}`);
    if (isUtf8(contents)) return;
    for (let from = 0, line = 1; from < contents.length; line++) {
      const end = contents.indexOf(NEWLINE, from);
      const next = end < 0 ? contents.length : end + 1;
      if (!isUtf8(contents.subarray(from, next)))
        throw new FileError(`${this.#path}: line ${line}: is not in UTF-8 (Latin-1, perhaps); ${SAVE_AS}`);
      from = next;
    }
  }

  /** Rows that are not empty. */
  #rowsOf(contents: Buffer): Row[] {
    let end = 0;
    return this.#parsed(contents).flatMap(({ record, info }) => {
      const line = end + 1;
      end = info.lines;
      return record.some((cell) => cell !== "") ? [{ line, cells: record }] : [];
    });
  }

  #parsed(contents: Buffer): readonly Parsed[] {
    try {
      const options = { bom: true, info: true, relax_column_count: true, trim: true, delimiter: delimiterOf(contents) };
      return parse(contents, options) as unknown as Parsed[];
    } catch (error) {
      const { code, lines } = error as CsvError & { readonly lines?: number };
      throw new FileError(`${this.#path}: line ${lines ?? "?"}: ${PARSE_ERRORS[code] ?? `is no CSV (${code})`}`);
    }
  }

  #columnsOf({ line, cells }: Row): ReadonlyMap<Column, number> {
    const where = `${this.#path}: line ${line}:`;
    const expected = `the columns are ${COLUMNS.join(",")}`;
    const unknown = cells.find((cell) => !COLUMNS.includes(cell as Column));
    if (unknown !== undefined)
      throw new FileError(`${where} unknown column ${JSON.stringify(short(unknown))}; ${expected}`);
    const missing = COLUMNS.find((name) => !cells.includes(name));
    if (missing) throw new FileError(`${where} the column ${missing} is missing; ${expected}`);
    const twice = COLUMNS.find((name) => cells.indexOf(name) !== cells.lastIndexOf(name));
    if (twice) throw new FileError(`${where} the column ${twice} appears twice; ${expected}`);
    return new Map(COLUMNS.map((name) => [name, cells.indexOf(name)]));
  }

  /** Takes a row. Its errors are collected, so that one run reports those of the whole list. */
  #take(row: Row, columns: ReadonlyMap<Column, number>): void {
    const { line, cells } = row;
    if (cells.length !== columns.size) {
      const counts = `has ${cells.length} columns instead of ${columns.size}`;
      this.#errors.push(`${this.#path}: line ${line}: ${counts}; quote a value that contains a comma`);
      return;
    }
    const cell = (name: Column) => cells[columns.get(name) ?? 0] ?? "";
    const wrong = (name: Column, what: string) => new FileError(`${this.#path}: line ${line}, ${name}: ${what}`);
    const reading = <T>(name: Column, read: (text: string, wrong: (what: string) => FileError) => T): T | undefined =>
      this.#collecting(() => read(cell(name), (what) => wrong(name, what)));

    const serial = reading("serial", serialIn);
    reading("serial", (_, wrong) => once(serial, line, this.#serials, wrong));
    const userName = reading("user", nameIn);
    const settings = this.#collecting(() => this.#settingsIn(cell("suite"), cell("pin_check"), wrong));
    const tries = reading("tries", (text, wrong) => this.#triesIn(text, wrong));
    const key = reading("key", (text, wrong) => keyIn(text.toLowerCase(), wrong));
    reading("key", (text, wrong) => once(key && text.toLowerCase(), line, this.#keys, wrong));
    // Without a right suite it is not known who checks the PIN.
    const pin = settings && reading("pin", (text, wrong) => this.#pinIn(text, settings.pinCheck, wrong));
    // After an error no card is used, and the secrets of all are wiped.
    const { suite, pinCheck } = settings ?? { suite: "", pinCheck: "card" };
    this.cards.push({ line, serial, userName, suite, pinCheck, tries: tries ?? 0, pin, key });
  }

  #collecting<T>(run: () => T): T | undefined {
    try {
      return run();
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      this.#errors.push(error.message);
      return undefined;
    }
  }

  #refuseErrors(): void {
    const [first, ...others] = this.#errors;
    if (first === undefined) return;
    const more = this.#errors.length - MOST_ERRORS;
    const last = more > 0 ? [`${this.#path}: and ${counted(more, "more error")}`] : [];
    throw new FileFaults(first, [...others.slice(0, MOST_ERRORS - 1), ...last]);
  }

  #settingsIn(suiteText: string, checkText: string, wrong: (name: Column, what: string) => FileError) {
    if (checkText !== "" && checkText !== "card" && checkText !== "server")
      throw wrong("pin_check", "is card or server");
    const suite = suiteText || (checkText === "server" ? this.#rules.serverSuite : this.#rules.suite);
    const pinCheck = this.#pinChecks.get(suite) ?? pinCheckOf(suite, (what) => wrong("suite", what));
    this.#pinChecks.set(suite, pinCheck);
    if (checkText !== "" && checkText !== pinCheck)
      throw wrong(
        "pin_check",
        `contradicts the suite ${suite}: the server checks the PIN if and only if the suite has P`,
      );
    return { suite, pinCheck };
  }

  #triesIn(text: string, wrong: (what: string) => FileError): number {
    const { leastTries, mostTries, tries } = this.#rules;
    if (text === "") return tries;
    const value = Number(text);
    if (/^[0-9]+$/.test(text) && value >= leastTries && value <= mostTries) return value;
    throw wrong(`is a number from ${leastTries} to ${mostTries}`);
  }

  #pinIn(text: string, pinCheck: "card" | "server", wrong: (what: string) => FileError): Buffer | undefined {
    if (text === "") return undefined;
    if (pinCheck === "server")
      throw wrong("must be empty: with this suite the server checks the PIN, and the card keeps none");
    if (/^[0-9]{1,3}$/.test(text))
      throw wrong("has fewer than four digits: a spreadsheet may have cut off its zeros; write that column as text");
    if (!/^[0-9]{4}$/.test(text)) throw wrong("is four digits");
    if (isWeakPin(text) && !this.#rules.allowWeakPins)
      throw wrong("is easy to guess; choose another PIN, or insist with --allow-weak-pin");
    const pin = secretBytes(PIN_DIGITS);
    pin.write(text, "latin1");
    return pin;
  }
}

/** What csv-parse returns for a record. */
interface Parsed {
  readonly record: string[];
  readonly info: { readonly lines: number };
}

const PARSE_ERRORS: Record<string, string> = {
  CSV_QUOTE_NOT_CLOSED: "a quote is opened but never closed",
  CSV_INVALID_CLOSING_QUOTE: "text follows a closing quote; write a quote inside a value twice",
  INVALID_OPENING_QUOTE: "an unquoted value contains a quote; quote the value, and write the quote inside it twice",
};

/** Spreadsheets in some languages write semicolons; no column name contains either character. */
function delimiterOf(contents: Buffer): "," | ";" {
  const end = contents.indexOf(NEWLINE);
  const header = contents.subarray(0, end < 0 ? contents.length : end);
  return header.includes(";") && !header.includes(",") ? ";" : ",";
}

function lineAt(contents: Buffer, place: number): number {
  let line = HEADER_LINE;
  for (let at = contents.indexOf(NEWLINE); at >= 0 && at < place; at = contents.indexOf(NEWLINE, at + 1)) line++;
  return line;
}

/** Refuses a value that another row has, too. */
function once(
  value: string | undefined,
  line: number,
  seen: Map<string, number>,
  wrong: (what: string) => FileError,
): void {
  if (value === undefined) return;
  const before = seen.get(value);
  if (before !== undefined) throw wrong(`is the same as in line ${before}`);
  seen.set(value, line);
}

function serialIn(text: string, wrong: (what: string) => FileError): string | undefined {
  if (text === "" || isSerialNumber(text)) return text || undefined;
  throw wrong("is no serial number: IB and seven digits, such as IB3000123, or empty for the next one");
}

function nameIn(text: string, wrong: (what: string) => FileError): string | undefined {
  if (text.length > LONGEST_NAME) throw wrong(`has more than ${LONGEST_NAME} characters`);
  if (CONTROLS.test(text)) throw wrong("contains a line end or another control character; remove it");
  if (FORMULA.test(text)) throw wrong(`begins with ${text[0]}: a spreadsheet would run it as a formula`);
  return text || undefined;
}

function pinCheckOf(suite: string, wrong: (what: string) => FileError): "card" | "server" {
  try {
    return parseSuite(suite).pin ? "server" : "card";
  } catch (error) {
    throw wrong((error as Error).message);
  }
}

function keyIn(text: string, wrong: (what: string) => FileError): Buffer | undefined {
  if (text === "") return undefined;
  const bytes = text.length / 2;
  if (!/^(?:[0-9a-f]{2})+$/.test(text) || bytes < LEAST_KEY || bytes > MOST_KEY)
    throw wrong(`is ${LEAST_KEY} to ${MOST_KEY} bytes in hexadecimal`);
  const key = Buffer.from(text, "hex");
  const copy = copyOfSecret(key);
  key.fill(0);
  return copy;
}

function short(text: string): string {
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}
