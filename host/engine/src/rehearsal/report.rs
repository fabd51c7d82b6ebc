//! Differences of many steps, told as a person wants to read them: grouped, counted, with an example of each.
//!
//! Invariant: it takes no more memory than [`PLACES`] groups of [`PAIRS`] examples.

use super::difference::{Difference, Side, name, shown};
use super::trace::{Call, Message, Trace};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Most places that are told apart; what is found elsewhere is only counted.
const PLACES: usize = 500;
/// Pairs of values at one place that are told apart.
const PAIRS: usize = 5;
/// Longest value in a heading, in characters.
const HEADING: usize = 60;

/// What became of steps that ran again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Steps that ran again.
    pub steps: u64,
    /// Those that did something else. The others did the same.
    pub differ: u64,
    /// Those among them that failed now, and had not the first time.
    pub failed: u64,
    /// What is different, most frequent first.
    pub groups: Vec<Group>,
    /// Differences that are in no group, because there are too many kinds of them.
    pub further: u64,
}

/// Differences of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// In how many steps.
    pub steps: u64,
    /// What it is about, such as `PUBLISH answers`.
    pub subject: String,
    /// Where in it, such as `header SIP-ETag`.
    pub place: String,
    /// What kind of difference it is.
    pub change: Change,
    /// Whether all of them have the values of the example.
    pub uniform: bool,
    /// The first one.
    pub example: Example,
}

/// How a place differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// There is nothing any more.
    Absent,
    /// There was nothing.
    New,
    /// There is something else.
    Changed,
    /// There is nothing to compare.
    Told,
}

/// A step that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Example {
    /// Its number.
    pub step: u64,
    /// Its partition.
    pub partition: Option<String>,
    /// What called it.
    pub input: String,
    /// What stood there.
    pub before: Option<String>,
    /// What stands there now.
    pub after: Option<String>,
}

type Key = (String, String, Change);

/// Collects differences.
#[derive(Default)]
pub(crate) struct Groups {
    steps: u64,
    differ: u64,
    failed: u64,
    further: u64,
    places: BTreeMap<Key, Place>,
}

#[derive(Default)]
struct Place {
    pairs: BTreeMap<(Side, Side), Tally>,
    /// All pairs in one, once there are too many.
    mixed: Option<Tally>,
}

#[derive(Clone)]
struct Tally {
    steps: u64,
    example: Example,
}

impl Groups {
    /// Adds a step with what is different. `failed`: only now.
    pub fn add(&mut self, trace: &Trace, differences: Vec<Difference>, failed: bool) {
        self.steps += 1;
        self.differ += u64::from(!differences.is_empty());
        self.failed += u64::from(failed);
        // A step counts once in a group.
        let mut seen = BTreeSet::new();
        for difference in differences {
            let Difference { subject, place, before, after } = difference;
            let change = match (&before, &after) {
                (Some(_), None) => Change::Absent,
                (None, Some(_)) => Change::New,
                (Some(_), Some(_)) => Change::Changed,
                (None, None) => Change::Told,
            };
            let key = (subject, place, change);
            if !self.places.contains_key(&key) && self.places.len() >= PLACES {
                self.further += 1;
                continue;
            }
            let place = self.places.entry(key.clone()).or_default();
            let example = || Example {
                step: trace.number(),
                partition: trace.partition().map(shown),
                input: summary(trace),
                before: before.clone(),
                after: after.clone(),
            };
            if place.mixed.is_none() {
                let pair = (before.clone(), after.clone());
                if place.pairs.len() < PAIRS || place.pairs.contains_key(&pair) {
                    if seen.insert((key, Some(pair.clone()))) {
                        let first = || Tally { steps: 0, example: example() };
                        place.pairs.entry(pair).or_insert_with(first).steps += 1;
                    }
                    continue;
                }
                let pairs = std::mem::take(&mut place.pairs).into_values();
                place.mixed = pairs.reduce(|all, pair| {
                    let example =
                        if pair.example.step < all.example.step { pair.example } else { all.example };
                    Tally { steps: all.steps + pair.steps, example }
                });
            }
            if let Some(mixed) = &mut place.mixed
                && seen.insert((key, None))
            {
                mixed.steps += 1;
            }
        }
    }

