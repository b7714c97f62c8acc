// Every screen with a secret on it or behind it, and the owner's path to it.

import type { Card } from "../../sim/core/card.js";
import { askUnlock, enter, enterPin, failCode, setPin, turnOn, unlockCodeOf, wrongCodeFor } from "./cards.js";
import { ONE, type Owner } from "./owners.js";

/** The actions of an owner, up to turning the card off. */
export type Flow = (card: Card, owner: Owner) => void;

/** To a response. */
export const logIn: Flow = (card, { record, challenge }) => {
  turnOn(card);
  enterPin(card, record.pin);
  enter(card, challenge);
};
const lockOut: Flow = (card, owner) => {
  turnOn(card);
  for (let i = 0; i < 3; i++) {
    enterPin(card, owner.wrongPin);
    if (i < 2) card.wait(2000);
  }
};
/** From LOCKED, with the right unlock code. */
export const unlockWith = (card: Card, { record }: Owner) =>
  enter(card, unlockCodeOf(askUnlock(card), record.unlockKey));

/** Every screen with a secret on it or behind it. */
export const SCREENS: Record<string, Flow> = {
  "PIN> with digits": (card, { record }) => {
    turnOn(card);
    card.type(record.pin);
  },
  "LEFT 2": (card, { wrongPin }) => {
    turnOn(card);
    enterPin(card, wrongPin);
  },
  "CHALLNG>": (card, { record }) => {
    turnOn(card);
    enterPin(card, record.pin);
  },
  "a challenge": (card, { record, challenge }) => {
    turnOn(card);
    enterPin(card, record.pin);
    card.type(challenge);
  },
  "a response": logIn,
  "the second response": (card, owner) => {
    logIn(card, owner);
    card.press("ok");
    enter(card, owner.challenge);
  },
  "NEW> with digits": (card, owner) => {
    SCREENS["CHALLNG>"]?.(card, owner);
    card.hold("ok");
    card.type(owner.newPin);
  },
  "REP> with digits": (card, owner) => {
    SCREENS["CHALLNG>"]?.(card, owner);
    card.hold("ok");
    enter(card, owner.newPin);
    card.type(owner.newPin);
  },
  "WEAK PIN": (card, owner) => {
    SCREENS["CHALLNG>"]?.(card, owner);
    card.hold("ok");
    enter(card, owner === ONE ? "1212" : "1987");
  },
  "NO MATCH": (card, owner) => {
    SCREENS["CHALLNG>"]?.(card, owner);
    card.hold("ok");
    enter(card, owner.newPin);
    enter(card, owner.wrongPin);
  },
  "PIN SET": (card, owner) => {
    SCREENS["CHALLNG>"]?.(card, owner);
    card.hold("ok");
    setPin(card, owner.newPin);
  },
  LOCKED: lockOut,
  "a lock code": (card, owner) => {
    lockOut(card, owner);
    card.press("ok");
  },
  "UNLOCK> with digits": (card, owner) => {
    lockOut(card, owner);
    card.type(unlockCodeOf(askUnlock(card), owner.record.unlockKey));
  },
  WRONG: (card, owner) => {
    lockOut(card, owner);
    enter(card, wrongCodeFor(askUnlock(card)));
  },
  "NEW> after an unlock code": (card, owner) => {
    lockOut(card, owner);
    unlockWith(card, owner);
  },
  "PIN SET after an unlock code": (card, owner) => {
    lockOut(card, owner);
    unlockWith(card, owner);
    setPin(card, owner.newPin);
  },
  BLOCKED: (card, owner) => {
    lockOut(card, owner);
    failCode(card, 5);
  },
};
