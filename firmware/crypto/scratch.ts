// 256 bytes that algorithms use in turn: the block and the padded key of a running HMAC, or the inverse S-box of a
// decryption. No decryption runs inside an HMAC.

export const SCRATCH: usize = memory.data(256);
