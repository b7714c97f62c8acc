// Runs a scenario on a card repeatedly, each time with another fault.

import { cmac } from "@noble/ciphers/aes.js";
import { Level } from "../../../firmware/wire.js";
import { AuthenticationFailed, BadAnswer, CardRefused } from "../../../host-tools/card/errors.js";
import { deriveSessionKeys, kdf } from "../../../host-tools/card/scp03.js";
import { testKeys } from "../../../host-tools/card/transportkeys.js";
import { Silence } from "../../../sim/session/conversation.js";
import type { Instrumented } from "./instrument.js";
import { type Before, NOT_MADE, type Scenario, type Session, type Verdict } from "./scenarios.js";
import { type Secrets, secretsOf, unescaped } from "./secrets.js";
import { Crash, type Fault, Target } from "./target.js";
import {
  type Chances,
  identity,
  lockCodeOf,
  open,
  personalize,
  Rejected,
  responseOf,
  rootOf,
  type SimWorld,
  worldOf,
} from "./world.js";

const START = "start";
const END = "end";
const SEED = 20_260_722;
const HOST_CHALLENGE = new Uint8Array(8);

/** Errors that show the card's user that something is wrong. */
const NOTICED = [Silence, Rejected, BadAnswer, CardRefused, AuthenticationFailed];

export const OUTCOMES = ["unchanged", "noticed", "different", "crash", "hang"] as const;
/**
 * The effect of a fault: nothing visible; an error for the card's user; another screen, output or flash; a trap; an
 * endless loop.
 */
export type Outcome = (typeof OUTCOMES)[number];

export interface Ended {
  readonly outcome: Outcome;
  /** The broken promises. */
  readonly violation?: string;
}

interface Run {
  readonly outcome: Outcome;
  readonly transcript: string;
  /** What an attempt told the attacker. */
  readonly observed: string;
}

export class Trial {
  readonly target: Target;
  /** A faster copy of the card, on which the effects of a fault are checked. */
  readonly #judged: Target;
  readonly #world: SimWorld;
  readonly #twinWorld: SimWorld;
  readonly #secrets: Secrets;
  readonly #session: Session;
  readonly #identity: string;
  readonly #clean: { readonly transcript: string; readonly fingerprint: string };
  readonly #observedRightly: string;
  readonly #verdicts = new Map<string, Verdict[]>();
  readonly #known = new Map<string, Chances>();
  readonly #instrumented: Instrumented;
  #otherCard: Target | undefined;
  #twinSecrets: Secrets | undefined;

