//! Header parameters: `;name=value` (RFC 3261 25.1 `generic-param`).

use super::Malformed;
use super::lex::{ByteSet, is_token, quoted_end, split_outside, trim};
use std::borrow::Cow;

/// The parameters of a header value, checked but not copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Params<'a> {
    /// Text behind the first semicolon; empty for none.
    raw: &'a str,
}

/// One parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Param<'a> {
    /// Name as written; compare without case.
    pub name: &'a str,
    /// Value as written, with its quotes if it has any; none for a flag.
    pub value: Option<&'a str>,
}

impl<'a> Params<'a> {
    /// Parses what follows the value: empty, or starting with a semicolon.
    pub fn parse(text: &'a str, what: &'static str) -> Result<Self, Malformed> {
        let text = trim(text);
        if text.is_empty() {
            return Ok(Self::default());
        }
        let raw = text.strip_prefix(';').ok_or(Malformed(what))?;
        for part in split_outside(raw, b';') {
            let param = Param::split(part);
            let fits = is_token(param.name) && param.value.is_none_or(is_value);
            if !fits {
                return Err(Malformed(what));
            }
        }
        Ok(Self { raw })
    }

    /// All parameters in order.
    pub fn iter(&self) -> impl Iterator<Item = Param<'a>> + use<'a> {
        let parts = (!self.raw.is_empty()).then(|| split_outside(self.raw, b';'));
        parts.into_iter().flatten().map(Param::split)
    }

    /// The first parameter of that name.
    pub fn get(&self, name: &str) -> Option<Param<'a>> {
        self.iter().find(|param| param.name.eq_ignore_ascii_case(name))
    }

    /// Value of the first parameter of that name, as written; none for a flag too.
    pub fn value(&self, name: &str) -> Option<&'a str> {
        self.get(name).and_then(|param| param.value)
    }

    /// True if there is a parameter of that name.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.raw.is_empty()
    }
}

impl<'a> Param<'a> {
    fn split(text: &'a str) -> Self {
        match text.split_once('=') {
            Some((name, value)) => Self { name: trim(name), value: Some(trim(value)) },
            None => Self { name: text, value: None },
        }
    }

    /// The value without quotes and escapes; empty for a flag.
    pub fn text(&self) -> Cow<'a, str> {
        unquote(self.value.unwrap_or_default())
    }
}

static VALUE: ByteSet = ByteSet::visible_except(b"\"<>,;");

/// token / host (IPv6 too) / quoted-string; bytes beyond the grammar that do no harm are let through.
fn is_value(text: &str) -> bool {
    if text.starts_with('"') {
        return quoted_end(text) == Some(text.len());
    }
    !text.is_empty() && VALUE.has_all(text.as_bytes())
}

/// A quoted string without its quotes and escapes; other text as it is.
pub fn unquote(text: &str) -> Cow<'_, str> {
    let Some(inner) = text.strip_prefix('"').and_then(|t| t.strip_suffix('"')) else {
        return Cow::Borrowed(text);
    };
    if !inner.contains('\\') {
        return Cow::Borrowed(inner);
    }
    let mut plain = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => plain.extend(chars.next()),
            c => plain.push(c),
        }
    }
    Cow::Owned(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_found_in_any_case() {
        let params = Params::parse(r#" ; tag = 98asjd8 ;lr; x="a;\"b" ;q=0.33"#, "To").unwrap();
        assert_eq!(params.value("TAG"), Some("98asjd8"));
        assert!(params.has("lr") && !params.has("l"));
        assert_eq!(params.value("lr"), None);
        assert_eq!(params.get("X").unwrap().text(), "a;\"b");
        assert_eq!(params.iter().count(), 4);
        assert!(Params::parse(" ", "To").unwrap().is_empty());
    }

    #[test]
    fn broken_parameters_are_refused() {
        for text in [
            "x",
            ";",
            ";;a",
            ";a;",
            ";=b",
            ";a=",
            ";a=\"b",
            ";a=\"b\"c",
            ";a b",
            ";a=b c",
            ";a=b,c",
            ";a=<b>",
        ] {
            assert_eq!(Params::parse(text, "To"), Err(Malformed("To")), "{text}");
        }
    }

    #[test]
    fn quotes_and_escapes_are_removed() {
        assert_eq!(unquote(r#""J Rosenberg \\\"""#), r#"J Rosenberg \""#);
        assert_eq!(unquote("plain"), "plain");
        assert_eq!(unquote("\""), "\"");
        assert_eq!(unquote("\"\\\""), "");
    }
}
