//! A site's own identity rules: a second component, which the plugin calls through its import
//! `identity` (`wit/plugin.wit`, world `identity-rules`).
//!
//! Invariant: whatever that component does, a call ends within its limits with a result or a
//! failure, and costs at most the instance that it ran in.

use crate::bindings::rollcall::plugin::identity::Failure;
use crate::bindings::rules::exports::rollcall::plugin::identity as wit;
use crate::bindings::rules::{IdentityRules, IdentityRulesPre};
use crate::compiled::{self, Digest};
use crate::fit::ComponentError;
use crate::limits::{EngineConfig, IdentityLimits};
use crate::memory::Memory;
use crate::metrics::{IdentityCounts, Metrics};
use parking_lot::{Condvar, Mutex};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use wasmtime::component::{Component, Linker};
use wasmtime::{Engine as Wasmtime, Store, Trap};

/// Stack of a call, in bytes. It is a part of the stack of a thread on which a step runs already.
const STACK: usize = 256 << 10;

/// Ticks of the clock in the time of one call.
const TICKS: u32 = 5;

/// Time between two lines of the same kind in the log.
const BETWEEN_LINES: Duration = Duration::from_secs(10);

/// Most bytes of an identity or a reason in the log.
const SHOWN: usize = 256;

/// What the component is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Question<'a> {
    /// `normalize`
    Normalize { uri: &'a str, normalized: &'a str },
    /// `fundamental`
    Fundamental { identity: &'a str, mapped: &'a str },
}

/// The component, compiled and checked, with its idle instances.
pub(crate) struct Rules {
    pub digest: Digest,
    engine: Wasmtime,
    pre: IdentityRulesPre<Memory>,
    limits: IdentityLimits,
    pool: Mutex<Pool>,
    freed: Condvar,
    counts: Arc<IdentityCounts>,
    refusals: Throttle,
    failures: Throttle,
    _ticker: Ticker,
}

struct Instance {
    store: Store<Memory>,
    rules: IdentityRules,
}

struct Pool {
    idle: Vec<Instance>,
    alive: usize,
}

impl Rules {
    /// Compiles and checks the component: it imports nothing and exports what it has to.
    pub fn prepare(bytes: &[u8], config: &EngineConfig, metrics: &Metrics) -> Result<Rules, ComponentError> {
        let (limits, counts) = (config.identity_limits.clone(), metrics.identity.clone());
        Rules::checked(bytes, limits, config.compiled.as_deref(), counts)
            .map_err(|error| ComponentError::IdentityRules(Box::new(error)))
    }

    fn checked(
        bytes: &[u8],
        limits: IdentityLimits,
        compiled: Option<&Path>,
        counts: Arc<IdentityCounts>,
    ) -> Result<Rules, ComponentError> {
        let invalid = |error: wasmtime::Error| ComponentError::Invalid(format!("{error:#}"));
        let mut setup = wasmtime::Config::new();
        // The same argument, the same result: on every machine.
        setup
            .epoch_interruption(true)
            .concurrency_support(false)
            .cranelift_nan_canonicalization(true)
            .relaxed_simd_deterministic(true)
            .max_wasm_stack(STACK);
        let engine = Wasmtime::new(&setup).map_err(invalid)?;
        let digest = Digest::of(bytes);
        let component = compiled::component(&engine, bytes, digest, compiled).map_err(invalid)?;
        let pre = interface(&engine, &component)?;
        let ticker = Ticker::start(&engine, tick(&limits))
            .map_err(|error| ComponentError::Invalid(format!("no thread for its clock: {error}")))?;
        let rules = Rules {
            digest,
            engine,
            pre,
            limits,
            pool: Mutex::new(Pool { idle: Vec::new(), alive: 1 }),
            freed: Condvar::new(),
            counts,
            refusals: Throttle::default(),
            failures: Throttle::default(),
            _ticker: ticker,
        };
        let canary = rules.instantiate().map_err(|error| ComponentError::Trapped {
            call: "instantiation",
            cause: format!("{error:#}"),
        })?;
        rules.give(canary);
        Ok(rules)
    }

