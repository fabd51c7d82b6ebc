// What a component imports: each call reads or fills the stage of the host's step.

import { randomBytes } from 'node:crypto';
import { LIMITS, StepError } from './partition.mjs';

/** The imports of the world `plugin`, on behalf of a host. */
export function imports(host) {
    // Counted, as every call of a step is, and refused outside of steps.
    const step = () => {
        if (!host.step) {
            throw new StepError('no step');
        }
        host.step.calls += 1;
        if (host.step.calls > LIMITS.calls) {
            throw new StepError('too many host calls');
        }
        return host.step;
    };
    const stage = () => {
        const { stage } = step();
        if (!stage) {
            throw new StepError('no partition');
        }
        return stage;
    };
    const time = () => {
        const current = step();
        current.seen = true;
        return current.now;
    };
    const figure = (name, labels, change) => {
        const { figures } = step();
        if (![name, ...labels.map(([label]) => label)].every((word) => /^[a-z][a-z0-9_]{0,63}$/.test(word))) {
            throw new StepError(`not a name of a figure: ${name}`);
        }
        if (labels.length > LIMITS.labels || figures.length === LIMITS.figures) {
            throw new StepError('too many figures or labels');
        }
        const key = `${name}${JSON.stringify(labels)}`;
        figures.push((all) => all.set(key, change(all.get(key))));
    };
    const none = () => {
        throw { tag: 'broken', val: 'no such component' };
    };
    const text = (bytes) => Buffer.from(bytes).toString('latin1');
    const page = (name, at, limit) => {
        const all = [...(host.tables.get(name) ?? [])].slice(at);
        const entries = all.slice(0, limit).map(([key, value]) => ({ key: Buffer.from(key, 'latin1'), value }));
        return { entries, next: limit < all.length ? BigInt(at + limit) : undefined };
    };
    const interfaces = {
        types: {},
        storage: {
            enter: (name) => host.enter(step(), name),
            epoch: () => step() && host.epoch,
            get: (key) => stage().get(key, host.step.now),
            scan: (prefix, after, limit) => stage().scan(prefix, after, limit, host.step.now),
            put: (key, value, durability, expires) => stage().put(key, value, expires),
            delete: (key) => stage().delete(key),
        },
        timers: {
            set: (name, due, payload) => stage().setTimer(name, due, payload),
            cancel: (name) => stage().cancelTimer(name),
        },
        sip: { send: (request, token, delivery) => stage().send(request, token, delivery === 'kept') },
        posts: { post: (to, payload) => stage().post(to, payload) },
        tables: {
            // Outside of steps, too: while a table is built, those before it are there.
            lookup: (table, key) => host.tables.get(table)?.get(text(key)),
            // They never change here.
            version: (table) => step() && (host.tables.has(table) ? 1n : 0n),
            entries: (table, at, limit) => step() && page(table, Number(at), limit),
        },
        identity: { normalize: none, fundamental: none },
        clock: { now: time },
        random: {
            bytes: (length) => {
                step();
                if (length > LIMITS.randomBytes) {
                    throw new StepError('too many random bytes');
                }
                return randomBytes(length);
            },
        },
        log: {
            enabled: (level) => level !== 'trace',
            write: (level, message, fields) => {
                if (host.log.length < LIMITS.logLines) {
                    host.log.push({ level, message: message.slice(0, LIMITS.logBytes), fields });
                }
            },
        },
        metrics: {
            count: (name, labels, more) => figure(name, labels, (old) => (old ?? 0n) + more),
            gauge: (name, labels, value) => figure(name, labels, () => value),
        },
    };
    const named = ([name, functions]) => [`rollcall:plugin/${name}`, functions];
    return Object.fromEntries(Object.entries(interfaces).map(named));
}
