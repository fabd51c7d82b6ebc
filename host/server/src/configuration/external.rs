//! `[external]`: sources of presence outside. What a source is and how it is dealt with is the component's; here it
//! is about files: whom a source knows, and passwords.

use std::io::Read;
use std::path::Path;

use serde_json::{Map, Value};

use super::problem::ProblemKind;
use super::resolved;
use super::section::Section;
use super::table::{TableFile, by_name, path, reload};
use super::value::boolean;

/// Largest file of a password, in bytes.
const LONGEST_PASSWORD: u64 = 4096;

/// What the host has to know of the sources.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct External {
    /// Names of those that are enabled.
    pub sources: Vec<String>,
    /// Their files.
    pub tables: Vec<TableFile>,
}

/// Reads `[external]`, and puts passwords that stand in files into the settings of the component.
pub(super) fn external(
    mut section: Section<'_>,
    folder: &Path,
    settings: &mut Map<String, Value>,
) -> External {
    let mut external = External::default();
    let reload = reload(&mut section);
    // Which kinds there are, as the keys of their tables, is the component's business.
    for (kind, index, mut entry) in section.entries() {
        let password = password(entry.section("credentials"), folder);
        if let (Some(password), Some(credentials)) = (password, credentials(settings, kind, index)) {
            credentials.remove("password_file");
            credentials.insert("password".to_owned(), Value::String(password));
        }
        let enabled = entry.value("enabled", boolean).unwrap_or(true);
        let identities = entry.value("identities", path).map(|path| resolved(folder, path));
        let format = identities.as_deref().and_then(by_name);
        if identities.is_some() && format.is_none() {
            entry.refuse("identities", "a name that ends in .json or .csv");
        }
        // A source without a proper name is told by the component.
        let Some(name) = name(&mut entry).filter(|_| enabled) else { continue };
        if let Some((file, format)) = identities.zip(format) {
            let (key, label) = (entry.dotted("identities"), Some(name.clone()));
            external.tables.push(TableFile { table: "external", key, file, format, label, reload });
        }
        external.sources.push(name);
    }
    external
}

/// The name of a source: by itself its domain, as the component writes it.
fn name(entry: &mut Section<'_>) -> Option<String> {
    if let Some(name) = entry.ask("name") {
        return name.get_ref().as_str().map(str::to_owned);
    }
    let domain = entry.ask("domain")?.get_ref().as_str()?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
    if domain.bytes().all(plain) && !domain.ends_with('.') {
        return Some(domain.to_ascii_lowercase());
    }
    entry.require(
        "name",
        "a name of a-z, 0-9, dot, hyphen and underscore, for a domain that is written otherwise",
    );
    None
}

fn credentials<'s>(
    settings: &'s mut Map<String, Value>,
    kind: &str,
    index: usize,
) -> Option<&'s mut Map<String, Value>> {
    let entry = settings.get_mut("external")?.get_mut(kind)?.get_mut(index)?;
    entry.get_mut("credentials")?.as_object_mut()
}

/// The password in the file that is named in its place. Something else where that cannot be read: it has been told
/// then, and the component need not miss it.
fn password(mut section: Section<'_>, folder: &Path) -> Option<String> {
    let file = section.value("password_file", path).map(|path| resolved(folder, path))?;
    if section.ask("password").is_some() {
        section.refuse("password_file", "it only where there is no password beside it");
    }
    let read = read_password(&file);
    if let Err(problem) = &read {
        let told = ProblemKind::Refused(format!("{}: {problem}", file.display()));
        section.note("password_file", told);
    }
    Some(read.unwrap_or_else(|_| "-".to_owned()))
}

fn read_password(file: &Path) -> Result<String, String> {
    let told = |error: std::io::Error| format!("cannot be read: {error}");
    if !std::fs::metadata(file).map_err(told)?.is_file() {
        return Err("no regular file".to_owned());
    }
    let mut text = String::new();
    let opened = std::fs::File::open(file).map_err(told)?;
    let length = opened.take(LONGEST_PASSWORD + 1).read_to_string(&mut text).map_err(told)?;
    let password = text.strip_suffix('\n').unwrap_or(&text);
    let password = password.strip_suffix('\r').unwrap_or(password);
    match password {
        _ if length as u64 > LONGEST_PASSWORD => Err(format!("longer than {LONGEST_PASSWORD} bytes")),
        "" => Err("empty, expected a password".to_owned()),
        text if text.contains(['\r', '\n']) => Err("more than one line, expected a password".to_owned()),
        text => Ok(text.to_owned()),
    }
}
