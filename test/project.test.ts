// The project itself is formatted and linted, follows its rules of import, and pins its packages.

import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import * as assert from "uvu/assert";
import { ROOT } from "../host-tools/files/project.js";
import { scratchFolder } from "./support/scratch.js";
import { suite } from "./support/suite.js";

const project = suite("project");

/** Memory reserved for a struct: its class, and the number of bytes. */
const STRUCT_IN_MEMORY = /changetype<(\w+)>\(memory\.data\((.*?)\)\);/g;
/** Builtins of AssemblyScript that this firmware uses or may use. */
const BUILTINS: ReadonlySet<string> = new Set([
  "store",
  "load",
  "memory",
  "select",
  "min",
  "max",
  "bswap",
  "unreachable",
]);

const TOP = ["firmware", "sim", "host-tools", "board", "packaging", "test"];
const DESIGN = readFileSync(join(ROOT, "docs", "DESIGN.md"), "utf8");

project("is formatted and linted", () => {
  const biome = join(ROOT, "node_modules", "@biomejs", "biome", "bin", "biome");
  const result = spawnSync(process.execPath, [biome, "ci", "--colors=off", "--max-diagnostics=5", "."], {
    cwd: ROOT,
    encoding: "utf8",
  });
  assert.is(result.status, 0, result.stdout + result.stderr);
});

project("takes suites only from test/support/suite.ts, which report to the runner", () => {
  const files = sources("test").filter((file) => file !== "test/support/suite.ts");
  assert.ok(files.includes("test/project.test.ts"));
  for (const file of files) assert.not.match(readFileSync(join(ROOT, file), "utf8"), /^import .* from "uvu";$/m, file);
});

/** All packages with their versions, including optional ones. */
function packages(): Record<string, string> {
  const { dependencies, devDependencies, peerDependencies } = manifest("package.json");
  return { ...dependencies, ...devDependencies, ...peerDependencies };
}

type Manifest = Readonly<Record<string, Readonly<Record<string, string>>>>;

function manifest(path: string): Manifest {
  return JSON.parse(readFileSync(join(ROOT, path), "utf8")) as Manifest;
}

project("installs the package's peer dependencies in a checkout, in the same versions", () => {
  const { optionalDependencies } = manifest("packaging/optional/package.json");
  assert.equal(manifest("package.json").peerDependencies, optionalDependencies);
});

project("pins every package exactly", () => {
  for (const [name, version] of Object.entries(packages())) {
    assert.match(String(version), /^\d+\.\d+\.\d+$/, name);
  }
});

project("explains every package in docs/DESIGN.md", () => {
  assert.equal(explained("Pinned exactly"), Object.keys(packages()).sort());
});

project("needs no newer Node for a package than for itself", () => {
  const lock = JSON.parse(readFileSync(join(ROOT, "package-lock.json"), "utf8")) as {
    packages: Record<string, { engines?: { node?: string }; dev?: boolean }>;
  };
  const oldest = Number(/\d+/.exec(lock.packages[""]?.engines?.node ?? "")?.[0]);
  // The simple ranges that packages use: each alternative begins with the oldest version that it allows.
  const allows = (range: string) => range.split("||").some((one) => Number(/\d+/.exec(one)?.[0] ?? 0) <= oldest);
  const newer = Object.entries(lock.packages).filter(([, { engines }]) => engines?.node && !allows(engines.node));
  assert.equal(
    newer.map(([name]) => name),
    [],
  );
});

