//! Whether a component fits: what is asked of it before it may run, and how an operator is told.
//!
//! Everything that can be found out at once is told at once.

use crate::generation::Description;
use crate::tables::BrokenTable;
use wasmtime::Engine as Wasmtime;
use wasmtime::component::types;

/// The package whose interfaces a component imports and exports.
const PACKAGE: &str = "rollcall:plugin/";

/// The text that says which version of the package this is.
const WIT: &str = include_str!("../../../wit/plugin.wit");

/// Interfaces of the package that a component has to export.
const EXPORTS: [&str; 2] = ["handler", "lifecycle"];

/// Why a component cannot be used. The text tells an operator what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ComponentError {
    /// The bytes are no component, or one that wasmtime cannot compile.
    #[error("not a usable component: {0}")]
    Invalid(String),
    /// It imports something that the host does not give.
    #[error("the component imports {}, which this host does not offer", .0.join(", "))]
    Imports(Vec<String>),
    /// It was built against another version of the package.
    #[error(
        "the component was built against rollcall:plugin {}; this host takes {host}: {}",
        .found.join(", "),
        advice(.found, .host)
    )]
    Version {
        /// The versions of the interfaces that it imports and exports.
        found: Vec<String>,
        /// The version of this host.
        host: String,
    },
    /// It does not export an interface that the host calls.
    #[error("the component does not export {}", .0.join(", "))]
    Exports(Vec<String>),
    /// It exports or imports the package with other types.
    #[error("the component does not fit this host's plugin interface: {0}")]
    Interface(String),
    /// It trapped while it was asked what it is or handed its configuration.
    #[error("the component failed in {call}: {cause}")]
    Trapped {
        /// The lifecycle call.
        call: &'static str,
        /// What happened.
        cause: String,
    },
    /// It does not take its configuration: every problem, as key and message.
    #[error("the component refuses its configuration: {}", describe(.0))]
    Configuration(Vec<(String, String)>),
    /// The store holds records that it cannot read.
    #[error("the store holds records of schema {stored}; the component reads {reads:?}")]
    Schema {
        /// A schema in the store.
        stored: u32,
        /// What the component reads.
        reads: Vec<u32>,
    },
    /// It has no use for tables that the running one has: what they say would silently have no effect.
    #[error("the component has no table {}", .0.join(", "))]
    NoTables(Vec<String>),
    /// Tables cannot be built: each of them, with what is wrong with its source.
    #[error("{}", tables(.0))]
    Tables(Vec<BrokenTable>),
    /// The site's own identity rules cannot be used.
    #[error("the identity rules: {0}")]
    IdentityRules(Box<ComponentError>),
    /// Several of these.
    #[error("{}", several(.0))]
    Several(Vec<ComponentError>),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] rollcall_storage::Error),
}

impl ComponentError {
    /// Nothing, the one, or all of them as one.
    pub(crate) fn all(found: impl Iterator<Item = ComponentError>) -> Result<(), ComponentError> {
        let mut found: Vec<ComponentError> = found.collect();
        match found.len() {
            0 | 1 => found.pop().map_or(Ok(()), Err),
            _ => Err(ComponentError::Several(found)),
        }
    }

    /// Each on its own.
    pub fn each(self) -> Vec<ComponentError> {
        match self {
            ComponentError::Several(found) => found.into_iter().flat_map(ComponentError::each).collect(),
            one => vec![one],
        }
    }
}

fn describe(problems: &[(String, String)]) -> String {
    problems.iter().map(|(key, message)| format!("{key}: {message}")).collect::<Vec<_>>().join("; ")
}

fn tables(broken: &[BrokenTable]) -> String {
    broken.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn several(found: &[ComponentError]) -> String {
    found.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn advice(found: &[String], host: &str) -> &'static str {
    match (found.iter().filter_map(|version| numbers(version)).max(), numbers(host)) {
        (Some(found), Some(host)) if found > host => "it needs a newer host",
        (Some(_), Some(_)) => "it has to be built anew",
        _ => "they do not fit",
    }
}

fn numbers(version: &str) -> Option<[u64; 3]> {
    let mut parts = version.split('+').next()?.split('.').map(|part| part.parse().ok());
    Some([parts.next()??, parts.next()??, parts.next()??])
}

/// Versions under which a component finds what it was built against (semantic versioning).
fn compatible(found: &str, host: &str) -> bool {
    match (numbers(found), numbers(host)) {
        (Some([0, minor, _]), Some([0, own, _])) => minor == own,
        (Some([major, ..]), Some([own, ..])) => major == own,
        _ => false,
    }
}

/// Version of the package that this host implements.
pub(crate) fn version() -> &'static str {
    let line = WIT.lines().find_map(|line| line.strip_prefix("package rollcall:plugin@"));
    line.map_or("", |rest| rest.trim_end_matches(';'))
}