    /// What was found so far.
    pub fn report(&self) -> Report {
        let groups = self.places.iter().flat_map(|((subject, place, change), found)| {
            let group = |tally: &Tally, uniform: bool| Group {
                steps: tally.steps,
                subject: subject.clone(),
                place: place.clone(),
                change: *change,
                uniform,
                example: tally.example.clone(),
            };
            let pairs = found.pairs.values().map(move |tally| group(tally, true)).collect::<Vec<_>>();
            pairs.into_iter().chain(found.mixed.iter().map(move |tally| group(tally, false)))
        });
        let mut groups: Vec<Group> = groups.collect();
        groups.sort_by_key(|group| std::cmp::Reverse(group.steps));
        Report { steps: self.steps, differ: self.differ, failed: self.failed, groups, further: self.further }
    }
}

/// What called a step, in a line.
pub(crate) fn summary(trace: &Trace) -> String {
    let from = |message: &Message| {
        let line = message.bytes.split(|byte| *byte == b'\r' || *byte == b'\n').next().unwrap_or_default();
        let line = String::from_utf8_lossy(line);
        let line = line.strip_suffix(" SIP/2.0").unwrap_or(&line);
        let transport = format!("{:?}", message.transport).to_ascii_lowercase();
        shown(&format!("{line} from {transport} {}", message.address))
    };
    let name = name(trace);
    match &trace.call {
        Call::Request { request } | Call::Forwarded { request, .. } => from(request),
        Call::Response { response, .. } => from(response),
        Call::Failed { failure, .. } => shown(&format!("{name}: {failure:?}")),
        Call::Timer { name: timer, due, .. } => {
            shown(&format!("{name} {:?} due {due}", String::from_utf8_lossy(timer)))
        }
        Call::Post { from, payload } => shown(&format!("{name} of {} bytes from {from}", payload.len())),
        Call::Document { auid, owner, path, content } => {
            let owner = owner.as_deref().unwrap_or("global");
            let what = if content.is_some() { "" } else { " deleted" };
            shown(&format!("{name} {auid} {owner} {path}{what}"))
        }
        Call::Inspect { question, argument } => shown(&format!("{name} {question} {argument}")),
        Call::Recovery => name,
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} steps differ", thousands(self.differ), thousands(self.steps))?;
        if self.failed > 0 {
            write!(f, ", {} fail", thousands(self.failed))?;
        }
        writeln!(f)?;
        for group in &self.groups {
            write!(f, "{group}")?;
        }
        if self.further > 0 {
            writeln!(f, "{:>9}  further differences, of too many kinds", thousands(self.further))?;
        }
        Ok(())
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Example { step, partition, input, before, after } = &self.example;
        let heading = |side: &Option<String>| {
            let side = side.as_deref().unwrap_or_default();
            let mut text: String = side.chars().take(HEADING).collect::<String>().replace('\n', " ");
            if text.len() < side.len() {
                text.push('\u{2026}');
            }
            text
        };
        write!(f, "{:>9}  {}: {}", thousands(self.steps), self.subject, self.place)?;
        match (self.change, self.uniform) {
            (Change::Told, _) => {}
            (Change::Absent, true) if self.place == "request" || self.place == "write" => {
                write!(f, " absent ({})", heading(before))?;
            }
            (Change::Absent, _) => write!(f, " absent")?,
            (Change::New, true) => write!(f, " new '{}'", heading(after))?,
            (Change::New, false) => write!(f, " new")?,
            (Change::Changed, true) => write!(f, " '{}' -> '{}'", heading(before), heading(after))?,
            (Change::Changed, false) => write!(f, " changed")?,
        }
        let partition = partition.as_deref().unwrap_or("no partition");
        writeln!(f, "\n{:11}step {step}, {partition}: {input}", "")?;
        for (sign, side) in [('-', before), ('+', after)] {
            for line in side.iter().flat_map(|side| side.lines()) {
                writeln!(f, "{:11}{sign} {}: {line}", "", self.place)?;
            }
        }
        Ok(())
    }
}

/// A number with its thousands set apart.
fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
