//! The host of `tests/portability`, in JavaScript, behind a SIP server of its own: it passes but for the deadline,
//! which it does not have. With one line of it made wrong, it fails the obligation that this line is for.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::driver::{self, Report};
use crate::jco;

/// The suite's plugin as JavaScript.
fn plugin() -> &'static Path {
    static PLUGIN: OnceLock<PathBuf> = OnceLock::new();
    PLUGIN.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("conformance.wasm");
        driver::write("component", &file);
        jco::transpiled("conformance", &std::fs::read(file).unwrap())
    })
}

/// Runs the suite against the host, with edits to its files: file, text, and what stands there instead.
fn check(edits: &[(&str, &str, &str)], more: &[&str]) -> Report {
    let folder = tempfile::tempdir().unwrap();
    for file in std::fs::read_dir(jco::sources()).unwrap() {
        let file = file.unwrap().path();
        if file.extension().is_some_and(|extension| extension == "mjs") {
            std::fs::copy(&file, folder.path().join(file.file_name().unwrap())).unwrap();
        }
    }
    for (file, from, to) in edits {
        let path = folder.path().join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.matches(from).count(), 1, "{file} has {from:?} once");
        std::fs::write(&path, text.replace(from, to)).unwrap();
    }
    driver::write("table", &folder.path().join("table.csv"));
    let (port, here) = (driver::free_port(), folder.path().display());
    let start = format!(
        "cd {here} && exec node serve.mjs {} {port} {here}/journal {here}/table.csv 2>>{here}/log",
        plugin().display()
    );
    let target = format!("127.0.0.1:{port}");
    driver::run(&[&["--target", &target, "--start", &start, "--table"], more].concat())
}

#[test]
fn a_host_in_javascript_passes() {
    let report = check(&[], &["--skip", "H-LIM-8,H-FAIL-3"]);
    assert_eq!(report.code, Some(0), "{}", report.text);
    assert!(report.text.contains(" kept, 0 broken, 1 skipped"), "{}", report.text);
}

/// JavaScript cannot stop a loop of its own thread.
#[test]
fn a_host_without_a_deadline_fails() {
    let report = check(&[], &["--only", "H-LIM-8", "--patience", "2"]);
    assert_eq!(report.code, Some(1), "{}", report.text);
    assert!(report.text.contains("# broken: H-ATOM-1 H-FAIL-1 H-LIM-8\n"), "{}", report.text);
}

