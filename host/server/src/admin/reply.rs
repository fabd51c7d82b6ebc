//! How answers look.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};
use serde::Serialize;
use serde_json::json;

use super::Unanswered;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

pub(super) type Reply = Response<Full<Bytes>>;

pub(super) fn reply(status: StatusCode, content_type: HeaderValue, body: Bytes) -> Reply {
    let mut reply = Response::new(Full::new(body));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, content_type);
    reply.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    reply
}

pub(super) fn json_reply(status: StatusCode, value: &impl Serialize) -> Reply {
    json_text(status, serde_json::to_string(value).unwrap_or_default())
}

/// An answer that is JSON already.
pub(super) fn json_text(status: StatusCode, mut text: String) -> Reply {
    text.push('\n');
    reply(status, JSON, text.into())
}

pub(super) fn refusal(status: StatusCode, problem: &str) -> Reply {
    json_reply(status, &json!({ "problems": [problem] }))
}

pub(super) fn unanswered(why: &Unanswered) -> Reply {
    match why {
        Unanswered::Unknown(problem) => refusal(StatusCode::NOT_FOUND, problem),
        Unanswered::Refused(problem) => refusal(StatusCode::BAD_REQUEST, problem),
        Unanswered::Failed(problem) => refusal(StatusCode::INTERNAL_SERVER_ERROR, problem),
        Unanswered::Unavailable(problem) => refusal(StatusCode::SERVICE_UNAVAILABLE, problem),
    }
}

pub(super) fn not_allowed(method: &'static str) -> Reply {
    let mut reply = refusal(StatusCode::METHOD_NOT_ALLOWED, "another method");
    reply.headers_mut().insert(ALLOW, HeaderValue::from_static(method));
    reply
}
