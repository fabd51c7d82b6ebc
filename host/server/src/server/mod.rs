//! The server: storage, engine, SIP stack and admin interface, put together.

mod clock;
mod component;
mod control;
mod edge;
mod folder;
mod generations;
mod refusal;
mod rehearsal;
mod reload;
mod remembered;
mod settings;
mod sources;
mod store;
mod tables;
mod tickets;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rollcall_engine::{Clock as _, ComponentError, Engine, HostClock, StartError};
use rollcall_sip::Stack;
use thiserror::Error;
use tracing::{info, warn};

use crate::admin::{self, Admin, AdminError};
use crate::configuration::{Configuration, Problems, Refusals};
use crate::metrics::{Answers, Metrics, Process};
use clock::StackClock;
use control::ServerControl;
use edge::Joint;
use folder::Watch;
use rehearsal::Rehearsals;
use reload::Reloader;
use remembered::Remembered;
use store::Store;

pub use component::check;
pub use rehearsal::replayed_with;

/// Longest wait for requests in hand, and for outcomes of requests sent, when the server stops.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longest wait for a recording to be fetched to its end, when the server stops.
const FETCH: Duration = Duration::from_secs(1);
/// Pause between two looks at whether requests are still in hand.
const LOOK: Duration = Duration::from_millis(5);

/// Why the server does not start, or did not stop in order.
#[derive(Debug, Error)]
pub enum ServeError {
    /// The component does not take what it is given.
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
    /// The thread that reloads cannot be started.
    #[error("reload thread: {0}")]
    Reload(io::Error),
    /// The thread that watches a folder cannot be started.
    #[error("thread for components: {0}")]
    Watch(io::Error),
    /// The admin interface does not start.
    #[error(transparent)]
    Admin(#[from] AdminError),
}

/// What the listening parts of the server need of the others.
struct Parts {
    started: Instant,
    clock: Arc<HostClock>,
    answers: Answers,
    joint: Arc<Joint>,
    engine: Arc<Engine>,
    remembered: Arc<Remembered>,
}

/// A running server.
pub struct Server {
    joint: Arc<Joint>,
    engine: Arc<Engine>,
    stack: Stack,
    reloader: Arc<Reloader>,
    watch: Option<Watch>,
    rehearsals: Arc<Rehearsals>,
    admin: Option<Admin>,
}

impl Server {
    /// Starts everything. When this returns, the server serves.
    ///
    /// # Errors
    /// Whatever keeps it from serving. Nothing runs then, and the store is closed in order.
    pub fn start(configuration: Configuration) -> Result<Self, ServeError> {
        let started = Instant::now();
        let clock = Arc::new(HostClock::new());
        let answers = Answers::default();
        let joint = Joint::new(answers.clone());
        let component = component::bytes(&configuration.plugin)?;
        let store = Store::open(&configuration.storage.engine)?;
        let remembered = Arc::new(Remembered::open(Arc::clone(&store.storage), &configuration.plugin.given));
        let start =
            |component: &[u8]| Self::engine(&configuration, component, &store, joint.clone(), clock.clone());
        let engine = start(&component).or_else(|error| {
            // A newer one may have run here, and only that reads what it has written.
            let folder = configuration.plugin.watch.as_deref().filter(|_| cannot_read_store(&error));
            for (file, newer) in folder.map(|path| folder::to_start_on(path, &remembered)).unwrap_or_default()
            {
                warn!(%error, "starting on {} instead", file.display());
                match start(&newer) {
                    Ok(engine) => return Ok(engine),
                    Err(error) => warn!(%error, "{} does not do either", file.display()),
                }
            }
            Err(error)
        });
        let engine = match engine {
            Ok(engine) => Arc::new(engine),
            Err(error) => {
                // It holds the store, too.
                drop(remembered);
                store.abandon();
                return Err(error);
            }
        };
        joint.set_engine(Arc::clone(&engine));
        let parts = Parts {
            started,
            clock,
            answers,
            joint: Arc::clone(&joint),
            engine: Arc::clone(&engine),
            remembered,
        };
        let begun = Self::listen(configuration, parts);
        if begun.is_err() {
            joint.part();
            if let Err(error) = engine.stop(Duration::ZERO) {
                warn!(%error, "the store was not closed in order");
            }
        }
        begun
    }

