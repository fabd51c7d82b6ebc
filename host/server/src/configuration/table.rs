//! The files behind the component's tables.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rollcall_sources::Format;
use toml::de::DeValue;

use super::section::Section;
use super::value::{Expected, integer};

/// Seconds between two looks at a file, unless the operator wants something else.
const RELOAD: u64 = 3600;
/// Most seconds between two looks: a year.
const MOST_RELOAD: u64 = 31_536_000;
/// Bits of a number that tell the line, where a table is made of several files.
const LINE: u32 = 24;

/// A file that a table of the component is made of, with others where the table is made of several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableFile {
    /// Name of the table.
    pub table: &'static str,
    /// The key that names the file.
    pub key: String,
    /// The file.
    pub file: PathBuf,
    /// How it is written.
    pub format: Format,
    /// First field of each row, before those in the file: tells the files of one table apart.
    pub label: Option<String>,
    /// How often it is looked at; none for never. The same for all files of a table.
    pub reload: Option<Duration>,
}

/// Number of a line among all lines of the files of a table. The lines of the one file of a table keep theirs;
/// where there are several files, the first 16 million lines of each can be told apart.
pub fn line_number(files: &[TableFile], file: usize, line: u32) -> u32 {
    match files.len() {
        0 | 1 => line,
        _ => {
            let file = u32::try_from(file).map_or(u32::MAX >> LINE, |file| file.min(u32::MAX >> LINE));
            file << LINE | line.min((1 << LINE) - 1)
        }
    }
}

/// File and line behind such a number; none if there is no such file.
pub fn line_place<'f>(files: &[&'f TableFile], number: u32) -> Option<(&'f TableFile, u32)> {
    match files {
        [only] => Some((*only, number)),
        _ => {
            let file = usize::try_from(number >> LINE).ok().and_then(|file| files.get(file))?;
            Some((*file, number & ((1 << LINE) - 1)))
        }
    }
}

/// The files by their names, as one text.
pub fn names(files: &[&TableFile]) -> String {
    files.iter().map(|file| file.file.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// The key `reload`: how often the files of a section are looked at.
pub(super) fn reload(section: &mut Section<'_>) -> Option<Duration> {
    let seconds = section.value("reload", integer(0..=MOST_RELOAD)).unwrap_or(RELOAD);
    (seconds > 0).then(|| Duration::from_secs(seconds))
}

/// How a file is written, by its name.
pub(super) fn by_name(file: &Path) -> Option<Format> {
    match file.extension()?.to_ascii_lowercase().to_str()? {
        "json" => Some(Format::Json),
        "csv" => Some(Format::Csv),
        _ => None,
    }
}

/// The path of a file.
pub(super) fn path(value: &DeValue<'_>) -> Result<String, Expected> {
    match value.as_str() {
        Some(path) if !path.is_empty() => Ok(path.to_owned()),
        _ => Err("the path of a file".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str) -> TableFile {
        let (key, label) = (String::new(), None);
        TableFile { table: "t", key, file: name.into(), format: Format::Csv, label, reload: None }
    }

    #[test]
    fn a_number_leads_back_to_file_and_line() {
        let files = [file("a"), file("b"), file("c")];
        let by_reference: Vec<&TableFile> = files.iter().collect();
        for (index, line) in [(0, 0), (0, 7), (1, 0), (2, 1), (2, (1 << LINE) - 1)] {
            let number = line_number(&files, index, line);
            assert_eq!(line_place(&by_reference, number), Some((&files[index], line)));
        }
        let number = line_number(&files, 1, u32::MAX);
        assert_eq!(
            line_place(&by_reference, number),
            Some((&files[1], (1 << LINE) - 1)),
            "cut, not mixed up"
        );
        assert_eq!(line_place(&by_reference, 9 << LINE), None);
        assert_eq!(line_number(&files[..1], 0, u32::MAX), u32::MAX);
        assert_eq!(line_place(&by_reference[..1], u32::MAX), Some((&files[0], u32::MAX)));
    }
}
