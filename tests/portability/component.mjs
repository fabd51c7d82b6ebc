// What jco made of a component, as something that a host can instantiate again and again.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** Loads `plugin.js` of a folder that `jco transpile --instantiation sync --name plugin` has written. */
export async function load(folder) {
    const { instantiate } = await import(pathToFileURL(join(folder, 'plugin.js')));
    const modules = new Map();
    const core = (name) => {
        if (!modules.has(name)) {
            modules.set(name, new WebAssembly.Module(readFileSync(join(folder, name))));
        }
        return modules.get(name);
    };
    return (imports) => instantiate(core, imports);
}
