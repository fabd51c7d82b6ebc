// A small SIP server over UDP around the host: enough for the conformance suite (tests/conformance) to talk to it.
//
//     node serve.mjs FOLDER PORT JOURNAL [TABLE.csv]

import { createSocket } from 'node:dgram';
import { existsSync, readFileSync } from 'node:fs';
import { load } from './component.mjs';
import { Host } from './host.mjs';
import { Journal } from './journal.mjs';
import { header, parsed, request } from './message.mjs';

const [folder, port, path, table] = process.argv.slice(2);
const here = `127.0.0.1:${port}`;

/** RFC 3261 17.1.1.1 and 17.1.2.2, milliseconds. */
const [T1, T2, TIMER_F] = [500, 4000, 32_000];
/** Longest sleep. */
const HOUR = 3_600_000;

const socket = createSocket('udp4');
/** Answers by transaction, for retransmissions. */
const answers = new Map();
/** What waits for a response, by branch. */
const transactions = new Map();
let wake;

const rows = table && existsSync(table) ? readFileSync(table, 'utf8').trim().split('\n') : [];
const host = new Host({
    instantiate: await load(folder),
    configuration: {},
    sources: { identities: rows.map((row) => row.split(',')) },
    clock: () => BigInt(Date.now()),
    send: (id, outgoing) => setImmediate(() => launch(id, outgoing)),
    journal: new Journal(path),
});

socket.on('message', (bytes, from) => {
    const message = unfolded(bytes);
    const head = message.toString('latin1').split('\r\n\r\n', 1)[0];
    if (head.startsWith('SIP/2.0 ')) {
        answered(message, head, from);
    } else {
        take(message, head, from);
    }
});
process.on('SIGTERM', () => {
    host.stop();
    process.exit(0);
});
socket.bind(Number(port), '127.0.0.1', settle);

/** Runs whatever is due, and comes back when the next thing is. */
function settle() {
    const next = host.settle();
    clearTimeout(wake);
    if (next !== null) {
        wake = setTimeout(settle, Math.min(Math.max(Number(next - host.clock()), 1), HOUR));
    }
}

function take(message, head, from) {
    const [start, lines] = [head.split('\r\n', 1)[0], `${head}\r\n`];
    const [method] = start.split(' ');
    const key = `${/branch=([^;,\s]+)/.exec(header(lines, 'Via'))?.[1]} ${method}`;
    if (method === 'ACK') {
        return;
    }
    if (!answers.has(key)) {
        answers.set(key, isProper(message, head) ? decide(message, lines, from) : response(lines, 400, 'Bad Request'));
        setTimeout(() => answers.delete(key), TIMER_F).unref();
    }
    socket.send(answers.get(key), from.port, from.address);
    settle();
}

/** RFC 3261 8.2.1, 8.2.2: what every UAS checks first. */
function isProper(message, head) {
    const one = (name) => header(`${head}\r\n`, name) ?? '';
    const [method, uri, version, ...rest] = head.split('\r\n', 1)[0].split(' ');
    const whole = Number(one('Content-Length') || 0) <= message.length - head.length - 4;
    return ['Via', 'From', 'To', 'Call-ID'].every(one) && one('CSeq').split(/\s+/)[1] === method && whole
        && uri && version === 'SIP/2.0' && rest.length === 0;
}

function decide(message, lines, from) {
    const peer = { transport: 'udp', address: `${from.address}:${from.port}`, trusted: true };
    const verdict = host.request(request(message, peer));
    if (verdict === null) {
        return response(lines, 500, 'Server Internal Error', { headers: 'Retry-After: 1\r\n' });
    }
    if (verdict.tag === 'pass') {
        return response(lines, 404, 'Not Found');
    }
    const { status, reason, headers, body, toTag, contact } = verdict.val;
    const more = Buffer.from(headers).toString('latin1') + place(contact);
    return response(lines, status, reason, { headers: more, body, tag: toTag });
}