  constructor(
    instrumented: Instrumented,
    readonly scenario: Scenario,
  ) {
    this.#instrumented = instrumented;
    this.#world = worldOf(1, scenario.server);
    this.#twinWorld = worldOf(2, scenario.server);
    this.#session = sessionOf(new Target(instrumented.faulty, SEED));
    this.target = prepared(instrumented.faulty, scenario, this.#world);
    this.#judged = new Target(instrumented.quick, SEED);
    this.#identity = identity(this.target);
    this.#observedRightly = this.#strike(this.target, this.#world, undefined, true).observed;
    const { transcript } = this.#strike(this.target, this.#world, undefined, false);
    this.#clean = { transcript, fingerprint: this.target.fingerprint };
    this.#secrets = this.#secretsIn(this.target, this.#world);
  }

  /** How often each site is executed in the scenario. */
  profile(): Uint32Array {
    const counting = prepared(this.#instrumented.counting, this.scenario, this.#world);
    counting.clearCounts();
    this.scenario.strike(counting, this.#world, false, this.#session);
    return counting.counts(this.#instrumented.sites.length);
  }

  /** Runs the scenario with or without a fault. Returns the result. */
  run(fault: Fault | undefined): Ended {
    const ran = this.#strike(this.target, this.#world, fault, false);
    const { outcome, transcript } = ran;
    const fingerprint = this.target.fingerprint;
    const violation = this.#leak(fault) ?? this.#judge(fault, ran, fingerprint);
    const same = transcript === this.#clean.transcript && fingerprint === this.#clean.fingerprint;
    return { outcome: outcome === "different" && same ? "unchanged" : outcome, ...(violation && { violation }) };
  }

  /** The same with the right PIN or code: the control, which shows that the checks can give another result. */
  runRight(): string | undefined {
    const ran = this.#strike(this.target, this.#world, undefined, true);
    return this.#leak(undefined) ?? this.#judge(undefined, ran, this.target.fingerprint);
  }

  #judge(fault: Fault | undefined, { outcome, observed }: Run, fingerprint: string): string | undefined {
    const noticed = outcome !== "different";
    const { card, sent } = this.target;
    const key = `${fingerprint} ${noticed} ${card.on} ${card.display} ${this.scenario.hears ? sent.join() : ""}`;
    let verdicts = this.#verdicts.get(key);
    if (!verdicts) {
      const before: Before = { identity: this.#identity, noticed, session: this.#session, known: this.#known };
      verdicts = this.scenario.judge(this.#copied(), this.#world, before);
      this.#verdicts.set(key, verdicts);
    }
    for (const { what, ifTelling, ifKnown } of verdicts) {
      if (ifTelling && !this.#tells(fault, observed)) continue;
      if (ifKnown && !this.#isKnown(fault)) continue;
      return what;
    }
    return undefined;
  }

  /** The state of the card after the strike. */
  #copied(): Target {
    this.target.card.save(END);
    this.#judged.card.load(END, this.target.card);
    this.#judged.disarm();
    this.#judged.listen();
    for (const byte of this.target.sent) this.#judged.sent.push(byte);
    return this.#judged;
  }

  #strike(target: Target, world: SimWorld, fault: Fault | undefined, right: boolean): Run {
    target.card.load(START);
    target.clearBeyond();
    target.listen();
    if (fault) target.arm(fault);
    let outcome: Outcome = "different";
    let observed: string | undefined;
    try {
      observed = this.scenario.strike(target, world, right, this.#session);
    } catch (error) {
      outcome = outcomeOf(error);
    }
    target.disarm();
    return {
      outcome,
      observed: observed ?? (target.attempted ? outcome : NOT_MADE),
      transcript: `${outcome} ${target.screens.join("|")} ${Buffer.from(target.sent).toString("hex")}`,
    };
  }

  /** Whether the attempt is worth a try to the attacker, because its result is different with the right PIN or code. */
  #tells(fault: Fault | undefined, observed: string): boolean {
    if (observed === NOT_MADE) return false;
    const rightly = this.#strike(this.target, this.#world, fault, true).observed;
    return rightly !== observed && (rightly === this.#observedRightly || rightly === "crash" || rightly === "hang");
  }

  /** Whether a card with other transport keys and the same fault has the same session key. */
  #isKnown(fault: Fault | undefined): boolean {
    const key = (target: Target) =>
      Buffer.from(target.card.memory.slice(this.#session.macKey, this.#session.macKey + 16));
    this.#strike(this.target, this.#world, fault, false);
    this.#strike(this.#twin, this.#twinWorld, fault, false);
    return key(this.target).equals(key(this.#twin));
  }

  #leak(fault: Fault | undefined): string | undefined {
    const right = responseOf(this.#world.record);
    if (!this.scenario.legitimate && this.target.screens.includes(right)) return "the right response";
    const leak = leakOf(this.target, this.#secrets);
    return leak && this.#leaksElsewhere(fault) ? leak : undefined;
  }

  /** Four bytes may match a key by chance, so the same fault must also leak a key of another card. */
  #leaksElsewhere(fault: Fault | undefined): boolean {
    this.#twinSecrets ??= this.#secretsIn(this.#twin, this.#twinWorld);
    this.#strike(this.#twin, this.#twinWorld, fault, false);
    return leakOf(this.#twin, this.#twinSecrets) !== undefined;
  }

  /** A card with other keys, for the same actions. */
  get #twin(): Target {
    this.#otherCard ??= prepared(this.#instrumented.faulty, this.scenario, this.#twinWorld);
    return this.#otherCard;
  }

  /** The keys of a card, including those of the channels that the scenario begins without a fault. */
  #secretsIn(target: Target, world: SimWorld): Secrets {
    this.#strike(target, world, undefined, false);
    return secretsOf(world, rootOf(target), lockCodeOf(target), sessionKeysIn(target, world));
  }
}

/** The outcome of a strike that an error ended early. Rethrows errors of the harness. */
function outcomeOf(error: unknown): Outcome {
  if (error instanceof Crash) return error.hung ? "hang" : "crash";
  if (NOTICED.some((kind) => error instanceof kind)) return "noticed";
  throw error;
}

function leakOf({ screens, sent }: Target, secrets: Secrets): string | undefined {
  if (screens.some((text) => secrets.areIn(Buffer.from(text, "latin1")))) return "a key on the screen";
  if (secrets.areIn(Uint8Array.from(sent)) || secrets.areIn(unescaped(sent))) return "a key on the line";
  return undefined;
}

/** The session keys of every channel that was begun with a card. */
function sessionKeysIn(target: Target, world: SimWorld): Uint8Array[] {
  const answers = payloadsOf(unescaped(target.everSent));
  const keysets = [world.keys, testKeys()];
  return answers
    .filter(({ length }) => length === 31)
    .flatMap((answer) =>
      keysets.map((keys) => deriveSessionKeys(keys, Buffer.concat([HOST_CHALLENGE, answer.subarray(13, 21)]))),
    )
    .flatMap(({ enc, mac, rmac }) => [enc, mac, rmac]);
}

function payloadsOf(bytes: Uint8Array): Uint8Array[] {
  const hex = Buffer.from(bytes).toString("latin1").split("\xc0");
  return hex.filter((frame) => frame.length > 4).map((frame) => Buffer.from(frame.slice(1, -2), "latin1"));
}

/** A card at the start of a scenario. */
function prepared(module: WebAssembly.Module, scenario: Scenario, world: SimWorld): Target {
  const target = new Target(module, SEED);
  if (!scenario.blank) personalize(target, world);
  scenario.prepare(target, world);
  target.card.save(START);
  return target;
}

/** The addresses of the session's key for MACs and of its chaining value, found with a session whose keys are known. */
function sessionOf(target: Target): Session {
  const channel = open(target, testKeys(), Level.C_MAC);
  const sent = unescaped(target.everSent);
  const context = Buffer.concat([HOST_CHALLENGE, sent.subarray(15, 23)]);
  const key = kdf(testKeys().mac, 0x06, context, 16);
  const { cla, ins, p1, p2, data = new Uint8Array(0) } = channel.externalAuthenticate;
  const signed = [...new Uint8Array(16), cla, ins, p1, p2, data.length, ...data.subarray(0, 8)];
  const memory = Buffer.from(target.card.memory);
  const session = { macKey: memory.indexOf(key), chain: memory.indexOf(cmac(Uint8Array.from(signed), key)) };
  if (session.macKey < 0 || session.chain < 0) throw new Error("the session is not where it was");
  return session;
}
