//! Markup that both readers take apart themselves.

use super::NotWellFormed;
use super::encoding::{self, Encoding};
use super::lexical::{is_name, next_attribute};

/// What stands between the marks of a piece of markup, whose kind is known.
pub(crate) fn within<'a>(raw: &'a str, open: &str, close: &str) -> Result<&'a str, NotWellFormed> {
    debug_assert!(raw.starts_with(open) && raw.ends_with(close), "{raw}");
    raw.len()
        .checked_sub(close.len())
        .and_then(|end| raw.get(open.len()..end))
        .ok_or(NotWellFormed("syntax error"))
}

/// Production 23 of XML 1.0.
pub(crate) fn declaration(mut rest: &str, encoding: Encoding, text: &str) -> Result<(), NotWellFormed> {
    const INVALID: NotWellFormed = NotWellFormed("invalid XML declaration");
    let mut next = || next_attribute(&mut rest);
    match next()? {
        Some(("version", version)) if version.strip_prefix("1.").is_some_and(is_number) => {}
        _ => return Err(INVALID),
    }
    let mut attribute = next()?;
    if let Some(("encoding", name)) = attribute {
        if !encoding::agrees(name, encoding, text) {
            return Err(NotWellFormed("encoding is neither UTF-8 nor UTF-16"));
        }
        attribute = next()?;
    }
    if let Some(("standalone", "yes" | "no")) = attribute {
        attribute = next()?;
    }
    if attribute.is_none() { Ok(()) } else { Err(INVALID) }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The target of a processing instruction may be any name but `xml`.
pub(crate) fn instruction(inside: &str) -> Result<(), NotWellFormed> {
    let target = inside.split([' ', '\t', '\r', '\n']).next().unwrap_or_default();
    if is_name(target) && !target.eq_ignore_ascii_case("xml") {
        Ok(())
    } else {
        Err(NotWellFormed("invalid processing instruction"))
    }
}
