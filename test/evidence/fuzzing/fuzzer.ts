// A build of the fuzzing targets (test/rig/fuzzing), and libFuzzer run on it.

import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { buildImages, compile, generate, IMAGES, type Image } from "../../../board/builder/images.js";
import { ROOT } from "../../../host-tools/files/project.js";
import { loadFirmware } from "../../../sim/session/firmware.js";
import { situations } from "./situations.js";

export interface Target {
  readonly name: string;
  /** The longest input, in bytes. */
  readonly longest: number;
}

export const TARGETS: readonly Target[] = [
  { name: "serial", longest: 320 },
  { name: "channel", longest: 250 },
  { name: "keys", longest: 128 },
  { name: "flash", longest: 64 },
];

/** Where findings are kept, in a folder for each target. */
export const FINDINGS = join(ROOT, "build", "fuzzing");
/** The inputs that libFuzzer kept, in a folder for each target. */
export const CORPUS = join(ROOT, "test", "corpus");

/**
An input that takes longer is a hang (s). The limit is far above the usual millisecond, so a busy machine causes no
hang.
*/
const HANG = 60;
/** Flags that each execution needs, without any that cost more than the card. */
const ASAN_OPTIONS = "quarantine_size_mb=1:malloc_context_size=0:detect_leaks=0";
const LIBFUZZER = [`-timeout=${HANG}`, "-entropic=0", "-detect_leaks=0", "-reload=0", "-print_final_stats=1"];

/** How a run of libFuzzer ended. */
export interface Run {
  readonly executions: number;
  /** Edges of the module that were reached. */
  readonly edges: number;
  readonly seconds: number;
  /** The input that broke a promise, and which. */
  readonly finding?: { readonly file: string; readonly what: string };
}

export class Fuzzer {
  readonly #binary: string;
  readonly #folder: string;

  /** The targets at `binary`, on a module; what they need lies in `folder`. */
  private constructor(binary: string, module: WebAssembly.Module, folder: string) {
    this.#binary = binary;
    this.#folder = folder;
    mkdirSync(folder, { recursive: true });
    // Another run may be reading it.
    const draft = `${this.#situations}.${process.pid}`;
    writeFileSync(draft, situations(module));
    renameSync(draft, this.#situations);
  }

  /** The released module under the sanitizers. */
  static released(): Fuzzer {
    return new Fuzzer(buildImages("fuzz"), loadFirmware(), FINDINGS);
  }

  /** Another module without sanitizers, for mutants that show without them. */
  static of(binary: Uint8Array<ArrayBuffer>, name: string): Fuzzer {
    const folder = join(FINDINGS, name);
    const moduleFile = join(folder, "dsc.wasm");
    mkdirSync(folder, { recursive: true });
    writeFileSync(moduleFile, binary);
    const moduleC = join(folder, "c", "dsc.c");
    generate(moduleFile, moduleC);
    const flags = [...IMAGES.fuzz.flags.filter((flag) => !/sanitize=(address|null)/.test(flag)), "-O0"];
    const link = [...IMAGES.fuzz.link, "-lm"];
    const image: Image = { ...IMAGES.fuzz, flags, link, output: join("fuzz", name, "dsc-fuzz") };
    return new Fuzzer(compile(image, moduleC), new WebAssembly.Module(binary), folder);
  }

  get #situations(): string {
    return join(this.#folder, "situations.bin");
  }

  /** Fuzzes a target from its corpus on, as long as the flags say. */
  async fuzz({ name, longest }: Target, flags: readonly string[]): Promise<Run> {
    const folder = join(this.#folder, name);
    mkdirSync(folder, { recursive: true });
    const found = mkdtempSync(join(folder, "found-"));
    try {
      return await this.#run(name, [...flags, `-max_len=${longest}`, found, join(CORPUS, name)]);
    } finally {
      rmSync(found, { recursive: true, force: true });
    }
  }

  /** Where the input of a finding is kept. */
  fileOf(name: string, file: string): string {
    return join(this.#folder, name, file);
  }

  /** Runs one input. */
  async replay(name: string, file: string): Promise<Run> {
    return this.#run(name, [file]);
  }

  async #run(name: string, args: readonly string[]): Promise<Run> {
    const started = Date.now();
    mkdirSync(join(this.#folder, name), { recursive: true });
    const prefix = `-artifact_prefix=${join(this.#folder, name)}/`;
    const env = { ...process.env, DSC_FUZZ: name, DSC_SITUATIONS: this.#situations, ASAN_OPTIONS };
    const child = spawn(this.#binary, [...LIBFUZZER, prefix, ...args], { env, stdio: ["ignore", "ignore", "pipe"] });
    let output = "";
    child.stderr.on("data", (chunk) => {
      output += chunk;
    });
    const code = await new Promise<number | null>((resolve, reject) => {
      child.on("error", reject);
      child.on("close", resolve);
    });
    const seconds = (Date.now() - started) / 1000;
    return { ...countsIn(output), seconds, ...(code !== 0 && { finding: findingIn(output) }) };
  }
}

/** The files of a target's corpus. */
export function corpusOf({ name }: Target): string[] {
  return readdirSync(join(CORPUS, name)).map((file) => join(CORPUS, name, file));
}

function countsIn(output: string): Pick<Run, "executions" | "edges"> {
  const edges = [...output.matchAll(/\bcov: (\d+)/g)].at(-1)?.[1];
  return { executions: Number(/number_of_executed_units: (\d+)/.exec(output)?.[1] ?? 0), edges: Number(edges ?? 0) };
}

/** What the harness, or a sanitizer, or libFuzzer said. */
function findingIn(output: string): NonNullable<Run["finding"]> {
  const what =
    /^broken: .*$/m.exec(output) ??
    /^.*runtime error: .*$/m.exec(output) ??
    /^SUMMARY: .*$/m.exec(output) ??
    /^fuzz: .*$/m.exec(output);
  const file = /Test unit written to (.*)$/m.exec(output)?.[1];
  return { file: file ? basename(file) : "start", what: what?.[0] ?? "it ended" };
}
