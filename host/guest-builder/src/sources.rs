//! What a component was built from.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::Error;

/// Sources of a core module, from the list that cargo leaves beside it, and the manifests above them.
pub(crate) fn of_artifact(module: &Path, package: &Path) -> Result<Vec<PathBuf>, Error> {
    let list = module.with_extension("d");
    let text = std::fs::read_to_string(&list).map_err(|error| Error::file(&list, error))?;
    let mut sources: BTreeSet<PathBuf> = dependencies(&text).into_iter().collect();
    let mut manifests = BTreeSet::new();
    for source in sources.iter().map(PathBuf::as_path).chain([package]) {
        // The nearest manifest is the package's; the ones above may be its workspace's.
        for folder in source.ancestors() {
            for name in ["Cargo.toml", "Cargo.lock"] {
                let manifest = folder.join(name);
                if !manifests.contains(&manifest) && manifest.is_file() {
                    manifests.insert(manifest);
                }
            }
            if folder.join("Cargo.lock").is_file() {
                break;
            }
        }
    }
    sources.extend(manifests);
    Ok(sources.into_iter().collect())
}

/// The right side of the one rule in a dep-info file: paths with `\ ` for a space.
fn dependencies(text: &str) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    for rule in text.lines() {
        let Some((_, list)) = rule.split_once(": ") else { continue };
        let mut path = String::new();
        let mut characters = list.chars().peekable();
        while let Some(character) = characters.next() {
            match character {
                '\\' if characters.peek() == Some(&' ') => {
                    characters.next();
                    path.push(' ');
                }
                ' ' => paths.extend(take(&mut path)),
                other => path.push(other),
            }
        }
        paths.extend(take(&mut path));
    }
    paths
}

fn take(path: &mut String) -> Option<PathBuf> {
    (!path.is_empty()).then(|| PathBuf::from(std::mem::take(path)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_with_spaces_stay_whole() {
        let found = dependencies("/t/g.wasm: /a/src/lib.rs /b\\ c/x.wit  /d\n");
        assert_eq!(found, ["/a/src/lib.rs", "/b c/x.wit", "/d"].map(PathBuf::from));
    }

    #[test]
    fn the_manifest_and_the_lock_of_this_package_are_watched() {
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        let folder = std::env::temp_dir().join(format!("rollcall-guest-builder-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let source = package.join("src/lib.rs");
        std::fs::write(folder.join("g.d"), format!("g.wasm: {}\n", source.display())).unwrap();
        let found = of_artifact(&folder.join("g.wasm"), package);
        std::fs::remove_dir_all(&folder).unwrap();
        let root = package.ancestors().find(|folder| folder.join("Cargo.lock").is_file()).unwrap();
        let found = found.unwrap();
        for wanted in [source, package.join("Cargo.toml"), root.join("Cargo.toml"), root.join("Cargo.lock")] {
            assert!(found.contains(&wanted), "{}", wanted.display());
        }
    }
}
