// The presence component under Node: what a phone publishes is what a watcher is shown, in a host that
// shares no line with the Rust one. Run by tests/portability/main.rs: `node scene.mjs FOLDER`.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './component.mjs';
import { Host } from './host.mjs';
import { header, request, response, wire } from './message.mjs';

const instantiate = await load(process.argv[2]);

const ALICE = 'sip:alice@example.com';
const ALIAS = 'tel:+15550100';
const BOB = 'sip:bob@example.com';
const PEER = { transport: 'udp', address: '127.0.0.1:5070', trusted: true };

/** A host with a clock that stands still, and a watcher's phone that accepts what it is sent. */
class Site {
    now = 1_700_000_000_000n;
    notified = [];
    #sent = [];
    #calls = 0;

    constructor({ interval = 0 } = {}) {
        this.host = new Host({
            instantiate,
            configuration: {
                presence: { domains: ['example.com'], notify_interval: interval },
                rules: { enabled: true, default: 'allow' },
                identity: { map: 'identities.json' },
            },
            sources: { identities: [[ALICE, ALIAS]] },
            clock: () => this.now,
            send: (id, outgoing) => this.#sent.push({ id, outgoing }),
        });
    }

    /** Sends a request as `from` and gives the reply. */
    ask(method, from, to, headers, body, dialog = {}) {
        this.#calls += 1;
        const { call = `call-${this.#calls}@phone`, cseq = 1, tag = '' } = dialog;
        const message = wire(`${method} ${dialog.target ?? to} SIP/2.0`, [
            `Via: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK${this.#calls}`,
            'Max-Forwards: 70',
            `From: <${from}>;tag=${from.length}`,
            `To: <${to}>${tag && `;tag=${tag}`}`,
            `Call-ID: ${call}`,
            `CSeq: ${cseq} ${method}`,
            `P-Asserted-Identity: <${from}>`,
            'Event: presence',
            ...headers,
        ], body);
        const verdict = this.host.request(request(message, PEER));
        this.settle();
        assert.deepEqual(this.host.failures, []);
        assert.equal(verdict.tag, 'reply');
        return { call, ...verdict.val };
    }

    publish(who, status, headers = []) {
        const type = 'Content-Type: application/pidf+xml';
        return this.ask('PUBLISH', who, who, ['Expires: 600', type, ...headers], `<?xml version="1.0"?>
<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="${who}">
  <tuple id="phone"><status><basic>${status}</basic></status></tuple>
</presence>`);
    }

    subscribe(who, whom, dialog) {
        return this.ask('SUBSCRIBE', who, whom, ['Contact: <sip:bob@127.0.0.1:5070>', 'Expires: 3600'], '', dialog);
    }

    /** Lets time pass, and everything happen that is due meanwhile. */
    pass(seconds) {
        const end = this.now + BigInt(seconds) * 1000n;
        for (let next = this.settle(); next !== null && next <= end; next = this.settle()) {
            this.now = next > this.now ? next : this.now;
        }
        this.now = end;
        this.settle();
        assert.deepEqual(this.host.failures, []);
    }

    settle() {
        let next = this.host.settle();
        while (this.#sent.length > 0) {
            const { id, outgoing } = this.#sent.shift();
            this.notified.push(outgoing);
            this.host.outcome(id, { tag: 'response', val: response(200, 'OK', PEER) });
            next = this.host.settle();
        }
        return next;
    }

    /** The NOTIFYs since the last look. */
    news() {
        return this.notified.splice(0);
    }
}

const basic = (notify) => /<basic>(\w+)<\/basic>/.exec(Buffer.from(notify.body).toString())?.[1];
const cseq = (notify) => Number.parseInt(header(notify.headers, 'CSeq'), 10);
const state = (notify) => header(notify.headers, 'Subscription-State');

test('a watcher sees what a phone publishes (RFC 3903 4, RFC 6665 4.2)', () => {
    const site = new Site();
    const subscribed = site.subscribe(BOB, ALICE);
    assert.equal(subscribed.status, 200);
    assert.equal(header(subscribed.headers, 'Expires'), '3600');
    const [first] = site.news();
    assert.equal(first.method, 'NOTIFY');
    assert.equal(first.uri, 'sip:bob@127.0.0.1:5070');
    assert.match(state(first), /^active;expires=3600$/);
    assert.equal(header(first.headers, 'Call-ID'), subscribed.call);
    assert.equal(basic(first), undefined, 'nothing is published yet');

    const published = site.publish(ALICE, 'open');
    assert.equal(published.status, 200);
    assert.ok(header(published.headers, 'SIP-ETag'));
    const [second, ...more] = site.news();
    assert.equal(basic(second), 'open');
    assert.equal(cseq(second), cseq(first) + 1);
    assert.deepEqual(more, []);
});

test('an alias is the same person: the identity map is a table (design 4)', () => {
    const site = new Site();
    site.subscribe(BOB, ALICE);
    site.news();
    const published = site.publish(`sip:+15550100@example.com;user=phone`, 'closed');
    assert.equal(published.status, 200);
    // A number at a domain is a user of that domain unless the site says otherwise, so nobody hears of it.
    assert.deepEqual(site.news(), []);
    assert.equal(site.publish(ALIAS, 'open').status, 200);
    assert.equal(basic(site.news()[0]), 'open');
});

test('a publication that is not refreshed expires: a timer (RFC 3903 4.4)', () => {
    const site = new Site();
    site.subscribe(BOB, ALICE);
    site.publish(ALICE, 'open');
    site.news();
    site.pass(590);
    assert.deepEqual(site.news(), []);
    site.pass(20);
    const [gone, ...more] = site.news();
    assert.equal(basic(gone), undefined);
    assert.deepEqual(more, []);
    // RFC 6665 4.2.2: the subscription ends in its time, too.
    site.pass(3600);
    assert.equal(state(site.news()[0]), 'terminated;reason=timeout');
});

test('changes in quick succession are throttled: a timer (RFC 3856 6.10)', () => {
    const site = new Site({ interval: 5 });
    site.subscribe(BOB, ALICE);
    site.pass(60);
    site.news();
    const { headers } = site.publish(ALICE, 'open');
    assert.equal(basic(site.news()[0]), 'open');
    const match = `SIP-If-Match: ${header(headers, 'SIP-ETag')}`;
    site.publish(ALICE, 'closed', [match]);
    assert.deepEqual(site.news(), []);
    site.pass(5);
    assert.deepEqual(site.news().map(basic), ['closed']);
});

test('an entity-tag that is not known is refused, and changes nothing (RFC 3903 6)', () => {
    const site = new Site();
    site.subscribe(BOB, ALICE);
    site.news();
    assert.equal(site.publish(ALICE, 'open', ['SIP-If-Match: nothing']).status, 412);
    assert.deepEqual(site.news(), []);
});

test('a new instance goes on where the former one was dropped: memory is a cache', () => {
    const site = new Site();
    site.subscribe(BOB, ALICE);
    site.news();
    site.host.drop();
    site.publish(ALICE, 'open');
    assert.equal(basic(site.news()[0]), 'open');
    assert.equal(site.host.instances, 2);
});
