//! `[identity]` and `[lists]`: the files behind the component's tables, and a site's own rules about
//! identities. What else is in these sections is the component's.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rollcall_sources::Format;
use toml::de::DeValue;

use super::resolved;
use super::section::Section;
use super::value::{Expected, duration, integer, one_of};

/// Seconds between two looks at a file, unless the operator wants something else.
const RELOAD: u64 = 3600;
/// Most seconds between two looks: a year.
const MOST_RELOAD: u64 = 31_536_000;

/// A file that a table of the component is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableFile {
    /// Name of the table.
    pub table: &'static str,
    /// The key that names the file.
    pub key: &'static str,
    /// The file.
    pub file: PathBuf,
    /// How it is written.
    pub format: Format,
    /// How often it is looked at; none for never.
    pub reload: Option<Duration>,
}

/// A second component, with the site's own rules about identities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityRules {
    /// The component.
    pub component: PathBuf,
    /// Longest time of one call; left to the engine if absent.
    pub time_limit: Option<Duration>,
}

/// Reads `[identity]`.
pub(super) fn identity(
    mut section: Section<'_>,
    folder: &Path,
) -> (Option<TableFile>, Option<IdentityRules>) {
    let map = section.value("map", path).map(|path| resolved(folder, path));
    let formats = [("json", Format::Json), ("csv", Format::Csv)];
    let format = section.value("format", one_of(&formats)).or_else(|| map.as_deref().and_then(by_name));
    if map.is_some() && format.is_none() {
        section.refuse("map", "a name that ends in .json or .csv, or identity.format beside it");
    }
    let reload = reload(&mut section);
    let component = section.value("component", path).map(|path| resolved(folder, path));
    let limit = Duration::from_millis(1)..=Duration::from_secs(1);
    let time_limit = section.value("time_limit", duration(limit));
    // The component's own.
    section.ask("normalizer");
    section.unsupported("learn");
    section.finish();
    let map = map.zip(format).map(|(file, format)| TableFile {
        table: "identities",
        key: "identity.map",
        file,
        format,
        reload,
    });
    (map, component.map(|component| IdentityRules { component, time_limit }))
}

/// Reads `[lists]`.
pub(super) fn lists(mut section: Section<'_>, folder: &Path) -> Vec<TableFile> {
    let white = section.value("white", path);
    let black = section.value("black", path);
    let reload = reload(&mut section);
    // The component's own.
    section.ask("map");
    section.finish();
    [("white", "lists.white", white), ("black", "lists.black", black)]
        .into_iter()
        .filter_map(|(table, key, path)| {
            let file = resolved(folder, path?);
            Some(TableFile { table, key, file, format: Format::List, reload })
        })
        .collect()
}

fn reload(section: &mut Section<'_>) -> Option<Duration> {
    let seconds = section.value("reload", integer(0..=MOST_RELOAD)).unwrap_or(RELOAD);
    (seconds > 0).then(|| Duration::from_secs(seconds))
}

fn by_name(file: &Path) -> Option<Format> {
    match file.extension()?.to_ascii_lowercase().to_str()? {
        "json" => Some(Format::Json),
        "csv" => Some(Format::Csv),
        _ => None,
    }
}

fn path(value: &DeValue<'_>) -> Result<String, Expected> {
    match value.as_str() {
        Some(path) if !path.is_empty() => Ok(path.to_owned()),
        _ => Err("the path of a file".into()),
    }
}
