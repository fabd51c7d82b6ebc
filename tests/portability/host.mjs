// A host for one component that jco has made JavaScript. It keeps the contract of wit/plugin.wit: a step stages,
// the commit comes after the return, and only then does anything leave. Its state is in memory, and in a journal
// where it is given one. It knows nothing of SIP beyond what the boundary says: who embeds it brings the messages
// (`request`), takes what is to be sent (`send`) and tells what became of it (`outcome`).
//
// What it does not do: a deadline, as JavaScript cannot stop a loop of its own thread.

import { imports } from './imports.mjs';
import { LIMITS, Partition, Stage, StepError } from './partition.mjs';

/** The version of the package `rollcall:plugin` that this host serves. */
export const VERSION = '0.3.0';

/** Milliseconds until what failed is tried again. */
const PAUSE = 500n;

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
    /** How often the journal was left without order. */
    epoch = 0n;
    /** Entries by name of the table. */
    tables = new Map();
    /** The step under way. */
    step = null;
    #instance = null;
    #partitions = new Map();
    #recovering = new Set();
    #waiting = new Map();
    #paused = new Map();
    #sent = 0;

    /**
     * - `instantiate(imports)`: makes an instance of the component
     * - `configuration`: an object, handed over as JSON
     * - `sources`: rows of tables by name, each row a list of fields
     * - `clock()`: milliseconds since 1970, a BigInt
     * - `send(id, outgoing)`: takes a request to be sent
     * - `journal`: keeps what is committed, see journal.mjs
     */
    constructor({ instantiate, configuration, sources = {}, clock, send, journal }) {
        this.instantiate = instantiate;
        this.configuration = JSON.stringify(configuration);
        this.clock = clock;
        this.send = send;
        this.journal = journal;
        this.description = this.#component().lifecycle.describe();
        for (const name of this.description.tables) {
            this.tables.set(name, this.#build(name, sources[name] ?? []));
        }
        if (journal) {
            this.#resume(journal.open());
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
        const { partition, token, kept } = this.#waiting.get(id);
        this.#waiting.delete(id);
        const before = (stage) => kept !== undefined && stage.settled.push(kept);
        const tell = (handler) => handler.onResponse(partition, token, outcome);
        if (this.#run(partition, tell, { before })[0] === null) {
            this.#commit({ partition, settled: kept === undefined ? [] : [kept] });
            this.#recovering.add(partition);
        }
    }

    /** Drops the instance; the next step gets a new one. */
    drop() {
        this.#instance = null;
    }

    /** Does all that is due: timers, posts, recoveries, and what comes of them. The time of the next one, if any. */
    settle() {
        const now = this.clock();
        let next = null;
        const due = (what, at) => {
            const until = this.#paused.get(what) ?? 0n;
            const time = until > at ? until : at;
            if (time > now && (next === null || time < next)) {
                next = time;
            }
            return time <= now;
        };
        for (let busy = true; busy; ) {
            busy = false;
            next = null;
            for (const name of [...this.#recovering]) {
                if (due(`recovery ${name}`, 0n)) {
                    busy = true;
                    this.#recover(name);
                }
            }
            for (const [name, partition] of [...this.#partitions]) {
                busy = this.#deliver(name, partition, due) || busy;
                for (const [timer, value] of [...partition.timers]) {
                    // A step may have cancelled or replaced it meanwhile.
                    if (due(`timer ${name} ${timer}`, value.due) && partition.timers.get(timer) === value) {
                        busy = true;
                        this.#fire(name, timer, value);
                    }
                }
            }
        }
        return next;
    }

    /** Ends in order. */
    stop() {
        this.journal?.close([...this.#waiting.values()].map(({ partition }) => partition));
    }

    #fire(name, timer, { due, payload }) {
        const key = Buffer.from(timer, 'latin1');
        const fire = (handler) => handler.onTimer(name, key, due, payload);
        const [result] = this.#run(name, fire, { before: (stage) => stage.timers.set(timer, null) });
        this.#pause(`timer ${name} ${timer}`, result);
    }

    /** Delivers the posts of a partition in order; those behind one that failed wait with it. */
    #deliver(from, partition, due) {
        const held = new Set();
        let busy = false;
        for (const [number, { to, payload }] of [...partition.outbox]) {
            const channel = `post ${from} ${to}`;
            if (to === undefined || held.has(to)) {
                continue;
            }
            if (!due(channel, 0n)) {
                held.add(to);
                continue;
            }
            busy = true;
            const before = (stage) => from === to && stage.settled.push(number);
            const [result] = this.#run(to, (handler) => handler.onPost(to, payload), { before });
            this.#pause(channel, result);
            if (result === null) {
                held.add(to);
            } else if (from !== to) {
                this.#commit({ partition: from, settled: [number] });
            }
        }
        return busy;
    }

    #recover(name) {
        const [result] = this.#run(name, (handler) => handler.onRecovery(name));
        this.#pause(`recovery ${name}`, result);
        if (result !== null) {
            this.#recovering.delete(name);
        }
    }

    #pause(what, result) {
        if (result === null) {
            this.#paused.set(what, this.clock() + PAUSE);
        } else {
            this.#paused.delete(what);
        }
    }

    /** One step: the result of `call` and the step's time; null for a result where it failed. */
    #run(partition, call, { now = this.clock(), before } = {}) {
        const step = { stage: null, now, seen: false, calls: 0, figures: [] };
        let result;
        try {
            const { handler } = this.#component();
            this.step = step;
            if (partition !== null) {
                this.enter(step, partition);
                before?.(step.stage);
            }
            result = call(handler) ?? { tag: 'done' };
            check(result, step.stage);
        } catch (error) {
            // Whatever happened inside: the instance may be broken, and what was staged is forgotten.
            this.#instance = null;
            this.#failed(error);
            return [null, step.now];
        } finally {
            this.step = null;
        }
        step.figures.forEach((figure) => figure(this.figures));
        if (step.stage) {
            this.#finish(step.stage, step.now);
        }
        return [result, step.now];
    }

    /** Makes all of a step so, and lets its requests go. */
    #finish(stage, now) {
        const { partition } = stage;
        const change = stage.change();
        if (change) {
            this.#commit(change);
        }
        partition.lastNow = now > partition.lastNow ? now : partition.lastNow;
        for (const { request, token, kept } of stage.sends) {
            this.#launch(partition.name, request, token, kept);
        }
    }

    #launch(partition, request, token, kept) {
        this.#sent += 1;
        this.#waiting.set(this.#sent, { partition, token, kept });
        this.send(this.#sent, request);
    }

    #commit(change) {
        this.journal?.append(change);
        this.#partition(change.partition).apply(change);
    }

    /** Takes up what the journal has: records and timers, posts and kept requests; who has to be told of a crash. */
    #resume({ changes, epoch, clean, unsettled }) {
        this.epoch = epoch;
        unsettled.forEach((name) => this.#recovering.add(name));
        changes.forEach((change) => this.#partition(change.partition).apply(change));
        for (const [name, partition] of this.#partitions) {
            if (!clean) {
                this.#recovering.add(name);
            }
            for (const [number, { request, token }] of partition.outbox) {
                if (request) {
                    this.#launch(name, request, token, number);
                }
            }
        }
    }

    #failed(error) {
        this.failures.push(error);
        return null;
    }

    #partition(name) {
        const partition = this.#partitions.get(name) ?? new Partition(name);
        this.#partitions.set(name, partition);
        return partition;
    }

    /** Binds a step to a partition. */
    enter(step, name) {
        const bytes = Buffer.byteLength(name);
        if (bytes === 0 || bytes > LIMITS.partitionBytes) {
            throw new StepError('a partition needs a name of 1 to 512 bytes');
        }
        if (step.stage && step.stage.partition.name !== name) {
            throw new StepError(`in partition ${step.stage.partition.name} already`);
        }
        step.stage ??= new Stage(this.#partition(name));
        const { lastNow } = step.stage.partition;
        if (!step.seen && lastNow > step.now) {
            step.now = lastNow;
        }
    }

    #component() {
        if (!this.#instance) {
            const instance = this.instantiate(imports(this));
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
}

/** Refuses a verdict that cannot be honoured. */
function check({ tag, val }, stage) {
    if ((tag === 'pass' || tag === 'forward') && stage?.effects) {
        throw new StepError(`staged something, but answers "${tag}"`);
    }
    if (tag === 'reply') {
        Stage.wellFormed(val.headers);
        if (val.status < 200 || val.status > 699) {
            throw new StepError(`no status of a final response: ${val.status}`);
        }
    }
    if (tag === 'forward' && (val.partition === '' || val.payload.length > LIMITS.valueBytes)) {
        throw new StepError('forwards what cannot be');
    }
}
