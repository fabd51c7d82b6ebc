//! All kinds of load at the same time, each at its own rate, each with its own ledger.
//!
//! Publications that are replaced and watched, subscriptions that come and go, refreshes, a wide
//! fan-out that takes several steps, publications that end by themselves, and a registrar whose users register
//! again and again. What each of them sends and receives is noted by number: [`Report`] and [`Tally`] tell
//! what was lost, doubled, refused or out of order.

use super::{Plan, Registrar, Report, Scenario, Tally, run_from};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::time::Duration;

/// Loads by name: what, operations a second, presentities, watchers of each.
const PARTS: [(&str, Scenario, f64, usize, usize); 5] = [
    ("publish", Scenario::Publish, 400.0, 200, 2),
    ("subscribe", Scenario::Subscribe, 200.0, 100, 4),
    ("refresh", Scenario::Refresh, 200.0, 100, 2),
    ("fan-out", Scenario::FanOut, 3.0, 1, 300),
    ("expire", Scenario::Expire, 20.0, 60, 1),
];
/// Users of the registrar who register again, a second.
const REGISTERING: u32 = 100;

/// A load and what became of it.
#[derive(Clone, Debug)]
pub struct Part {
    /// Its name.
    pub name: &'static str,
    /// What it saw.
    pub report: Report,
}

/// What all of it saw.
#[derive(Clone, Debug)]
pub struct Fire {
    /// The loads.
    pub parts: Vec<Part>,
    /// What the registrar saw, if there was one.
    pub registrar: Option<Tally>,
}

impl Fire {
    /// Puts everything on a server, and does something `meanwhile`; ends when that is done, or after
    /// `most`. The registrar is one that the server knows.
    pub fn under(
        server: SocketAddr,
        pid: u32,
        registrar: Option<&Registrar>,
        most: Duration,
        meanwhile: impl FnOnce(),
    ) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let prepared = Barrier::new(PARTS.len() + 1);
        let before = registrar.map(Registrar::tally);
        let parts = std::thread::scope(|scope| {
            let threads: Vec<_> = PARTS
                .into_iter()
                .map(|(name, scenario, rate, presentities, watchers)| {
                    let (stop, prepared) = (Arc::clone(&stop), &prepared);
                    scope.spawn(move || {
                        let plan = Plan {
                            scenario,
                            server,
                            domain: "example.com".into(),
                            names: Some(format!("{name}-")),
                            pid: Some(pid),
                            rate,
                            warm_up: Duration::ZERO,
                            time: most,
                            stop: Some(stop),
                            presentities,
                            watchers,
                            body: 512,
                            window: 16,
                        };
                        let report = run_from(&plan, || {
                            prepared.wait();
                        });
                        Part { name, report }
                    })
                })
                .collect();
            prepared.wait();
            if let Some(registrar) = registrar {
                registrar.register_again(REGISTERING);
            }
            meanwhile();
            if let Some(registrar) = registrar {
                registrar.register_again(0);
            }
            stop.store(true, Ordering::Relaxed);
            threads.into_iter().map(|thread| thread.join().expect("a load that ends")).collect()
        });
        let registrar = registrar.zip(before).map(|(registrar, before)| {
            registrar.settle();
            registrar.tally().since(&before)
        });
        Self { parts, registrar }
    }

    /// Everything that is not as it should be; empty if nothing is.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut note = |who: &str, what: &str, count: u64| {
            if count > 0 {
                faults.push(format!("{who}: {count} {what}"));
            }
        };
        for Part { name, report } in &self.parts {
            note(name, "requests refused or not answered", report.failed);
            if let Some(refusal) = &report.refusal {
                note(name, refusal, 1);
            }
            note(name, "requests answered twice", report.answered_twice);
            note(name, "subscriptions without their last NOTIFY", report.lost);
            note(name, "NOTIFYs missing in between", report.gaps);
            note(name, "NOTIFYs doubled", report.doubled);
            note(name, "NOTIFYs out of order", report.out_of_order);
            note(name, "NOTIFYs with older state", report.stale);
            note(name, "operations in all: nothing was tried", u64::from(report.operations == 0));
        }
        if let Some(tally) = &self.registrar {
            note("registrar", "NOTIFYs refused", tally.refused);
            note("registrar", "NOTIFYs not answered", tally.sent - tally.notified - tally.refused);
            note("registrar", "NOTIFYs answered twice", tally.answered_twice);
            note("registrar", "subscriptions lost and made anew", tally.subscribes - tally.refreshes);
            note("registrar", "NOTIFYs in all: nothing was tried", u64::from(tally.notified == 0));
        }
        faults
    }
}
