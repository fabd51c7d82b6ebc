//! What a step does otherwise when it runs again.
//!
//! Invariant: no difference is found exactly when effects, verdict and partition are the same and nothing new
//! was read.

mod message;
mod rows;

use super::blob::Blob;
use super::recorded::NewRead;
use super::rerun::Rerun;
use super::trace::{Call, End, Send, Trace, Write};
use crate::generation::Description;
use crate::step::input::Kind;
use message::{grouped, size, text};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Most differences of one step.
const MOST: usize = 200;
/// Longest text that is kept of either side, in bytes.
const SHOWN: usize = 400;

/// What stands on one side; none if nothing.
pub(crate) type Side = Option<String>;

/// A place where two runs of a step differ.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Difference {
    /// What it is about, such as `PUBLISH answers`.
    pub subject: String,
    /// Where in it, such as `header SIP-ETag`.
    pub place: String,
    pub before: Side,
    pub after: Side,
}

/// Names of the kinds of records, by the first byte of their keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RecordKinds(BTreeMap<u8, String>);

impl RecordKinds {
    /// Those that one component or the other describes.
    pub fn of<'a>(descriptions: impl IntoIterator<Item = &'a [(u8, String)]>) -> RecordKinds {
        RecordKinds(descriptions.into_iter().flatten().cloned().collect())
    }

    /// Those of a description.
    pub fn listed(description: &Description) -> Vec<(u8, String)> {
        description.record_kinds.iter().map(|kind| (kind.prefix, kind.name.clone())).collect()
    }

    pub fn name(&self, first: Option<u8>) -> String {
        match first {
            None => "all".to_owned(),
            Some(first) => self.0.get(&first).cloned().unwrap_or_else(|| format!("0x{first:02x}")),
        }
    }
}

/// Differences found so far.
pub(super) struct Found<'a> {
    all: Vec<Difference>,
    kinds: &'a RecordKinds,
}

/// All differences between the first run of a step and another.
pub(crate) fn compare(trace: &Trace, rerun: &Rerun, kinds: &RecordKinds) -> Vec<Difference> {
    let mut found = Found { all: Vec::new(), kinds };
    let step = format!("{} steps", name(trace));
    for read in &rerun.new_reads {
        let what = match read {
            NewRead::Records(first) => format!("{} records", kinds.name(*first)),
            NewRead::Table(table) => format!("table {table}"),
            NewRead::IdentityRules => "identity rules".to_owned(),
        };
        found.add(&step, &format!("diverged: read something new: {what}"), None, None);
    }
    if trace.partition != rerun.partition {
        found.add(&step, "partition", trace.partition.clone(), rerun.partition.clone());
    }
    found.end(trace, &rerun.end);
    // Of a step that has failed there is nothing else to say.
    if !matches!(trace.end, End::Failed(_)) && !matches!(rerun.end, End::Failed(_)) {
        let (before, after) = (&trace.effects, &rerun.effects);
        found.sends(&before.sends, &after.sends);
        found.writes(&before.writes, &after.writes);
        found.timers(&before.timers, &after.timers);
        found.posts(&before.posts, &after.posts);
        let figure = |figure: &crate::figures::Figure| {
            let labels: Vec<String> =
                figure.labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
            (figure.name.clone(), format!("{} {:?}", labels.join(","), figure.value))
        };
        let former: Vec<_> = before.figures.iter().map(figure).collect();
        let now: Vec<_> = after.figures.iter().map(figure).collect();
        found.by_place("figures", "", &grouped(&former), &grouped(&now));
    }
    found.all
}

/// The kind of a step: the method of its request, else the handler.
pub(crate) fn name(trace: &Trace) -> String {
    match &trace.call {
        Call::Request { request } | Call::Forwarded { request, .. } => {
            shown(&String::from_utf8_lossy(request.part(request.method)))
        }
        _ => trace.kind().name().to_owned(),
    }
}

/// What a text is shown as: without control characters, and not too long.
pub(crate) fn shown(text: &str) -> String {
    let mut shown = String::new();
    for char in text.chars() {
        if shown.len() > SHOWN {
            shown.push('\u{2026}');
            break;
        }
        if char.is_control() && char != '\n' {
            shown.extend(char.escape_default());
        } else {
            shown.push(char);
        }
    }
    shown
}

