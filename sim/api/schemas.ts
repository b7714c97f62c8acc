// The schemas of requests and answers: requests are checked against them, and `GET /openapi.json` is built from them.

import Type, { type Static, type TSchema } from "typebox";
import type { Report } from "../session/cardsession.js";

/** The limit for a request's body in bytes: the longest frame in hex, with reserve. */
export const LONGEST_BODY = 65_536;

/** A line of the command language. */
export const LINE = Type.String({
  description: "one line of the command language, such as `press` or `type 4071`",
  minLength: 1,
  maxLength: LONGEST_BODY,
  pattern: "^[^\\r\\n\\0]*$",
});

const SCREEN_PROPERTIES = {
  t: Type.Integer({ minimum: 0, description: "the card's clock, in ms" }),
  on: Type.Boolean({ description: "whether the card is on" }),
  state: Type.String({ description: "the name of the state, as docs/CARD.md has it" }),
  display: Type.String({ maxLength: 8, description: "what the screen shows, without the blanks at its end" }),
};

/** What the screen shows. */
export const SCREEN = Type.Object(SCREEN_PROPERTIES);
export type Screen = Static<typeof SCREEN>;

/** The report of a line of the language. Each part of a report must have its line here, or this does not compile. */
export const REPORT = Type.Object({
  ...SCREEN_PROPERTIES,
  error: Type.Optional(Type.String({ description: "why the command failed" })),
  line: Type.Optional(Type.Integer({ description: "the number of the line that failed, where lines are counted" })),
  expected: Type.Optional(Type.String({ description: "what the line expected" })),
  actual: Type.Optional(Type.String({ description: "what was there instead" })),
  tx: Type.Optional(Type.String({ description: "bytes that left on the serial line since the last report, in hex" })),
  cut: Type.Optional(Type.Literal(true, { description: "a power cut fell" })),
  ops: Type.Optional(Type.Integer({ description: "flash operations so far" })),
} satisfies Record<keyof Report, TSchema>);

/** An error in the form of RFC 9457. */
export const PROBLEM = Type.Object({
  type: Type.String({ description: "about:blank: the title is that of the status" }),
  title: Type.String(),
  status: Type.Integer({ minimum: 400, maximum: 599 }),
  detail: Type.String({ description: "what is wrong, and what to do, in one line" }),
});
export type Problem = Static<typeof PROBLEM>;
