//! `[identity]` and `[lists]`: the files behind the component's tables, and a site's own rules about
//! identities. What else is in these sections is the component's.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rollcall_sources::Format;

use super::resolved;
use super::section::Section;
use super::table::{TableFile, by_name, path, reload};
use super::value::{duration, one_of};

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
    section.ask("learn");
    section.finish();
    let map = map.zip(format).map(|(file, format)| TableFile {
        table: "identities",
        key: "identity.map".to_owned(),
        file,
        format,
        label: None,
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
            let (key, format) = (key.to_owned(), Format::List);
            Some(TableFile { table, key, file, format, label: None, reload })
        })
        .collect()
}