project("explains every package of Debian in docs/DESIGN.md", () => {
  const script = readFileSync(join(ROOT, "scripts", "debian.mjs"), "utf8");
  const installed = [...script.matchAll(/^ {2}"?([\w-]+)"?: "\//gm)].map((match) => match[1] as string);
  assert.equal(explained("From Debian"), installed.sort());
});

/** The names in the first column of the table after these words. */
function explained(words: string): string[] {
  const table = (DESIGN.split(words)[1] ?? "").split("|---|---|\n")[1]?.split("\n\n")[0] ?? "";
  const cells = table.split("\n").flatMap((row) => row.split("|")[1]?.split(",") ?? []);
  return cells
    .map((name) => name.trim())
    .filter((name) => name !== "")
    .sort();
}

project("keeps the firmware to itself, and its crypto to itself", () => {
  for (const file of sources("firmware")) {
    const home = file.startsWith("firmware/crypto/") ? "firmware/crypto/" : "firmware/";
    for (const target of imports(file)) assert.ok(target.startsWith(home), `${file} imports ${target}`);
  }
});

project("imports in the firmware as docs/DESIGN.md says", () => {
  const lines = (/only:\n```\n(.*?)```/s.exec(DESIGN)?.[1] ?? "").trimEnd().split("\n");
  const level = new Map(
    lines.flatMap((line, at) => (line.split(/ {2,}/)[0] ?? "").split(" ").map((name) => [name, at])),
  );
  const files = sources("firmware").filter((file) => !file.startsWith("firmware/crypto/"));
  assert.equal([...level.keys()].sort(), files.map(nameOf).sort());
  const at = (file: string) => level.get(nameOf(file)) as number;
  for (const file of files) {
    const above = imports(file).filter((target) => !target.startsWith("firmware/crypto/") && at(target) <= at(file));
    assert.equal(above, [], file);
  }
});

project("lets the compiler count the size of every struct of the firmware", () => {
  for (const file of sources("firmware")) {
    for (const [text, struct, size] of readFileSync(join(ROOT, file), "utf8").matchAll(STRUCT_IN_MEMORY))
      assert.is(size, `offsetof<${struct}>()`, `${file}: ${text}`);
  }
});

project("gives nothing in the firmware the name of a compiler's builtin", () => {
  for (const file of sources("firmware")) {
    for (const [text, name] of readFileSync(join(ROOT, file), "utf8").matchAll(/^import \* as (\w+) from .*$/gm))
      assert.not.ok(BUILTINS.has(name as string), `${file}: ${text}`);
  }
});

project("has no cycle of imports, between files or between rooms", () => {
  const files = TOP.flatMap(sources);
  const between = (nameOf: (file: string) => string) => {
    const graph = new Map<string, Set<string>>();
    for (const file of files) {
      const from = nameOf(file);
      const to = graph.get(from) ?? new Set();
      for (const target of imports(file)) to.add(nameOf(target.replace(/(\.js)?$/, ".ts")));
      graph.set(from, to);
    }
    return graph;
  };
  assert.equal(circleIn(between((file) => file)), []);
  const rooms = between((file) => file.split("/").slice(0, 2).join("/"));
  // A single file in a top folder is not a room.
  for (const [room, targets] of rooms) targets.delete(room);
  assert.equal(circleIn(rooms), []);
});

/** The names of a cycle, each of which leads to the next; empty if there is none. */
function circleIn(graph: ReadonlyMap<string, ReadonlySet<string>>): string[] {
  const done = new Set<string>();
  const visit = (name: string, path: readonly string[]): string[] => {
    if (path.includes(name)) return [...path.slice(path.indexOf(name)), name];
    if (done.has(name)) return [];
    for (const next of graph.get(name) ?? []) {
      const circle = visit(next, [...path, name]);
      if (circle.length > 0) return circle;
    }
    done.add(name);
    return [];
  };
  for (const name of graph.keys()) {
    const circle = visit(name, []);
    if (circle.length > 0) return circle;
  }
  return [];
}

project("finds a planted cycle of imports", () => {
  const graph = new Map([
    ["a", new Set(["b"])],
    ["b", new Set(["c", "d"])],
    ["d", new Set(["b"])],
  ]);
  assert.equal(circleIn(graph), ["b", "d", "b"]);
});

project("does not build a room that imports from a room above it", () => {
  const folder = scratchFolder();
  writeFileSync(join(folder, "package.json"), '{"type": "module"}');
  const room = (name: string, text: string, references: readonly string[]) => {
    mkdirSync(join(folder, name), { recursive: true });
    writeFileSync(join(folder, name, "a.ts"), text);
    const config = {
      extends: join(ROOT, "tsconfig.base.json"),
      compilerOptions: { rootDir: folder, outDir: join(folder, "out") },
      include: ["*.ts"],
      references: references.map((path) => ({ path: join("..", path) })),
    };
    writeFileSync(join(folder, name, "tsconfig.json"), JSON.stringify(config));
  };
  const build = (name: string) =>
    spawnSync(process.execPath, [join(ROOT, "node_modules/typescript/bin/tsc"), "--build", join(folder, name)], {
      encoding: "utf8",
    });
  room("below", "export const one = 1;\n", []);
  room("above", 'import { one } from "../below/a.js";\nexport const two = one + 1;\n', ["below"]);
  const built = build("above");
  assert.is(built.status, 0, built.stdout);
  room("below", 'import { two } from "../above/a.js";\nexport const one = two - 1;\n', []);
  assert.match(build("below").stdout, /TS6307|is not listed within the file list/);
  const texts = ["Buffer.alloc(1);", "document.title;", 'import "node:fs";', 'import { readFileSync } from "node:fs";'];
  for (const [index, text] of texts.entries())
    writeFileSync(join(folder, "below", `${index}.ts`), `${text}\nexport const one = 1;\n`);
  const { stdout } = build("below");
  for (const [index, text] of texts.entries()) assert.match(stdout, new RegExp(`^\\S*${index}\\.ts\\(1,`, "m"), text);
});

project("keeps blessed behind one file", () => {
  const users = sources("sim").filter((file) => /from "blessed"/.test(readFileSync(join(ROOT, file), "utf8")));
  assert.equal(users, ["sim/terminal/toolkit.ts"]);
});

project("loads the libraries for paper only where paper is made", () => {
  for (const file of sources("host-tools")) {
    const loaded = /^import (?!type )[^;]* from "(pdfkit|bwip-js|fontkit)"/m.exec(
      readFileSync(join(ROOT, file), "utf8"),
    );
    assert.is(loaded, null, file);
  }
});

project("has a README in each top folder", () => {
  for (const folder of [...TOP, "docs", "scripts"]) {
    const lines = readFileSync(join(ROOT, folder, "README.md"), "utf8")
      .trimEnd()
      .split("\n");
    assert.ok(lines.length >= 5 && lines.length <= 40, `${folder}/README.md: ${lines.length} lines`);
  }
});

/** firmware/card.ts: card. */
function nameOf(file: string): string {
  return file.replace(/^firmware\//, "").replace(/\.ts$/, "");
}

function sources(folder: string): string[] {
  const names = readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" });
  const files = names.filter((name) => name.endsWith(".ts")).map((name) => `${folder}/${name.split("\\").join("/")}`);
  assert.ok(files.flatMap(imports).length > 0, `${folder} imports nothing?`);
  return files;
}

/** The files of this project that `file` imports, relative to the top folder. */
function imports(file: string): string[] {
  const text = readFileSync(join(ROOT, file), "utf8");
  return [...text.matchAll(/from "(\.[^"]+)"/g)].map((match) =>
    relative(ROOT, join(ROOT, dirname(file), match[1] as string))
      .split("\\")
      .join("/"),
  );
}

project.run();
