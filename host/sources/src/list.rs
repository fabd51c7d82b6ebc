//! Lists: a value a line.

use std::io::BufRead;
use std::ops::ControlFlow;

use crate::{Row, Take, lines};

pub(crate) fn read(text: impl BufRead, take: &mut Take<'_>) -> ControlFlow<()> {
    lines::each(text, take, |line, text, take| match without_comment(text) {
        "" => ControlFlow::Continue(()),
        entry => take(Ok(Row { line, fields: &[entry] })),
    })
}

/// `#` may stand in an address (RFC 3966 3), hence the blank before it.
fn without_comment(text: &str) -> &str {
    let starts = |at: usize| text[..at].chars().next_back().is_none_or(char::is_whitespace);
    match text.match_indices('#').map(|(at, _)| at).find(|at| starts(*at)) {
        Some(at) => text[..at].trim_end(),
        None => text,
    }
}
