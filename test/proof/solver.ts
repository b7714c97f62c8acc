// The solver: Z3, compiled to WebAssembly, in this process. It is started once and answers SMT-LIB text.

import { init, killThreads } from "z3-solver";

export type Answer = "sat" | "unsat";
/** The values of variables in a model. */
export type Model = ReadonlyMap<string, number | boolean>;

/** The solver gave no valid answer, so nothing is proved. */
export class SolverError extends Error {
  override name = "SolverError";
}

const VALUE = /\((\|[^|]*\||t\d+) (#x[0-9a-f]+|#b[01]+|true|false)\)/g;

type Z3 = Awaited<ReturnType<typeof init>>;

export class Solver {
  readonly #z3: Z3;
  readonly #context: ReturnType<Z3["Z3"]["mk_context"]>;
  /** Queries that were answered. */
  queries = 0;

  private constructor(z3: Z3) {
    this.#z3 = z3;
    const config = z3.Z3.mk_config();
    this.#context = z3.Z3.mk_context(config);
    z3.Z3.del_config(config);
  }

  static async start(): Promise<Solver> {
    return new Solver(await init());
  }

  /** Ends its threads; without that the process does not end. */
  async stop(): Promise<void> {
    await killThreads(this.#z3.em);
  }

  /** Answers each query of a text, which has so many. Throws where one is not answered. */
  answers(text: string, count: number): readonly Answer[] {
    if (count === 0) return [];
    const lines = this.#evaluate(text)
      .split("\n")
      .filter((line) => line !== "");
    if (lines.length !== count || !lines.every((line) => line === "sat" || line === "unsat"))
      throw new SolverError(`the solver answers ${lines.slice(0, 3).join(" ") || "nothing"}`);
    this.queries += count;
    return lines as Answer[];
  }

  /** The model of a query, by the names of what it asks for; nothing where it cannot be satisfied. */
  model(text: string): Model | undefined {
    this.queries++;
    const answer = this.#evaluate(text);
    if (answer.startsWith("unsat")) return undefined;
    if (!answer.startsWith("sat")) throw new SolverError(`no model: ${answer.slice(0, 100)}`);
    const values = [...answer.matchAll(VALUE)].map(
      ([, name, value]) => [name as string, numberOf(value as string)] as const,
    );
    return new Map(values);
  }

  /** Evaluates a text in this thread: the package's own call lends its text to another thread for too short a time. */
  #evaluate(text: string): string {
    const context = this.#context as unknown as number;
    const emscripten = this.#z3.em as Emscripten;
    const bytes = Buffer.from(`(reset)\n(set-logic QF_BV)\n${text}\0`, "ascii");
    const at = emscripten._malloc(bytes.length);
    try {
      new Uint8Array(emscripten.HEAPU32.buffer).set(bytes, at);
      return emscripten.UTF8ToString(emscripten._Z3_eval_smtlib2_string(context, at));
    } finally {
      emscripten._free(at);
    }
  }
}

/** What the compiler to WebAssembly gives the package, as far as it is used here. */
interface Emscripten {
  _malloc(size: number): number;
  _free(at: number): void;
  _Z3_eval_smtlib2_string(context: number, text: number): number;
  readonly HEAPU32: Uint32Array;
  UTF8ToString(at: number): string;
}

function numberOf(value: string): number | boolean {
  if (value === "true" || value === "false") return value === "true";
  return Number(`0${value.slice(1)}`);
}