/// Whether these bytes may be a component at all; wasmtime's own words would puzzle an operator.
pub(crate) fn form(bytes: &[u8]) -> Result<(), ComponentError> {
    let problem = match bytes {
        [] => "the file is empty",
        [0, b'a', b's', b'm', _, _, 0, 0, ..] => {
            "this is a core module; it has to be made a component, for example by rollcall-build-guest"
        }
        [0, b'a', b's', b'm', _, _, 1, 0, ..] => return Ok(()),
        [0, b'a', b's', b'm', rest @ ..] if rest.len() < 4 => "the file is cut off",
        _ => "this is no WebAssembly",
    };
    Err(ComponentError::Invalid(problem.into()))
}

/// Whether a component imports and exports what it should, in a version that fits.
pub(crate) fn interface(component: &types::Component, engine: &Wasmtime) -> Result<(), ComponentError> {
    let imports: Vec<String> = component.imports(engine).map(|(name, _)| name.to_owned()).collect();
    let exports: Vec<String> = component.exports(engine).map(|(name, _)| name.to_owned()).collect();
    names(&imports, &exports, version())
}

fn names(imports: &[String], exports: &[String], host: &str) -> Result<(), ComponentError> {
    let own = |name: &&String| name.starts_with(PACKAGE);
    let strangers: Vec<String> = imports.iter().filter(|name| !own(name)).cloned().collect();
    let mut versions: Vec<String> = Vec::new();
    for (_, version) in imports.iter().chain(exports).filter(own).filter_map(|name| name.split_once('@')) {
        if !compatible(version, host) && !versions.iter().any(|known| known == version) {
            versions.push(version.to_owned());
        }
    }
    let interfaces = |name: &String| {
        let name = name.strip_prefix(PACKAGE)?;
        Some(name.split_once('@').map_or(name, |(interface, _)| interface).to_owned())
    };
    let exported: Vec<String> = exports.iter().filter_map(interfaces).collect();
    let missing = EXPORTS.iter().filter(|wanted| !exported.iter().any(|there| there == *wanted));
    let missing: Vec<String> = missing.map(|name| format!("{PACKAGE}{name}")).collect();
    let found = [
        (!strangers.is_empty()).then_some(ComponentError::Imports(strangers)),
        (!versions.is_empty()).then(|| ComponentError::Version { found: versions, host: host.to_owned() }),
        (!missing.is_empty()).then_some(ComponentError::Exports(missing)),
    ];
    ComponentError::all(found.into_iter().flatten())
}

/// Whether a component reads all that the store holds.
pub(crate) fn schemas(description: &Description, stored: &[u32]) -> Result<(), ComponentError> {
    let reads = &description.reads_schemas;
    let strange = stored.iter().filter(|stored| !reads.contains(stored));
    ComponentError::all(
        strange.map(|stored| ComponentError::Schema { stored: *stored, reads: reads.clone() }),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn the_version_is_that_of_the_package() {
        assert!(numbers(version()).is_some(), "{:?}", version());
    }

    #[test]
    fn versions_fit_by_semantic_versioning() {
        for (found, host, fits) in [
            ("0.3.0", "0.3.0", true),
            ("0.3.7", "0.3.0", true),
            ("0.2.0", "0.3.0", false),
            ("0.4.0", "0.3.0", false),
            ("1.2.0", "1.9.1", true),
            ("2.0.0", "1.9.1", false),
            ("1.0.0", "0.3.0", false),
            ("", "0.3.0", false),
            ("0.3", "0.3.0", false),
            ("0.3.0-rc.1", "0.3.0", false),
        ] {
            assert_eq!(compatible(found, host), fits, "{found} in {host}");
        }
    }

    #[test]
    fn all_that_names_tell_is_told_at_once() {
        let imports = list(&["wasi:cli/environment@0.2.3", "rollcall:plugin/storage@0.2.0"]);
        let exports = list(&["rollcall:plugin/handler@0.2.0"]);
        let told: Vec<String> =
            names(&imports, &exports, "0.3.0").unwrap_err().each().iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "the component imports wasi:cli/environment@0.2.3, which this host does not offer",
                "the component was built against rollcall:plugin 0.2.0; this host takes 0.3.0: \
                 it has to be built anew",
                "the component does not export rollcall:plugin/lifecycle",
            ]
        );
        let newer =
            names(&[], &list(&["rollcall:plugin/handler@0.4.0", "rollcall:plugin/lifecycle@0.4.0"]), "0.3.0");
        assert!(newer.unwrap_err().to_string().ends_with("it needs a newer host"));
        let good = list(&["rollcall:plugin/handler@0.3.0", "rollcall:plugin/lifecycle@0.3.1"]);
        names(&list(&["rollcall:plugin/types@0.3.0"]), &good, "0.3.0").unwrap();
    }

    #[test]
    fn what_is_no_component_is_told_apart() {
        for (bytes, told) in [
            (&b""[..], "empty"),
            (b"#!/bin/sh\n", "no WebAssembly"),
            (b"\0asm\x01\0\0\0", "core module"),
            (b"\0asm\x0d\0", "cut off"),
        ] {
            let error = form(bytes).unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
        form(b"\0asm\x0d\0\x01\0").unwrap();
    }
}
