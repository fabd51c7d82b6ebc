//! JSON: an object whose members are arrays of strings, or single strings, read as a stream.
//!
//! serde_json asks its reader for one byte at a time, and for at most one beyond the end of a value, so the
//! line of the last byte that the [`Meter`] has given when a value comes is that value's line.

use std::cell::Cell;
use std::fmt;
use std::io::{self, BufRead, Read};
use std::ops::ControlFlow;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::lines::unreadable;
use crate::{LONGEST, Problem, Row, Take, without_mark};

const WHOLE: &str = "an object such as {\"sip:alice@example.com\": [\"tel:+15550100\"]}";

pub(crate) fn read(text: impl BufRead, take: &mut Take<'_>) -> ControlFlow<()> {
    let text = match without_mark(text) {
        Ok(text) => text,
        Err(error) => return take(Err(Problem::whole(unreadable(&error)))),
    };
    let progress = Progress { line: Cell::new(1), ended: Cell::new(false), since: Cell::new(0) };
    let mut parser = serde_json::Deserializer::from_reader(Meter { text, progress: &progress });
    let mut reading = Reading { take, progress: &progress, flow: ControlFlow::Continue(()) };
    let parsed = parser.deserialize_map(Object(&mut reading)).and_then(|()| parser.end());
    match parsed {
        Err(error) if reading.flow.is_continue() => (reading.take)(Err(problem(&error))),
        _ => reading.flow,
    }
}

/// What serde_json says, without the place, which stands beside it.
fn problem(error: &serde_json::Error) -> Problem {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let message = text.strip_suffix(&place).unwrap_or(&text);
    let message = if error.is_io() {
        unreadable(&io::Error::other(message.to_owned()))
    } else if error.is_data() {
        message.to_owned()
    } else {
        format!("not JSON: {message}")
    };
    // At the end of an empty text it counts no line.
    let line = u32::try_from(error.line()).unwrap_or(u32::MAX).max(1);
    Problem::at(line, message)
}

/// How far the text has been read.
struct Progress {
    /// The line that the last byte stands on, from 1.
    line: Cell<u32>,
    /// True if that byte ends the line.
    ended: Cell<bool>,
    /// Bytes since the last value.
    since: Cell<usize>,
}

/// Gives a text byte by byte, counts lines, and stops where a value has no end.
struct Meter<'a, R> {
    text: R,
    progress: &'a Progress,
}

impl<R: BufRead> Read for Meter<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let (Some(into), Some(byte)) = (into.first_mut(), self.text.fill_buf()?.first().copied()) else {
            return Ok(0);
        };
        self.text.consume(1);
        let Progress { line, ended, since } = self.progress;
        if ended.replace(byte == b'\n') {
            line.set(line.get().saturating_add(1));
        }
        match byte {
            // None of them may stand in a string.
            b'\n' | b'\r' | b'\t' => {}
            _ if since.get() > LONGEST => {
                return Err(io::Error::other(format!("a value of more than {LONGEST} bytes")));
            }
            _ => since.set(since.get() + 1),
        }
        *into = byte;
        Ok(1)
    }
}

struct Reading<'a, 't> {
    take: &'a mut Take<'t>,
    progress: &'a Progress,
    flow: ControlFlow<()>,
}

impl Reading<'_, '_> {
    fn line(&self) -> u32 {
        self.progress.line.get()
    }

    /// Hands on what was found, and ends the parsing if nobody wants more.
    fn hand<E: serde::de::Error>(&mut self, line: u32, found: Result<&[&str], String>) -> Result<(), E> {
        self.progress.since.set(0);
        self.flow = (self.take)(match found {
            Ok(fields) => Ok(Row { line, fields }),
            Err(message) => Err(Problem::at(line, message)),
        });
        if self.flow.is_break() { Err(E::custom("not wanted any more")) } else { Ok(()) }
    }
}

/// The whole text.
struct Object<'r, 'a, 't>(&'r mut Reading<'a, 't>);

impl<'de> Visitor<'de> for Object<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(WHOLE)
    }

    fn visit_map<M: MapAccess<'de>>(self, mut members: M) -> Result<(), M::Error> {
        while let Some(name) = members.next_key::<String>()? {
            let name = name.trim();
            let line = self.0.line();
            self.0.hand(line, Ok(&[name]))?;
            members.next_value_seed(Value { name, level: Level::Member, reading: self.0 })?;
        }
        Ok(())
    }
}

#[derive(Clone, Copy)]
enum Level {
    /// Value of a member: an array, or a string that stands for an array of one.
    Member,
    /// Element of that array: a string.
    Element,
}

/// A value below the object. One that does not fit is told, and the reading goes on behind it.
struct Value<'n, 'r, 'a, 't> {
    name: &'n str,
    level: Level,
    reading: &'r mut Reading<'a, 't>,
}

impl Value<'_, '_, '_, '_> {
    fn unfit<E: serde::de::Error>(self, line: u32, found: &str) -> Result<(), E> {
        let expected = match self.level {
            Level::Member => "a string or an array of strings",
            Level::Element => "a string",
        };
        self.reading.hand(line, Err(format!("found {found}, expected {expected}")))
    }

    fn scalar<E: serde::de::Error>(self, found: &str) -> Result<(), E> {
        let line = self.reading.line();
        self.unfit(line, found)
    }
}

impl<'de> DeserializeSeed<'de> for Value<'_, '_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, parser: D) -> Result<(), D::Error> {
        parser.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_, '_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or an array of strings")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        let line = self.reading.line();
        self.reading.hand(line, Ok(&[self.name, text.trim()]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        match self.level {
            Level::Member => {
                let Value { name, reading, .. } = self;
                loop {
                    let element = Value { name, level: Level::Element, reading: &mut *reading };
                    if elements.next_element_seed(element)?.is_none() {
                        return Ok(());
                    }
                }
            }
            Level::Element => {
                let line = self.reading.line();
                while elements.next_element::<IgnoredAny>()?.is_some() {}
                self.unfit(line, "an array")
            }
        }
    }

    fn visit_map<M: MapAccess<'de>>(self, mut members: M) -> Result<(), M::Error> {
        let line = self.reading.line();
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        self.unfit(line, "an object")
    }

    fn visit_bool<E: serde::de::Error>(self, truth: bool) -> Result<(), E> {
        self.scalar(if truth { "true" } else { "false" })
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        self.scalar("null")
    }

    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<(), E> {
        self.scalar("a number")
    }

    fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<(), E> {
        self.scalar("a number")
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<(), E> {
        self.scalar("a number")
    }
}
