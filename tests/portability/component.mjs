// What jco made of a component, as something that a host can instantiate again and again.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** Pages of 64 KiB that an instance may have. */
const MOST_PAGES = 1024;

/** Loads `plugin.js` of a folder that `jco transpile --instantiation sync --name plugin` has written. */
export async function load(folder) {
    const { instantiate } = await import(pathToFileURL(join(folder, 'plugin.js')));
    const modules = new Map();
    const core = (name) => {
        if (!modules.has(name)) {
            modules.set(name, new WebAssembly.Module(bounded(readFileSync(join(folder, name)))));
        }
        return modules.get(name);
    };
    return (imports) => instantiate(core, imports);
}

/** The module with a bound to its memory: a section of a module is a byte that tells its kind (5 for memories), its
 * length, and here the number of memories (1), a byte that tells whether there is a bound, and one or two numbers. */
function bounded(module) {
    const parts = [module.subarray(0, 8)];
    for (let at = 8; at < module.length; ) {
        const { value: length, end: start } = number(module, at + 1);
        const section = module.subarray(at, start + length);
        const content = module.subarray(start, start + length);
        if (module[at] === 5 && content[0] === 1 && (content[1] & 1) === 0) {
            const body = Buffer.concat([Buffer.from([1, 1]), content.subarray(2), Buffer.from(leb128(MOST_PAGES))]);
            parts.push(Buffer.from([5, ...leb128(body.length)]), body);
        } else {
            parts.push(section);
        }
        at = start + length;
    }
    return Buffer.concat(parts);
}

function number(bytes, at) {
    let value = 0;
    for (let shift = 0; ; shift += 7, at += 1) {
        value |= (bytes[at] & 0x7f) << shift;
        if (bytes[at] < 0x80) {
            return { value, end: at + 1 };
        }
    }
}

function leb128(value) {
    return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...leb128(value >>> 7)];
}
