//! The report: Test Anything Protocol, version 13.

use std::io::Write as _;

use crate::checks::Check;

/// What has become of a check.
pub enum Result {
    /// The host does as it should.
    Kept,
    /// It does not, and how that showed.
    Broken(String),
    /// It was not looked at, and why.
    Skipped(&'static str),
}

/// Prints a line. A reader that has gone away has seen enough.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

fn name(check: &Check) -> String {
    format!("{} {}", check.ids.join(","), check.title)
}

/// Prints all checks, a line for each.
pub fn list(checks: &[Check]) {
    checks.iter().for_each(|check| say(&name(check)));
}

/// Prints how many checks there are.
pub fn begin(checks: usize) {
    say(&format!("TAP version 13\n1..{checks}"));
}

/// Prints what has become of a check; `number` counts from 1.
pub fn tell(number: usize, check: &Check, result: &Result) {
    let name = name(check);
    match result {
        Result::Kept => say(&format!("ok {number} - {name}")),
        Result::Skipped(why) => say(&format!("ok {number} - {name} # SKIP {why}")),
        Result::Broken(why) => {
            say(&format!("not ok {number} - {name}"));
            why.lines().for_each(|line| say(&format!("  # {}", line.trim_end())));
        }
    }
}

/// Prints the sum, and the obligations that are not kept.
pub fn end(results: &[(Check, Result)]) {
    let count = |wanted: fn(&Result) -> bool| results.iter().filter(|(_, result)| wanted(result)).count();
    let kept = count(|result| matches!(result, Result::Kept));
    let skipped = count(|result| matches!(result, Result::Skipped(_)));
    let broken = results.iter().filter(|(_, result)| matches!(result, Result::Broken(_)));
    let mut ids: Vec<&str> = broken.flat_map(|(check, _)| check.ids.iter().copied()).collect();
    ids.sort_unstable();
    ids.dedup();
    say(&format!("# {kept} kept, {} broken, {skipped} skipped", results.len() - kept - skipped));
    if !ids.is_empty() {
        say(&format!("# broken: {}", ids.join(" ")));
    }
}

/// Prints why nothing can be checked.
pub fn bail_out(why: &str) {
    say(&format!("Bail out! {}", why.replace('\n', " ").trim_end()));
}
