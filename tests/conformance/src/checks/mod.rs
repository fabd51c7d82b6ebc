//! The checks: each shows obligations of `wit/plugin.wit`, named by their ids.

mod atomicity;
mod boundaries;
mod crash;
mod failure;
mod given;
mod ledger;
mod posts;
mod requests;
mod sends;
mod stop;
mod storage;
mod time;
mod timers;

use crate::bench::{Bench, Verdict};

/// What a check does before the host goes down; what it must know afterwards.
pub type Before = fn(&Bench) -> Verdict<String>;

/// What a check does when the host is up again, with what `Before` gave.
pub type After = fn(&Bench, &str) -> Verdict;

/// When a check runs.
#[derive(Clone, Copy)]
pub enum When {
    /// Any time, beside others.
    Running(fn(&Bench) -> Verdict),
    /// Before and after an orderly stop.
    Stop(Before, After),
    /// Before and after a kill.
    Crash(Before, After),
    /// Alone: it kills and starts the host by itself.
    Alone(fn(&Bench) -> Verdict),
    /// If the host was given the suite's table.
    Table(fn(&Bench) -> Verdict),
    /// If there is a command that swaps the plugin.
    Swap(fn(&Bench, &str) -> Verdict),
}

/// One check.
#[derive(Clone, Copy)]
pub struct Check {
    /// The obligations that it shows.
    pub ids: &'static [&'static str],
    /// What it shows, as a sentence.
    pub title: &'static str,
    /// When and how.
    pub when: When,
}

impl Check {
    const fn new(ids: &'static [&'static str], title: &'static str, when: When) -> Self {
        Self { ids, title, when }
    }
}

/// All checks, in the order of the report.
pub fn all() -> Vec<Check> {
    [
        requests::CHECKS,
        boundaries::CHECKS,
        atomicity::CHECKS,
        failure::CHECKS,
        storage::CHECKS,
        time::CHECKS,
        timers::CHECKS,
        sends::CHECKS,
        posts::CHECKS,
        given::CHECKS,
        stop::CHECKS,
        crash::CHECKS,
        ledger::CHECKS,
    ]
    .concat()
}