impl Found<'_> {
    fn add(&mut self, subject: &str, place: &str, before: Side, after: Side) {
        if self.all.len() < MOST {
            let (before, after) = (before.map(|side| shown(&side)), after.map(|side| shown(&side)));
            self.all.push(Difference { subject: subject.to_owned(), place: shown(place), before, after });
        }
    }

    fn changed(&mut self, subject: &str, place: &str, before: Side, after: Side) {
        self.add(subject, place, before, after);
    }

    /// Compares what stands at places of the same name. False if there is no difference.
    fn by_place(
        &mut self,
        subject: &str,
        prefix: &str,
        before: &BTreeMap<&str, Vec<&str>>,
        after: &BTreeMap<&str, Vec<&str>>,
    ) -> bool {
        let places: BTreeSet<&str> = before.keys().chain(after.keys()).copied().collect();
        let mut any = false;
        for place in places {
            let none = Vec::new();
            let (former, now) = (before.get(place).unwrap_or(&none), after.get(place).unwrap_or(&none));
            if former == now {
                continue;
            }
            any = true;
            let place = format!("{prefix}{place}");
            let side = |value: Option<&&str>| value.map(|value| (*value).to_owned());
            if former.len() == now.len() {
                for (before, after) in former.iter().zip(now).filter(|(before, after)| before != after) {
                    self.add(subject, &place, side(Some(before)), side(Some(after)));
                }
                continue;
            }
            let (gone, come) = (without(former, now), without(now, former));
            for at in 0..gone.len().max(come.len()) {
                self.add(subject, &place, side(gone.get(at)), side(come.get(at)));
            }
        }
        any
    }

    fn end(&mut self, trace: &Trace, after: &End) {
        let (kind, subject) = (trace.kind(), format!("{} answers", name(trace)));
        match (&trace.end, after) {
            (End::Failed(before), End::Failed(after)) if before.kind == after.kind => {}
            (before, after) if before == after => {}
            (End::Reply(before), End::Reply(after)) => {
                let line = |reply: &crate::Reply| Some(format!("{} {}", reply.status, reply.reason));
                if line(before) != line(after) {
                    self.add(&subject, "status", line(before), line(after));
                }
                if before.to_tag != after.to_tag {
                    self.add(&subject, "tag of To", before.to_tag.clone(), after.to_tag.clone());
                }
                if before.contact != after.contact {
                    self.add(&subject, "Contact", before.contact.clone(), after.contact.clone());
                }
                let (former, now) =
                    ((&before.headers[..], &before.body[..]), (&after.headers[..], &after.body[..]));
                message::compare(self, &subject, former, now);
            }
            (End::Inspected(Ok(before)), End::Inspected(Ok(after))) => {
                let rows = |text: &str| rows::rows("application/json", text.as_bytes());
                let told = match (rows(before), rows(after)) {
                    (Some(before), Some(after)) => {
                        self.by_place(&subject, "", &grouped(&before), &grouped(&after))
                    }
                    _ => false,
                };
                if !told {
                    self.add(&subject, "text", Some(before.clone()), Some(after.clone()));
                }
            }
            (before, after) => {
                let subject = if kind == Kind::Request || kind == Kind::Forwarded {
                    subject
                } else {
                    format!("{} steps", name(trace))
                };
                self.add(&subject, "verdict", Some(verdict(before)), Some(verdict(after)));
            }
        }
    }

    /// Requests are the same request if method and dialog are, one after another.
    fn sends(&mut self, before: &[Send], after: &[Send]) {
        if before == after {
            return;
        }
        let key = |send: &Send| {
            let call = message::header(&send.request.headers, "Call-ID");
            (send.request.method.clone(), call)
        };
        let mut left: BTreeMap<_, VecDeque<&Send>> = BTreeMap::new();
        for send in after {
            left.entry(key(send)).or_default().push_back(send);
        }
        let mut matched = true;
        for former in before {
            let subject = format!("{} requests", shown(&former.request.method));
            let Some(now) = left.get_mut(&key(former)).and_then(VecDeque::pop_front) else {
                self.add(&subject, "request", line(former), None);
                matched = false;
                continue;
            };
            if former == now {
                continue;
            }
            matched = false;
            if former.request.uri != now.request.uri {
                self.add(
                    &subject,
                    "Request-URI",
                    Some(former.request.uri.clone()),
                    Some(now.request.uri.clone()),
                );
            }
            if former.request.contact != now.request.contact {
                self.add(&subject, "Contact", former.request.contact.clone(), now.request.contact.clone());
            }
            if former.token != now.token {
                self.add(&subject, "token", size(&former.token), size(&now.token));
            }
            if former.kept != now.kept {
                let kept = |kept: bool| Some(if kept { "kept" } else { "volatile" }.to_owned());
                self.add(&subject, "delivery", kept(former.kept), kept(now.kept));
            }
            let parts = |send: &Send| (send.request.headers.clone(), send.request.body.clone());
            let ((headers, body), (new_headers, new_body)) = (parts(former), parts(now));
            message::compare(self, &subject, (&headers, &body), (&new_headers, &new_body));
        }
        for send in left.values().flatten() {
            self.add(&format!("{} requests", shown(&send.request.method)), "request", None, line(send));
            matched = false;
        }
        if matched {
            self.add("requests", "order", order(before), order(after));
        }
    }

    fn writes(&mut self, before: &BTreeMap<Blob, Write>, after: &BTreeMap<Blob, Write>) {
        let keys: BTreeSet<&Blob> = before.keys().chain(after.keys()).collect();
        for key in keys {
            let (former, now) = (before.get(key), after.get(key));
            if former == now {
                continue;
            }
            let subject = format!("{} records", self.kinds.name(key.first().copied()));
            let written = |write: Option<&Write>| match write {
                None => None,
                Some(Write { value: None, .. }) => Some("deleted".to_owned()),
                Some(Write { value: Some(value), .. }) => size(value),
            };
            let (Some(old), Some(new)) = (former, now) else {
                self.add(&subject, "write", written(former), written(now));
                continue;
            };
            if old.value != new.value {
                self.add(&subject, "value", written(former), written(now));
            }
            if old.expires != new.expires {
                let instant = |instant: Option<u64>| instant.map(|instant| instant.to_string());
                self.add(&subject, "expiry", instant(old.expires), instant(new.expires));
            }
            if old.durable != new.durable {
                let word = |durable: bool| Some(if durable { "durable" } else { "relaxed" }.to_owned());
                self.add(&subject, "durability", word(old.durable), word(new.durable));
            }
        }
    }

    fn timers(
        &mut self,
        before: &BTreeMap<Blob, Option<(u64, Blob)>>,
        after: &BTreeMap<Blob, Option<(u64, Blob)>>,
    ) {
        let names: BTreeSet<&Blob> = before.keys().chain(after.keys()).collect();
        for name in names {
            match (before.get(name), after.get(name)) {
                (former, now) if former == now => {}
                (Some(Some((due, _))), Some(Some((other, _)))) if due != other => {
                    self.add("timers", "due", Some(due.to_string()), Some(other.to_string()));
                }
                (Some(Some((_, payload))), Some(Some((_, other)))) => {
                    self.add("timers", "payload", size(payload), size(other));
                }
                (former, now) => {
                    let word = |timer: Option<&Option<(u64, Blob)>>| {
                        timer.map(|timer| if timer.is_some() { "set" } else { "cancelled" }.to_owned())
                    };
                    self.add("timers", "timer", word(former), word(now));
                }
            }
        }
    }

    /// Posts are the same post if they go to the same partition, one after another.
    fn posts(&mut self, before: &[(String, Blob)], after: &[(String, Blob)]) {
        if before == after {
            return;
        }
        let by_target = |posts: &[(String, Blob)]| {
            let mut targets: BTreeMap<String, Vec<Blob>> = BTreeMap::new();
            for (to, payload) in posts {
                targets.entry(to.clone()).or_default().push(payload.clone());
            }
            targets
        };
        let (former, now) = (by_target(before), by_target(after));
        let targets: BTreeSet<&String> = former.keys().chain(now.keys()).collect();
        let none = Vec::new();
        let mut any = false;
        for target in targets {
            let (former, now) = (former.get(target).unwrap_or(&none), now.get(target).unwrap_or(&none));
            for at in 0..former.len().max(now.len()) {
                let (former, now) = (former.get(at), now.get(at));
                if former != now {
                    any = true;
                    let place = if former.is_some() && now.is_some() { "payload" } else { "post" };
                    let side = |post: Option<&Blob>| post.and_then(|post| size(post));
                    self.add("posts", place, side(former), side(now));
                }
            }
        }
        if !any {
            let order = |posts: &[(String, Blob)]| {
                text(posts.iter().map(|(to, _)| &to[..]).collect::<Vec<_>>().join(", ").as_bytes())
            };
            self.add("posts", "order", order(before), order(after));
        }
    }
}

