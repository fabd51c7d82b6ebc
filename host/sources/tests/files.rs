//! Files: what is read, what is refused, and how a change is noticed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs::{self, File};
use std::io::Write;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, SystemTime};

use rollcall_sources::{Format, read_file, version};

/// Entries and problems; `at_first` is done when the first entry comes.
fn told(file: &Path, mut at_first: impl FnMut()) -> (Vec<String>, Vec<String>) {
    let (mut entries, mut problems) = (Vec::new(), Vec::new());
    read_file(file, Format::List, &mut |found| {
        match found {
            Ok(row) => {
                if entries.is_empty() {
                    at_first();
                }
                entries.push(row.fields[0].to_owned());
            }
            Err(problem) => problems.push(problem.message),
        }
        ControlFlow::Continue(())
    });
    (entries, problems)
}

fn problems(file: &Path) -> Vec<String> {
    told(file, || {}).1
}

#[test]
fn what_is_no_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(problems(folder.path()), ["cannot be read: a folder, expected a file"]);
    let absent = folder.path().join("absent");
    assert!(problems(&absent)[0].starts_with("cannot be read: No such file"));
    assert_eq!(problems(Path::new("/dev/zero")), ["cannot be read: no regular file"]);
    assert_eq!(version(&absent), None);
}

#[test]
fn a_file_that_changes_while_it_is_read_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("list");
    let begin = || {
        fs::write(&file, "a\nb\n").unwrap();
        let long_ago = SystemTime::now() - Duration::from_secs(1000);
        File::options().append(true).open(&file).unwrap().set_modified(long_ago).unwrap();
    };
    let refused = |at_first: &dyn Fn()| {
        begin();
        let (_, problems) = told(&file, at_first);
        assert_eq!(problems.len(), 1);
        assert!(problems[0].starts_with("changed while it was read"), "{problems:?}");
    };
    refused(&|| File::options().append(true).open(&file).unwrap().write_all(b"c\n").unwrap());
    refused(&|| fs::write(&file, "x\ny\n").unwrap());
    refused(&|| fs::write(&file, "").unwrap());
    begin();
    assert_eq!(told(&file, || {}), (vec!["a".to_owned(), "b".to_owned()], vec![]));
}

/// Renaming a new file over it is how a file is replaced: the one that is open stays whole.
#[test]
fn a_file_that_is_replaced_while_it_is_read_is_read_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let [file, new] = ["list", "new"].map(|name| folder.path().join(name));
    fs::write(&file, "a\nb\n").unwrap();
    fs::write(&new, "c\n").unwrap();
    let replace = || fs::rename(&new, &file).unwrap();
    assert_eq!(told(&file, replace), (vec!["a".to_owned(), "b".to_owned()], vec![]));
    assert_eq!(told(&file, || {}), (vec!["c".to_owned()], vec![]));
}

/// Times of files are coarse: the next change might leave them as they are.
#[test]
fn a_file_that_was_just_written_has_no_version() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("list");
    fs::write(&file, "a\n").unwrap();
    assert_eq!(version(&file), None);
}

#[test]
fn a_file_at_rest_has_a_version_of_its_own() {
    // Those that the system came with.
    let [first, second] = ["/etc/group", "/etc/passwd"].map(|file| version(Path::new(file)));
    assert!(first.is_some() && second.is_some());
    assert_eq!(first, version(Path::new("/etc/group")));
    assert_ne!(first, second);
}
