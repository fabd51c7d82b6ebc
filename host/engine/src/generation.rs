//! A generation: one component, compiled, checked and configured, with its tables and its
//! idle instances.
//!
//! Invariant: a generation that exists has passed every check; an instance that has trapped
//! is never used again.

use crate::bindings::exports::rollcall::plugin::lifecycle as wit;
use crate::bindings::{Plugin, PluginPre};
use crate::compiled::{self, Digest};
use crate::fit::{self, ComponentError};
use crate::identity_rules::Rules;
use crate::limits::{EngineConfig, StepLimits};
use crate::memory::Memory;
use crate::metrics::Metrics;
use crate::step::imports::StepState;
use crate::tables::{Building, Tables};
use arc_swap::ArcSwap;
use parking_lot::{Condvar, Mutex};
use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;
use wasmtime::component::{HasSelf, Linker};
use wasmtime::{Engine as Wasmtime, InstanceAllocationStrategy, PoolingAllocationConfig, Store};

pub use wit::Description;

/// wasmtime, set up once for all generations.
pub(crate) struct Runtime {
    engine: Wasmtime,
    linker: Linker<StepState>,
    limits: Arc<StepLimits>,
    /// Time between two ticks of the epoch.
    tick: Duration,
    deadline_ticks: u64,
}

impl Runtime {
    pub fn new(config: &EngineConfig) -> wasmtime::Result<Runtime> {
        // Two generations may be alive at a time, and a canary of a third.
        let slots = u32::try_from(config.instances.max(1) * 2 + 8).unwrap_or(u32::MAX);
        let mut pool = PoolingAllocationConfig::new();
        pool.total_component_instances(slots)
            .total_core_instances(slots.saturating_mul(8))
            .total_memories(slots)
            .total_tables(slots.saturating_mul(8))
            .max_memory_size(config.limits.memory)
            .linear_memory_keep_resident(0);
        let mut setup = wasmtime::Config::new();
        setup
            .epoch_interruption(true)
            .concurrency_support(false)
            .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
        let engine = Wasmtime::new(&setup)?;
        let mut linker = Linker::new(&engine);
        Plugin::add_to_linker::<_, HasSelf<_>>(&mut linker, |state: &mut StepState| state)?;
        let deadline = config.limits.deadline.max(Duration::from_millis(1));
        let tick = (deadline / 20).max(Duration::from_millis(1));
        let ticks = deadline.as_millis().div_ceil(tick.as_millis());
        Ok(Runtime {
            engine,
            linker,
            limits: Arc::new(config.limits.clone()),
            tick,
            deadline_ticks: u64::try_from(ticks).unwrap_or(u64::MAX - 1) + 1,
        })
    }

    /// Advances the time that deadlines are measured by; to be called at every [`Runtime::tick`].
    pub fn advance(&self) {
        self.engine.increment_epoch();
    }

    pub fn tick(&self) -> Duration {
        self.tick
    }

    /// The deadline in ticks, less what has been spent of it.
    fn ticks(&self, spent: Duration) -> u64 {
        let spent = u64::try_from(spent.as_nanos() / self.tick.as_nanos()).unwrap_or(u64::MAX);
        self.deadline_ticks.saturating_sub(spent).max(1)
    }

    /// Does some work while deadlines are measured, for want of the thread that does so later.
    pub fn ticking<T>(&self, work: impl FnOnce() -> T) -> T {
        let (working, ended) = std::sync::mpsc::channel::<()>();
        std::thread::scope(|scope| {
            // Ends when the other end is dropped, also by a panic.
            scope.spawn(move || {
                while ended.recv_timeout(self.tick) == Err(RecvTimeoutError::Timeout) {
                    self.advance();
                }
            });
            let _working = working;
            work()
        })
    }
}

/// An instance of a component, configured and ready for a step.
pub(crate) struct Instance {
    pub store: Store<StepState>,
    pub plugin: Plugin,
}

impl Instance {
    /// Gives the next call its full time.
    pub fn arm(&mut self, runtime: &Runtime) {
        self.arm_rest(runtime, Duration::ZERO);
    }

    /// Gives the next call what is left of its time.
    pub fn arm_rest(&mut self, runtime: &Runtime, spent: Duration) {
        self.store.set_epoch_deadline(runtime.ticks(spent));
    }
}

struct Pool {
    idle: Vec<Instance>,
    alive: usize,
    /// Whether an instance is kept after its step.
    keep: bool,
}

