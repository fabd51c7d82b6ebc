//! Failed steps for people.

use std::fmt::Write;

use crate::admin::Failure;
use crate::readable::{date, printable};

/// What failed, a paragraph each, the latest first.
pub fn text(failures: &[Failure]) -> String {
    if failures.is_empty() {
        return "no step has failed\n".to_owned();
    }
    failures.iter().map(paragraph).collect::<Vec<_>>().join("\n")
}

fn paragraph(failure: &Failure) -> String {
    let Failure { id, generation, version, cause, count, kind, .. } = failure;
    let mut text = String::new();
    let times = if *count == 1 { "once".to_owned() } else { format!("{count} times") };
    let (version, message) = (printable(version), printable(&failure.message));
    let _ =
        writeln!(text, "failure {id}: {cause} in generation {generation} ({version}), {times}: {message}");
    let when = match *count {
        1 => date(failure.first),
        _ => format!("{} to {}", date(failure.first), date(failure.last)),
    };
    let _ = writeln!(text, "  when: {when}");
    let partition = failure.partition.as_deref().map(printable);
    let place = partition.map_or_else(String::new, |partition| format!(", partition {partition}"));
    let _ = writeln!(text, "  step {}, {kind}: {}{place}", failure.step, printable(&failure.input));
    for line in &failure.log {
        let _ = writeln!(text, "  it logged: {}", printable(line));
    }
    for (depth, function) in failure.backtrace.iter().enumerate() {
        let _ = writeln!(text, "  {depth:>3}: {}", printable(function));
    }
    if failure.repeats == Some(false) {
        text.push_str(
            "  it did not fail when it ran once more: look at load, or at what an instance remembers\n",
        );
    }
    if failure.recorded {
        let _ = writeln!(text, "  its step: rollcall failure {id} --output FILE, then rollcall replay FILE");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_told_with_where_and_with_what() {
        let failure = Failure {
            id: 3,
            generation: 2,
            version: "1.1.0".into(),
            cause: "trap".into(),
            message: "wasm trap: unreachable".into(),
            count: 2,
            first: 1_700_000_000_000,
            last: 1_700_000_060_000,
            step: 77,
            kind: "request".into(),
            partition: Some("sip:a@example.com".into()),
            input: "PUBLISH sip:a@example.com\u{1b}".into(),
            backtrace: vec!["plugin::publish".into(), "plugin::on_request".into()],
            log: vec!["panicked".into()],
            recorded: true,
            repeats: Some(true),
        };
        let expected = "failure 3: trap in generation 2 (1.1.0), 2 times: wasm trap: unreachable\n\
            \x20 when: Tue, 14 Nov 2023 22:13:20 GMT to Tue, 14 Nov 2023 22:14:20 GMT\n\
            \x20 step 77, request: PUBLISH sip:a@example.com\\u{1b}, partition sip:a@example.com\n\
            \x20 it logged: panicked\n\
            \x20   0: plugin::publish\n\
            \x20   1: plugin::on_request\n\
            \x20 its step: rollcall failure 3 --output FILE, then rollcall replay FILE\n";
        assert_eq!(text(std::slice::from_ref(&failure)), expected);
        let once = Failure { count: 1, recorded: false, ..failure };
        assert!(text(&[once]).contains(", once: "));
        assert_eq!(text(&[]), "no step has failed\n");
    }
}
