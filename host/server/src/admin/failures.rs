//! Steps that failed: the list of them, and the recording of one.

use hyper::StatusCode;
use hyper::header::HeaderValue;

use super::Control;
use super::reply::{Reply, json_reply, refusal, reply};

const BYTES: HeaderValue = HeaderValue::from_static("application/octet-stream");

pub(super) fn list(control: &dyn Control) -> Reply {
    json_reply(StatusCode::OK, &control.failures())
}

/// The recording of the one that `?id=N` names, in the form that `rollcall replay` reads.
pub(super) fn recording(control: &dyn Control, query: Option<&str>) -> Reply {
    let id = query.and_then(|query| query.strip_prefix("id=")).and_then(|digits| digits.parse().ok());
    let Some(id) = id else { return refusal(StatusCode::BAD_REQUEST, "expected ?id=N") };
    match control.failure(id) {
        Some(recording) => reply(StatusCode::OK, BYTES, recording),
        None => refusal(StatusCode::NOT_FOUND, "no such failure, or its step was not recorded"),
    }
}
