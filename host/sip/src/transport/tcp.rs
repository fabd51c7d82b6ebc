//! TCP connections: accepted and opened, reused for both directions, each with a bounded queue.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::{Notify, mpsc};

use crate::config::TcpLimits;
use crate::metrics::Metrics;
use crate::transaction::Key;
use crate::wire::{Framer, Unit};

/// Names a connection for as long as the stack runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ConnectionId(u64);

/// What streams are read for.
pub(crate) trait Sink: Send + Sync + 'static {
    /// A message arrived.
    fn message(&self, bytes: Vec<u8>, connection: ConnectionId, peer: SocketAddr);
    /// The stream cannot be read on; the connection is closed after an answer was queued.
    fn broken(
        &self,
        head: Vec<u8>,
        status: u16,
        reason: &'static str,
        connection: ConnectionId,
        peer: SocketAddr,
    );
    /// A request could not be sent: no connection.
    fn unsent(&self, key: Key, error: String);
}

/// A message that wants a connection.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) bytes: Bytes,
    /// Whom to tell if there is none; nobody for a response.
    pub(crate) key: Option<Key>,
}

#[derive(Debug)]
struct Connection {
    queue: mpsc::UnboundedSender<Bytes>,
    /// Bytes in the queue.
    queued: AtomicUsize,
    /// Bytes that the queue may hold.
    limit: usize,
    close: Notify,
    closed: AtomicBool,
    /// The peer does not read: nothing queued is worth waiting for.
    deaf: AtomicBool,
}

impl Connection {
    /// Queues a message; false if the peer does not read or the connection is gone.
    fn send(&self, bytes: &Bytes) -> bool {
        if self.closed.load(Ordering::Acquire) {
            return false;
        }
        if self.queued.fetch_add(bytes.len(), Ordering::AcqRel) > self.limit {
            self.deaf.store(true, Ordering::Release);
            self.close();
            return false;
        }
        self.queue.send(bytes.clone()).is_ok()
    }

    fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.close.notify_waiters();
        self.close.notify_one();
    }
}

#[derive(Debug, Default)]
struct Registry {
    by_id: HashMap<ConnectionId, (Arc<Connection>, SocketAddr)>,
    by_peer: HashMap<SocketAddr, ConnectionId>,
    by_address: HashMap<IpAddr, usize>,
    opening: HashMap<SocketAddr, Vec<Job>>,
}

/// All connections of a stack.
pub(crate) struct Tcp {
    runtime: Handle,
    sink: Weak<dyn Sink>,
    registry: Mutex<Registry>,
    next: AtomicU64,
    limits: TcpLimits,
    max_message: usize,
    metrics: Arc<Metrics>,
}

impl Tcp {
    pub(crate) fn new(
        runtime: Handle,
        sink: Weak<dyn Sink>,
        limits: TcpLimits,
        max_message: usize,
        metrics: Arc<Metrics>,
    ) -> Arc<Tcp> {
        let registry = Mutex::default();
        Arc::new(Tcp { runtime, sink, registry, next: AtomicU64::new(0), limits, max_message, metrics })
    }