impl Pool {
    fn new(idle: Vec<Instance>) -> Mutex<Pool> {
        Mutex::new(Pool { alive: idle.len(), idle, keep: true })
    }
}

/// One component, ready to be used.
pub(crate) struct Generation {
    /// Counts from 1 at the start of the engine; 0 until it has been put in force.
    pub number: u64,
    pub digest: Digest,
    pub description: Description,
    pub tables: ArcSwap<Tables>,
    /// The site's own identity rules: as long as it lives, the same argument has the same result.
    pub rules: Option<Arc<Rules>>,
    configuration: String,
    pre: PluginPre<StepState>,
    pool: Mutex<Pool>,
    freed: Condvar,
    most: usize,
}

/// A component that has been compiled and imports and exports what it should.
pub(crate) struct Compiled {
    digest: Digest,
    pre: PluginPre<StepState>,
}

/// What a component has to fit to.
pub(crate) struct Fit<'a> {
    pub configuration: &'a str,
    /// Schemas of the records in the store.
    pub schemas: &'a [u32],
    /// Tables that it must have: there are sources for them, which would silently have no effect.
    pub tables: &'a [&'a str],
    /// The identity rules that go with it.
    pub rules: Option<Arc<Rules>>,
}

impl Compiled {
    /// Compiles a component, which takes seconds where it was not compiled before, and checks its interface.
    pub fn new(runtime: &Runtime, config: &EngineConfig, bytes: &[u8]) -> Result<Compiled, ComponentError> {
        let digest = Digest::of(bytes);
        fit::form(bytes)?;
        let component = compiled::component(&runtime.engine, bytes, digest, config.compiled.as_deref())
            .map_err(|error| ComponentError::Invalid(format!("{error:#}")))?;
        fit::interface(&component.component_type(), &runtime.engine)?;
        let interface = |error: wasmtime::Error| ComponentError::Interface(format!("{error:#}"));
        let pre = runtime.linker.instantiate_pre(&component).map_err(interface)?;
        let pre = PluginPre::new(pre).map_err(interface)?;
        Ok(Compiled { digest, pre })
    }
}

impl Generation {
    /// Checks a component: does it read the store, does it take its configuration? It has no tables yet.
    pub fn prepare(
        runtime: &Runtime,
        config: &EngineConfig,
        compiled: &Compiled,
        fit: &Fit<'_>,
    ) -> Result<Generation, ComponentError> {
        let pre = compiled.pre.clone();
        let rules = fit.rules.clone();
        let mut canary = instantiate(runtime, &pre, rules.clone()).map_err(|error| {
            // Types of exports are looked at only now.
            match error.is::<wasmtime::Trap>() {
                true => trapped("instantiation")(error),
                false => ComponentError::Interface(format!("{error:#}")),
            }
        })?;
        canary.arm(runtime);
        let lifecycle = canary.plugin.rollcall_plugin_lifecycle();
        let description = lifecycle.call_describe(&mut canary.store).map_err(trapped("describe"))?;
        let found = [
            fit::schemas(&description, fit.schemas),
            fit::tables(&description, fit.tables),
            configure(runtime, &mut canary, fit.configuration),
        ];
        ComponentError::all(found.into_iter().filter_map(Result::err))?;
        Ok(Generation {
            number: 0,
            digest: compiled.digest,
            description,
            tables: ArcSwap::default(),
            rules,
            configuration: fit.configuration.to_owned(),
            pre,
            pool: Pool::new(vec![canary]),
            freed: Condvar::new(),
            most: config.instances.max(1),
        })
    }

    /// The same component with other identity rules and with no tables yet.
    pub fn with_rules(
        &self,
        runtime: &Runtime,
        rules: Option<Arc<Rules>>,
    ) -> Result<Generation, ComponentError> {
        let generation = Generation {
            number: 0,
            digest: self.digest,
            description: self.description.clone(),
            tables: ArcSwap::default(),
            rules,
            configuration: self.configuration.clone(),
            pre: self.pre.clone(),
            pool: Pool::new(Vec::new()),
            freed: Condvar::new(),
            most: self.most,
        };
        let first = generation.instance(runtime)?;
        generation.pool.lock().alive += 1;
        generation.give(first);
        Ok(generation)
    }

    /// Digest of the site's own identity rules, if there are any.
    pub fn rules_digest(&self) -> Option<Digest> {
        self.rules.as_ref().map(|rules| rules.digest)
    }

    /// Whether it is the same component with the same identity rules.
    pub fn is_like(&self, other: &Generation) -> bool {
        self.digest == other.digest && self.rules_digest() == other.rules_digest()
    }

