//! The server: storage, engine, SIP stack and admin interface, put together.

mod clock;
mod component;
mod control;
mod edge;
mod generations;
mod refusal;
mod tickets;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rollcall_engine::{ComponentError, Engine, EngineConfig, HostClock, StartError, StepLimits};
use rollcall_sip::{Overload, Stack, StackConfig};
use rollcall_storage::{Engine as Store, Fjall, FjallOptions, Memory};
use thiserror::Error;
use tracing::{info, warn};

use crate::admin::{self, Admin, AdminError};
use crate::configuration::{Configuration, Limits, Problems, StorageEngine, Transport};
use crate::metrics::{Answers, Metrics, Process};
use clock::StackClock;
use control::ServerControl;
use edge::Joint;
use generations::Generations;

pub use component::check;

/// Longest wait for requests in hand, and for outcomes of requests sent, when the server stops.
const PATIENCE: Duration = Duration::from_secs(5);
/// Pause between two looks at whether requests are still in hand.
const LOOK: Duration = Duration::from_millis(5);

/// Why the server does not start, or did not stop in order.
#[derive(Debug, Error)]
pub enum ServeError {
    /// The component does not take its part of the configuration.
    #[error("{0}")]
    Configuration(Problems),
    /// The component cannot be read.
    #[error("{}: cannot be read: {cause}", file.display())]
    ComponentFile {
        /// The file.
        file: PathBuf,
        /// What the operating system says.
        cause: io::Error,
    },
    /// The folder of the store cannot be made.
    #[error("{}: cannot be made: {cause}", folder.display())]
    StorageFolder {
        /// The folder.
        folder: PathBuf,
        /// What the operating system says.
        cause: io::Error,
    },
    /// The store cannot be opened or closed.
    #[error("storage: {0}")]
    Storage(rollcall_storage::Error),
    /// The engine does not start.
    #[error("engine: {0}")]
    Engine(StartError),
    /// An address cannot be listened on, or a thread not be started.
    #[error("sip: {0}")]
    Sip(io::Error),
    /// The admin interface does not start.
    #[error(transparent)]
    Admin(#[from] AdminError),
}

/// A running server.
pub struct Server {
    joint: Arc<Joint>,
    engine: Arc<Engine>,
    stack: Stack,
    admin: Option<Admin>,
}

impl Server {
    /// Starts everything. When this returns, the server serves.
    ///
    /// # Errors
    /// Whatever keeps it from serving; nothing runs then, and the store is closed in order.
    pub fn start(configuration: Configuration) -> Result<Self, ServeError> {
        let started = Instant::now();
        let clock = Arc::new(HostClock::new());
        let answers = Answers::default();
        let joint = Joint::new(answers.clone());
        let component = component::bytes(&configuration.plugin)?;
        let (storage, compiled) = open(&configuration.storage.engine)?;
        let engine = Engine::start(
            engine_config(&configuration, compiled),
            &component,
            Vec::new(),
            Arc::clone(&storage),
            joint.clone(),
            clock.clone(),
        );
        let engine = match engine {
            Ok(engine) => Arc::new(engine),
            Err(error) => {
                storage.close().map_err(ServeError::Storage)?;
                return Err(refused(&configuration, error));
            }
        };
        joint.set_engine(Arc::clone(&engine));
        let begun =
            Self::listen(configuration, started, clock, answers, Arc::clone(&joint), Arc::clone(&engine));
        if begun.is_err() {
            joint.part();
            engine.stop(Duration::ZERO).map_err(ServeError::Storage)?;
        }
        begun
    }

    fn listen(
        configuration: Configuration,
        started: Instant,
        clock: Arc<HostClock>,
        answers: Answers,
        joint: Arc<Joint>,
        engine: Arc<Engine>,
    ) -> Result<Self, ServeError> {
        let stack_clock = Arc::new(StackClock(Arc::clone(&clock)));
        let stack = Stack::start(stack_config(&configuration), stack_clock, joint.clone())
            .map_err(ServeError::Sip)?;
        joint.set_stack(stack.clone());
        let mut metrics = Metrics::default();
        metrics.add(answers);
        metrics.add(stack.clone());
        metrics.add(Arc::clone(&engine));
        metrics.add(Process { started });
        let listen = configuration.admin.map(|admin| admin.listen);
        let control = Arc::new(ServerControl {
            started,
            configuration,
            joint: Arc::clone(&joint),
            engine: Arc::clone(&engine),
            generations: Mutex::new(Generations::new(&engine)),
            clock,
            metrics,
        });
        let admin = match listen.map(|listen| admin::start(listen, control)).transpose() {
            Ok(admin) => admin,
            Err(error) => {
                stack.stop();
                return Err(error.into());
            }
        };
        if let Some(address) = admin.as_ref().map(Admin::address).filter(|a| !a.ip().is_loopback()) {
            warn!(%address, "the admin address asks for no password and is not on loopback");
        }
        let description = engine.description();
        info!(component = description.name, version = description.version, "serving");
        Ok(Self { joint, engine, stack, admin })
    }

