// A journal: a file with a line for each commit, on disk before anything of the commit leaves. Relaxed writes are
// as safe as durable ones here. It only grows: this is for tests.

import { existsSync, fsyncSync, openSync, readFileSync, truncateSync, writeSync } from 'node:fs';

export class Journal {
    #file;

    constructor(path) {
        this.path = path;
    }

    /** What was committed, how often the file was left without order, and whether it was this time. */
    open() {
        const lines = this.#lines();
        const entries = lines.map((line) => JSON.parse(line, revived));
        const last = entries.findLast(() => true);
        const clean = last === undefined || last.stopped !== undefined;
        const crashes = entries.filter(({ started }, at) => started && at > 0 && !entries[at - 1].stopped);
        this.#file = openSync(this.path, 'a');
        this.append({ started: true });
        return {
            changes: entries.filter(({ partition }) => partition !== undefined),
            epoch: BigInt(crashes.length + (clean ? 0 : 1)),
            clean,
            unsettled: last?.stopped ?? [],
        };
    }

    append(entry) {
        writeSync(this.#file, `${JSON.stringify(entry, flat)}\n`);
        fsyncSync(this.#file);
    }

    /** The end of an orderly stop. */
    close(unsettled) {
        this.append({ stopped: unsettled });
    }

    /** All whole lines. A kill may have left half of one, which nobody has been told of: it goes. */
    #lines() {
        if (!existsSync(this.path)) {
            return [];
        }
        const text = readFileSync(this.path, 'latin1');
        const end = text.lastIndexOf('\n') + 1;
        truncateSync(this.path, end);
        return text.slice(0, end).split('\n').slice(0, -1);
    }
}

/** JSON knows neither bytes nor 64 bits. */
function flat(_, value) {
    if (typeof value === 'bigint') {
        return { u64: value.toString() };
    }
    return value instanceof Uint8Array ? { bytes: Buffer.from(value).toString('base64') } : value;
}

function revived(_, value) {
    if (typeof value?.u64 === 'string') {
        return BigInt(value.u64);
    }
    return typeof value?.bytes === 'string' ? Uint8Array.from(Buffer.from(value.bytes, 'base64')) : value;
}