    /// An instance for one step; waits for one if too many are in use.
    pub fn take(&self, runtime: &Runtime, metrics: &Metrics) -> Result<Instance, ComponentError> {
        {
            let mut pool = self.pool.lock();
            loop {
                if let Some(instance) = pool.idle.pop() {
                    return Ok(instance);
                }
                if pool.alive < self.most {
                    pool.alive += 1;
                    break;
                }
                self.freed.wait(&mut pool);
            }
        }
        metrics.instances.add(1);
        let made = self.instance(runtime);
        if made.is_err() {
            self.lose();
        }
        made
    }

    /// A new instance.
    fn instance(&self, runtime: &Runtime) -> Result<Instance, ComponentError> {
        let mut instance =
            instantiate(runtime, &self.pre, self.rules.clone()).map_err(trapped("instantiation"))?;
        configure(runtime, &mut instance, &self.configuration)?;
        Ok(instance)
    }

    /// An instance apart from those for steps.
    pub fn apart(&self, runtime: &Runtime) -> Result<Instance, ComponentError> {
        self.instance(runtime)
    }

    /// Takes an instance back after a step that went well.
    pub fn give(&self, instance: Instance) {
        // One that has grown far keeps what it does not need; a fresh one costs little.
        if instance.store.data().memory.used > instance.store.data().memory.limit / 2 {
            drop(instance);
            self.lose();
            return;
        }
        let mut pool = self.pool.lock();
        if pool.keep {
            pool.idle.push(instance);
        } else {
            pool.alive -= 1;
        }
        drop(pool);
        self.freed.notify_one();
    }

    /// Gives the memory of all instances back, those in use when their steps end: another generation
    /// is in force.
    pub fn rest(&self) {
        let mut pool = self.pool.lock();
        pool.keep = false;
        let idle = std::mem::take(&mut pool.idle);
        pool.alive -= idle.len();
        drop(pool);
        drop(idle);
        self.freed.notify_all();
    }

    /// Makes as many instances as another generation has, so that no step has to wait for one to be made
    /// when it takes over. Those that cannot be made now are made when they are needed.
    pub fn warm(&self, runtime: &Runtime, other: &Generation) {
        let wanted = other.pool.lock().alive.min(self.most);
        while self.pool.lock().alive < wanted {
            let Ok(instance) = self.instance(runtime) else { return };
            self.pool.lock().alive += 1;
            self.give(instance);
        }
    }

    /// Keeps instances again: it is about to be in force.
    pub fn wake(&self) {
        self.pool.lock().keep = true;
    }

    /// Forgets an instance that must not be used again.
    pub fn lose(&self) {
        self.pool.lock().alive -= 1;
        self.freed.notify_one();
    }

    /// What it was configured with.
    pub fn configuration(&self) -> &str {
        &self.configuration
    }

    pub fn idle(&self) -> usize {
        self.pool.lock().idle.len()
    }

    /// An instance apart from those for steps, to build a table with.
    pub fn builder(&self, runtime: &Runtime, building: Building) -> Result<Instance, ComponentError> {
        let mut instance = self.instance(runtime)?;
        instance.store.data_mut().building = Some(building);
        Ok(instance)
    }
}

fn trapped(call: &'static str) -> impl Fn(wasmtime::Error) -> ComponentError {
    move |error| ComponentError::Trapped { call, cause: format!("{error:#}") }
}

fn instantiate(
    runtime: &Runtime,
    pre: &PluginPre<StepState>,
    rules: Option<Arc<Rules>>,
) -> wasmtime::Result<Instance> {
    let state = StepState {
        limits: runtime.limits.clone(),
        memory: Memory::new(runtime.limits.memory),
        step: None,
        rules,
        building: None,
        lifecycle_lines: 0,
    };
    let mut store = Store::new(&runtime.engine, state);
    store.limiter(|state| &mut state.memory);
    store.set_epoch_deadline(runtime.deadline_ticks);
    let plugin = pre.instantiate(&mut store)?;
    Ok(Instance { store, plugin })
}

fn configure(runtime: &Runtime, instance: &mut Instance, json: &str) -> Result<(), ComponentError> {
    instance.arm(runtime);
    let lifecycle = instance.plugin.rollcall_plugin_lifecycle();
    lifecycle.call_configure(&mut instance.store, json).map_err(trapped("configure"))?.map_err(|problems| {
        let problems = problems.into_iter().map(|problem| (problem.key, problem.message));
        ComponentError::Configuration(problems.collect())
    })
}