    fn engine(
        configuration: &Configuration,
        component: &[u8],
        store: &Store,
        joint: Arc<Joint>,
        clock: Arc<HostClock>,
    ) -> Result<Engine, ServeError> {
        let given = &configuration.plugin.given;
        let compiled = || store.compiled.clone();
        let keys = match configuration.plugin.component {
            // The one built in has them all.
            None => Vec::new(),
            Some(_) => {
                component::tables_without_effect(component, given, compiled()).map_err(ServeError::Engine)?
            }
        };
        let mut found = Refusals { keys, tables: Vec::new() };
        let rules = given.identity_rules.as_ref().map(component::rules).transpose();
        let rules = rules.unwrap_or_else(|problem| {
            found.keys.push((component::RULES.to_owned(), problem));
            None
        });
        if !found.keys.is_empty() {
            return Err(refused(configuration, found));
        }
        let config = settings::engine(configuration, rules, compiled());
        let sources = tables::sources(&given.tables);
        Engine::start(config, component, sources, Arc::clone(&store.storage), joint, clock).map_err(|error| {
            match component::refusals(error, given) {
                Ok(found) => refused(configuration, found),
                Err(error) => ServeError::Engine(error),
            }
        })
    }

    fn listen(configuration: Configuration, parts: Parts) -> Result<Self, ServeError> {
        let Parts { started, clock, answers, joint, engine, remembered } = parts;
        let names = configuration.plugin.given.sources.clone();
        let (weak, list, at) = (Arc::downgrade(&engine), Arc::clone(&remembered), Arc::clone(&clock));
        // Before the first swap, which the folder may make.
        engine.on_change(move |change| {
            if let Some(engine) = weak.upgrade() {
                list.changed(&engine, at.now_ms(), change);
                sources::announce(&engine, &names);
            }
        });
        let reloader = Reloader::start(configuration.plugin.given.clone(), Arc::clone(&engine), &clock);
        let reloader = Arc::new(reloader.map_err(ServeError::Reload)?);
        let watched = configuration.plugin.watch.clone();
        // Before anything is listened on: no request is to see the former component.
        let watch = watched.map(|path| {
            let (configuration, engine) = (configuration.clone(), Arc::clone(&engine));
            Watch::start(&path, configuration, engine, Arc::clone(&remembered), &clock)
        });
        let watch = watch.transpose().map_err(ServeError::Watch)?;
        let stack_clock = Arc::new(StackClock(Arc::clone(&clock)));
        let stack = Stack::start(settings::stack(&configuration), stack_clock, joint.clone())
            .map_err(ServeError::Sip)?;
        joint.set_stack(stack.clone());
        sources::announce(&engine, &configuration.plugin.given.sources);
        let mut metrics = Metrics::default();
        metrics.add(answers);
        metrics.add(stack.clone());
        metrics.add(Arc::clone(&engine));
        metrics.add(Process { started });
        let listen = configuration.admin.map(|admin| admin.listen);
        let rehearsals = Arc::new(Rehearsals::new(Arc::clone(&engine), configuration.clone()));
        let control = Arc::new(ServerControl {
            started,
            configuration,
            joint: Arc::clone(&joint),
            engine: Arc::clone(&engine),
            reloader: Arc::clone(&reloader),
            rehearsals: Arc::clone(&rehearsals),
            remembered,
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
        Ok(Self { joint, engine, stack, reloader, watch, rehearsals, admin })
    }

    /// Has the files of all tables looked at. The log tells what came of it.
    pub fn reload(&self) {
        self.reloader.ask();
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
        // Whoever records has the rest and the end still to fetch.
        self.rehearsals.wait_for_fetch(FETCH);
        self.joint.part();
        drop(self.admin);
        drop(self.reloader);
        drop(self.watch);
        stopped.map_err(ServeError::Storage)?;
        info!("stopped");
        Ok(())
    }
}

fn cannot_read_store(error: &ServeError) -> bool {
    fn schema(error: &ComponentError) -> bool {
        match error {
            ComponentError::Schema { .. } => true,
            ComponentError::Several(all) => all.iter().all(schema),
            _ => false,
        }
    }
    matches!(error, ServeError::Engine(StartError::Component(error)) if schema(error))
}

/// Why nothing starts: what was found first, and everything else.
fn refused(configuration: &Configuration, found: Refusals) -> ServeError {
    match component::check(&configuration.plugin) {
        // A file may be in order by now.
        Ok(all) if all == Refusals::default() => ServeError::Configuration(configuration.refused(&found)),
        Ok(all) => ServeError::Configuration(configuration.refused(&all)),
        Err(error) => error,
    }
}
