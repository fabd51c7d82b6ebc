//! Entries for fuzzers.

use super::{Identified, Patch, apply, difference};
use crate::xml::{Limits, Namespaces, Text, canonical};

const LIMITS: Limits = Limits { bytes: 65_536, depth: 32, nodes: 12_288, attributes: 64, namespaces: 128 };

/// Applies the second document in `data`, after a zero byte, to the first as a patch. What comes
/// out is well-formed and reads as what was written.
///
/// # Panics
/// If it is not, which is what the fuzzer looks for.
pub fn patch(data: &[u8]) {
    let Some(zero) = data.iter().position(|byte| *byte == 0) else { return };
    let (target, patch) = data.split_at(zero);
    let patch = patch.get(1..).unwrap_or_default();
    let (Ok(target), Ok(patch)) = (Text::decode(target, &LIMITS), Text::decode(patch, &LIMITS)) else {
        return;
    };
    let mut namespaces = Namespaces::default();
    let (Ok(target), Ok(patch)) =
        (target.read(&mut namespaces, &LIMITS), patch.read(&mut namespaces, &LIMITS))
    else {
        return;
    };
    let Some(Ok(patch)) = patch.root().map(Patch::new) else { return };
    let identified = Identified::presence(&mut namespaces);
    let Ok(patched) = apply(target, &patch, &mut namespaces, &identified, None, &LIMITS) else { return };
    let written = canonical(&patched, &namespaces, usize::MAX).unwrap_or_default();
    let again = Text::decode(&written, &Limits::TRUSTED);
    let again = again.as_ref().map(|text| text.read(&mut namespaces, &Limits::TRUSTED));
    if let Ok(Ok(again)) = again {
        assert_eq!(canonical(&again, &namespaces, usize::MAX), Ok(written.clone()));
    } else {
        // A declaration that was replaced may have made two attributes one.
        assert!(written.is_empty() || again.is_ok(), "{:?}", String::from_utf8_lossy(&written));
    }
}

/// Finds what leads from the first document in `data` to the second, after a zero byte, and goes there.
///
/// # Panics
/// If it leads elsewhere, which is what the fuzzer looks for.
pub fn diff(data: &[u8]) {
    let Some(zero) = data.iter().position(|byte| *byte == 0) else { return };
    let (old, new) = data.split_at(zero);
    let (Ok(old), Ok(new)) =
        (Text::decode(old, &LIMITS), Text::decode(new.get(1..).unwrap_or_default(), &LIMITS))
    else {
        return;
    };
    let mut namespaces = Namespaces::default();
    let (Ok(old), Ok(new)) = (old.read(&mut namespaces, &LIMITS), new.read(&mut namespaces, &LIMITS)) else {
        return;
    };
    check(old, new, namespaces);
}

/// Goes from one document to another by a patch, if there is one, and compares.
fn check(mut old: crate::xml::Document<'_>, mut new: crate::xml::Document<'_>, mut namespaces: Namespaces) {
    // What stands around the roots is left out of account.
    old.nodes.retain(|node| node.element().is_some());
    new.nodes.retain(|node| node.element().is_some());
    let base = old.clone();
    let Some(found) = difference(&base, &new, &namespaces, "patch-operation", usize::MAX) else { return };
    let mut text = b"<patch-operation:d xmlns:patch-operation=\"urn:patch\"".to_vec();
    for declaration in &found.declarations {
        let colon = if declaration.prefix.is_empty() { "" } else { ":" };
        text.extend_from_slice(format!(" xmlns{colon}{}=\"", declaration.prefix).as_bytes());
        crate::xml::literal(namespaces.uri(declaration.namespace), &mut text);
        text.push(b'"');
    }
    text.push(b'>');
    text.extend_from_slice(&found.operations);
    text.extend_from_slice(b"</patch-operation:d>");
    let shown = String::from_utf8_lossy(&text).into_owned();
    let decoded = Text::decode(&text, &Limits::TRUSTED);
    assert!(decoded.is_ok(), "{shown}");
    let Ok(decoded) = decoded else { return };
    let read = decoded.read(&mut namespaces, &Limits::TRUSTED);
    assert!(read.is_ok(), "{shown}: {read:?}");
    let Ok(read) = read else { return };
    let Some(Ok(patch)) = read.root().map(Patch::new) else { return };
    let identified = Identified::default();
    match apply(old, &patch, &mut namespaces, &identified, None, &Limits::TRUSTED) {
        Ok(patched) => assert_eq!(
            canonical(&patched, &namespaces, usize::MAX)
                .map(|text| String::from_utf8_lossy(&text).into_owned()),
            canonical(&new, &namespaces, usize::MAX).map(|text| String::from_utf8_lossy(&text).into_owned()),
            "{shown}"
        ),
        // Fuzzers find documents on which the work is not worth it.
        Err(error) => assert_eq!(error.problem, super::Problem::TooMuchWork, "{shown}"),
    }
}
