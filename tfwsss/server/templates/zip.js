"use strict";

const CHECKS = Uint32Array.from({length: 256}, (_, byte) => {
  for (let k = 0; k < 8; k++) byte = byte & 1 ? 0xEDB88320 ^ byte >>> 1 : byte >>> 1;
  return byte;
});

/** CRC-32 of some bytes. */
function checksum(bytes) {
  let sum = ~0;
  for (const byte of bytes) sum = CHECKS[(sum ^ byte) & 255] ^ sum >>> 8;
  return ~sum >>> 0;
}

/** Little-endian numbers as bytes, from [size in bytes, value] pairs. */
function packed(...pairs) {
  return Uint8Array.from(pairs.flatMap(([size, value]) => Array.from({length: size}, (_, k) => value >>> 8 * k & 255)));
}

/** An archive of files, stored as they are, since PNGs are small already: [{name, bytes}] to a Blob. */
function zip(files) {
  const parts = [], list = [];
  let place = 0, listed = 0;
  for (const {name, bytes} of files) {
    const called = new TextEncoder().encode(name);
    // what both headers hold: version 2.0, names in UTF-8, stored, 1980-01-01, checksum, twice the size, the name's
    const facts = [[2, 20], [2, 0x800], [2, 0], [2, 0], [2, 0x21], [4, checksum(bytes)], [4, bytes.length],
                   [4, bytes.length], [2, called.length], [2, 0]];
    const entry = [packed([4, 0x02014B50], [2, 20], ...facts, [2, 0], [2, 0], [2, 0], [4, 0], [4, place]), called];
    const head = [packed([4, 0x04034B50], ...facts), called, bytes];
    parts.push(...head);
    list.push(...entry);
    place += head.reduce((sum, part) => sum + part.length, 0);
    listed += entry.reduce((sum, part) => sum + part.length, 0);
  }
  const count = [2, files.length];
  return new Blob([...parts, ...list, packed([4, 0x06054B50], [2, 0], [2, 0], count, count, [4, listed], [4, place],
                                             [2, 0])], {type: "application/zip"});
}
