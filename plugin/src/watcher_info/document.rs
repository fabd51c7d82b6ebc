//! Documents (RFC 3858): full ones and partial ones.

use std::collections::BTreeSet;

use super::WATCHERINFO;
use super::ledger::{Entry, Ledger};
use super::row::{Row, Status};
use super::undecided::{self, Undecided};
use crate::keys::{self, Id, Usage};
use crate::notifier::content::Content;
use crate::package::Package;
use crate::pidf::escape_attribute;
use crate::ports::{Instant, Level};
use crate::records::{self, Position, Subscription, View};
use crate::sip::headers::Digits;
use crate::step::Step;

/// A full document ends before its text gets longer than about so many bytes.
const BYTES: usize = 256 << 10;

/// Records read at once for a full document.
const CHUNK: u32 = 200;

/// Subscriptions that have ended are passed over while a full document is made; more of them
/// than this are left for another one.
const PASSED_OVER: usize = 2_000;

/// What the next NOTIFY of a winfo subscription carries: the changes since the one before, or
/// everything if that is due (RFC 3858 3, WIN-06) or the changes are not known any more.
///
/// Every NOTIFY of a winfo subscription but the very last carries a document, so the number of
/// those before it is the version of the document: from 0, without gap, and higher after a crash.
pub fn next(step: &mut Step<'_>, subscription: &Subscription<'_>, position: &mut Position) -> Content {
    let Some(inner) = subscription.package.inner().filter(|_| subscription.state.view() != View::Nothing)
    else {
        return Content { media: WATCHERINFO, body: Vec::new() };
    };
    let ledger = Ledger::load(step, inner);
    let missed = position.version.and_then(|version| ledger.since(version));
    let document = match missed {
        Some(missed) if !position.owed && !subscription.state.is_ending() => {
            let rows = missed.iter().map(|entry| brought_up_to_date(step, inner, &entry.row)).collect();
            Document { version: position.cseq, full: false, rows }
        }
        missed => {
            let mut everybody = Gathered::everybody(step, inner);
            // Whose end has not been told; a crash may have brought some of them back to life.
            let over =
                |entry: &&Entry| entry.row.status == Status::Terminated && !everybody.has(entry.row.id);
            let over: Vec<Row> =
                missed.unwrap_or_default().iter().filter(over).map(|entry| entry.row.clone()).collect();
            everybody.rows.extend(over);
            Document { version: position.cseq, full: true, rows: everybody.rows }
        }
    };
    document.content(&subscription.entity, inner, step.now)
}

/// What the only NOTIFY of a fetch carries: everything (WIN-08).
pub fn once(step: &mut Step<'_>, subscription: &Subscription<'_>) -> Content {
    let Some(inner) = subscription.package.inner() else {
        return Content { media: WATCHERINFO, body: Vec::new() };
    };
    let rows = Gathered::everybody(step, inner).rows;
    Document { version: 0, full: true, rows }.content(&subscription.entity, inner, step.now)
}

