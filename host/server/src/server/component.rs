//! The component: which one, and whether it takes its configuration.

use std::sync::Arc;
use std::time::Duration;

use rollcall_engine::{
    Answer, ComponentError, Edge, Engine, EngineConfig, HostClock, Outgoing, SendId, StartError,
};
use rollcall_storage::Memory;

use super::ServeError;
use crate::configuration::Plugin;

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

/// What the component says of its configuration: key and message of each problem. Starts it on an
/// empty store in memory and sends nothing.
///
/// # Errors
/// The component cannot be read or used at all.
pub fn check(plugin: &Plugin) -> Result<Vec<(String, String)>, ServeError> {
    let config = EngineConfig {
        plugin_configuration: plugin.settings.clone(),
        instances: 1,
        workers: 1,
        ..EngineConfig::default()
    };
    let storage = Arc::new(Memory::new());
    let clock = Arc::new(HostClock::new());
    match Engine::start(config, &bytes(plugin)?, Vec::new(), storage, Arc::new(Nowhere), clock) {
        Ok(engine) => {
            engine.stop(Duration::ZERO).map_err(ServeError::Storage)?;
            Ok(Vec::new())
        }
        Err(StartError::Component(ComponentError::Configuration(problems))) => Ok(problems),
        Err(error) => Err(ServeError::Engine(error)),
    }
}

/// An edge that no request comes from, so nothing is answered and nothing has to be sent.
struct Nowhere;

impl Edge for Nowhere {
    fn answer(&self, _ticket: u64, _answer: Answer) {}

    fn send(&self, _requests: Vec<(SendId, Outgoing)>) {}
}
