//! What each path does.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue, ORIGIN};
use hyper::{Method, Request, StatusCode};
use serde::Serialize;
use serde_json::json;
use tracing::{info, warn};

use super::reply::{Reply, json_reply, not_allowed, refusal, reply};
use super::{Control, Generation, failures, questions, rehearsal};

/// Largest component, in bytes.
const LARGEST_COMPONENT: usize = 64 << 20;
/// Time for the body of a request.
const BODY_TIME: Duration = Duration::from_secs(30);
/// Furthest that the clock is moved at once, in milliseconds: 100 days.
const FURTHEST: u64 = 100 * 24 * 3600 * 1000;

const METRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
const WASM: HeaderValue = HeaderValue::from_static("application/wasm");

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
            (&Method::GET, "/withheld") => json_reply(StatusCode::OK, &self.control.withheld()),
            (&Method::GET, "/failures") => failures::list(&*self.control),
            (&Method::GET, "/failure") => failures::recording(&*self.control, request.uri().query()),
            (&Method::GET, "/identity") => {
                self.asked(request, |control, query| questions::about(control, "identity", query)).await
            }
            (&Method::GET, "/presentity") => {
                self.asked(request, |control, query| questions::about(control, "presentity", query)).await
            }
            (&Method::GET, "/presentities") => self.asked(request, questions::page).await,
            (&Method::GET, "/source") => self.asked(request, questions::source).await,
            (&Method::GET, "/shadow") => rehearsal::shadow(self.control.rehearsal().shadow_status()),
            (&Method::GET, "/sources") => self.asked(request, questions::sources).await,
            // A page in the operator's browser can post to this address; it cannot help saying so.
            (&Method::POST, _) if request.headers().contains_key(ORIGIN) => {
                refusal(StatusCode::FORBIDDEN, "not for web pages")
            }
            (&Method::POST, "/swap") => self.swap(request).await,
            (&Method::POST, "/check") => self.check(request).await,
            (&Method::POST, "/rollback") => self.roll_back().await,
            (&Method::POST, "/reload") => self.reload().await,
            (&Method::POST, "/record") => rehearsal::record(&*self.control, request.uri().query()),
            (&Method::POST, "/record/next") => rehearsal::next(&*self.control, request.uri().query()),
            (&Method::POST, "/record/stop") => rehearsal::stop(&*self.control, request.uri().query()),
            (&Method::POST, "/shadow") => self.shadow(request).await,
            (&Method::POST, "/shadow/stop") => {
                self.asked(request, |control, _| rehearsal::shadow(control.rehearsal().end_shadow())).await
            }
            (&Method::POST, "/promote") => self.promote().await,
            (&Method::POST, "/clock/advance") => self.advance(request.uri().query()),
            (_, "/health" | "/metrics" | "/generations" | "/withheld" | "/failures" | "/failure") => {
                not_allowed("GET")
            }
            (_, "/identity" | "/presentity" | "/presentities" | "/source" | "/sources") => not_allowed("GET"),
            (_, "/swap" | "/check" | "/rollback" | "/reload" | "/clock/advance") => not_allowed("POST"),
            (_, "/record" | "/record/next" | "/record/stop" | "/shadow/stop" | "/promote") => {
                not_allowed("POST")
            }
            (_, "/shadow") => not_allowed("GET, POST"),
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
        match self.component(request).await {
            Ok((turn, component)) => self.change(turn, |control| control.swap(component)).await,
            Err(reply) => reply,
        }
    }

    async fn check(&self, request: Request<Incoming>) -> Reply {
        self.loaded(request, |control, component| control.check(component)).await
    }

    async fn shadow(&self, request: Request<Incoming>) -> Reply {
        match rehearsal::shadow_share(request.uri().query()) {
            Ok(share) => {
                let load = move |control: &dyn Control, component: Vec<u8>| {
                    control.rehearsal().shadow(&component, share)
                };
                self.loaded(request, load).await
            }
            Err(problem) => refusal(StatusCode::BAD_REQUEST, &problem),
        }
    }

    async fn promote(&self) -> Reply {
        match Turn::take(&self.changing) {
            Some(turn) => self.change(turn, |control| control.rehearsal().promote()).await,
            None => under_way(),
        }
    }

    /// Does something with the component that a request brings, which is not to run in earnest.
    async fn loaded<T: Serialize + Send + 'static>(
        &self,
        request: Request<Incoming>,
        load: impl FnOnce(&dyn Control, Vec<u8>) -> Result<T, Vec<String>> + Send + 'static,
    ) -> Reply {
        let (turn, component) = match self.component(request).await {
            Ok(taken) => taken,
            Err(reply) => return reply,
        };
        let control = Arc::clone(&self.control);
        let checked = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            load(&*control, component)
        });
        match checked.await {
            Ok(Ok(told)) => json_reply(StatusCode::OK, &told),
            Ok(Err(problems)) => {
                json_reply(StatusCode::UNPROCESSABLE_ENTITY, &json!({ "problems": problems }))
            }
            Err(error) => refusal(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
        }
    }

    /// The component that a request brings, and the turn to load it.
    async fn component(&self, request: Request<Incoming>) -> Result<(Turn, Vec<u8>), Reply> {
        if request.headers().get(CONTENT_TYPE) != Some(&WASM) {
            let problem = "expected Content-Type: application/wasm";
            return Err(refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE, problem));
        }
        let Some(turn) = Turn::take(&self.changing) else {
            return Err(under_way());
        };
        if request.body().size_hint().lower() > LARGEST_COMPONENT as u64 {
            return Err(too_large());
        }
        let body = Limited::new(request.into_body(), LARGEST_COMPONENT).collect();
        match tokio::time::timeout(BODY_TIME, body).await {
            Ok(Ok(body)) => Ok((turn, Vec::from(body.to_bytes()))),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
            Ok(Err(error)) => Err(refusal(StatusCode::BAD_REQUEST, &error.to_string())),
            Err(_) => Err(refusal(StatusCode::REQUEST_TIMEOUT, "the component did not arrive in time")),
        }
    }

    async fn roll_back(&self) -> Reply {
        match Turn::take(&self.changing) {
            Some(turn) => self.change(turn, |control| control.roll_back()).await,
            None => under_way(),
        }
    }

    /// Reloads the tables. A table that was kept makes it a refusal: the rest is in force all the same.
    async fn reload(&self) -> Reply {
        let Some(turn) = Turn::take(&self.changing) else {
            return under_way();
        };
        let control = Arc::clone(&self.control);
        let reloaded = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            control.reload()
        });
        match reloaded.await {
            Ok(Some(reload)) if reload.ok => json_reply(StatusCode::OK, &reload),
            Ok(Some(reload)) => json_reply(StatusCode::UNPROCESSABLE_ENTITY, &reload),
            Ok(None) => refusal(StatusCode::SERVICE_UNAVAILABLE, "the server stops"),
            Err(error) => refusal(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
        }
    }

    /// Answers a question off the thread of the interface.
    async fn asked(
        &self,
        request: Request<Incoming>,
        answer: impl FnOnce(&dyn Control, Option<&str>) -> Reply + Send + 'static,
    ) -> Reply {
        let control = Arc::clone(&self.control);
        let query = request.uri().query().map(str::to_owned);
        let answered = tokio::task::spawn_blocking(move || answer(&*control, query.as_deref()));
        answered.await.unwrap_or_else(|error| refusal(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()))
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

fn under_way() -> Reply {
    refusal(StatusCode::CONFLICT, "another change is under way")
}

fn too_large() -> Reply {
    refusal(StatusCode::PAYLOAD_TOO_LARGE, "larger than 64 MiB")
}
