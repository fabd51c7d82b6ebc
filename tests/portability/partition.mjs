// A partition, and what a step has staged for it.

/** What a step may use: the least that wit/plugin.wit lets a plugin count on. */
export const LIMITS = {
    partitionBytes: 512,
    keyBytes: 1024,
    valueBytes: 1 << 20,
    effects: 10_000,
    effectBytes: 16 << 20,
    calls: 100_000,
    scan: 10_000,
    randomBytes: 4096,
};

/** Why the host ended a step. */
export class StepError extends Error {}

/** Bytes as a text that sorts bytewise, for the key of a map. */
const text = (bytes) => Buffer.from(bytes).toString('latin1');
/** A copy: what the component gives lies in its memory or may be changed by it. */
const copy = (bytes) => Uint8Array.from(bytes);

export class Partition {
    /** Key to `{ value, expires }`. */
    records = new Map();
    /** Name to `{ due, payload }`. */
    timers = new Map();
    /** Posts that have not been delivered, in order. */
    outbox = [];
    /** Time of the last step. */
    lastNow = 0n;

    constructor(name) {
        this.name = name;
    }

    settle(post) {
        this.outbox = this.outbox.filter((other) => other !== post);
    }
}

/** Everything that one step asked for. Dropped, it leaves no trace. */
export class Stage {
    /** Null stands for a deletion, here and below. */
    records = new Map();
    timers = new Map();
    sends = [];
    posts = [];
    /** Posts of the partition to itself that this step settles. */
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

    send(request, token) {
        const { method, uri, headers, body, contact } = request;
        const whole = text(headers);
        // What would break the message apart: no end, an empty line, a folded line, a space in the URI.
        if (!/^([^\s:]+[ \t]*:[^\r\n]*\r\n)*$/.test(whole) || /[\s\0]/.test(uri) || !/^[\w!%*+`'~.-]+$/.test(method)) {
            throw new StepError('a malformed request');
        }
        const size = method.length + uri.length + headers.length + body.length + (contact?.length ?? 0);
        this.#charge(token.length, size);
        this.sends.push({ request: { ...request, headers: copy(headers), body: copy(body) }, token: copy(token) });
    }

    post(to, payload) {
        const bytes = Buffer.byteLength(to);
        if (bytes === 0 || bytes > LIMITS.partitionBytes) {
            throw new StepError('a partition needs a name of 1 to 512 bytes');
        }
        this.#charge(0, bytes + payload.length);
        this.posts.push({ to, payload: copy(payload) });
    }

    /** Makes all of it so, at once; gives what is to be sent. */
    commit(now) {
        const { partition } = this;
        const apply = (to, changes) => {
            for (const [key, change] of changes) {
                if (change === null) {
                    to.delete(key);
                } else {
                    to.set(key, change);
                }
            }
        };
        apply(partition.records, this.records);
        apply(partition.timers, this.timers);
        this.settled.forEach((post) => partition.settle(post));
        partition.outbox.push(...this.posts);
        partition.lastNow = now > partition.lastNow ? now : partition.lastNow;
        return this.sends;
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