    /// Asks the component, if there is one.
    pub fn ask_any(rules: Option<&Rules>, question: Question<'_>) -> Result<String, Failure> {
        match rules {
            Some(rules) => rules.ask(question),
            None => Err(Failure::Broken("no such component".into())),
        }
    }

    /// Asks the component.
    pub fn ask(&self, question: Question<'_>) -> Result<String, Failure> {
        self.counts.calls.add(1);
        let (answer, cause) = match self.call(question) {
            Ok(answer) => (self.bounded(answer), None),
            Err(Broken { told, cause }) => (Err(Failure::Broken(told)), cause),
        };
        match &answer {
            Ok(_) => {}
            Err(Failure::Refused(why)) => {
                self.counts.refusals.add(1);
                if let Some(left_out) = self.refusals.line() {
                    let (call, identity) = question.show();
                    tracing::info!(call, identity, why, left_out, "the identity rules refuse");
                }
            }
            Err(Failure::Broken(why)) => {
                self.counts.failures.add(1);
                if let Some(left_out) = self.failures.line() {
                    let (call, identity) = question.show();
                    let cause = cause.map(|cause| format!("{cause:#}"));
                    tracing::warn!(call, identity, why, cause, left_out, "the identity rules failed");
                }
            }
        }
        answer
    }

    fn call(&self, question: Question<'_>) -> Result<Result<String, wit::Failure>, Broken> {
        let mut instance = self.take()?;
        instance.store.set_epoch_deadline(self.ticks());
        let store = &mut instance.store;
        let rules = instance.rules.rollcall_plugin_identity();
        let answer = match question {
            Question::Normalize { uri, normalized } => rules.call_normalize(store, uri, normalized),
            Question::Fundamental { identity, mapped } => rules.call_fundamental(store, identity, mapped),
        };
        match answer {
            Ok(answer) => {
                self.give(instance);
                Ok(answer)
            }
            Err(error) => {
                let broken = self.broken(instance.store.data().refused, error);
                drop(instance);
                self.lose();
                Err(broken)
            }
        }
    }

    /// An answer within its limits.
    fn bounded(&self, answer: Result<String, wit::Failure>) -> Result<String, Failure> {
        let most = self.limits.result_bytes;
        match answer {
            Ok(text) if text.len() > most => {
                Err(Failure::Broken(format!("a result of {} bytes, more than {most}", text.len())))
            }
            Ok(text) => Ok(text),
            Err(wit::Failure::Refused(why)) => Err(Failure::Refused(cut(&why, most).to_owned())),
            Err(wit::Failure::Broken(why)) => Err(Failure::Broken(cut(&why, most).to_owned())),
        }
    }

    /// An instance; waits for one if all are in use, but not longer than a call may take.
    fn take(&self) -> Result<Instance, Broken> {
        let until = Instant::now() + self.limits.time;
        {
            let mut pool = self.pool.lock();
            loop {
                if let Some(instance) = pool.idle.pop() {
                    return Ok(instance);
                }
                if pool.alive < self.limits.instances.max(1) {
                    pool.alive += 1;
                    break;
                }
                if self.freed.wait_until(&mut pool, until).timed_out() {
                    return Err(Broken { told: "too many calls at once".into(), cause: None });
                }
            }
        }
        self.instantiate().map_err(|error| {
            self.lose();
            self.broken(false, error)
        })
    }

    fn instantiate(&self) -> wasmtime::Result<Instance> {
        let mut store = Store::new(&self.engine, Memory::new(self.limits.memory));
        store.limiter(|memory| memory);
        store.set_epoch_deadline(self.ticks());
        let rules = self.pre.instantiate(&mut store)?;
        Ok(Instance { store, rules })
    }

    fn give(&self, instance: Instance) {
        let memory = instance.store.data();
        if memory.used > memory.limit / 2 {
            drop(instance);
            self.lose();
            return;
        }
        self.pool.lock().idle.push(instance);
        self.freed.notify_one();
    }

    fn lose(&self) {
        self.pool.lock().alive -= 1;
        self.freed.notify_one();
    }

