// The package that npm installs: its contents, its dependencies, and that its tools and its card run from it, on the
// oldest supported Node and on the current one.

import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { builtinModules } from "node:module";
import { dirname, join, posix } from "node:path";
import { createInterface } from "node:readline";
import type { Command } from "commander";
import ts from "typescript";
import * as assert from "uvu/assert";
import { program } from "../../host-tools/cli/main.js";
import { ROOT, version } from "../../host-tools/files/project.js";
import { packFolder, unpack } from "../../packaging/tarball.js";
import { commands } from "../../sim/cli/main.js";
import { DEMO } from "../../sim/session/demo.js";
import { commandNames } from "../../sim/session/language/help.js";
import { atLeast } from "../support/atleast.js";
import { until } from "../support/deadline.js";
import { documentAt } from "../support/documents.js";
import { INSTALLED, install, pack, start, state, UNBOUND, uninstall, workFolder } from "../support/installedpackage.js";
import { nodeOf } from "../support/nodes.js";
import { productionPackages } from "../support/production.js";
import { scratchFolder } from "../support/scratch.js";
import { packageTest } from "../support/skipping.js";
import { suite } from "../support/suite.js";

const test = suite("package");

/** The kinds of file in the package; any other file was packed by mistake. */
const KINDS = [
  /^build\/js\/(?:firmware|host-tools|sim)\/.*\.(?:js|d\.ts)$/,
  /^build\/man\/dsc(?:-sim)?\.1$/,
  /^build\/dsc\.wasm$/,
  /^docs\/[\w.]+\.(?:md|svg|png|json)$/,
  /^(?:host-tools\/dsc|sim\/dsc-sim)\.mjs$/,
  /^(?:package\.json|LICENSE|README\.md|CHANGELOG\.md|SECURITY\.md)$/,
];
/** Includes calls of `createRequire(import.meta.url)`. */
const IMPORTED = /\b(?:from|import|import\(|meta\.url\)\(|require\()\s*"([\w@./:-]+)"/g;
const BUILTIN: ReadonlySet<string> = new Set(builtinModules.map((name) => `node:${name}`));
/** Packages whose installation runs a script: it looks for a binary that the package brings. */
const WITH_BINARIES = ["node_modules/@serialport/bindings-cpp"];
const MANIFEST = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
const DEPENDENCIES = Object.keys(MANIFEST.dependencies);
const NO_GROFF = existsSync("/usr/bin/groff") ? undefined : "apt-get install groff-base";

/** A file as if compiled from a source that an earlier version had. */
const STALE = `build/js/sim/core/gone-${process.pid}.js`;
writeFileSync(join(ROOT, STALE), "");
const PACKED = pack();
install(PACKED);
test.after(uninstall);

function packedText(path: string): string {
  return readFileSync(join(INSTALLED, path), "utf8");
}

// ---- what is in it ----

test("the package has built code, documents and man pages, and nothing from removed sources", () => {
  const strange = PACKED.files.filter((path) => !KINDS.some((kind) => kind.test(path)));
  assert.equal(strange, []);
  for (const path of PACKED.files.filter((path) => path.startsWith("build/js/") && !path.includes("/bundle/"))) {
    const source = path.replace("build/js/", "").replace(/(?:\.d)?\.[jt]s$/, ".ts");
    assert.ok(existsSync(join(ROOT, source)), path);
  }
  for (const kind of KINDS)
    assert.ok(
      PACKED.files.some((path) => kind.test(path)),
      String(kind),
    );
});

test("output compiled from a removed source is not packed", () => {
  assert.not.ok(PACKED.files.includes(STALE));
  assert.ok(PACKED.files.includes(STALE.replace(/gone-\d+/, "card")));
});

test("each file named in package.json is in the package", () => {
  const { bin, man, types, exports } = MANIFEST;
  const entry = exports["."];
  const named = [...Object.values<string>(bin), ...man, types, entry.types, entry.default];
  for (const path of named) assert.ok(PACKED.files.includes(posix.normalize(path)), path);
});

test("each import is in the package, in Node or in a dependency", () => {
  for (const [file, name] of importsOf(PACKED.files)) assert.is(whyNotFound(file, name), undefined, `${file}: ${name}`);
  assert.ok(whyNotFound("build/js/sim/core/card.js", "typescript"), "a development dependency");
  assert.ok(whyNotFound("build/js/sim/core/card.js", "./gone.js"));
});

/** Dependencies of dependencies, which are named only to hold their version. */
const HELD: Readonly<Record<string, string>> = { "light-my-request": "fastify" };

test("each dependency is used by a file of the package", () => {
  const texts = PACKED.files.filter((path) => path.endsWith(".js")).map(packedText);
  const used = (name: string) => texts.some((text) => text.includes(`"${name}"`) || text.includes(`"${name}/`));
  assert.equal(
    DEPENDENCIES.filter((name) => !used(name)),
    Object.keys(HELD),
  );
  for (const [held, by] of Object.entries(HELD)) {
    const text = readFileSync(join(ROOT, "node_modules", by, "package.json"), "utf8");
    assert.ok(held in (JSON.parse(text) as { dependencies: object }).dependencies, `${by} needs ${held}`);
  }
});

test("the public types need no other package", () => {
  const reached = new Set<string>();
  const visit = (file: string) => {
    if (reached.has(file)) return;
    reached.add(file);
    for (const [, name] of importsOf([file])) {
      assert.ok(name.startsWith("."), `${file} imports ${name}`);
      visit(posix.join(posix.dirname(file), name.replace(/\.js$/, ".d.ts")));
    }
  };
  visit(posix.normalize(MANIFEST.types));
  assert.ok(reached.has("build/js/sim/core/card.d.ts"));
});

test("the package brings no compiler and runs none when it is installed", () => {
  const packages = productionPackages();
  const names = packages.map(({ folder }) => folder);
  for (const name of DEPENDENCIES) assert.ok(names.includes(`node_modules/${name}`), name);
  for (const name of ["typescript", "assemblyscript", "esbuild", "pkcs11js", "@types/node"])
    assert.not.ok(names.includes(`node_modules/${name}`), name);
  assert.equal(
    packages.filter(({ hasInstallScript }) => hasInstallScript).map(({ folder }) => folder),
    WITH_BINARIES,
  );
  for (const name of WITH_BINARIES) assert.ok(existsSync(join(ROOT, name, "prebuilds")), name);
});

/** What each file imports or exports from another file. */
function importsOf(files: readonly string[]): [file: string, name: string][] {
  const code = files.filter((path) => /\.(?:m?js|d\.ts)$/.test(path));
  return code.flatMap((file) =>
    [...withoutComments(packedText(file)).matchAll(IMPORTED)].map(([, name]): [string, string] => [
      file,
      name as string,
    ]),
  );
}

function withoutComments(text: string): string {
  return text.replace(/^\s*(?:\/\/|\/?\*).*$/gm, "");
}

/** What is wrong with an import; undefined if it will be found. */
function whyNotFound(file: string, name: string): string | undefined {
  if (name.startsWith(".")) {
    const target = posix.join(posix.dirname(file), name);
    return PACKED.files.includes(target) ? undefined : `${target} is not in the package`;
  }
  if (name.startsWith("node:")) return BUILTIN.has(name) ? undefined : "Node has no such module";
  const found = DEPENDENCIES.some((one) => name === one || name.startsWith(`${one}/`));
  // Declarations may import a package's types: they do not exist at run time, and only the manifest's types can be
  // imported.
  return found || (file.endsWith(".d.ts") && file !== MANIFEST.types) ? undefined : "it is no dependency";
}

// ---- man pages ----

const PAGES = [
  { file: "build/man/dsc.1", top: await program(() => {}) },
  { file: "build/man/dsc-sim.1", top: commands() },
] as const;

for (const { file, top } of PAGES) {
  test(`${posix.basename(file)} has every command, option and argument of ${top.name()}`, () => {
    const page = plain(packedText(file));
    let options = 0;
    for (const command of [top, ...below(top)]) {
      for (const { long, description } of command.options.filter(({ hidden }) => !hidden)) {
        assert.ok(page.includes(long as string) && page.includes(description), `${command.name()} ${long}`);
        options++;
      }
      if (command.description() !== "") assert.ok(page.includes(command.description()), command.name());
    }
    assert.ok(options > 10);
    assert.match(page, /^\.SH "EXIT STATUS"\n\.TP\n\\fB0\\fR\ndone\n/m);
    assert.ok(page.includes(version()));
  });

  packageTest(test, NO_GROFF, `${posix.basename(file)} is roff without errors`, () => {
    const args = ["-man", "-ww", "-z", "-Tutf8", "-K", "utf8", join(INSTALLED, file)];
    const { status, stderr } = spawnSync("groff", args, { encoding: "utf8" });
    assert.equal([status, stderr], [0, ""]);
  });
}

test("dsc-sim.1 has every command of the language", () => {
  const page = plain(packedText("build/man/dsc-sim.1"));
  for (const name of atLeast(
    20,
    commandNames().filter((name) => !/^\d$/.test(name)),
  ))
    assert.match(page, new RegExp(`^\\\\fB(?:.*\\b)?${name}\\b`, "m"), name);
});

/** The text of a page without roff's marks for hyphens. */
function plain(page: string): string {
  return page.replaceAll("\\-", "-").replaceAll("\\e", "\\").replaceAll("\\&", "");
}

function below(command: Command): Command[] {
  return command.commands.flatMap((inner) => [inner, ...below(inner)]);
}

// ---- it runs ----

const TOOLS = { dsc: join(INSTALLED, MANIFEST.bin.dsc), sim: join(INSTALLED, MANIFEST.bin["dsc-sim"]) } as const;
const LOGIN = ["hold press", `type ${DEMO.pin}`, "ok", "answer 123456"];

for (const major of [20, 24] as const) {
  const needs = "without a compiler, a network, or leave to write";
  packageTest(test, UNBOUND, `Node ${major}: the tools run ${needs}`, async () => {
    const node = nodeOf(major);
    const before = state();
    const work = workFolder(`tools-${major}`);
    const line = join(work, "card");
    assert.is(await output(start(node, TOOLS.dsc, ["--version"], work)), `${version()}\n`);

    const sim = start(node, TOOLS.sim, ["--headless", "--demo", "--flash", "card.bin", "--pty", line], work);
    const ended = output(sim);
    const answers: string[] = [];
    createInterface({ input: sim.stdout }).on("line", (text) => answers.push(text));
    sim.stdin.write(`${LOGIN.join("\n")}\n`);
    await until(() => answers.length === LOGIN.length || sim.exitCode !== null, "the card answers");
    const info = await output(start(node, TOOLS.dsc, ["info", "--port", line, "--json"], work));
    sim.stdin.end();
    await ended;

    const errors = answers.map((text) => JSON.parse(text).error);
    assert.equal(
      errors,
      LOGIN.map(() => undefined),
    );
    assert.is(JSON.parse(info).serial, DEMO.serial);
    assert.equal(state(), before);
  });

  test(`Node ${major}: a test in another project uses the card`, async () => {
    const node = nodeOf(major);
    compileConsumer();
    assert.is(await output(start(node, join(CONSUMER, "card.js"), [], CONSUMER)), "");
  });
}

/** What a program prints. Throws if its exit code is not 0 or it writes to stderr. */
async function output(running: ReturnType<typeof start>): Promise<string> {
  let [stdout, stderr] = ["", ""];
  running.stdout.on("data", (text) => (stdout += text));
  running.stderr.on("data", (text) => (stderr += text));
  const code = await new Promise((resolve, reject) => running.on("close", resolve).on("error", reject));
  assert.equal([code, stderr], [0, ""], stdout);
  return stdout;
}

// ---- the tests of other projects ----

const CONSUMER = workFolder("consumer");
/** The consumer's one file: the example of the document, and code that must not compile. */
const CONSUMER_SOURCE = `${/^```ts\n(.*?)^```/ms.exec(documentAt("docs/EMBEDDING.md"))?.[1]}
if (!/^\\d{8}$/.test(response)) throw new Error(response);
export function misuse(): void {
  // @ts-expect-error: no such key
  card.press("x");
  // @ts-expect-error: the display is text
  card.display.on;
}
`;
/** A program for Node only, and one for browsers, whose library also declares WebAssembly. */
const LIBRARIES = [["lib.es2022.d.ts"], ["lib.es2022.d.ts", "lib.dom.d.ts"]];

/** Compiles the consumer as strictly as possible, including the types of the package. */
function compileConsumer(): void {
  const file = join(CONSUMER, "card.ts");
  if (existsSync(file)) return;
  mkdirSync(join(CONSUMER, "node_modules"));
  symlinkSync(INSTALLED, join(CONSUMER, "node_modules", "dsc-card"));
  writeFileSync(join(CONSUMER, "package.json"), JSON.stringify({ type: "module" }));
  writeFileSync(file, CONSUMER_SOURCE);
  for (const lib of LIBRARIES) {
    const { NodeNext: module } = ts.ModuleKind;
    const options = { module, target: ts.ScriptTarget.ES2022, strict: true, skipLibCheck: false, types: [], lib };
    const compiled = ts.createProgram([file], options);
    const mistakes = ts
      .getPreEmitDiagnostics(compiled)
      .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, " "));
    assert.equal(mistakes, []);
    compiled.emit();
  }
}

test("the names in docs/EMBEDDING.md can be imported", async () => {
  const names = Object.keys((await import(join(INSTALLED, MANIFEST.exports["."].default))) as object);
  const document = documentAt("docs/EMBEDDING.md");
  for (const name of atLeast(10, names)) assert.match(document, new RegExp(`^\\|.*\\b${name}\\b.*\\|`, "m"), name);
});

// ---- the same bytes ----

test("the package has the same bytes from another folder, with other times and permissions", () => {
  const [here, there] = ["here", "there"].map((name) => {
    const folder = join(scratchFolder(), name);
    unpack(PACKED.tarball, folder);
    return folder;
  }) as [string, string];
  for (const name of readdirSync(there, { recursive: true, encoding: "utf8" })) {
    const path = join(there, name);
    utimesSync(path, 1_000_000_000, 1_000_000_000);
    chmodSync(path, 0o700);
  }
  const [one, other] = [here, there].map((folder) => readFileSync(packFolder(folder, dirname(folder))));
  assert.ok((one as Buffer).equals(other as Buffer));
});

test.run();
