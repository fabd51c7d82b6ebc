//! Lines of a text: bounded, in UTF-8, counted.

use std::io::{self, BufRead};
use std::ops::ControlFlow;

use crate::{LONGEST, Problem, Take, without_mark};

/// Calls `each` with the number and the text of every line that has one, without its end and without
/// blanks around it. Lines that are too long or no UTF-8 are told as problems.
pub(crate) fn each(
    text: impl BufRead,
    take: &mut Take<'_>,
    mut each: impl FnMut(u32, &str, &mut Take<'_>) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let mut text = match without_mark(text) {
        Ok(text) => text,
        Err(error) => return take(Err(Problem::whole(unreadable(&error)))),
    };
    let mut line = Vec::new();
    let mut number = 0u32;
    loop {
        number = number.saturating_add(1);
        line.clear();
        match next(&mut text, &mut line) {
            Ok(Next::End) => return ControlFlow::Continue(()),
            Ok(Next::Line) => match std::str::from_utf8(&line).map(str::trim) {
                Ok("") => {}
                Ok(text) => each(number, text, take)?,
                Err(_) => take(Err(Problem::at(number, "not UTF-8")))?,
            },
            Ok(Next::TooLong) => {
                take(Err(Problem::at(number, format!("longer than {LONGEST} bytes"))))?;
            }
            Err(error) => return take(Err(Problem::at(number, unreadable(&error)))),
        }
    }
}

pub(crate) fn unreadable(error: &io::Error) -> String {
    format!("cannot be read: {error}")
}

enum Next {
    Line,
    TooLong,
    End,
}

/// Reads to the end of a line, which is not put into `line`, nor is anything beyond the bound.
fn next(text: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<Next> {
    let (mut any, mut too_long) = (false, false);
    loop {
        let piece = match text.fill_buf() {
            Ok(piece) => piece,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        any |= !piece.is_empty();
        let end = memchr::memchr(b'\n', piece);
        let content = &piece[..end.unwrap_or(piece.len())];
        too_long |= line.len() + content.len() > LONGEST;
        if !too_long {
            line.extend_from_slice(content);
        }
        let (done, used) = (end.is_some() || piece.is_empty(), content.len() + usize::from(end.is_some()));
        text.consume(used);
        if done {
            return Ok(match (any, too_long) {
                (false, _) => Next::End,
                (true, false) => Next::Line,
                (true, true) => Next::TooLong,
            });
        }
    }
}
