//! `[plugin]`: the component and what a step of it may use. And what it is given by other sections.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::identity::IdentityRules;
use super::resolved;
use super::section::Section;
use super::table::TableFile;
use super::value::{boolean, count, duration, integer, memory, text};

/// `[plugin]`. What is absent is left to the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plugin {
    /// The component; the one built in if absent.
    pub component: Option<PathBuf>,
    /// Instances that may run at the same time.
    pub instances: Option<usize>,
    /// Threads for timers, posts and recovery.
    pub workers: Option<usize>,
    /// A folder: components that are put there are swapped in.
    pub watch: Option<PathBuf>,
    /// `[plugin.limits]`
    pub limits: Limits,
    /// `[plugin.roll_back]`
    pub roll_back: RollBack,
    /// What it is given.
    pub given: Given,
}

/// When to go back from a new component that fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RollBack {
    /// Whether to do so without being told.
    pub automatic: Option<bool>,
    /// How long after a swap.
    pub trial: Option<Duration>,
    /// After how many failed steps.
    pub failures: Option<usize>,
    /// Within which time.
    pub window: Option<Duration>,
}

/// What the component is given to work with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Given {
    /// Its own sections, as a JSON object.
    pub settings: String,
    /// The files that its tables are made of; those of one table follow each other.
    pub tables: Vec<TableFile>,
    /// Names of the sources of presence outside.
    pub sources: Vec<String>,
    /// The site's own rules about identities.
    pub identity_rules: Option<IdentityRules>,
}

/// What one step may use; a step that wants more ends without effect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Running time.
    pub deadline: Option<Duration>,
    /// Linear memory of an instance, in bytes.
    pub memory: Option<usize>,
    /// Calls of imports.
    pub host_calls: Option<u64>,
    /// Writes, timers, sends and posts, counted together.
    pub effects: Option<usize>,
    /// The same, in bytes.
    pub effect_bytes: Option<usize>,
}

impl Plugin {
    pub(super) fn read(mut section: Section<'_>, folder: &Path, given: Given) -> Self {
        let component = section.value("component", text).map(|path| resolved(folder, path));
        let instances = section.value("instances", count(1..=1024));
        let workers = section.value("workers", count(1..=256));
        let watch = section.value("watch", text).map(|path| resolved(folder, path));
        let limits = Limits::read(section.section("limits"));
        let roll_back = RollBack::read(section.section("roll_back"));
        section.finish();
        Self { component, instances, workers, watch, limits, roll_back, given }
    }
}

impl RollBack {
    fn read(mut section: Section<'_>) -> Self {
        let seconds = |most: u64| duration(Duration::from_secs(1)..=Duration::from_secs(most));
        let roll_back = Self {
            automatic: section.value("automatic", boolean),
            trial: section.value("trial", seconds(30 * 86_400)),
            failures: section.value("failures", count(1..=100_000)),
            window: section.value("window", seconds(86_400)),
        };
        section.finish();
        roll_back
    }
}

impl Limits {
    fn read(mut section: Section<'_>) -> Self {
        let limits = Self {
            deadline: section
                .value("deadline", duration(Duration::from_millis(10)..=Duration::from_secs(60))),
            memory: section.value("memory", memory(1 << 20..=2 << 30)),
            host_calls: section.value("host_calls", integer(100..=100_000_000)),
            effects: section.value("effects", count(10..=1_000_000)),
            effect_bytes: section.value("effect_bytes", memory(64 << 10..=1 << 30)),
        };
        section.finish();
        limits
    }
}
