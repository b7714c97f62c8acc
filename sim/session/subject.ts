// A card in this program, or one at the other end of a serial line (core/subject.ts), for the rooms above this one.

export { isLive, type Subject } from "../core/subject.js";
