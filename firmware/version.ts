// Which firmware this is: for identification, not attestation.

import { FirmwareAt } from "./wire";

/** Major, minor, patch; then eight letters that the build replaces by the hash of the module. */
export const VERSION: usize = memory.data<u8>([0, 2, 0, 0x44, 0x53, 0x43, 0x2b, 0x68, 0x61, 0x73, 0x68]);
export const VERSION_SIZE: u32 = FirmwareAt.KIND;
