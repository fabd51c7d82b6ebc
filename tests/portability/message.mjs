// Enough of SIP to hand a well-formed request to a plugin: the wire form, and where its parts are.

/** A request of these lines, as it would arrive. */
export function wire(startLine, headers, body = '') {
    const lines = [...headers, `Content-Length: ${Buffer.byteLength(body)}`];
    return Buffer.from(`${startLine}\r\n${lines.join('\r\n')}\r\n\r\n${body}`);
}

/** The message as the boundary has it: bytes, and spans of what is in them. Lines are not folded. */
export function parsed(message, peer) {
    const text = message.toString('latin1');
    const end = text.indexOf('\r\n\r\n');
    const headers = [];
    let at = text.indexOf('\r\n') + 2;
    while (at < end + 2) {
        const line = text.slice(at, text.indexOf('\r\n', at));
        const [, name, , value] = /^([^:\s]+)([ \t]*:[ \t]*)(.*?)[ \t]*$/.exec(line) ?? [];
        if (name === undefined) {
            throw new Error(`not a header: ${line}`);
        }
        const start = at + line.indexOf(':') + 1 + (/^[ \t]*/.exec(line.slice(line.indexOf(':') + 1))[0].length);
        headers.push({
            name: { start: at, end: at + name.length },
            value: { start, end: start + value.length },
        });
        at += line.length + 2;
    }
    return { message, headers, body: { start: end + 4, end: message.length }, peer };
}

/** A request as the boundary has it. */
export function request(message, peer) {
    const [method, uri] = message.toString('latin1').split(' ', 2);
    const start = method.length + 1;
    return {
        ...parsed(message, peer),
        method: { start: 0, end: method.length },
        uri: { start, end: start + uri.length },
    };
}

/** A response as the boundary has it. */
export function response(status, reason, peer) {
    const message = Buffer.from(`SIP/2.0 ${status} ${reason}\r\nContent-Length: 0\r\n\r\n`);
    return { ...parsed(message, peer), status };
}

/** The value of the first header of that name among header lines. */
export function header(lines, name) {
    const text = Buffer.from(lines).toString();
    return new RegExp(`^${name}[ \\t]*:[ \\t]*(.*?)\\r?$`, 'im').exec(text)?.[1];
}