    /// The line that tells that the server serves, and where.
    pub fn ready(&self) -> String {
        let sip: Vec<String> = self
            .stack
            .local_addrs()
            .iter()
            .map(|(transport, address)| format!("{transport}:{address}"))
            .collect();
        let admin = self.admin.as_ref().map_or("none".to_owned(), |admin| admin.address().to_string());
        format!("rollcall: ready sip={} admin={admin}", sip.join(","))
    }

    /// Stops in order: new requests get 503, those in hand are answered, requests sent get a moment
    /// for their outcome, everything is written, the store is marked as stopped in order.
    ///
    /// # Errors
    /// The store failed: the next start counts as one after a crash. All the rest has stopped.
    pub fn stop(self) -> Result<(), ServeError> {
        info!("stopping");
        self.joint.refuse_new();
        let patience = Instant::now() + PATIENCE;
        while !self.joint.is_idle() && Instant::now() < patience {
            std::thread::sleep(LOOK);
        }
        let stopped = self.engine.stop(PATIENCE);
        self.stack.stop();
        self.joint.part();
        drop(self.admin);
        stopped.map_err(ServeError::Storage)?;
        info!("stopped");
        Ok(())
    }
}

/// What the engine does not start for, as a problem of the configuration if it is one.
fn refused(configuration: &Configuration, error: StartError) -> ServeError {
    match error {
        StartError::Component(ComponentError::Configuration(said)) => {
            ServeError::Configuration(configuration.refused(said))
        }
        other => ServeError::Engine(other),
    }
}

/// The store, and where compiled components are kept beside it.
fn open(engine: &StorageEngine) -> Result<(Arc<dyn Store>, Option<PathBuf>), ServeError> {
    match engine {
        StorageEngine::Memory => Ok((Arc::new(Memory::new()), None)),
        StorageEngine::Fjall { path } => {
            make_private(path).map_err(|cause| ServeError::StorageFolder { folder: path.clone(), cause })?;
            let store = Fjall::open(path.join("records"), FjallOptions::default());
            Ok((Arc::new(store.map_err(ServeError::Storage)?), Some(path.join("compiled"))))
        }
    }
}

/// Makes a folder that nobody else may look into: it holds who watches whom, and code that is run.
fn make_private(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

fn engine_config(configuration: &Configuration, compiled: Option<PathBuf>) -> EngineConfig {
    let (plugin, storage) = (&configuration.plugin, &configuration.storage);
    let default = EngineConfig::default();
    EngineConfig {
        plugin_configuration: plugin.settings.clone(),
        limits: step_limits(plugin.limits),
        instances: plugin.instances.unwrap_or(default.instances),
        workers: plugin.workers.unwrap_or(default.workers),
        flush_interval: storage.flush_interval.unwrap_or(default.flush_interval),
        group_window: storage.commit_interval.unwrap_or(default.group_window),
        live_bytes: storage.live_memory.unwrap_or(default.live_bytes),
        compiled,
        ..default
    }
}

fn step_limits(limits: Limits) -> StepLimits {
    let default = StepLimits::default();
    StepLimits {
        deadline: limits.deadline.unwrap_or(default.deadline),
        memory: limits.memory.unwrap_or(default.memory),
        host_calls: limits.host_calls.unwrap_or(default.host_calls),
        effects: limits.effects.unwrap_or(default.effects),
        effect_bytes: limits.effect_bytes.unwrap_or(default.effect_bytes),
        ..default
    }
}

fn stack_config(configuration: &Configuration) -> StackConfig {
    let sip = &configuration.sip;
    let default = StackConfig::default();
    let listen = sip.listen.iter().map(|listen| match listen.transport {
        Transport::Udp => (rollcall_sip::Transport::Udp, listen.address),
        Transport::Tcp => (rollcall_sip::Transport::Tcp, listen.address),
    });
    StackConfig {
        listen: listen.collect(),
        trusted: sip.trusted.clone(),
        advertise: sip.advertise.clone(),
        udp_threads: sip.workers.unwrap_or(default.udp_threads),
        overload: match sip.overload {
            Some(pending) => Overload { pending, ..default.overload },
            None => default.overload,
        },
        ..default
    }
}
