//! What values may look like: from a TOML value to a typed one, or what was expected instead.

use std::borrow::Cow;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;

use toml::de::{DeInteger, DeValue};

/// What would have fitted, as the end of the sentence "found …, expected …".
pub(super) type Expected = Cow<'static, str>;

/// Longest piece of a value that is shown in a problem, in characters.
const SHOWN: usize = 60;

pub(super) fn boolean(value: &DeValue<'_>) -> Result<bool, Expected> {
    value.as_bool().ok_or(Cow::Borrowed("true or false"))
}

pub(super) fn text(value: &DeValue<'_>) -> Result<String, Expected> {
    value.as_str().map(str::to_owned).ok_or(Cow::Borrowed("a string"))
}

/// An integer in a range.
pub(super) fn integer(range: RangeInclusive<u64>) -> impl Fn(&DeValue<'_>) -> Result<u64, Expected> {
    move |value| {
        value
            .as_integer()
            .and_then(unsigned)
            .filter(|number| range.contains(number))
            .ok_or_else(|| from_to(range.start(), range.end()))
    }
}

/// An integer in a range, for counting.
pub(super) fn count(range: RangeInclusive<usize>) -> impl Fn(&DeValue<'_>) -> Result<usize, Expected> {
    move |value| {
        value
            .as_integer()
            .and_then(unsigned)
            .and_then(|number| usize::try_from(number).ok())
            .filter(|number| range.contains(number))
            .ok_or_else(|| from_to(range.start(), range.end()))
    }
}

fn from_to(least: impl Display, most: impl Display) -> Expected {
    format!("an integer from {least} to {most}").into()
}

/// A string that one of the standard parsers takes.
pub(super) fn parsed<T: std::str::FromStr>(
    expected: &'static str,
) -> impl Fn(&DeValue<'_>) -> Result<T, Expected> {
    move |value| value.as_str().and_then(|text| text.parse().ok()).ok_or(Cow::Borrowed(expected))
}

/// One of a few words.
pub(super) fn one_of<T: Copy>(words: &[(&str, T)]) -> impl Fn(&DeValue<'_>) -> Result<T, Expected> {
    move |value| {
        let word = value.as_str().unwrap_or_default();
        words.iter().find(|(name, _)| *name == word).map(|(_, meaning)| *meaning).ok_or_else(|| {
            let names: Vec<String> = words.iter().map(|(name, _)| format!("{name:?}")).collect();
            names.join(" or ").into()
        })
    }
}

/// A duration written with its unit, such as `"20ms"` or `"2s"`.
pub(super) fn duration(
    range: RangeInclusive<Duration>,
) -> impl Fn(&DeValue<'_>) -> Result<Duration, Expected> {
    move |value| {
        value
            .as_str()
            .and_then(|text| measured(text, &[("us", 1), ("ms", 1000), ("s", 1_000_000)]))
            .map(Duration::from_micros)
            .filter(|duration| range.contains(duration))
            .ok_or_else(|| {
                let [least, most] = [range.start(), range.end()].map(Duration::as_millis);
                format!("a duration from \"{least}ms\" to \"{most}ms\", such as \"20ms\" or \"2s\"").into()
            })
    }
}

/// An amount of memory written with its unit, such as `"64MiB"`, in bytes.
pub(super) fn memory(range: RangeInclusive<usize>) -> impl Fn(&DeValue<'_>) -> Result<usize, Expected> {
    const UNITS: &[(&str, u64)] = &[("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];
    move |value| {
        value
            .as_str()
            .and_then(|text| measured(text, UNITS))
            .and_then(|bytes| usize::try_from(bytes).ok())
            .filter(|bytes| range.contains(bytes))
            .ok_or_else(|| {
                let [least, most] = [range.start(), range.end()].map(|bytes| bytes >> 10);
                format!("an amount of memory from \"{least}KiB\" to \"{most}KiB\", such as \"64MiB\"").into()
            })
    }
}

fn measured(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim_start())?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

fn unsigned(integer: &DeInteger<'_>) -> Option<u64> {
    u64::from_str_radix(integer.as_str(), integer.radix()).ok()
}

/// A value as it is shown in a problem.
pub(super) fn shown(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => {
            let mut short: String = text.chars().take(SHOWN).collect();
            if short.len() < text.len() {
                short.push('…');
            }
            format!("{short:?}")
        }
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(truth) => truth.to_string(),
        DeValue::Datetime(instant) => instant.to_string(),
        DeValue::Array(_) => "an array".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}
