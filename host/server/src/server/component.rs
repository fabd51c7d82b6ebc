//! The component: which one, and whether it takes what it is given.

use std::sync::Arc;
use std::time::Duration;

use rollcall_engine::{
    Answer, ComponentError, Edge, Engine, EngineConfig, HostClock, Outgoing, SendId, StartError,
};
use rollcall_storage::Memory;

use super::{ServeError, tables};
use crate::configuration::{Given, Plugin, Refusals};

/// The component that the configuration names, else the one built in.
pub(super) fn bytes(plugin: &Plugin) -> Result<std::borrow::Cow<'static, [u8]>, ServeError> {
    match &plugin.component {
        None => Ok(rollcall_component::COMPONENT.into()),
        Some(file) => match std::fs::read(file) {
            Ok(bytes) => Ok(bytes.into()),
            Err(cause) => Err(ServeError::ComponentFile { file: file.clone(), cause }),
        },
    }
}

/// What is wrong with what the component is given. Starts it on an empty store in memory and sends nothing.
///
/// # Errors
/// The component cannot be read or used at all.
pub fn check(plugin: &Plugin) -> Result<Refusals, ServeError> {
    let config = EngineConfig {
        plugin_configuration: plugin.given.settings.clone(),
        instances: 1,
        workers: 1,
        ..EngineConfig::default()
    };
    let storage = Arc::new(Memory::new());
    let clock = Arc::new(HostClock::new());
    let sources = tables::sources(&plugin.given.tables);
    match Engine::start(config, &bytes(plugin)?, sources, storage, Arc::new(Nowhere), clock) {
        Ok(engine) => {
            engine.stop(Duration::ZERO).map_err(ServeError::Storage)?;
            Ok(Refusals::default())
        }
        Err(StartError::Component(error)) => {
            refusals(error, &plugin.given).map_err(|error| ServeError::Engine(StartError::Component(error)))
        }
        Err(error) => Err(ServeError::Engine(error)),
    }
}

/// Why a component is not used, if that is what it is given.
///
/// # Errors
/// It is something else.
pub(super) fn refusals(error: ComponentError, given: &Given) -> Result<Refusals, ComponentError> {
    match error {
        // It has not looked at its tables then.
        ComponentError::Configuration(keys) => Ok(Refusals { keys, tables: tables::broken(&given.tables) }),
        ComponentError::Tables(broken) => {
            Ok(Refusals { keys: Vec::new(), tables: broken.iter().map(Into::into).collect() })
        }
        other => Err(other),
    }
}

/// An edge that no request comes from, so nothing is answered and nothing has to be sent.
struct Nowhere;

impl Edge for Nowhere {
    fn answer(&self, _ticket: u64, _answer: Answer) {}

    fn send(&self, _requests: Vec<(SendId, Outgoing)>) {}
}