    fn ticks(&self) -> u64 {
        // The first tick may come at once.
        let ticks = self.limits.time.as_nanos().div_ceil(tick(&self.limits).as_nanos());
        u64::try_from(ticks).unwrap_or(u64::MAX - 1) + 1
    }

    /// Why there is no answer, in a few words.
    fn broken(&self, out_of_memory: bool, error: wasmtime::Error) -> Broken {
        let told = match error.downcast_ref::<Trap>() {
            _ if out_of_memory => format!("more than {} bytes of memory", self.limits.memory),
            Some(Trap::Interrupt) => format!("no result within {:?}", self.limits.time),
            Some(trap) => trap.to_string(),
            None => cut(&error.root_cause().to_string(), SHOWN).to_owned(),
        };
        Broken { told, cause: Some(error) }
    }
}

/// No answer: in words for the plugin, and what the log has besides.
struct Broken {
    told: String,
    cause: Option<wasmtime::Error>,
}

impl<'a> Question<'a> {
    /// The function and what it is about, for the log.
    fn show(self) -> (&'static str, &'a str) {
        match self {
            Question::Normalize { uri, .. } => ("normalize", cut(uri, SHOWN)),
            Question::Fundamental { identity, .. } => ("fundamental", cut(identity, SHOWN)),
        }
    }
}

fn interface(engine: &Wasmtime, component: &Component) -> Result<IdentityRulesPre<Memory>, ComponentError> {
    let imports: Vec<String> =
        component.component_type().imports(engine).map(|(name, _)| name.to_owned()).collect();
    if !imports.is_empty() {
        return Err(ComponentError::Imports(imports));
    }
    Linker::new(engine)
        .instantiate_pre(component)
        .and_then(IdentityRulesPre::new)
        .map_err(|error| ComponentError::Interface(format!("{error:#}")))
}

fn tick(limits: &IdentityLimits) -> Duration {
    (limits.time / TICKS).max(Duration::from_millis(1))
}

/// The beginning of a text, at most so many bytes.
fn cut(text: &str, most: usize) -> &str {
    text.get(..text.floor_char_boundary(most)).unwrap_or(text)
}

/// Lets a line into the log now and then.
#[derive(Default)]
struct Throttle {
    state: Mutex<(Option<Instant>, u64)>,
}

impl Throttle {
    /// The lines left out since the last one, if there may be one now.
    fn line(&self) -> Option<u64> {
        let mut state = self.state.lock();
        let (last, left_out) = &mut *state;
        if last.is_some_and(|last| last.elapsed() < BETWEEN_LINES) {
            *left_out += 1;
            return None;
        }
        *last = Some(Instant::now());
        Some(std::mem::take(left_out))
    }
}

/// The clock that calls are measured by.
struct Ticker {
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    fn start(engine: &Wasmtime, tick: Duration) -> std::io::Result<Ticker> {
        let ended = Arc::new(AtomicBool::new(false));
        let (engine, stop) = (engine.clone(), ended.clone());
        let body = move || {
            while !stop.load(Ordering::Relaxed) {
                // Woken at the end.
                std::thread::park_timeout(tick);
                engine.increment_epoch();
            }
        };
        let thread = std::thread::Builder::new().name("rollcall-rules".into()).spawn(body)?;
        Ok(Ticker { ended, thread: Some(thread) })
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // It ends at once, and cannot panic.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(cut("añb", 2), "a");
        assert_eq!(cut("añb", 3), "añ");
        assert_eq!(cut("añb", 300), "añb");
        assert_eq!(cut("", 0), "");
    }

    #[test]
    fn of_a_flood_one_line_is_kept_and_the_others_are_counted() {
        let throttle = Throttle::default();
        assert_eq!(throttle.line(), Some(0));
        assert_eq!((0..5).filter_map(|_| throttle.line()).count(), 0);
        let earlier = Instant::now().checked_sub(BETWEEN_LINES);
        if let Some(earlier) = earlier {
            throttle.state.lock().0 = Some(earlier);
            assert_eq!(throttle.line(), Some(5));
        }
    }
}