/// What is in one list and not in the other, each value as often as it is there more.
fn without<'a>(these: &[&'a str], those: &[&str]) -> Vec<&'a str> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for value in those {
        *counts.entry(value).or_default() += 1;
    }
    let left = these.iter().filter(|value| match counts.get_mut(**value) {
        Some(count) if *count > 0 => {
            *count -= 1;
            false
        }
        _ => true,
    });
    left.copied().collect()
}

fn line(send: &Send) -> Side {
    Some(format!("{} {}", send.request.method, send.request.uri))
}

fn order(sends: &[Send]) -> Side {
    Some(sends.iter().filter_map(line).collect::<Vec<_>>().join(", "))
}

fn verdict(end: &End) -> String {
    match end {
        End::Reply(reply) => format!("reply {} {}", reply.status, reply.reason),
        End::Pass => "pass".to_owned(),
        End::Forward { partition, .. } => format!("forward to {partition}"),
        End::Document(Ok(())) => "taken".to_owned(),
        End::Document(Err(why)) => format!("not taken: {why}"),
        End::Inspected(Ok(_)) => "answered".to_owned(),
        End::Inspected(Err(why)) => format!("refused: {why}"),
        End::Done => "done".to_owned(),
        End::Failed(fault) => format!("fails: {}", fault.text.lines().next().unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests;
