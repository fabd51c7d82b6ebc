//! What the log says of a source: an outage once when it begins and once when it is over, however many presentities
//! notice, and no more than a few lines in a while, however often it comes and goes.

use serde::{Deserialize, Serialize};

use super::super::source::Source;
use crate::ports::{Instant, Level};
use crate::step::Step;

/// Milliseconds in which no two outages are told, nor two lines of another sort.
const QUIET: u64 = 5 * 60_000;

/// Whose fault a failure is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fault {
    /// The source's: others are likely to meet with the same.
    #[default]
    Source,
    /// It is about this presentity alone. The source answers.
    Presentity,
    /// That of one of several targets; the next one is asked now.
    Target,
}

/// What a failure is to the log. What a component of before tells is nothing new.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manner {
    /// Whose fault it is.
    pub fault: Fault,
    /// The presentity did not have such a failure before, since it went well.
    pub new: bool,
}

/// A time in which a source has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Outage {
    /// When it began.
    since: Instant,
    /// Presentities that it has failed.
    affected: u64,
    /// The log says so.
    told: bool,
}

/// Lines of one sort.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Lines {
    /// There are none before.
    quiet_until: Instant,
    /// What there would have been since the last one.
    untold: u64,
}

impl Lines {
    /// One more thing to tell. Gives how many there are now if it can be told.
    fn next(&mut self, now: Instant) -> Option<u64> {
        self.untold = self.untold.saturating_add(1);
        if now < self.quiet_until {
            return None;
        }
        self.quiet_until = now + QUIET;
        Some(std::mem::take(&mut self.untold))
    }
}

/// A failure that was told.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// When it was.
    pub at: Instant,
    /// The presentity that the source failed.
    pub presentity: &'a str,
    /// What happened.
    pub why: &'a str,
    /// When it is tried again for that presentity; none if it is not.
    pub next_try: Option<Instant>,
}

/// What was told of a source, and what is to be told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diary {
    outage: Option<Outage>,
    outages: Lines,
    refusals: Lines,
    failovers: Lines,
}

impl Diary {
    /// The source failed a presentity.
    pub fn failed(&mut self, step: &mut Step<'_>, source: &Source, told: Told<'_>, manner: Manner) {
        match manner.fault {
            Fault::Source => self.missed(step, source, told, manner.new),
            Fault::Presentity => {
                self.answered(step, source, told.at);
                if manner.new
                    && let Some(many) = self.refusals.next(step.now)
                {
                    line(step, "source refuses presentities", source, told, many);
                }
            }
            Fault::Target => {
                if let Some(many) = self.failovers.next(step.now) {
                    line(step, "target of a source fails", source, told, many);
                }
            }
        }
    }

    fn missed(&mut self, step: &mut Step<'_>, source: &Source, told: Told<'_>, new: bool) {
        let outage = match &mut self.outage {
            Some(outage) => outage,
            // Somebody whom it does not answer yet, though it answers others again.
            None if !new => return,
            none => none.insert(Outage { since: told.at, affected: 0, told: false }),
        };
        outage.affected += u64::from(new);
        if !outage.told
            && let Some(outages) = self.outages.next(step.now)
        {
            outage.told = true;
            line(step, "source fails", source, told, outages);
        }
    }

    /// The source has answered somebody.
    pub fn answered(&mut self, step: &mut Step<'_>, source: &Source, at: Instant) {
        // What comes late is from before.
        let Some(outage) = self.outage.take_if(|outage| outage.since <= at) else { return };
        if outage.told {
            let seconds = (at.saturating_sub(outage.since) / 1_000).to_string();
            let affected = outage.affected.to_string();
            let fields = [
                ("source", source.name.as_str()),
                ("away_seconds", seconds.as_str()),
                ("affected", affected.as_str()),
            ];
            step.host.log(Level::Info, "source is well again", &fields);
        }
    }
}

fn line(step: &mut Step<'_>, message: &str, source: &Source, told: Told<'_>, many: u64) {
    let next = told.next_try.map(|next| (next.saturating_sub(step.now) / 1_000).to_string());
    let many = many.to_string();
    let fields = [
        ("source", source.name.as_str()),
        ("presentity", told.presentity),
        ("why", told.why),
        ("next_try_in_seconds", next.as_deref().unwrap_or("none")),
        ("times", many.as_str()),
    ];
    step.host.log(Level::Warn, message, &fields);
}