/// A fault: what the host does wrong, the obligation that it breaks, and the edit that makes it so: a file, a text
/// that stands there once, and what stands there instead.
struct Fault(&'static str, &'static str, &'static str, &'static str, &'static str);

impl Fault {
    /// Says so if the suite does not name the obligation.
    fn missed(&self) -> Option<String> {
        let Self(what, id, file, from, to) = self;
        let report = check(&[(file, from, to)], &["--only", id, "--skip", "H-LIM-8", "--patience", "4"]);
        let broken = report.text.lines().find_map(|line| line.strip_prefix("# broken: "));
        let named = broken.is_some_and(|ids| ids.split(' ').any(|other| other == *id));
        (report.code != Some(1) || !named)
            .then(|| format!("a host that {what}: {id} expected in\n{}", report.text))
    }
}

/// With one edit, the suite must name the obligation. Mostly these wait, so there are more threads than processors.
#[test]
fn each_fault_is_found() {
    plugin();
    let next = AtomicUsize::new(0);
    let work = || {
        let one = || FAULTS.get(next.fetch_add(1, Ordering::Relaxed));
        std::iter::from_fn(one).filter_map(Fault::missed).collect::<Vec<_>>()
    };
    let missed: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert!(missed.is_empty(), "{}", missed.join("\n----\n"));
}

const FAULTS: &[Fault] = &[
    Fault(
        "commits what a failed step staged",
        "H-ATOM-1",
        "host.mjs",
        "            this.#failed(error);\n            return",
        "            step.stage && this.#finish(step.stage, step.now);\n            return",
    ),
    Fault(
        "answers 500 without retry after",
        "H-FAIL-1",
        "serve.mjs",
        ", { headers: 'Retry-After: 1\\r\\n' }",
        "",
    ),
    Fault(
        "uses a broken instance again",
        "H-FAIL-2",
        "host.mjs",
        "            this.#instance = null;\n            this.#failed",
        "            this.#failed",
    ),
    Fault(
        "configures the first instance only",
        "H-LIFE-1",
        "host.mjs",
        "            instance.lifecycle.configure",
        "            this.instances || instance.lifecycle.configure",
    ),
    Fault(
        "lets a step enter two partitions",
        "H-PART-3",
        "host.mjs",
        "step.stage && step.stage.partition.name !== name",
        "false",
    ),
    Fault(
        "takes any name of a partition",
        "H-PART-5",
        "host.mjs",
        "bytes === 0 || bytes > LIMITS.partitionBytes",
        "false",
    ),
    Fault("takes short keys only", "H-LIM-1", "partition.mjs", "keyBytes: 1024", "keyBytes: 255"),
    Fault("takes small values only", "H-LIM-2", "partition.mjs", "valueBytes: 1 << 20", "valueBytes: 65535"),
    Fault("takes few effects only", "H-LIM-3", "partition.mjs", "effects: 10_000", "effects: 1000"),
    Fault("has little memory", "H-LIM-5", "component.mjs", "MOST_PAGES = 1024", "MOST_PAGES = 512"),
    Fault(
        "fails a step that logs much",
        "H-LOG-1",
        "imports.mjs",
        "            write: (level, message, fields) => {",
        "            write: (level, message, fields) => {\n if (host.log.length > 900) throw new StepError('log');",
    ),
    Fault("takes any name of a figure", "H-MET-1", "imports.mjs", "![name, ...", "![..."),
    Fault(
        "hides a steps own writes",
        "H-STORE-1",
        "partition.mjs",
        "this.records.has(key) ? this.records.get(key) : ",
        "",
    ),
    Fault(
        "scans in any order",
        "H-STORE-2",
        "partition.mjs",
        "            .sort((one, other) => (one < other ? -1 : 1))\n",
        "",
    ),
    Fault(
        "scans the key after which to begin",
        "H-STORE-2",
        "partition.mjs",
        "key > behind",
        "key >= behind",
    ),
    Fault("never lets records expire", "H-STORE-3", "partition.mjs", "record.expires > now", "true"),
    Fault("lets time pass in a step", "H-TIME-1", "imports.mjs", "return current.now", "return host.clock()"),
    Fault(
        "gives the same randomness",
        "H-RAND-1",
        "imports.mjs",
        "return randomBytes(length)",
        "return new Uint8Array(length)",
    ),
    Fault("fires a timer early", "H-TIMER-1", "host.mjs", "value.due)", "value.due - 250n)"),
    Fault(
        "keeps a replaced timer",
        "H-TIMER-2",
        "partition.mjs",
        "        this.timers.set(text(name), { due",
        "        this.timers.has(text(name)) || this.timers.set(text(name), { due",
    ),
    Fault(
        "fires a cancelled timer",
        "H-TIMER-3",
        "partition.mjs",
        "        this.timers.set(text(name), null);",
        "",
    ),
    Fault(
        "drops a timer whose step fails",
        "H-TIMER-5",
        "host.mjs",
        "        this.#pause(`timer ${name} ${timer}`, result);",
        "        result ?? this.#commit({ partition: name, timers: [[timer, null]] });",
    ),
    Fault(
        "keeps timers in memory",
        "H-TIMER-6",
        "host.mjs",
        "this.journal?.append(change)",
        "this.journal?.append({ ...change, timers: [] })",
    ),
    Fault("sends in reverse", "H-SEND-2", "host.mjs", "of stage.sends)", "of stage.sends.reverse())"),
    Fault(
        "tells no outcome of what cannot be sent",
        "H-SEND-4",
        "serve.mjs",
        "return tell(id, { tag: 'failed', val: { tag: 'unreachable'",
        "return (() => 0)(id, { tag: 'failed', val: { tag: 'unreachable'",
    ),
    Fault(
        "forgets who failed on an outcome",
        "H-SEND-5",
        "host.mjs",
        "            this.#recovering.add(partition);\n",
        "",
    ),
    Fault("ignores strict routers", "H-SEND-7", "serve.mjs", "if (/;lr\\b/i.test(target))", "if (target)"),
    Fault("adds no contact", "H-SEND-8", "serve.mjs", "user === undefined ? ''", "true ? ''"),
    Fault(
        "takes any headers",
        "H-SEND-9",
        "partition.mjs",
        "if (!/^([^\\s:]+[ \\t]*:[^\\r\\n]*\\r\\n)*$/.test(text(headers)))",
        "if (false)",
    ),
    Fault("forgets kept requests", "H-SEND-10", "partition.mjs", "isKept ?", "false ?"),
    Fault(
        "delivers posts in reverse",
        "H-POST-3",
        "host.mjs",
        "of [...partition.outbox])",
        "of [...partition.outbox].reverse())",
    ),
    Fault(
        "lets posts overtake a failed one",
        "H-POST-4",
        "host.mjs",
        "`post ${from} ${to}`;\n            if (to === undefined || held.has(to)) {",
        "`post ${from} ${to} ${number}`;\n            if (to === undefined) {",
    ),
    Fault(
        "keeps posts in memory",
        "H-POST-5",
        "host.mjs",
        "this.journal?.append(change)",
        "this.journal?.append({ ...change, outbox: [] })",
    ),
    Fault(
        "replies before the disk has it",
        "H-ATOM-4",
        "host.mjs",
        "this.journal?.append(change)",
        "setTimeout(() => this.journal?.append(change), 100)",
    ),
    Fault(
        "loses half of a step",
        "H-ATOM-3",
        "host.mjs",
        "this.journal?.append(change)",
        "const [one, ...rest] = change.records ?? [];\n        this.journal?.append({ ...change, records: one ? [one] : [] });\n        setTimeout(() => this.journal?.append({ partition: change.partition, records: rest }), 50)",
    ),
    Fault("keeps nothing over a stop", "H-DUR-2", "journal.mjs", "partition !== undefined", "false"),
    Fault("tells nobody of a crash", "H-REC-2", "host.mjs", "if (!clean)", "if (false)"),
    Fault("never counts a crash", "H-REC-1", "host.mjs", "        this.epoch = epoch;\n", ""),
    Fault("lets a step pass with effects", "H-PASS-2", "host.mjs", "(tag === 'pass' || tag", "(tag"),
    Fault("forwards without end", "H-FWD-3", "host.mjs", "MOST_HOPS = 8", "MOST_HOPS = 80"),
    Fault("forwards too little", "H-FWD-3", "host.mjs", "MOST_HOPS = 8", "MOST_HOPS = 5"),
    Fault("runs a retransmission", "H-REQ-2", "serve.mjs", "if (!answers.has(key))", "if (true)"),
    Fault("takes malformed requests", "H-REQ-3", "serve.mjs", "isProper(message, head) ?", "true ?"),
    Fault(
        "leaves white space in headers",
        "H-REQ-1",
        "message.mjs",
        "end: start + value.length",
        "end: at + line.length",
    ),
    Fault("shows one page of a table", "H-TAB-2", "imports.mjs", "limit < all.length ?", "false ?"),
    Fault(
        "forgets requests under way at a stop",
        "H-REC-3",
        "journal.mjs",
        "unsettled: last?.stopped ?? []",
        "unsettled: []",
    ),
];
