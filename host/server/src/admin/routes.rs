//! What each path does.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, ORIGIN};
use hyper::{Method, Request, Response, StatusCode};
use serde::Serialize;
use serde_json::json;
use tracing::{info, warn};

use super::{Control, Generation};

/// Largest component, in bytes.
const LARGEST_COMPONENT: usize = 64 << 20;
/// Time for the body of a request.
const BODY_TIME: Duration = Duration::from_secs(30);
/// Furthest that the clock is moved at once, in milliseconds: 100 days.
const FURTHEST: u64 = 100 * 24 * 3600 * 1000;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const METRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
const WASM: HeaderValue = HeaderValue::from_static("application/wasm");

type Reply = Response<Full<Bytes>>;

pub(super) struct Routes {
    control: Arc<dyn Control>,
    /// One change at a time: a component is held in memory whole and compiled on all processors.
    changing: Arc<AtomicBool>,
}

impl Routes {
    pub(super) fn new(control: Arc<dyn Control>) -> Self {
        Self { control, changing: Arc::default() }
    }

    pub(super) async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Result<Reply, Infallible> {
        let method = request.method().clone();
        Ok(match (&method, request.uri().path()) {
            (&Method::GET, "/health") => self.health(),
            (&Method::GET, "/metrics") => self.metrics(),
            (&Method::GET, "/generations") => json_reply(StatusCode::OK, &self.control.generations()),
            // A page in the operator's browser can post to this address; it cannot help saying so.
            (&Method::POST, _) if request.headers().contains_key(ORIGIN) => {
                refusal(StatusCode::FORBIDDEN, "not for web pages")
            }
            (&Method::POST, "/swap") => self.swap(request).await,
            (&Method::POST, "/rollback") => self.roll_back().await,
            (&Method::POST, "/clock/advance") => self.advance(request.uri().query()),
            (_, "/health" | "/metrics" | "/generations") => not_allowed("GET"),
            (_, "/swap" | "/rollback" | "/clock/advance") => not_allowed("POST"),
            _ => refusal(StatusCode::NOT_FOUND, "no such path"),
        })
    }

    fn health(&self) -> Reply {
        let health = self.control.health();
        json_reply(if health.ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, &health)
    }

    fn metrics(&self) -> Reply {
        let mut text = String::with_capacity(16 << 10);
        self.control.metrics(&mut text);
        reply(StatusCode::OK, METRICS, text.into())
    }

    fn advance(&self, query: Option<&str>) -> Reply {
        let milliseconds = query
            .and_then(|query| query.strip_prefix("ms="))
            .and_then(|digits| digits.parse().ok())
            .filter(|milliseconds| *milliseconds <= FURTHEST);
        let Some(milliseconds) = milliseconds else {
            return refusal(StatusCode::BAD_REQUEST, &format!("expected ?ms=N with N up to {FURTHEST}"));
        };
        match self.control.advance(milliseconds) {
            Some(now) => json_reply(StatusCode::OK, &json!({ "now": now })),
            None => refusal(StatusCode::NOT_FOUND, "only with [testing] clock = true"),
        }
    }

    async fn swap(&self, request: Request<Incoming>) -> Reply {
        if request.headers().get(CONTENT_TYPE) != Some(&WASM) {
            return refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE, "expected Content-Type: application/wasm");
        }
        let Some(turn) = Turn::take(&self.changing) else {
            return under_way();
        };
        if request.body().size_hint().lower() > LARGEST_COMPONENT as u64 {
            return too_large();
        }
        let body = Limited::new(request.into_body(), LARGEST_COMPONENT).collect();
        let component = match tokio::time::timeout(BODY_TIME, body).await {
            Ok(Ok(body)) => Vec::from(body.to_bytes()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => return too_large(),
            Ok(Err(error)) => return refusal(StatusCode::BAD_REQUEST, &error.to_string()),
            Err(_) => return refusal(StatusCode::REQUEST_TIMEOUT, "the component did not arrive in time"),
        };
        self.change(turn, |control| control.swap(component)).await
    }

    async fn roll_back(&self) -> Reply {
        match Turn::take(&self.changing) {
            Some(turn) => self.change(turn, |control| control.roll_back()).await,
            None => under_way(),
        }
    }

    /// Changes the running generation.
    async fn change(
        &self,
        turn: Turn,
        change: impl FnOnce(&dyn Control) -> Result<Generation, Vec<String>> + Send + 'static,
    ) -> Reply {
        let control = Arc::clone(&self.control);
        let changed = tokio::task::spawn_blocking(move || {
            // Until it is done, even if nobody waits for the answer any more.
            let _turn = turn;
            change(&*control)
        });
        match changed.await {
            Ok(Ok(generation)) => {
                let Generation { number, version, .. } = &generation;
                info!(generation = number, version, "generation changed");
                json_reply(StatusCode::OK, &generation)
            }
            Ok(Err(problems)) => {
                warn!(?problems, "generation not changed");
                json_reply(StatusCode::UNPROCESSABLE_ENTITY, &json!({ "problems": problems }))
            }
            Err(error) => refusal(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
        }
    }
}

/// The right to load a component, given back when dropped.
struct Turn(Arc<AtomicBool>);

impl Turn {
    fn take(taken: &Arc<AtomicBool>) -> Option<Self> {
        (!taken.swap(true, Ordering::AcqRel)).then(|| Self(Arc::clone(taken)))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

fn reply(status: StatusCode, content_type: HeaderValue, body: Bytes) -> Reply {
    let mut reply = Response::new(Full::new(body));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, content_type);
    reply.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    reply
}

fn json_reply(status: StatusCode, value: &impl Serialize) -> Reply {
    let mut body = serde_json::to_vec(value).unwrap_or_default();
    body.push(b'\n');
    reply(status, JSON, body.into())
}

fn refusal(status: StatusCode, problem: &str) -> Reply {
    json_reply(status, &json!({ "problems": [problem] }))
}

fn under_way() -> Reply {
    refusal(StatusCode::CONFLICT, "another change is under way")
}

fn too_large() -> Reply {
    refusal(StatusCode::PAYLOAD_TOO_LARGE, "larger than 64 MiB")
}

fn not_allowed(method: &'static str) -> Reply {
    let mut reply = refusal(StatusCode::METHOD_NOT_ALLOWED, "another method");
    reply.headers_mut().insert(ALLOW, HeaderValue::from_static(method));
    reply
}
