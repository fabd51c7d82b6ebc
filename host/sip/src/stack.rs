//! The face of the crate.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::clock::Clock;
use crate::config::{StackConfig, Transport};
use crate::core::{Core, Request, Response};
use crate::metrics::Metrics;
use crate::transaction::ServerTransaction;

/// A running SIP stack. Clones are handles to the same one.
#[derive(Debug, Clone)]
pub struct Stack {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    metrics: Metrics,
    addrs: Vec<(Transport, SocketAddr)>,
}

impl Stack {
    /// Binds every listener and starts to serve.
    ///
    /// # Errors
    /// What the operating system says if a listener cannot be bound or a thread cannot be started.
    pub fn start(config: StackConfig, clock: Arc<dyn Clock>, core: Arc<dyn Core>) -> io::Result<Stack> {
        drop((config, clock, core));
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Answers a request. Never blocks.
    pub fn respond(&self, transaction: ServerTransaction, response: Response) {
        drop((transaction, response));
    }

    /// Sends a request; its outcome comes to [`Core::outcome`] with this token. Never blocks, and never calls
    /// the core before it returns.
    pub fn send(&self, token: u64, request: Request) {
        self.send_all(vec![(token, request)]);
    }

    /// Sends many requests in this order, with fewer system calls than one by one.
    pub fn send_all(&self, requests: Vec<(u64, Request)>) {
        drop(requests);
    }

    /// What the stack has done so far.
    pub fn metrics(&self) -> &Metrics {
        &self.inner.metrics
    }

    /// Addresses that are listened on, in the order of [`StackConfig::listen`].
    pub fn local_addrs(&self) -> &[(Transport, SocketAddr)] {
        &self.inner.addrs
    }

    /// Stops listening, closes connections and ends the threads. Requests without outcome are reported
    /// [`crate::Failure::Stopped`].
    pub fn stop(&self) {}
}
