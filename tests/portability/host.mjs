// A host in memory, for one component that jco has made JavaScript. It keeps the contract of
// wit/plugin.wit, for as long as the process lives: a step stages, the commit comes after the return, and
// only then does anything leave. It knows nothing of SIP beyond what the boundary says: who embeds it brings
// the messages (`request`), takes what is to be sent (`send`) and tells what became of it (`outcome`).
//
// What it does not do: a deadline (JavaScript cannot stop a loop of its own thread) and a limit of memory.

import { randomBytes } from 'node:crypto';
import { Partition, Stage, StepError, LIMITS } from './partition.mjs';

/** The version of the package `rollcall:plugin` that this host serves. */
export const VERSION = '0.3.0';

/** Milliseconds until what failed is tried again. */
const PAUSE = 1000n;

/** Times that a request may be forwarded. */
const MOST_HOPS = 8;

export class Host {
    /** Steps that failed, with their reasons. */
    failures = [];
    /** What the component wrote for the operator. */
    log = [];
    /** Its figures, by name and labels. */
    figures = new Map();
    /** How often the component was instantiated. */
    instances = 0;
    #instance = null;
    #step = null;
    #partitions = new Map();
    #tables = new Map();
    #waiting = new Map();
    #blocked = new Map();
    #sent = 0;

    /**
     * - `instantiate(imports)`: makes an instance of the component
     * - `configuration`: an object, handed over as JSON
     * - `sources`: rows of tables by name, each row a list of fields
     * - `clock()`: milliseconds since 1970, a BigInt
     * - `send(id, outgoing)`: takes a request to be sent
     */
    constructor({ instantiate, configuration, sources = {}, clock, send }) {
        this.instantiate = instantiate;
        this.configuration = JSON.stringify(configuration);
        this.clock = clock;
        this.send = send;
        this.description = this.#component().lifecycle.describe();
        for (const name of this.description.tables) {
            this.#tables.set(name, this.#build(name, sources[name] ?? []));
        }
    }

    /** Hands a request in. `{ tag: 'reply', val }`, `{ tag: 'pass' }`, or null where the step failed: 500. */
    request(request) {
        let [result, now] = this.#run(null, (handler) => handler.onRequest(request));
        for (let hops = 1; result?.tag === 'forward'; hops += 1) {
            const { partition, payload } = result.val;
            if (hops > MOST_HOPS) {
                return this.#failed(new StepError('forwarded too often'));
            }
            const go = (handler) => handler.onForwarded(partition, request, payload);
            [result, now] = this.#run(partition, go, { now });
        }
        return result;
    }

    /** Tells what became of a request that was sent. */
    outcome(id, outcome) {
        const { partition, token } = this.#waiting.get(id);
        this.#waiting.delete(id);
        const [result] = this.#run(partition, (handler) => handler.onResponse(partition, token, outcome));
        if (result === null) {
            this.#run(partition, (handler) => handler.onRecovery(partition));
        }
    }

    /** Drops the instance; the next step gets a new one. */
    drop() {
        this.#instance = null;
    }

    /** Does all that is due: timers and posts, and what comes of them. The time of the next timer, if any. */
    settle() {
        const now = this.clock();
        let next = null;
        for (let busy = true; busy; ) {
            busy = false;
            next = null;
            for (const [name, partition] of [...this.#partitions]) {
                busy = this.#deliver(name, partition, now) || busy;
                for (const [timer, { due, payload }] of [...partition.timers]) {
                    const at = this.#pause(name, due);
                    if (at > now) {
                        next = next === null || at < next ? at : next;
                    } else {
                        busy = true;
                        this.#fire(name, timer, due, payload);
                    }
                }
            }
        }
        return next;
    }

    #fire(name, timer, due, payload) {
        const key = Buffer.from(timer, 'latin1');
        const fire = (handler) => handler.onTimer(name, key, due, payload);
        const [result] = this.#run(name, fire, { before: (stage) => stage.timers.set(timer, null) });
        this.#block(name, result);
    }

