// The ports to a chip, each in a line: its name is that of its folder here.

export { PORT as microbit } from "./microbit/port.js";
export { PORT as netduino2 } from "./netduino2/port.js";
export { PORT as sifive_e } from "./sifive_e/port.js";
export { PORT as template } from "./template/port.js";
