//! Recordings, and the shadow of the running component.
//!
//! A recording is fetched piece by piece by whoever asked for it: nothing is written at a place that a
//! request names.

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::HeaderValue;
use rollcall_engine::Report;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::query::parameters;
use super::reply::{Reply, json_reply, refusal, reply};
use super::{Control, Generation};

/// Longest recording, in seconds: a day.
pub const LONGEST: u64 = 24 * 3600;
/// Largest recording unless something else is asked for, in bytes.
pub const LARGEST: u64 = 1 << 30;

const BYTES: HeaderValue = HeaderValue::from_static("application/octet-stream");

/// What to record.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RecordWish {
    /// Share of the partitions, above 0 and up to 1.
    pub share: f64,
    /// Seconds.
    pub seconds: u64,
    /// Bytes, about.
    pub limit: u64,
}

/// What comes next of a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// These bytes; none if there are none now.
    Bytes(Bytes),
    /// Nothing any more.
    End,
}

/// What the interface asks of the server about rehearsals.
pub trait Rehearsal {
    /// Begins to record, and gives the number to fetch the recording with.
    ///
    /// # Errors
    /// Why not.
    fn record(&self, wish: RecordWish) -> Result<u64, String>;

    /// What comes next of the recording with this number; none if there is no such recording.
    fn next(&self, id: u64) -> Option<Piece>;

    /// Has it end; what is there is still to be fetched. False if there is no such recording.
    fn end_recording(&self, id: u64) -> bool;

    /// Has a component run beside the running one, with a share of the partitions. Blocks: seconds.
    ///
    /// # Errors
    /// Every reason why not.
    fn shadow(&self, component: &[u8], share: f64) -> Result<Shadow, Vec<String>>;

    /// The shadow, if there is one.
    fn shadow_status(&self) -> Option<Shadow>;

    /// Ends the shadow and tells what it has found.
    fn end_shadow(&self) -> Option<Shadow>;

    /// Makes the component of the shadow the running generation. Blocks until that is done.
    ///
    /// # Errors
    /// Every reason why not.
    fn promote(&self) -> Result<Generation, Vec<String>>;
}

/// A component beside the running one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shadow {
    /// Name that the component gives itself.
    pub name: String,
    /// Version that the component gives itself.
    pub version: String,
    /// Digest of the component's bytes, hexadecimal.
    pub digest: String,
    /// Share of the partitions whose steps it runs.
    pub share: f64,
    /// When it began, in milliseconds since 1970.
    pub since: u64,
    /// Steps that came too fast for it.
    pub skipped: u64,
    /// Processor time that it took, in seconds.
    pub cpu_seconds: f64,
    /// What it would do otherwise.
    pub report: Report,
}

pub(super) fn record(control: &dyn Control, query: Option<&str>) -> Reply {
    let wish = match wish(query) {
        Ok(wish) => wish,
        Err(problem) => return refusal(StatusCode::BAD_REQUEST, &problem),
    };
    match control.rehearsal().record(wish) {
        Ok(id) => json_reply(StatusCode::OK, &json!({ "id": id })),
        Err(problem) => refusal(StatusCode::CONFLICT, &problem),
    }
}

fn wish(query: Option<&str>) -> Result<RecordWish, String> {
    let [share_, seconds, limit] = parameters(query, ["share", "seconds", "limit"])?;
    let number = |name: &str, text: Option<&str>, most: u64| match text.map(str::parse) {
        None => Ok(most),
        Some(Ok(number)) if (1..=most).contains(&number) => Ok(number),
        Some(_) => Err(format!("{name}: expected a number from 1 to {most}")),
    };
    Ok(RecordWish {
        share: share(share_.as_deref())?,
        seconds: number("seconds", seconds.as_deref(), LONGEST)?,
        limit: limit.as_deref().map_or(Ok(LARGEST), |text| number("limit", Some(text), u64::MAX))?,
    })
}

fn share(text: Option<&str>) -> Result<f64, String> {
    let share = text.map_or(Some(1.0), |text| text.parse().ok());
    share
        .filter(|share| *share > 0.0 && *share <= 1.0)
        .ok_or_else(|| "share: expected above 0, up to 1".into())
}

/// The share that the query of a request for a shadow names.
pub(super) fn shadow_share(query: Option<&str>) -> Result<f64, String> {
    let [named] = parameters(query, ["share"])?;
    share(named.as_deref())
}

pub(super) fn next(control: &dyn Control, query: Option<&str>) -> Reply {
    match id(query).map(|id| control.rehearsal().next(id)) {
        Ok(Some(Piece::Bytes(bytes))) => reply(StatusCode::OK, BYTES, bytes),
        Ok(Some(Piece::End)) => reply(StatusCode::NO_CONTENT, BYTES, Bytes::new()),
        Ok(None) => refusal(StatusCode::NOT_FOUND, "no such recording"),
        Err(problem) => refusal(StatusCode::BAD_REQUEST, &problem),
    }
}

pub(super) fn stop(control: &dyn Control, query: Option<&str>) -> Reply {
    match id(query).map(|id| control.rehearsal().end_recording(id)) {
        Ok(true) => json_reply(StatusCode::OK, &json!({ "ok": true })),
        Ok(false) => refusal(StatusCode::NOT_FOUND, "no such recording"),
        Err(problem) => refusal(StatusCode::BAD_REQUEST, &problem),
    }
}

fn id(query: Option<&str>) -> Result<u64, String> {
    let [id] = parameters(query, ["id"])?;
    id.and_then(|id| id.parse().ok()).ok_or_else(|| "expected ?id=N".into())
}

pub(super) fn shadow(shadow: Option<Shadow>) -> Reply {
    match shadow {
        Some(shadow) => json_reply(StatusCode::OK, &shadow),
        None => refusal(StatusCode::NOT_FOUND, "there is no shadow"),
    }
}
