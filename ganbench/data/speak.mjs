// Speak with espeak-ng: node speak.mjs FOLDER, where FOLDER has espeak-ng.js and espeak-ng.wasm.
//
// stdin: a list, in JSON, of lists of arguments of espeak-ng. stdout: of each, the length of a WAV file in 4 bytes, lowest
// first, and the file.

import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

const folder = path.resolve(process.argv[2]);
Date.now = () => 0; // the program seeds the noise of breath with the time

const { default: program } = await import(pathToFileURL(path.join(folder, "espeak-ng.js")));
const compiled = await WebAssembly.compile(fs.readFileSync(path.join(folder, "espeak-ng.wasm")));

function instantiateWasm(imports, done) {
  WebAssembly.instantiate(compiled, imports).then((instance) => done(instance, compiled));
  return {};
}

function write(bytes) {
  for (let start = 0; start < bytes.length; ) start += fs.writeSync(1, bytes, start);
}

for (const given of JSON.parse(fs.readFileSync(0, "utf8"))) {
  // The arguments come in a new instance, so no clip depends on an earlier one.
  const done = await program({ arguments: ["-w", "said.wav", ...given], instantiateWasm, print: () => {} });
  const wave = done.FS.readFile("said.wav");
  const length = Buffer.alloc(4);
  length.writeUInt32LE(wave.length);
  write(length);
  write(wave);
}