    /** Delivers the posts of a partition in order; those behind one that failed wait with it. */
    #deliver(from, partition, now) {
        const held = new Set();
        let busy = false;
        for (const post of [...partition.outbox]) {
            const channel = `${from} ${post.to}`;
            if (held.has(channel) || this.#pause(channel, 0n) > now) {
                held.add(channel);
                continue;
            }
            busy = true;
            const settled = (stage) => from === post.to && stage.settled.push(post);
            const deliver = (handler) => handler.onPost(post.to, post.payload);
            const [result] = this.#run(post.to, deliver, { before: settled });
            this.#block(channel, result);
            if (result === null) {
                held.add(channel);
            } else {
                partition.settle(post);
            }
        }
        return busy;
    }

    #block(what, result) {
        if (result === null) {
            this.#blocked.set(what, this.clock() + PAUSE);
        } else {
            this.#blocked.delete(what);
        }
    }

    #pause(what, due) {
        const until = this.#blocked.get(what) ?? 0n;
        return until > due ? until : due;
    }

    /** One step: the result of `call` and the step's time; null for a result where it failed. */
    #run(partition, call, { now = this.clock(), before } = {}) {
        const step = { stage: null, now, seen: false, calls: 0, figures: [] };
        let result;
        try {
            const { handler } = this.#component();
            this.#step = step;
            if (partition !== null) {
                this.#enter(step, partition);
                before?.(step.stage);
            }
            result = call(handler) ?? { tag: 'done' };
            if ((result.tag === 'pass' || result.tag === 'forward') && step.stage?.effects) {
                throw new StepError(`staged something, but answers "${result.tag}"`);
            }
        } catch (error) {
            // Whatever happened inside: the instance may be broken, and what was staged is forgotten.
            this.#instance = null;
            this.#failed(error);
            return [null, step.now];
        } finally {
            this.#step = null;
        }
        step.figures.forEach((figure) => figure(this.figures));
        for (const { request, token } of step.stage?.commit(step.now) ?? []) {
            this.#sent += 1;
            this.#waiting.set(this.#sent, { partition: step.stage.partition.name, token });
            this.send(this.#sent, request);
        }
        return [result, step.now];
    }

    #failed(error) {
        this.failures.push(error);
        return null;
    }

    #enter(step, name) {
        const bytes = Buffer.byteLength(name);
        if (bytes === 0 || bytes > LIMITS.partitionBytes) {
            throw new StepError('a partition needs a name of 1 to 512 bytes');
        }
        if (step.stage && step.stage.partition.name !== name) {
            throw new StepError(`in partition ${step.stage.partition.name} already`);
        }
        const partition = this.#partitions.get(name) ?? new Partition(name);
        this.#partitions.set(name, partition);
        step.stage ??= new Stage(partition);
        if (!step.seen && partition.lastNow > step.now) {
            step.now = partition.lastNow;
        }
    }

    #component() {
        if (!this.#instance) {
            const instance = this.instantiate(this.#imports());
            if (!(`rollcall:plugin/handler@${VERSION}` in instance)) {
                throw new Error(`no component for version ${VERSION}: it has ${Object.keys(instance)}`);
            }
            instance.lifecycle.configure(this.configuration);
            this.#instance = instance;
            this.instances += 1;
        }
        return this.#instance;
    }

    #build(name, rows) {
        const numbered = rows.map((fields, index) => ({ line: index + 1, fields }));
        const table = new Map();
        for (const { key, value } of this.#component().lifecycle.buildTable(name, numbered)) {
            const at = Buffer.from(key).toString('latin1');
            if (table.has(at) && !Buffer.from(table.get(at)).equals(value)) {
                throw new Error(`table ${name}: two values under one key`);
            }
            table.set(at, value);
        }
        return table;
    }

    #page(name, at, limit) {
        const all = [...(this.#tables.get(name) ?? [])].slice(at);
        const entries = all.slice(0, limit).map(([key, value]) => ({ key: Buffer.from(key, 'latin1'), value }));
        return { entries, next: limit < all.length ? BigInt(at + limit) : undefined };
    }

    #imports() {
        // Counted, as every call of a step is, and refused outside of steps.
        const step = () => {
            if (!this.#step) {
                throw new StepError('no step');
            }
            this.#step.calls += 1;
            if (this.#step.calls > LIMITS.calls) {
                throw new StepError('too many host calls');
            }
            return this.#step;
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
        const none = () => {
            throw { tag: 'broken', val: 'no such component' };
        };
        const imports = {
            types: {},
            storage: {
                enter: (name) => this.#enter(step(), name),
                epoch: () => step() && 0n,
                get: (key) => stage().get(key, this.#step.now),
                scan: (prefix, after, limit) => stage().scan(prefix, after, limit, this.#step.now),
                put: (key, value, _, expires) => stage().put(key, value, expires),
                delete: (key) => stage().delete(key),
            },
            timers: {
                set: (name, due, payload) => stage().setTimer(name, due, payload),
                cancel: (name) => stage().cancelTimer(name),
            },
            sip: { send: (request, token) => stage().send(request, token) },
            posts: { post: (to, payload) => stage().post(to, payload) },
            tables: {
                // Outside of steps, too: while a table is built, those before it are there.
                lookup: (table, key) => this.#tables.get(table)?.get(Buffer.from(key).toString('latin1')),
                // They never change here.
                version: (table) => step() && (this.#tables.has(table) ? 1n : 0n),
                entries: (table, at, limit) => step() && this.#page(table, Number(at), limit),
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
                write: (level, message, fields) => this.log.push({ level, message, fields }),
            },
            metrics: {
                count: (name, labels, more) => step().figures.push((all) => {
                    const figure = `${name}${JSON.stringify(labels)}`;
                    all.set(figure, (all.get(figure) ?? 0n) + more);
                }),
                gauge: (name, labels, value) => step().figures.push((all) => {
                    all.set(`${name}${JSON.stringify(labels)}`, value);
                }),
            },
        };
        const named = ([name, functions]) => [`rollcall:plugin/${name}`, functions];
        return Object.fromEntries(Object.entries(imports).map(named));
    }
}
