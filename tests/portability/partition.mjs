// A partition, and what a step has staged for it.

/** What a step may use: at least what wit/plugin.wit lets a plugin count on. */
export const LIMITS = {
    partitionBytes: 512,
    keyBytes: 1024,
    valueBytes: 1 << 20,
    effects: 10_000,
    effectBytes: 16 << 20,
    calls: 100_000,
    scan: 10_000,
    randomBytes: 4096,
    figures: 256,
    labels: 8,
    logLines: 1000,
    logBytes: 4096,
};

/** Why the host ended a step. */
export class StepError extends Error {}

/** Bytes as a text that sorts bytewise, for the key of a map. */
const text = (bytes) => Buffer.from(bytes).toString('latin1');
/** A copy: what the component gives may lie in its memory. */
const copy = (bytes) => Uint8Array.from(bytes);

export class Partition {
    /** Key to `{ value, expires }`. */
    records = new Map();
    /** Name to `{ due, payload }`. */
    timers = new Map();
    /** Number to what has yet to be done: a post `{ to, payload }` or a kept request `{ request, token }`. */
    outbox = new Map();
    /** The next number. */
    next = 0;
    /** Time of the last step. */
    lastNow = 0n;

    constructor(name) {
        this.name = name;
    }

    /** Makes a change: pairs for the three maps, null for a deletion, and numbers that are settled. */
    apply({ records = [], timers = [], outbox = [], settled = [] }) {
        const pairs = (to, changes) => {
            for (const [key, value] of changes) {
                if (value === null) {
                    to.delete(key);
                } else {
                    to.set(key, value);
                }
            }
        };
        pairs(this.records, records);
        pairs(this.timers, timers);
        pairs(this.outbox, outbox);
        settled.forEach((number) => this.outbox.delete(number));
        this.next = outbox.reduce((next, [number]) => Math.max(next, number + 1), this.next);
    }
}

/** Everything that one step asked for. Dropped, it leaves no trace. */
export class Stage {
    records = new Map();
    timers = new Map();
    sends = [];
    outbox = [];
    /** Numbers of the outbox that this step settles. */
    settled = [];
    effects = 0;
    #bytes = 0;

    constructor(partition) {
        this.partition = partition;
    }

    get(key, now) {
        return this.#live(text(key), now)?.value;
    }

    scan(prefix, after, limit, now) {
        const [start, behind] = [text(prefix), after && text(after)];
        const keys = new Set([...this.partition.records.keys(), ...this.records.keys()]);
        return [...keys]
            .filter((key) => key.startsWith(start) && (behind === undefined || key > behind))
            .filter((key) => this.#live(key, now))
            .sort((one, other) => (one < other ? -1 : 1))
            .slice(0, Math.min(limit, LIMITS.scan))
            .map((key) => ({ key: Buffer.from(key, 'latin1'), value: this.#live(key, now).value }));
    }

    put(key, value, expires) {
        this.#charge(key.length, value.length);
        this.records.set(text(key), { value: copy(value), expires });
    }

    delete(key) {
        this.#charge(key.length, 0);
        this.records.set(text(key), null);
    }

    setTimer(name, due, payload) {
        this.#charge(name.length, payload.length);
        this.timers.set(text(name), { due, payload: copy(payload) });
    }

    cancelTimer(name) {
        this.#charge(name.length, 0);
        this.timers.set(text(name), null);
    }

    send({ method, uri, headers, body, contact }, token, isKept) {
        Stage.wellFormed(headers);
        if (!/^[^\s\0]+$/.test(uri) || !/^[\w!%*+`'~.-]+$/.test(method)) {
            throw new StepError('a malformed request');
        }
        const size = method.length + uri.length + headers.length + body.length + (contact?.length ?? 0);
        this.#charge(token.length, size);
        const request = { method, uri, headers: copy(headers), body: copy(body), contact };
        const kept = isKept ? this.#number({ request, token: copy(token) }) : undefined;
        this.sends.push({ request, token: copy(token), kept });
    }

    post(to, payload) {
        const bytes = Buffer.byteLength(to);
        if (bytes === 0 || bytes > LIMITS.partitionBytes) {
            throw new StepError('a partition needs a name of 1 to 512 bytes');
        }
        this.#charge(0, bytes + payload.length);
        this.#number({ to, payload: copy(payload) });
    }

    /** Refuses header lines that would break a message apart: no end, an empty line, a folded line. */
    static wellFormed(headers) {
        if (!/^([^\s:]+[ \t]*:[^\r\n]*\r\n)*$/.test(text(headers))) {
            throw new StepError('malformed headers');
        }
    }

    /** What the step changes, if anything. */
    change() {
        const { partition, records, timers, outbox, settled } = this;
        const some = records.size + timers.size + outbox.length + settled.length > 0;
        return some && { partition: partition.name, records: [...records], timers: [...timers], outbox, settled };
    }

    #number(entry) {
        const number = this.partition.next + this.outbox.length;
        this.outbox.push([number, entry]);
        return number;
    }

    #live(key, now) {
        const record = this.records.has(key) ? this.records.get(key) : this.partition.records.get(key);
        return record && (record.expires === undefined || record.expires > now) ? record : undefined;
    }

    #charge(key, value) {
        this.effects += 1;
        this.#bytes += key + value;
        const { keyBytes, valueBytes, effects, effectBytes } = LIMITS;
        if (key > keyBytes || value > valueBytes || this.effects > effects || this.#bytes > effectBytes) {
            throw new StepError('a limit was passed');
        }
    }
}