function place(user) {
    return user === undefined ? '' : `Contact: <sip:${user}${user && '@'}${here}>\r\n`;
}

function response(lines, status, reason, { headers = '', body = '', tag = 'js' } = {}) {
    const copied = lines.split('\r\n').filter((line) => /^(via|from|call-id|cseq)\s*:/i.test(line));
    const to = header(lines, 'To');
    const tagged = to === undefined || /;tag=/.test(to) ? to : `${to};tag=${tag}`;
    const head = [`SIP/2.0 ${status} ${reason}`, ...copied, `To: ${tagged}`].join('\r\n');
    const length = `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n`;
    return Buffer.concat([Buffer.from(`${head}\r\n${headers}${length}`, 'latin1'), Buffer.from(body)]);
}

/** Sends a request of the plugin to its topmost Route, else to its URI. */
function launch(id, { method, uri, headers, body, contact }) {
    const { target, start, lines } = routed(uri, Buffer.from(headers).toString('latin1'));
    const hop = /^sip:(?:[^@]*@)?([\d.]+)(?::(\d+))?(;.*)?$/.exec(target);
    if (!hop || /transport=(?!udp)/i.test(hop[3] ?? '')) {
        return tell(id, { tag: 'failed', val: { tag: 'unreachable', val: `no way to ${target}` } });
    }
    const branch = `z9hG4bKjs${process.hrtime.bigint()}`;
    const head = `${method} ${start} SIP/2.0\r\nVia: SIP/2.0/UDP ${here};branch=${branch}\r\nMax-Forwards: 70\r\n`;
    const end = `Content-Length: ${body.length}\r\n\r\n`;
    const message = Buffer.concat([Buffer.from(`${head}${lines}${place(contact)}${end}`, 'latin1'), body]);
    const started = Date.now();
    const transaction = { id, timer: null };
    const send = (pause) => {
        if (Date.now() - started >= TIMER_F) {
            transactions.delete(branch);
            return tell(id, { tag: 'failed', val: { tag: 'timeout' } });
        }
        socket.send(message, Number(hop[2] ?? 5060), hop[1]);
        transaction.timer = setTimeout(send, pause, Math.min(pause * 2, T2));
    };
    transactions.set(branch, transaction);
    send(T1);
}

/** RFC 3261 12.2.1.1: where to, and how the request is written if that is a strict router. */
function routed(uri, lines) {
    const routes = [...lines.matchAll(/^Route[ \t]*:[ \t]*(.*)\r\n/gim)].flatMap(([, value]) => value.split(/,\s*/));
    if (routes.length === 0) {
        return { target: uri, start: uri, lines };
    }
    const target = /<(.*)>/.exec(routes[0])[1];
    if (/;lr\b/i.test(target)) {
        return { target, start: uri, lines };
    }
    const others = lines.replace(/^Route[ \t]*:.*\r\n/gim, '');
    return { target, start: target, lines: `${others}Route: ${[...routes.slice(1), `<${uri}>`].join(', ')}\r\n` };
}

function answered(message, head, from) {
    const branch = /branch=([^;,\s]+)/.exec(header(`${head}\r\n`, 'Via') ?? '')?.[1];
    const status = Number(head.slice(8, 11));
    const transaction = transactions.get(branch);
    if (transaction && status >= 200) {
        clearTimeout(transaction.timer);
        transactions.delete(branch);
        const peer = { transport: 'udp', address: `${from.address}:${from.port}`, trusted: true };
        tell(transaction.id, { tag: 'response', val: { ...parsed(message, peer), status } });
    }
}

function tell(id, outcome) {
    host.outcome(id, outcome);
    settle();
}

/** The message without line folding: the body may have any bytes. */
function unfolded(bytes) {
    const end = bytes.indexOf('\r\n\r\n');
    const head = bytes.subarray(0, end).toString('latin1').replace(/[ \t]*\r\n[ \t]+/g, ' ');
    return Buffer.concat([Buffer.from(head, 'latin1'), bytes.subarray(end)]);
}
