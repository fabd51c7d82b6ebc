//! The thread, the connections and their bounds.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, oneshot};
use tracing::{debug, warn};

use super::Control;
use super::routes::Routes;

/// Connections at the same time; more wait in the backlog.
const CONNECTIONS: usize = 32;
/// Threads for what blocks: one for a change, the others for questions, which may wait for each other.
const BLOCKING: usize = 3;
/// Time for the head of a request.
const HEAD_TIME: Duration = Duration::from_secs(5);
/// Time for everything on a connection, the compilation of a component included.
const CONNECTION_TIME: Duration = Duration::from_secs(120);
/// Largest head of a request, in bytes.
const HEAD_BYTES: usize = 16 << 10;
/// Pause after a failure to accept, which is mostly a lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why the interface did not start.
#[derive(Debug, Error)]
pub enum AdminError {
    /// The address cannot be bound.
    #[error("admin address {address}: {cause}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the operating system says.
        cause: io::Error,
    },
    /// No thread.
    #[error("admin thread: {0}")]
    Thread(io::Error),
}

/// The running interface; stops when dropped.
#[derive(Debug)]
pub struct Admin {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Admin {
    /// The address that was bound.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Admin {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            // A panic of that thread has been reported by it already.
            let _ = thread.join();
        }
    }
}

pub(super) fn start(address: SocketAddr, control: Arc<dyn Control>) -> Result<Admin, AdminError> {
    let bound = std::net::TcpListener::bind(address).map_err(|cause| AdminError::Bind { address, cause })?;
    bound.set_nonblocking(true).map_err(AdminError::Thread)?;
    let address = bound.local_addr().map_err(AdminError::Thread)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING)
        .build()
        .map_err(AdminError::Thread)?;
    let (stop, stopped) = oneshot::channel();
    let work = move || {
        runtime.block_on(async {
            tokio::select! {
                () = accept(bound, Arc::new(Routes::new(control))) => {}
                _ = stopped => {}
            }
        });
        // A component that is being compiled must not hold up the stop.
        runtime.shutdown_background();
    };
    let thread = std::thread::Builder::new().name("admin".into()).spawn(work).map_err(AdminError::Thread)?;
    Ok(Admin { address, stop: Some(stop), thread: Some(thread) })
}

async fn accept(bound: std::net::TcpListener, routes: Arc<Routes>) {
    let listener = match TcpListener::from_std(bound) {
        Ok(listener) => listener,
        Err(error) => return warn!(%error, "admin interface cannot listen"),
    };
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    while let Ok(slot) = Arc::clone(&slots).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let routes = Arc::clone(&routes);
                tokio::spawn(async move {
                    let served = tokio::time::timeout(CONNECTION_TIME, serve(stream, routes)).await;
                    debug!(%peer, outcome = ?served, "admin connection closed");
                    drop(slot);
                });
            }
            Err(error) => {
                warn!(%error, "admin interface cannot accept");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve(stream: TcpStream, routes: Arc<Routes>) -> hyper::Result<()> {
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(HEAD_BYTES)
        .keep_alive(false)
        .serve_connection(
            TokioIo::new(stream),
            service_fn(move |request| Arc::clone(&routes).answer(request)),
        )
        .await
}
