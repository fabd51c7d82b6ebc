//! The trial of a new component: how many of its steps may fail before the engine goes back.
//!
//! Invariant: a trial ends once, by its verdict or by its time.

use crate::generation::Generation;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// When the engine goes back to the component before by itself.
///
/// A component that was swapped in is on trial for a while. Steps that fail count: traps, missed
/// deadlines, exhausted limits, verdicts that cannot be honoured. What it answers, 4xx and 5xx included,
/// does not count, nor does a store that fails. Nothing is on trial after a start and after a roll back,
/// so the engine never goes back from where it went back to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RollBack {
    /// How long a trial takes, by the engine's clock.
    pub trial: Duration,
    /// Failed steps within the window that end it: at least 1.
    pub failures: usize,
    /// The window.
    pub window: Duration,
}

impl Default for RollBack {
    fn default() -> RollBack {
        RollBack { trial: Duration::from_secs(300), failures: 5, window: Duration::from_secs(10) }
    }
}

/// A generation on trial.
pub(crate) struct Trial {
    /// Its number.
    pub generation: u64,
    /// What to go back to: the last one that was not on trial itself.
    pub former: Arc<Generation>,
    /// When it has stood the trial, in milliseconds.
    pub until: u64,
    rule: RollBack,
    /// When steps failed lately.
    recent: VecDeque<u64>,
    /// Whether it has failed the trial; what follows is under way then.
    pub lost: bool,
}

impl Trial {
    pub fn begin(generation: u64, former: Arc<Generation>, rule: RollBack, now: u64) -> Trial {
        Trial {
            generation,
            former,
            until: now.saturating_add(milliseconds(rule.trial)),
            rule,
            recent: VecDeque::new(),
            lost: false,
        }
    }

    /// The same trial of a generation that follows with the same component.
    pub fn pass_on(self, generation: u64) -> Trial {
        Trial { generation, ..self }
    }

    /// Notes a failed step of a generation; true if that one loses the trial by it.
    pub fn note(&mut self, generation: u64, now: u64) -> bool {
        if self.lost || generation != self.generation || now >= self.until {
            return false;
        }
        let start = now.saturating_sub(milliseconds(self.rule.window));
        while self.recent.front().is_some_and(|at| *at < start) {
            self.recent.pop_front();
        }
        self.recent.push_back(now);
        self.lost = self.recent.len() >= self.rule.failures.max(1);
        self.lost
    }

    /// What an operator is told when it is lost.
    pub fn verdict(&self) -> String {
        let (failures, window) = (self.rule.failures.max(1), self.rule.window.as_secs_f64());
        format!("{failures} steps failed within {window} s")
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
