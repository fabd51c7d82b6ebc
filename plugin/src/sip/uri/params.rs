//! Parameters and headers of a URI: lists of `name=value`.

use super::super::Malformed;
use super::super::lex::ByteSet;
use super::Host;
use super::escape::{same_unescaped, same_unescaped_any_case, valid_part, write_normal};

const WHAT: Malformed = Malformed("URI parameter");

// What may stand unescaped. Headers are let through with a little more than RFC 3261 25.1 has.
static PARAM: ByteSet = ByteSet::alphanumeric_and(b"-_.!~*'()[]/:&+$");
static HEADER: ByteSet = ByteSet::alphanumeric_and(b"-_.!~*'()[]/?:+$;,@");

/// More than this in one URI is taken for an attack: comparing is quadratic.
const MOST: usize = 64;

/// Parameters that a URI must not lack where the other one has them (RFC 3261 19.1.4).
const TELLING: [&str; 5] = ["transport", "user", "ttl", "method", "maddr"];

/// A checked list of parameters, or of headers, of a URI.
#[derive(Clone, Copy, Debug, Default)]
pub struct UriParams<'a> {
    raw: &'a str,
    separator: u8,
}

impl<'a> UriParams<'a> {
    /// Parses what follows the first semicolon.
    pub(super) fn parse(raw: &'a str) -> Result<Self, Malformed> {
        Self { raw, separator: b';' }.checked(&PARAM)
    }

    /// Parses what follows the question mark.
    pub(super) fn parse_headers(raw: &'a str) -> Result<Self, Malformed> {
        let list = Self { raw, separator: b'&' }.checked(&HEADER)?;
        if list.iter().all(|(_, value)| value.is_some()) { Ok(list) } else { Err(WHAT) }
    }

    fn checked(self, set: &ByteSet) -> Result<Self, Malformed> {
        if self.raw.is_empty() {
            return Err(WHAT);
        }
        for (count, (name, value)) in self.iter().enumerate() {
            let fits =
                !name.is_empty() && valid_part(name, set) && value.is_none_or(|value| valid_part(value, set));
            // A name must not occur twice (RFC 3261 19.1.1); header fields may.
            let twice = || {
                self.separator == b';'
                    && self.iter().take(count).any(|(n, _)| same_unescaped_any_case(n, name))
            };
            if !fits || count >= MOST || twice() {
                return Err(WHAT);
            }
        }
        Ok(self)
    }

    /// Names and values in order, with their escapes.
    pub fn iter(self) -> impl Iterator<Item = (&'a str, Option<&'a str>)> + Clone {
        let separator = char::from(self.separator);
        let parts = (!self.raw.is_empty()).then(|| self.raw.split(separator));
        parts.into_iter().flatten().map(|part| match part.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (part, None),
        })
    }

    /// The parameter of that name, any case: none if absent, `Some(None)` for a flag.
    pub fn get(self, name: &str) -> Option<Option<&'a str>> {
        self.iter().find(|(n, _)| same_unescaped_any_case(n, name)).map(|(_, value)| value)
    }

    /// True if the parameter of that name has this value.
    pub(super) fn is(self, name: &str, value: &str) -> bool {
        matches!(self.get(name), Some(Some(theirs)) if same_unescaped_any_case(theirs, value))
    }

    /// True if there are none.
    pub fn is_empty(self) -> bool {
        self.raw.is_empty()
    }

    /// The list as written, without its first separator.
    pub fn as_str(self) -> &'a str {
        self.raw
    }

    /// Appends the parameters of these names (in lower case), each behind a semicolon, in the form in
    /// which equal ones are the same text.
    pub(super) fn write_kept<'n>(self, names: impl IntoIterator<Item = &'n String>, out: &mut String) {
        for name in names {
            let Some(value) = self.get(name) else { continue };
            out.push(';');
            out.push_str(name);
            let Some(value) = value else { continue };
            out.push('=');
            match Host::parse(value) {
                Ok(address @ Host::V6(_)) => address.write(out),
                _ => write_normal(value, true, out),
            }
        }
    }

    /// RFC 3261 19.1.4: those in both must match, some must be in both or in none.
    pub(super) fn same_params(self, other: Self) -> bool {
        if self.raw == other.raw {
            return true;
        }
        let telling = |name: &str| TELLING.iter().any(|t| same_unescaped_any_case(t, name));
        self.iter().all(|(name, value)| match other.get(name) {
            Some(theirs) => same_value(value, theirs),
            None => !telling(name),
        }) && other.iter().all(|(name, _)| !telling(name) || self.get(name).is_some())
    }

    /// Both have the same names with the same values (RFC 3966 4).
    pub(super) fn same_set(
        self,
        other: Self,
        same: impl Fn(&str, Option<&str>, Option<&str>) -> bool,
    ) -> bool {
        self.raw == other.raw
            || (self.iter().count() == other.iter().count()
                && self.iter().all(|(name, value)| other.get(name).is_some_and(|v| same(name, value, v))))
    }

    /// Every header is in both, with the same value, in any order.
    pub(super) fn same_headers(self, other: Self) -> bool {
        let equal = |a: (&str, Option<&str>), b: (&str, Option<&str>)| {
            same_unescaped_any_case(a.0, b.0)
                && same_unescaped(a.1.unwrap_or_default(), b.1.unwrap_or_default())
        };
        // A header may occur twice, so occurrences are counted.
        let times = |list: Self, header| list.iter().filter(|h| equal(*h, header)).count();
        self.raw == other.raw
            || (self.iter().count() == other.iter().count()
                && self.iter().all(|header| times(self, header) == times(other, header)))
    }
}

pub(super) fn same_value(a: Option<&str>, b: Option<&str>) -> bool {
    match (a, b) {
        (None, None) => true,
        (Some(a), Some(b)) => same_unescaped_any_case(a, b) || same_address(a, b),
        _ => false,
    }
}

/// Both are IPv6 addresses with the same value, as `maddr` may hold them (RFC 5954 4.2).
fn same_address(a: &str, b: &str) -> bool {
    match (Host::parse(a), Host::parse(b)) {
        (Ok(Host::V6(a)), Ok(Host::V6(b))) => a == b,
        _ => false,
    }
}
