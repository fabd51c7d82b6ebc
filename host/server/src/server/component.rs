//! The component: which one, and whether it takes what it is given.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rollcall_engine::{
    Answer, ComponentError, Description, Edge, Engine, EngineConfig, HostClock, Outgoing, SendId, StartError,
};
use rollcall_storage::Memory;

use super::{ServeError, settings, tables};
use crate::configuration::{Configuration, Given, IdentityRules, Plugin, Refusals};

/// The key that names the site's own identity rules.
pub(super) const RULES: &str = "identity.component";

/// The component that the configuration names, else the one built in.
pub(super) fn bytes(plugin: &Plugin) -> Result<Cow<'static, [u8]>, ServeError> {
    match &plugin.component {
        None => Ok(rollcall_component::COMPONENT.into()),
        Some(file) => match std::fs::read(file) {
            Ok(bytes) => Ok(bytes.into()),
            Err(cause) => Err(ServeError::ComponentFile { file: file.clone(), cause }),
        },
    }
}

/// The site's own identity rules.
///
/// # Errors
/// What is wrong with their file.
pub(super) fn rules(rules: &IdentityRules) -> Result<Bytes, String> {
    let told = |error| format!("{}: cannot be read: {error}", rules.component.display());
    std::fs::read(&rules.component).map(Bytes::from).map_err(told)
}

/// Everything that is wrong with what the component is given. Starts it on an empty store in memory and sends
/// nothing.
///
/// # Errors
/// The component cannot be read or used at all.
pub fn check(plugin: &Plugin) -> Result<Refusals, ServeError> {
    let (component, given) = (bytes(plugin)?, &plugin.given);
    let mut found = Refusals::default();
    let rules = match given.identity_rules.as_ref().map(rules).transpose() {
        Ok(rules) => rules,
        Err(problem) => {
            found.keys.push((RULES.to_owned(), problem));
            None
        }
    };
    if found.keys.is_empty() {
        match attempt(&component, given, rules, None) {
            Ok(description) => {
                found.keys.extend(without_table(given, &description));
                return Ok(found);
            }
            Err(StartError::Component(ComponentError::IdentityRules(error))) => {
                found.keys.push((RULES.to_owned(), rules_refused(given, &error)));
            }
            Err(error) => return refusals(error, given).map_err(ServeError::Engine),
        }
    }
    // Rows may depend on the rules, so the files are looked at only as such.
    let alone = Given { tables: Vec::new(), identity_rules: None, ..given.clone() };
    if let Err(error) = attempt(&component, &alone, None, None) {
        found.keys.extend(refusals(error, &alone).map_err(ServeError::Engine)?.keys);
    }
    found.tables = tables::broken(&given.tables);
    Ok(found)
}

/// Tables that are configured for a component without them: a black list that silently has no effect would
/// open what is meant to be shut.
///
/// # Errors
/// The component cannot be used at all.
pub(super) fn tables_without_effect(
    component: &[u8],
    given: &Given,
    compiled: Option<PathBuf>,
) -> Result<Vec<(String, String)>, StartError> {
    if given.tables.is_empty() {
        return Ok(Vec::new());
    }
    let alone = Given { tables: Vec::new(), identity_rules: None, ..given.clone() };
    match attempt(component, &alone, None, compiled) {
        Ok(description) => Ok(without_table(given, &description)),
        // That is told by whoever starts it in earnest.
        Err(StartError::Component(ComponentError::Configuration(_))) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn without_table(given: &Given, description: &Description) -> Vec<(String, String)> {
    let unknown =
        given.tables.iter().filter(|table| !description.tables.iter().any(|known| known == table.table));
    unknown.map(|table| (table.key.clone(), format!("{} has no such table", description.name))).collect()
}

fn attempt(
    component: &[u8],
    given: &Given,
    identity_rules: Option<Bytes>,
    compiled: Option<PathBuf>,
) -> Result<Description, StartError> {
    let config = EngineConfig {
        plugin_configuration: given.settings.clone(),
        identity_rules,
        identity_limits: settings::identity_limits(given.identity_rules.as_ref()),
        instances: 1,
        workers: 1,
        compiled,
        ..EngineConfig::default()
    };
    let storage = Arc::new(Memory::new());
    let clock = Arc::new(HostClock::new());
    let sources = tables::sources(&given.tables);
    let engine = Engine::start(config, component, sources, storage, Arc::new(Nowhere), clock)?;
    let description = engine.description();
    engine.stop(Duration::ZERO)?;
    Ok(description)
}

/// Why a component is not used, if that is for what it is given.
///
/// # Errors
/// It is for something else.
pub(super) fn refusals(error: StartError, given: &Given) -> Result<Refusals, StartError> {
    let StartError::Component(error) = error else { return Err(error) };
    match refusal(error, given) {
        Ok(refusals) => Ok(refusals),
        Err(error) => Err(StartError::Component(error)),
    }
}

fn refusal(error: ComponentError, given: &Given) -> Result<Refusals, ComponentError> {
    match error {
        // It has not looked at its tables then.
        ComponentError::Configuration(keys) => Ok(Refusals { keys, tables: tables::broken(&given.tables) }),
        ComponentError::Tables(broken) => {
            Ok(Refusals { keys: Vec::new(), tables: broken.iter().map(Into::into).collect() })
        }
        ComponentError::IdentityRules(error) => {
            let keys = vec![(RULES.to_owned(), rules_refused(given, &error))];
            Ok(Refusals { keys, tables: Vec::new() })
        }
        ComponentError::NoTables(tables) => {
            let files = given.tables.iter().filter(|file| tables.iter().any(|table| table == file.table));
            let keys = files.map(|file| (file.key.to_owned(), "the component has no such table".to_owned()));
            Ok(Refusals { keys: keys.collect(), tables: Vec::new() })
        }
        other => Err(other),
    }
}

/// Everything that is wrong with a component that was to be swapped in, a line each.
pub(super) fn problems(configuration: &Configuration, error: ComponentError) -> Vec<String> {
    let lines = |error| match refusal(error, &configuration.plugin.given) {
        Ok(refusals) => configuration.refused(&refusals).0.iter().map(ToString::to_string).collect(),
        Err(error) => vec![error.to_string()],
    };
    error.each().into_iter().flat_map(lines).collect()
}

fn rules_refused(given: &Given, error: &ComponentError) -> String {
    let file = given.identity_rules.as_ref().map(|rules| rules.component.display().to_string());
    format!("{}: {error}", file.unwrap_or_default())
}

/// An edge that no request comes from, so nothing is answered and nothing has to be sent.
struct Nowhere;

impl Edge for Nowhere {
    fn answer(&self, _ticket: u64, _answer: Answer) {}

    fn send(&self, _requests: Vec<(SendId, Outgoing)>) {}
}
