//! Telephone numbers (RFC 3966).

use super::super::Malformed;
use super::escape::{same_unescaped_any_case, write_normal};
use super::params::{UriParams, same_value};

const WHAT: Malformed = Malformed("tel URI");

/// Parts of a `tel:` URI.
#[derive(Clone, Copy, Debug)]
pub struct TelUri<'a> {
    /// The number as written, with `+` if it is global and with visual separators.
    pub number: &'a str,
    /// Parameters.
    pub params: UriParams<'a>,
}

impl<'a> TelUri<'a> {
    /// Parses what follows `tel:`. A local number without `phone-context` is let through.
    pub(crate) fn parse(rest: &'a str) -> Result<Self, Malformed> {
        let (number, params) = match memchr::memchr(b';', rest.as_bytes()) {
            Some(at) => (&rest[..at], UriParams::parse(&rest[at + 1..])?),
            None => (rest, UriParams::default()),
        };
        let digits = number.strip_prefix('+');
        let fits = match digits {
            Some(global) => global.bytes().all(|b| b.is_ascii_digit() || is_separator(b)),
            None => {
                number.bytes().all(|b| b.is_ascii_hexdigit() || matches!(b, b'*' | b'#') || is_separator(b))
            }
        };
        if !fits || plain(digits.unwrap_or(number)).next().is_none() {
            return Err(WHAT);
        }
        Ok(Self { number, params })
    }

    /// True if the number starts with `+`.
    pub fn is_global(&self) -> bool {
        self.number.starts_with('+')
    }

    /// True if the number means the same everywhere: it is global, or says what it is local to.
    pub(crate) fn is_unambiguous(&self) -> bool {
        self.is_global() || matches!(self.params.get("phone-context"), Some(Some(_)))
    }

    /// Appends the number in its one canonical form: lower case, no visual separators, then `ext`,
    /// `phone-context` and, of the other parameters, those `kept` (names in lower case, in the order wanted).
    pub(crate) fn write(&self, kept: &[String], out: &mut String) {
        out.extend(plain(self.number));
        if self.params.is_empty() {
            return;
        }
        for name in ["ext", "phone-context"] {
            let Some(Some(value)) = self.params.get(name) else { continue };
            out.push(';');
            out.push_str(name);
            out.push('=');
            let mut normal = String::with_capacity(value.len());
            write_normal(value, true, &mut normal);
            if name == "ext" || normal.starts_with('+') {
                out.extend(plain(&normal));
            } else {
                out.push_str(&normal);
            }
        }
        let others = kept.iter().filter(|name| !matches!(name.as_str(), "ext" | "phone-context"));
        self.params.write_kept(others, out);
    }
}

fn is_separator(byte: u8) -> bool {
    matches!(byte, b'-' | b'.' | b'(' | b')')
}

/// The characters without visual separators, in lower case.
fn plain(text: &str) -> impl Iterator<Item = char> + '_ {
    text.bytes().filter(|b| !is_separator(*b)).map(|b| char::from(b.to_ascii_lowercase()))
}

impl PartialEq for TelUri<'_> {
    /// RFC 3966 4.
    fn eq(&self, other: &Self) -> bool {
        let same = |name: &str, a: Option<&str>, b: Option<&str>| {
            let number = |v: Option<&str>| v.is_some_and(|v| v.starts_with('+'));
            let separated = same_unescaped_any_case(name, "ext")
                || (same_unescaped_any_case(name, "phone-context") && number(a) && number(b));
            match (a, b) {
                (Some(a), Some(b)) if separated => plain(a).eq(plain(b)),
                _ => same_value(a, b),
            }
        };
        plain(self.number).eq(plain(other.number)) && self.params.same_set(other.params, same)
    }
}