    /// Accepts connections until the runtime ends.
    pub(crate) fn listen(self: &Arc<Self>, listener: TcpListener) {
        let tcp = self.clone();
        self.runtime.spawn(async move {
            loop {
                match listener.accept().await {
                    Ok((stream, peer)) => {
                        tcp.adopt(stream, canonical(peer));
                    }
                    Err(error) => {
                        // Out of descriptors, most likely: let some connections end.
                        tracing::warn!(%error, "accepting TCP");
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                }
            }
        });
    }

    /// Sends over a connection, or over the one to `peer`, or opens one.
    pub(crate) fn send(self: &Arc<Self>, connection: Option<ConnectionId>, peer: SocketAddr, job: Job) {
        let mut registry = self.registry.lock();
        let known = connection
            .and_then(|id| registry.by_id.get(&id))
            .or_else(|| registry.by_peer.get(&peer).and_then(|id| registry.by_id.get(id)));
        if let Some((connection, _)) = known
            && connection.send(&job.bytes)
        {
            return;
        }
        if let Some(waiting) = registry.opening.get_mut(&peer) {
            let queued: usize = waiting.iter().map(|job| job.bytes.len()).sum();
            if queued <= self.limits.write_queue {
                waiting.push(job);
                return;
            }
            drop(registry);
            self.unsent(vec![job], "too much is waiting for the connection");
            return;
        }
        registry.opening.insert(peer, vec![job]);
        drop(registry);
        let tcp = self.clone();
        self.runtime.spawn(async move { tcp.open(peer).await });
    }

    async fn open(self: Arc<Self>, peer: SocketAddr) {
        let limit = Duration::from_millis(self.limits.connect);
        let opened = tokio::time::timeout(limit, TcpStream::connect(peer)).await;
        let connection = match opened {
            Ok(Ok(stream)) => self.adopt(stream, peer).ok_or_else(|| "too many connections".to_owned()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("no connection in time".to_owned()),
        };
        let jobs = self.registry.lock().opening.remove(&peer).unwrap_or_default();
        match connection {
            Ok(connection) => {
                let lost = jobs.into_iter().filter(|job| !connection.send(&job.bytes)).collect();
                self.unsent(lost, "the connection was closed");
            }
            Err(error) => self.unsent(jobs, &error),
        }
    }

    fn unsent(self: &Arc<Self>, jobs: Vec<Job>, error: &str) {
        for job in jobs {
            match (job.key, self.sink.upgrade()) {
                // Not from here: the caller may hold locks.
                (Some(key), Some(sink)) => {
                    let error = error.to_owned();
                    self.runtime.spawn(async move { sink.unsent(key, error) });
                }
                _ => {
                    self.metrics.send_errors.inc();
                    tracing::debug!(error, "response lost");
                }
            }
        }
    }

    /// Takes a connection in and serves it; none if there are too many.
    fn adopt(self: &Arc<Self>, stream: TcpStream, peer: SocketAddr) -> Option<Arc<Connection>> {
        let (queue, messages) = mpsc::unbounded_channel();
        let id = ConnectionId(self.next.fetch_add(1, Ordering::Relaxed));
        let connection = Arc::new(Connection {
            queue,
            queued: AtomicUsize::new(0),
            limit: self.limits.write_queue,
            close: Notify::new(),
            closed: AtomicBool::new(false),
            deaf: AtomicBool::new(false),
        });
        {
            let mut registry = self.registry.lock();
            if registry.by_id.len() >= self.limits.connections {
                return None;
            }
            let from_there = registry.by_address.entry(peer.ip()).or_default();
            if *from_there >= self.limits.per_address {
                return None;
            }
            *from_there += 1;
            registry.by_id.insert(id, (connection.clone(), peer));
            registry.by_peer.insert(peer, id);
        }
        self.metrics.tcp_connections.inc();
        let _ = stream.set_nodelay(true);
        let (read, write) = stream.into_split();
        let tcp = self.clone();
        let serving = connection.clone();
        self.runtime.spawn(async move {
            let writer = tokio::spawn(write_all(write, messages, serving.clone()));
            tokio::select! {
                () = tcp.read(read, id, peer, &serving) => {}
                () = serving.close.notified() => {}
            }
            tcp.forget(id, peer);
            serving.close();
            // What is queued still leaves, but a peer that does not read cannot keep it for ever.
            let abort = writer.abort_handle();
            let grace = if serving.deaf.load(Ordering::Acquire) { 0 } else { 5 };
            if tokio::time::timeout(Duration::from_secs(grace), writer).await.is_err() {
                abort.abort();
            }
            tcp.metrics.tcp_connections.dec();
        });
        Some(connection)
    }

    fn forget(&self, id: ConnectionId, peer: SocketAddr) {
        let mut registry = self.registry.lock();
        registry.by_id.remove(&id);
        if let Entry::Occupied(mut count) = registry.by_address.entry(peer.ip()) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
        if registry.by_peer.get(&peer) == Some(&id) {
            registry.by_peer.remove(&peer);
        }
    }

    async fn read(
        &self,
        mut read: OwnedReadHalf,
        id: ConnectionId,
        peer: SocketAddr,
        connection: &Connection,
    ) {
        let mut framer = Framer::new(self.max_message);
        let mut buffer = vec![0u8; 16 * 1024];
        let mut partial_since: Option<Instant> = None;
        loop {
            let mut patience = Duration::from_millis(self.limits.idle);
            if let Some(since) = partial_since {
                let whole = Duration::from_millis(self.limits.message);
                patience = patience.min(whole.saturating_sub(since.elapsed()));
            }
            let n = match tokio::time::timeout(patience, read.read(&mut buffer)).await {
                Ok(Ok(n)) if n > 0 => n,
                _ => return,
            };
            framer.push(buffer.get(..n).unwrap_or_default());
            let mut units = 0;
            while let Some(unit) = framer.next_unit() {
                let Some(sink) = self.sink.upgrade() else { return };
                match unit {
                    Unit::Ping => {
                        connection.send(&Bytes::from_static(b"\r\n"));
                    }
                    Unit::Message(bytes) => sink.message(bytes, id, peer),
                    Unit::Broken { head, status, reason } => {
                        sink.broken(head, status, reason, id, peer);
                        return;
                    }
                }
                units += 1;
                partial_since = None;
            }
            if framer.is_partial() {
                partial_since.get_or_insert_with(Instant::now);
            }
            if units > 0 {
                // A peer that sends without pause must leave time for the others.
                tokio::task::yield_now().await;
            }
        }
    }

    /// Closes every connection.
    pub(crate) fn close_all(&self) {
        for (connection, _) in self.registry.lock().by_id.values() {
            connection.close();
        }
    }
}

async fn write_all(
    mut write: OwnedWriteHalf,
    mut messages: mpsc::UnboundedReceiver<Bytes>,
    connection: Arc<Connection>,
) {
    let mut batch = Vec::new();
    let mut buffer = Vec::new();
    loop {
        let n = if connection.closed.load(Ordering::Acquire) {
            // Only what is there already.
            std::iter::from_fn(|| messages.try_recv().ok()).map(|bytes| batch.push(bytes)).count()
        } else {
            tokio::select! {
                n = messages.recv_many(&mut batch, 64) => n,
                () = connection.close.notified() => continue,
            }
        };
        if n == 0 {
            break;
        }
        buffer.clear();
        for bytes in batch.drain(..) {
            buffer.extend_from_slice(&bytes);
        }
        let written = write.write_all(&buffer).await;
        connection.queued.fetch_sub(buffer.len(), Ordering::AcqRel);
        if written.is_err() {
            connection.close();
            break;
        }
    }
    let _ = write.shutdown().await;
}

fn canonical(peer: SocketAddr) -> SocketAddr {
    SocketAddr::new(peer.ip().to_canonical(), peer.port())
}

impl std::fmt::Debug for Tcp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tcp").field("limits", &self.limits).finish_non_exhaustive()
    }
}
