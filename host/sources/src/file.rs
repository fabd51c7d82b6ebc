//! Files: whole or not at all.

use std::fs::{File, Metadata};
use std::io::{self, BufReader, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::lines::unreadable;
use crate::{Format, Problem, Take, read};

/// Buffer for reading, in bytes.
const BUFFER: usize = 64 << 10;

/// A file that was changed this shortly ago may change again without its times telling.
const GRAIN: Duration = Duration::from_secs(2);

/// A text that is another one whenever the content of a file may be another. None if that cannot be told:
/// the file is not there, or was changed within the last seconds.
#[must_use]
pub fn version(file: &Path) -> Option<String> {
    let metadata = std::fs::metadata(file).ok()?;
    let changed = u64::try_from(metadata.ctime()).map(Duration::from_secs).unwrap_or_default();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let (device, inode) = (metadata.dev(), metadata.ino());
    let (length, modified, modified_ns) = content(&metadata);
    let (changed_s, changed_ns) = (metadata.ctime(), metadata.ctime_nsec());
    (changed + GRAIN < now)
        .then(|| format!("{device}.{inode}.{length}.{modified}.{modified_ns}.{changed_s}.{changed_ns}"))
}

/// Reads a file as rows.
pub fn read_file(file: &Path, format: Format, take: &mut Take<'_>) {
    if let Err(problem) = read_whole(file, format, take) {
        // The last that is told, wanted or not.
        let _ = take(Err(Problem::whole(problem)));
    }
}

fn read_whole(file: &Path, format: Format, take: &mut Take<'_>) -> Result<(), String> {
    let unreadable = |error| unreadable(&error);
    let (opened, before) = open(file).map_err(unreadable)?;
    // Not much further than it reached when it was opened, if somebody appends for ever.
    let text = BufReader::with_capacity(BUFFER, (&opened).take(before.len().saturating_add(1)));
    if read(text, format, take).is_break() {
        return Ok(());
    }
    // A new file that has been renamed over this one shows in nothing of this one's content.
    if content(&opened.metadata().map_err(unreadable)?) != content(&before) {
        return Err("changed while it was read: write a new file and rename it over this one".to_owned());
    }
    Ok(())
}

/// Opens a regular file; any other kind might never come to an end, or never begin.
fn open(file: &Path) -> io::Result<(File, Metadata)> {
    let regular = |metadata: &Metadata| match metadata.file_type() {
        kind if kind.is_file() => Ok(()),
        kind if kind.is_dir() => Err(io::Error::other("a folder, expected a file")),
        _ => Err(io::Error::other("no regular file")),
    };
    // Opening may wait for ever, too.
    regular(&std::fs::metadata(file)?)?;
    let opened = File::open(file)?;
    let metadata = opened.metadata()?;
    regular(&metadata)?;
    Ok((opened, metadata))
}

/// What changes with the content.
fn content(metadata: &Metadata) -> (u64, i64, i64) {
    (metadata.len(), metadata.mtime(), metadata.mtime_nsec())
}
