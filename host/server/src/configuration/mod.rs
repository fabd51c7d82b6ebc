//! The configuration file: read whole, checked whole, every problem told at once.
//!
//! Sections of the component (see [`COMPONENT_SECTIONS`]) are not understood here, but for the names of files
//! in `[identity]`, `[lists]` and `[external]` and the names of sources in the last. They are handed on as JSON; what
//! the component says of them and of the files comes back through [`Configuration::refused`].

mod external;
mod identity;
mod json;
mod operations;
mod plugin;
mod problem;
mod refusal;
mod section;
mod sip;
mod source;
mod storage;
mod table;
mod value;

use std::path::{Path, PathBuf};

use toml::de::DeTable;

pub use identity::IdentityRules;
pub use operations::{Admin, Log, LogFormat, Testing};
pub use plugin::{Given, Limits, Plugin, RollBack};
pub use problem::{ConfigurationError, Problem, ProblemKind, Problems};
pub use refusal::{Refusals, TableRefusal};
pub use sip::{Listen, Sip, Transport};
pub use source::Positions;
pub use storage::{Storage, StorageEngine};
pub use table::{TableFile, line_number, line_place, names};

use external::External;
use section::{Findings, Section};
use source::Lines;

/// Sections that are handed to the component.
pub const COMPONENT_SECTIONS: [&str; 6] = ["presence", "identity", "lists", "rules", "limits", "external"];

/// Sections of features that this version does not have. They are refused, since a rule document
/// that silently has no effect would open what the operator means to be shut.
const LATER_SECTIONS: [&str; 1] = ["documents"];

/// Largest configuration file, in bytes.
const LARGEST_FILE: u64 = 1 << 20;

/// A configuration without a problem, as far as the host can tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Configuration {
    /// `[sip]`
    pub sip: Sip,
    /// `[storage]`
    pub storage: Storage,
    /// `[plugin]`
    pub plugin: Plugin,
    /// `[admin]`; none without that section: no admin address.
    pub admin: Option<Admin>,
    /// `[log]`
    pub log: Log,
    /// `[testing]`
    pub testing: Testing,
    positions: Positions,
}

impl Configuration {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// The file cannot be read, or is not TOML.
    pub fn read(file: &Path) -> Result<Reading, ConfigurationError> {
        let text =
            text_of(file).map_err(|cause| ConfigurationError::Unreadable { file: file.to_owned(), cause })?;
        Self::parse(file, &text).map_err(ConfigurationError::Invalid)
    }

    /// Checks the text of a file. Relative paths in it are relative to the folder of `file`.
    ///
    /// # Errors
    /// The text is not TOML.
    pub fn parse(file: &Path, text: &str) -> Result<Reading, Problems> {
        let (document, errors) = DeTable::parse_recoverable(text);
        if !errors.is_empty() {
            return Err(syntax_problems(file, text, &errors));
        }
        let document = document.get_ref();
        let positions = Positions::new(file, text, document);
        let folder = file.parent().unwrap_or(Path::new(""));
        let findings = Findings::new(&positions);
        let mut root = Section::root(&findings, document);

        let sip = Sip::read(root.section("sip"));
        let storage = Storage::read(root.section("storage"), folder);
        let mut settings = component_settings(&mut root, &findings);
        let (map, identity_rules) = identity::identity(root.section("identity"), folder);
        let lists = identity::lists(root.section("lists"), folder);
        let External { sources, tables } =
            external::external(root.section("external"), folder, &mut settings);
        let given = Given {
            settings: serde_json::Value::Object(settings).to_string(),
            tables: map.into_iter().chain(lists).chain(tables).collect(),
            sources,
            identity_rules,
        };
        let plugin = Plugin::read(root.section("plugin"), folder, given);
        let admin = Admin::read(root.section("admin"));
        let log = Log::read(root.section("log"));
        let testing = Testing::read(root.section("testing"));
        for section in LATER_SECTIONS {
            root.unsupported(section);
        }
        root.finish();

        let problems = findings.into_problems();
        let whole = sip.zip(storage).map(|(sip, storage)| {
            let (plugin, positions) = (plugin.clone(), positions.clone());
            Self { sip, storage, plugin, admin, log, testing, positions }
        });
        Ok(Reading { whole, plugin, positions, problems })
    }

    /// The file that was read.
    pub fn file(&self) -> &Path {
        self.positions.file()
    }

    /// True if the other configuration wants something else that is fixed at the start.
    pub fn wants_restart(&self, other: &Self) -> bool {
        self.sip != other.sip
            || self.storage != other.storage
            || self.plugin != other.plugin
            || self.admin != other.admin
            || self.testing != other.testing
            || self.log.format != other.log.format
    }

    /// Problems with what the component is given, in the form of those found here.
    pub fn refused(&self, refusals: &Refusals) -> Problems {
        refusals.problems(&self.positions, &self.plugin.given)
    }
}

/// A file that has been read and may have problems.
#[derive(Clone, Debug)]
pub struct Reading {
    whole: Option<Configuration>,
    /// What the component is told, good enough to ask it for its problems too.
    pub plugin: Plugin,
    positions: Positions,
    problems: Problems,
}

impl Reading {
    /// True if the host has found problems.
    pub fn has_problems(&self) -> bool {
        !self.problems.0.is_empty()
    }

    /// Adds problems with what the component is given.
    pub fn add_refused(&mut self, refusals: &Refusals) {
        let told = refusals.problems(&self.positions, &self.plugin.given);
        // What is of the wrong kind is told by both sides.
        let known = |problem: &Problem| {
            !problem.key.is_empty() && self.problems.0.iter().any(|known| known.key == problem.key)
        };
        let fresh: Vec<Problem> = told.0.into_iter().filter(|problem| !known(problem)).collect();
        self.problems.0.extend(fresh);
        self.problems.sort(self.positions.file());
    }

    /// The configuration.
    ///
    /// # Errors
    /// Every problem, if there is any.
    pub fn finish(self) -> Result<Configuration, Problems> {
        match self.whole {
            Some(whole) if self.problems.0.is_empty() => Ok(whole),
            _ => Err(self.problems),
        }
    }
}

fn text_of(file: &Path) -> std::io::Result<String> {
    if std::fs::metadata(file)?.len() > LARGEST_FILE {
        return Err(std::io::Error::other("larger than 1 MiB"));
    }
    std::fs::read_to_string(file)
}

fn syntax_problems(file: &Path, text: &str, errors: &[toml::de::Error]) -> Problems {
    let lines = Lines::new(text);
    let problem = |error: &toml::de::Error| {
        let line = error.span().map(|span| lines.of(span.start));
        let message = error.message().replace('\n', ", ");
        Problem::new(file, line, "", ProblemKind::Syntax(message))
    };
    let mut problems = Problems(errors.iter().map(problem).collect());
    problems.sort(file);
    problems
}

/// The component's sections as one JSON object.
fn component_settings(
    root: &mut Section<'_>,
    findings: &Findings<'_>,
) -> serde_json::Map<String, serde_json::Value> {
    let mut settings = serde_json::Map::new();
    for section in COMPONENT_SECTIONS {
        if let Some(value) = root.ask(section)
            && let Some(json) = json::converted(section, value.get_ref(), findings)
        {
            settings.insert(section.to_owned(), json);
        }
    }
    settings
}

/// A path of the file, relative to the folder that the file is in.
fn resolved(folder: &Path, path: String) -> PathBuf {
    folder.join(path)
}
