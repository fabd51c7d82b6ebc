//! The face of the crate.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::runtime::Runtime;

use crate::clock::Clock;
use crate::config::{StackConfig, Transport};
use crate::core::{Core, Request, Response};
use crate::metrics::Metrics;
use crate::node::{Listeners, Node, Parts};
use crate::transaction::ServerTransaction;
use crate::transport::{Advertised, Resolver, Udp};

/// A running SIP stack. Clones are handles to the same one; it runs until [`Stack::stop`].
#[derive(Debug, Clone)]
pub struct Stack {
    node: Arc<Node>,
    addrs: Arc<[(Transport, SocketAddr)]>,
    running: Arc<Mutex<Option<Running>>>,
}

/// What the stop ends.
#[derive(Debug)]
struct Running {
    node: Arc<Node>,
    threads: Vec<JoinHandle<()>>,
    runtime: Option<Runtime>,
}

impl Drop for Running {
    /// Also for a stack whose last handle is dropped without a stop. Waits for nothing: the place may be
    /// asynchronous.
    fn drop(&mut self) {
        self.node.stop.store(true, Ordering::Release);
        self.node.wake_up();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Stack {
    /// Binds every listener and starts to serve.
    ///
    /// # Errors
    /// What the operating system says if a listener cannot be bound or a thread cannot be started.
    pub fn start(config: StackConfig, clock: Arc<dyn Clock>, core: Arc<dyn Core>) -> io::Result<Stack> {
        let mut addrs = Vec::new();
        let mut listeners = Listeners { udp: Vec::new(), tcp: Vec::new() };
        let mut accepting = Vec::new();
        let advertise = config.advertise.as_deref();
        for &(transport, address) in &config.listen {
            let at = |error: io::Error| {
                io::Error::new(error.kind(), format!("cannot listen on {transport}:{address}: {error}"))
            };
            let local = match transport {
                Transport::Udp => {
                    let udp = Udp::bind(address).map_err(at)?;
                    let local = udp.local();
                    listeners.udp.push((Arc::new(udp), Advertised::new(transport, local, advertise)));
                    local
                }
                Transport::Tcp => {
                    let listener = std::net::TcpListener::bind(address).map_err(at)?;
                    listener.set_nonblocking(true)?;
                    let local = listener.local_addr()?;
                    listeners.tcp.push(Advertised::new(transport, local, advertise));
                    accepting.push(listener);
                    local
                }
            };
            addrs.push((transport, local));
        }
        // Only now, since a runtime must not be dropped on an error where the caller is asynchronous.
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("sip-tcp")
            .enable_all()
            .build()?;
        let (resolver, accepting) = {
            let _guard = runtime.enter();
            let accepting = accepting.into_iter().map(tokio::net::TcpListener::from_std);
            (Resolver::from_system(), accepting.collect::<io::Result<Vec<_>>>())
        };
        let threads_each = match config.udp_threads {
            0 => thread::available_parallelism().map_or(1, usize::from),
            n => n,
        };
        let runtime_handle = runtime.handle().clone();
        let node = Node::new(Parts { config, clock, core, listeners, resolver, runtime: runtime_handle });
        let running = Running { node: node.clone(), threads: Vec::new(), runtime: Some(runtime) };
        let stack = Stack { node, addrs: addrs.into(), running: Arc::new(Mutex::new(Some(running))) };
        let served = stack.serve(threads_each).and(accepting);
        match served {
            Ok(accepting) => {
                for listener in accepting {
                    stack.node.tcp.listen(listener);
                }
                Ok(stack)
            }
            Err(error) => {
                stack.stop();
                Err(error)
            }
        }
    }

    fn serve(&self, threads_each: usize) -> io::Result<()> {
        let node = Arc::downgrade(&self.node);
        self.node.clock.on_jump(Box::new(move || {
            if let Some(node) = node.upgrade() {
                node.wake_up();
            }
        }));
        let node = self.node.clone();
        self.spawn("sip-timers".into(), move || node.run_timers())?;
        for (index, (udp, _)) in self.node.listeners.udp.iter().enumerate() {
            for n in 0..threads_each {
                let (node, udp) = (self.node.clone(), udp.clone());
                self.spawn(format!("sip-udp-{index}-{n}"), move || {
                    udp.read(&node.stop, |bytes, source| node.datagram(bytes, source, index));
                })?;
            }
            let (node, udp) = (self.node.clone(), udp.clone());
            self.spawn(format!("sip-wait-{index}"), move || udp.drain(&node.stop))?;
        }
        Ok(())
    }

    fn spawn(&self, name: String, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let handle = thread::Builder::new().name(name).spawn(work)?;
        if let Some(running) = self.running.lock().as_mut() {
            running.threads.push(handle);
        }
        Ok(())
    }

    /// Answers a request. Never blocks on the network.
    pub fn respond(&self, transaction: ServerTransaction, response: Response) {
        self.node.respond(&transaction, response);
    }

    /// Sends a request; its outcome comes to [`Core::outcome`] with this token, never on the thread that calls
    /// this. Never blocks on the network.
    pub fn send(&self, token: u64, request: Request) {
        self.send_all(vec![(token, request)]);
    }

    /// Sends many requests in this order, with fewer system calls than one by one.
    pub fn send_all(&self, requests: Vec<(u64, Request)>) {
        self.node.send_all(requests);
    }

    /// What the stack has done so far.
    pub fn metrics(&self) -> &Metrics {
        &self.node.metrics
    }

    /// Addresses that are listened on, in the order of [`StackConfig::listen`].
    pub fn local_addrs(&self) -> &[(Transport, SocketAddr)] {
        &self.addrs
    }

    /// Stops listening, lets queued responses leave, closes connections and ends the threads. Requests without
    /// outcome are reported [`crate::Failure::Stopped`], on this thread. Takes up to about a second; the
    /// second call does nothing. UDP ports are free once the last handle is dropped; the stack itself lets go
    /// of the core here.
    pub fn stop(&self) {
        let Some(mut running) = self.running.lock().take() else { return };
        self.node.stop.store(true, Ordering::Release);
        self.node.wake_up();
        for (udp, _) in &self.node.listeners.udp {
            udp.wake(running.threads.len());
        }
        let me = thread::current().id();
        for handle in running.threads.drain(..) {
            // A thread cannot wait for itself, if the core stops the stack from within a call.
            if handle.thread().id() != me && handle.join().is_err() {
                tracing::error!("a SIP thread had panicked");
            }
        }
        self.node.tcp.close_all();
        let end = Instant::now() + Duration::from_secs(1);
        while self.node.metrics.tcp_connections.get() > 0 && Instant::now() < end {
            thread::sleep(Duration::from_millis(2));
        }
        drop(running);
        self.node.give_up();
    }
}
