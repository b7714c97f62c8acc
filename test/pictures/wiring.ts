// docs/wiring.svg: the card on the micro:bit's edge connector, drawn from the pins that the tests use.

import { KEY_PINS, SCREEN_PINS } from "../../board/emulator/wiring.js";
import { FONTS, GLASS, LIT } from "./style.js";

/** The edge connector from left to right, seen from the board's front. */
const EDGE =
  "P3 P0 P4 P5 P6 P7 P1 P8 P9 P10 P11 P12 P2 P13 P14 P15 P16 P17/3V 3V P18/3V P19 P20 P21/GND GND P22/GND".split(" ");
const SUPPLY = "3V";
const GROUND = "GND";
/** The large rings for clips. */
const RINGS = ["P0", "P1", "P2", SUPPLY, GROUND];

const ROW = 24;
const TOP = 64;
const WIDTH = 760;
const HEIGHT = TOP + EDGE.length * ROW + 92;
const CONNECTOR = { x: 310, width: 120 };
const RAIL = 60;
const KEY = { x: 110, width: 66, height: 19 };
const SWITCH = { from: 204, to: 232 };
const OLED = { x: 560, width: 160 };

const WIRE = "#24292f";
const UNUSED = "#8c959f";
const COPPER = "#d4a72c";
const BOARD = "#2d333b";

const NOTES = [
  "Each key closes its pin to ground; the chip pulls it up. Buttons A and B on the board are PRESS and OK, too.",
  "Screen: SSD1306, 128 x 32 pixels, address 0x3C. The board has the pull-ups of SCL and SDA.",
  "Serial line: the board's own USB, 115200 baud, 8N1. Supply: battery connector or USB.",
];

export function drawWiring(): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}" viewBox="0 0 ${WIDTH} ${HEIGHT}">`,
    "<title>The card on a BBC micro:bit V1: keys and screen at the edge connector</title>",
    `<rect width="${WIDTH}" height="${HEIGHT}" rx="8" fill="#ffffff"/>`,
    `<g font-family="${FONTS}" font-size="13" fill="${WIRE}" stroke-width="1.5">`,
    `<text x="24" y="34" font-size="18" font-weight="bold">DSC+ on a BBC micro:bit V1</text>`,
    ...drawConnector(),
    ...Object.entries(KEY_PINS).flatMap(([key, { edge }]) => drawKey(key.toUpperCase(), yOf(edge))),
    wire(`M${RAIL} ${yOf(KEY_PINS["0"].edge)}V${yOf(GROUND)}H${CONNECTOR.x}`),
    `<text x="${RAIL + 10}" y="${yOf(GROUND) - 6}">GND</text>`,
    ...drawScreen(),
    ...NOTES.map((note, i) => `<text x="24" y="${HEIGHT - 58 + 20 * i}">${note}</text>`),
    "</g>",
    "</svg>",
    "",
  ].join("\n");
}

function yOf(edge: string): number {
  return TOP + EDGE.indexOf(edge) * ROW + ROW / 2;
}

function wire(path: string): string {
  return `<path d="${path}" fill="none" stroke="${WIRE}"/>`;
}

function drawConnector(): string[] {
  const { x, width } = CONNECTOR;
  const used = new Map(Object.values({ ...KEY_PINS, ...SCREEN_PINS }).map(({ edge, gpio }) => [edge, gpio]));
  return [
    `<rect x="${x}" y="${TOP - 8}" width="${width}" height="${EDGE.length * ROW + 16}" rx="6" fill="${BOARD}"/>`,
    ...EDGE.flatMap((edge) => drawContact(edge, used.get(edge))),
  ];
}

function drawContact(edge: string, gpio: number | undefined): string[] {
  const { x, width } = CONNECTOR;
  const y = yOf(edge);
  const isUsed = gpio !== undefined || edge === SUPPLY || edge === GROUND;
  const high = RINGS.includes(edge) ? 18 : 10;
  const chip = gpio === undefined ? "" : `P0.${String(gpio).padStart(2, "0")}`;
  const colour = isUsed ? "#ffffff" : UNUSED;
  return [
    `<rect x="${x}" y="${y - high / 2}" width="8" height="${high}" fill="${COPPER}"/>`,
    `<rect x="${x + width - 8}" y="${y - high / 2}" width="8" height="${high}" fill="${COPPER}"/>`,
    `<text x="${x + 16}" y="${y + 4.5}" fill="${colour}">${edge}</text>`,
    ...(chip ? [`<text x="${x + width - 16}" y="${y + 4.5}" fill="${UNUSED}" text-anchor="end">${chip}</text>`] : []),
  ];
}

/** A key between its pin and the rail to ground. */
function drawKey(label: string, y: number): string[] {
  const { x, width, height } = KEY;
  return [
    wire(
      `M${RAIL} ${y}H${x}M${x + width} ${y}H${SWITCH.from}l${SWITCH.to - SWITCH.from - 4}-9M${SWITCH.to} ${y}H${CONNECTOR.x}`,
    ),
    ...[RAIL, SWITCH.from, SWITCH.to].map((at) => `<circle cx="${at}" cy="${y}" r="2.5"/>`),
    `<rect x="${x}" y="${y - height / 2}" width="${width}" height="${height}" rx="4" fill="#f6f8fa" stroke="${WIRE}"/>`,
    `<text x="${x + width / 2}" y="${y + 4.5}" text-anchor="middle">${label}</text>`,
  ];
}

/** The module, with its four pins beside the pins to which they are connected. */
function drawScreen(): string[] {
  const lines = { VCC: SUPPLY, SCL: SCREEN_PINS.scl.edge, SDA: SCREEN_PINS.sda.edge, GND: GROUND };
  const [top, bottom] = [yOf(SUPPLY) - 20, yOf(GROUND) + 20];
  const { x, width } = OLED;
  return [
    `<rect x="${x}" y="${top}" width="${width}" height="${bottom - top}" rx="6" fill="#1f4f8f"/>`,
    `<rect x="${x + 54}" y="${top + 14}" width="${width - 66}" height="${bottom - top - 28}" rx="3" fill="${GLASS}"/>`,
    `<text x="${x + 54 + (width - 66) / 2}" y="${(top + bottom) / 2 + 5}" fill="${LIT}" text-anchor="middle" ` +
      `font-family="ui-monospace, Menlo, Consolas, monospace" font-size="15">CHALLNG&gt;</text>`,
    ...Object.entries(lines).flatMap(([name, edge]) => [
      wire(`M${CONNECTOR.x + CONNECTOR.width} ${yOf(edge)}H${x}`),
      `<text x="${x + 10}" y="${yOf(edge) + 4.5}" fill="#ffffff">${name}</text>`,
    ]),
  ];
}
