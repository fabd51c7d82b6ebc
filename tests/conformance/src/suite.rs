//! Runs the checks: what needs nothing side by side, then what needs a command, then what needs a stop or a crash.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::Given;
use crate::bench::{Bench, Verdict};
use crate::checks::{Check, When, all};
use crate::control::Control;
use crate::peer::Peer;
use crate::report::{self, Result};

/// How long a start may take.
pub const START: Duration = Duration::from_secs(60);

/// How long the host stays down, so that what was set to happen meanwhile is late.
const DOWN: Duration = Duration::from_millis(500);

/// Checks a host. True if it keeps everything.
///
/// # Errors
/// If it does not answer, or cannot be started or stopped.
pub fn run(given: &Given) -> Verdict<bool> {
    let wanted = |check: &Check| {
        let named = |ids: &[String]| check.ids.iter().any(|id| ids.iter().any(|other| other == id));
        (given.only.is_empty() || named(&given.only)) && !named(&given.skip)
    };
    let checks: Vec<Check> = all().into_iter().filter(wanted).collect();
    if checks.is_empty() {
        return Err("there is no such check".into());
    }
    let peer = Peer::open(given.own).map_err(|error| format!("{}: {error}", given.own))?;
    let uri = given.uri.clone().unwrap_or_else(|| format!("sip:conformance@{}", given.target));
    let control = Control::new(given.start.clone());
    let limit = Duration::from_secs(given.patience);
    let bench = Bench { peer, target: given.target, uri, limit, control };
    bench.control.start()?;
    bench.wait_ready(START)?;
    report::begin(checks.len());
    let mut results = Vec::new();
    let tell = |results: &mut Vec<(Check, Result)>, check: &Check, result: Result| {
        report::tell(results.len() + 1, check, &result);
        results.push((*check, result));
    };

    let running: Vec<Check> = some(&checks, |when| matches!(when, When::Running(_)));
    let outcomes = side_by_side(&running, given.jobs, |_, check| match check.when {
        When::Running(run) => run(&bench),
        _ => Ok(()),
    });
    for (check, outcome) in running.iter().zip(outcomes) {
        tell(&mut results, check, outcome.into());
    }
    for check in &checks {
        let result = match (check.when, &given.swap) {
            (When::Table(run), _) if given.table => run(&bench).into(),
            (When::Table(_), _) => Result::Skipped("needs --table"),
            (When::Swap(run), Some(swap)) => run(&bench, swap).into(),
            (When::Swap(_), None) => Result::Skipped("needs --swap"),
            (When::Stop(..) | When::Crash(..) | When::Alone(_), _) if !bench.control.can_restart() => {
                Result::Skipped("needs --start")
            }
            _ => continue,
        };
        tell(&mut results, check, result);
    }
    if bench.control.can_restart() {
        for crash in [false, true] {
            let group: Vec<Check> = some(&checks, |when| match when {
                When::Stop(..) => !crash,
                When::Crash(..) => crash,
                _ => false,
            });
            for (check, outcome) in group.iter().zip(restarted(&bench, &group, given.jobs, crash)?) {
                tell(&mut results, check, outcome.into());
            }
        }
        for check in &checks {
            if let When::Alone(run) = check.when {
                tell(&mut results, check, run(&bench).into());
            }
        }
        bench.control.kill()?;
    }
    report::end(&results);
    Ok(!results.iter().any(|(_, result)| matches!(result, Result::Broken(_))))
}

impl From<Verdict> for Result {
    fn from(verdict: Verdict) -> Self {
        verdict.map_or_else(Self::Broken, |()| Self::Kept)
    }
}

fn some(checks: &[Check], wanted: impl Fn(&When) -> bool) -> Vec<Check> {
    checks.iter().filter(|check| wanted(&check.when)).copied().collect()
}

/// Runs these checks around one stop or crash.
fn restarted(bench: &Bench, checks: &[Check], jobs: usize, crash: bool) -> Verdict<Vec<Verdict>> {
    if checks.is_empty() {
        return Ok(Vec::new());
    }
    let noted = side_by_side(checks, jobs, |_, check| match check.when {
        When::Stop(before, _) | When::Crash(before, _) => before(bench),
        _ => Ok(String::new()),
    });
    if crash {
        bench.control.kill()?
    } else {
        bench.control.stop()?
    };
    std::thread::sleep(DOWN);
    bench.control.start()?;
    bench.wait_ready(START)?;
    Ok(side_by_side(checks, jobs, |index, check| {
        let noted = noted[index].as_ref().map_err(String::clone)?;
        match check.when {
            When::Stop(_, after) | When::Crash(_, after) => after(bench, noted),
            _ => Ok(()),
        }
    }))
}

/// Runs a function for each check, in some threads; what it gave, in the order of the checks.
fn side_by_side<T: Send>(
    checks: &[Check],
    jobs: usize,
    run: impl Fn(usize, &Check) -> Verdict<T> + Sync,
) -> Vec<Verdict<T>> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..jobs.clamp(1, 64) {
            scope.spawn(|| {
                while let Some((index, check)) = {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    checks.get(index).map(|check| (index, check))
                } {
                    let outcome = run(index, check);
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((index, outcome));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, outcome)| outcome).collect()
}
