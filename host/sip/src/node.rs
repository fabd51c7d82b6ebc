//! The running stack: what its threads share.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::{Condvar, Mutex, RwLock};
use tokio::runtime::Handle;

use crate::clock::Clock;
use crate::config::{StackConfig, Transport};
use crate::core::{Core, Failure, Outcome, Peer, Request, Response};
use crate::metrics::Metrics;
use crate::transaction::{Clients, Due, Keys, Servers, Times};
use crate::transport::{Advertised, Job, NextHop, Resolver, Route, Tcp, Udp, Until};

/// How often the clock is looked at, in real time.
const TICK: Duration = Duration::from_millis(10);

/// Where the stack listens.
#[derive(Debug)]
pub(crate) struct Listeners {
    pub(crate) udp: Vec<(Arc<Udp>, Advertised)>,
    pub(crate) tcp: Vec<Advertised>,
}

pub(crate) struct Node {
    pub(crate) me: Weak<Node>,
    pub(crate) config: StackConfig,
    pub(crate) clock: Arc<dyn Clock>,
    /// None after the stop, so that a core that holds its stack does not keep it for ever.
    core: RwLock<Option<Arc<dyn Core>>>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) keys: Keys,
    pub(crate) servers: Servers,
    pub(crate) clients: Clients,
    pub(crate) listeners: Listeners,
    pub(crate) tcp: Arc<Tcp>,
    pub(crate) resolver: Resolver,
    /// Requests whose next hop is being looked up.
    pub(crate) unresolved: Mutex<HashMap<NextHop, Vec<(u64, Request)>>>,
    /// Addresses that refused TCP.
    pub(crate) refused: Until,
    /// Addresses that asked for a pause.
    pub(crate) paused: Until,
    pub(crate) runtime: Handle,
    pub(crate) stop: AtomicBool,
    failures: Mutex<Vec<(u64, Failure)>>,
    woken: Mutex<bool>,
    wake: Condvar,
}

/// What [`Node::new`] is made of.
pub(crate) struct Parts {
    pub(crate) config: StackConfig,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) core: Arc<dyn Core>,
    pub(crate) listeners: Listeners,
    pub(crate) resolver: Resolver,
    pub(crate) runtime: Handle,
}

impl Node {
    pub(crate) fn new(parts: Parts) -> Arc<Node> {
        let Parts { config, clock, core, listeners, resolver, runtime } = parts;
        let times = Times { t1: config.t1, t2: config.t2, t4: config.t4 };
        let metrics = Arc::new(Metrics::default());
        Arc::new_cyclic(|me: &Weak<Node>| {
            let sink: Weak<Node> = me.clone();
            let tcp =
                Tcp::new(runtime.clone(), sink, config.tcp.clone(), config.max_message, metrics.clone());
            Node {
                me: me.clone(),
                clock,
                core: RwLock::new(Some(core)),
                metrics,
                keys: Keys::default(),
                servers: Servers::new(times),
                clients: Clients::new(times),
                listeners,
                tcp,
                resolver,
                unresolved: Mutex::default(),
                refused: Until::default(),
                paused: Until::default(),
                runtime,
                stop: AtomicBool::new(false),
                failures: Mutex::default(),
                woken: Mutex::default(),
                wake: Condvar::new(),
                config,
            }
        })
    }

    pub(crate) fn now(&self) -> u64 {
        self.clock.now_ms()
    }

    pub(crate) fn peer(&self, transport: Transport, address: SocketAddr) -> Peer {
        let ip: IpAddr = address.ip();
        let trusted = self.config.trusted.iter().any(|network| network.contains(&ip));
        Peer { transport, address, trusted }
    }

    /// What is put into Contact, and into Via, for a transport.
    pub(crate) fn advertised(&self, transport: Transport, udp_listener: usize) -> Option<&Advertised> {
        let udp = || self.listeners.udp.get(udp_listener).map(|(_, advertised)| advertised);
        match transport {
            Transport::Udp => udp(),
            Transport::Tcp => self.listeners.tcp.first().or_else(udp),
        }
    }

    pub(crate) fn core(&self) -> Option<Arc<dyn Core>> {
        self.core.read().clone()
    }

    fn outcome(&self, token: u64, outcome: Outcome) {
        if let Some(core) = self.core() {
            core.outcome(token, outcome);
        }
    }

    /// Sends a response or a 100.
    pub(crate) fn send_back(&self, bytes: Bytes, route: Route) {
        match route {
            Route::Udp { listener, to } => self.send_udp(listener, &bytes, to),
            Route::Tcp { connection, back } => {
                self.tcp.send(Some(connection), back, Job { bytes, key: None });
            }
        }
    }

    fn send_udp(&self, listener: usize, bytes: &Bytes, to: SocketAddr) {
        let Some((udp, _)) = self.listeners.udp.get(listener) else { return };
        match udp.send(bytes, to) {
            Ok(crate::transport::Sent::Now) => {}
            Ok(crate::transport::Sent::Later) => self.metrics.send_waits.inc(),
            Ok(crate::transport::Sent::Lost) => self.metrics.send_errors.inc(),
            Err(error) => {
                self.metrics.send_errors.inc();
                tracing::debug!(%error, %to, "sending UDP");
            }
        }
    }

    /// Reports a failure, on another thread than this.
    pub(crate) fn fail(&self, token: u64, failure: Failure) {
        self.failures.lock().push((token, failure));
        self.wake_up();
    }

    pub(crate) fn wake_up(&self) {
        *self.woken.lock() = true;
        self.wake.notify_all();
    }

    /// Serves timers and failures until the stop.
    pub(crate) fn run_timers(&self) {
        while !self.stop.load(Ordering::Acquire) {
            self.tick();
            let mut woken = self.woken.lock();
            if !*woken {
                self.wake.wait_for(&mut woken, TICK);
            }
            *woken = false;
        }
    }

    fn tick(&self) {
        let now = self.now();
        for (key, pending) in self.servers.tick(now, &self.metrics) {
            let trying = pending.head.response(&Response::new(100, "Trying"), None, None);
            if self.servers.proceeding(key, &trying) {
                self.metrics.responses_sent.inc(100);
                self.send_back(trying, pending.route);
            }
        }
        for due in self.clients.tick(now, &self.metrics) {
            match due {
                Due::Retransmit(bytes, target) => {
                    self.metrics.retransmissions_sent.inc();
                    self.send_udp(target.listener, &bytes, target.address);
                }
                Due::Timeout(token) => {
                    self.metrics.timeouts.inc();
                    self.outcome(token, Outcome::Failed(Failure::Timeout));
                }
            }
        }
        let failures = std::mem::take(&mut *self.failures.lock());
        for (token, failure) in failures {
            self.outcome(token, Outcome::Failed(failure));
        }
    }

    /// Reports every request without outcome, after the stop.
    pub(crate) fn give_up(&self) {
        let mut tokens = self.clients.clear(&self.metrics);
        tokens.extend(self.unresolved.lock().drain().flat_map(|(_, all)| all).map(|(token, _)| token));
        let failures = std::mem::take(&mut *self.failures.lock());
        for (token, failure) in failures {
            self.outcome(token, Outcome::Failed(failure));
        }
        for token in tokens {
            self.outcome(token, Outcome::Failed(Failure::Stopped));
        }
        *self.core.write() = None;
    }
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node").field("listeners", &self.listeners).finish_non_exhaustive()
    }
}