/// A watcher as it was when it changed, with the lifetime that it has now.
fn brought_up_to_date(step: &mut Step<'_>, inner: Package, row: &Row) -> Row {
    let mut row = row.clone();
    if row.expires.is_some() {
        let record = step.subscription(Usage { audience: inner.audience(), id: row.id });
        let subscription = record.as_deref().and_then(records::decode::<Subscription<'_>>);
        if let Some(subscription) = subscription.filter(|one| !one.state.is_ending()) {
            row.expires = Some(subscription.expires);
        }
    }
    row
}

/// The watchers in a full document, and how much room is left there.
#[derive(Default)]
struct Gathered {
    rows: Vec<Row>,
    ids: BTreeSet<Id>,
    bytes: usize,
    most: usize,
    cut: bool,
}

impl Gathered {
    /// All watchers, those first who wait for a decision. If there are too many for a document,
    /// the operator is told.
    fn everybody(step: &mut Step<'_>, inner: Package) -> Self {
        let mut gathered = Self { most: step.configuration.winfo.watchers as usize, ..Self::default() };
        if inner == Package::Presence && Ledger::load(step, inner).may_have_undecided() {
            gather_undecided(step, &mut gathered);
        }
        gather_live(step, inner, &mut gathered);
        if gathered.cut {
            let shown = gathered.rows.len().to_string();
            let fields = [("presentity", step.partition), ("shown", shown.as_str())];
            step.host.log(Level::Warn, "more watchers than a watcherinfo document takes", &fields);
        }
        gathered
    }

    /// Adds a watcher. False if there is no room.
    fn add(&mut self, row: Row) -> bool {
        let escaped = row.watcher.bytes().filter(|byte| matches!(byte, b'&' | b'<' | b'>' | b'"')).count();
        self.bytes += row.watcher.len() + 5 * escaped + 160;
        self.cut |= self.rows.len() >= self.most || self.bytes > BYTES;
        if !self.cut && self.ids.insert(row.id) {
            self.rows.push(row);
        }
        !self.cut
    }

    fn has(&self, id: Id) -> bool {
        self.ids.contains(&id)
    }
}

fn gather_undecided(step: &mut Step<'_>, gathered: &mut Gathered) {
    for entry in undecided::index(step, &[keys::UNDECIDED], undecided::MOST) {
        let row = match entry.what {
            Undecided::Waiting(waiting) => Some(waiting.row(entry.id)),
            Undecided::Pending => {
                let record = step.subscription(Usage::watcher(entry.id));
                let subscription = record.as_deref().and_then(records::decode::<Subscription<'_>>);
                let live = subscription.filter(|one| !one.state.is_ending());
                live.map(|subscription| Row::live(entry.id, &subscription))
            }
        };
        if row.is_some_and(|row| !gathered.add(row)) {
            return;
        }
    }
}

fn gather_live(step: &mut Step<'_>, inner: Package, gathered: &mut Gathered) {
    let kind = inner.audience().subscriptions();
    let mut after: Option<Vec<u8>> = None;
    let mut passed_over = 0;
    loop {
        let chunk = step.host.scan(&[kind], after.as_deref(), CHUNK);
        let Some((last, _)) = chunk.last() else { return };
        after = Some(last.clone());
        for (key, record) in &chunk {
            let subscription = records::decode::<Subscription<'_>>(record);
            let live = subscription.filter(|one| one.package == inner && !one.state.is_ending());
            match (Id::of_key(key), live) {
                (Some(id), Some(subscription)) if !gathered.has(id) => {
                    if !gathered.add(Row::live(id, &subscription)) {
                        return;
                    }
                }
                _ => passed_over += 1,
            }
        }
        if passed_over > PASSED_OVER {
            gathered.cut = true;
            return;
        }
    }
}

/// A document.
struct Document {
    version: u32,
    full: bool,
    rows: Vec<Row>,
}

impl Document {
    /// Writes it, for a subscriber who asked for that resource.
    fn content(&self, resource: &str, inner: Package, now: Instant) -> Content {
        let mut body = Vec::with_capacity(256 + self.rows.len() * 200);
        let mut digits = Digits::default();
        let out = &mut body;
        out.extend_from_slice(b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        out.extend_from_slice(b"<watcherinfo xmlns=\"urn:ietf:params:xml:ns:watcherinfo\"");
        attribute("version", digits.write(self.version.into()), out);
        attribute("state", if self.full { "full" } else { "partial" }, out);
        out.extend_from_slice(b"><watcher-list");
        attribute("resource", resource, out);
        attribute("package", inner.name(), out);
        out.push(b'>');
        for row in &self.rows {
            write(row, now, out);
        }
        out.extend_from_slice(b"</watcher-list></watcherinfo>");
        Content { media: WATCHERINFO, body }
    }
}

fn write(row: &Row, now: Instant, out: &mut Vec<u8>) {
    let mut digits = Digits::default();
    out.extend_from_slice(b"<watcher");
    attribute("id", &row.id.hex(), out);
    attribute("status", row.status.as_str(), out);
    attribute("event", row.cause.as_str(), out);
    if let Some(expires) = row.expires {
        attribute("expiration", digits.write(expires.saturating_sub(now) / 1_000), out);
    }
    attribute("duration-subscribed", digits.write(now.saturating_sub(row.created) / 1_000), out);
    out.push(b'>');
    escape_attribute(&row.watcher, out);
    out.extend_from_slice(b"</watcher>");
}

fn attribute(name: &str, value: &str, out: &mut Vec<u8>) {
    out.push(b' ');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"=\"");
    escape_attribute(value, out);
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::super::row::Cause;
    use super::*;

    /// However long the names of watchers are, a NOTIFY stays within what a host sends.
    #[test]
    fn a_document_is_bounded_in_bytes() {
        let mut gathered = Gathered { most: 1_000, ..Gathered::default() };
        let row = |id| Row {
            id: Id([id; 8]),
            watcher: "&".repeat(20_000),
            status: Status::Active,
            cause: Cause::Subscribe,
            created: 0,
            expires: Some(0),
        };
        let added = (0..100).take_while(|id| gathered.add(row(*id))).count();
        assert!(added == 2 && gathered.cut, "{added}");
        let document = Document { version: 0, full: true, rows: gathered.rows };
        let content = document.content("sip:a@x", Package::Presence, 0);
        assert!(content.body.len() < BYTES, "{}", content.body.len());
    }
}
