//! Small scanners over header values (RFC 3261 25.1).

/// True for the characters of a `token`.
pub(crate) fn is_token_char(c: u8) -> bool {
    c.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&c)
}

/// True for a `token`: not empty.
pub(crate) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().copied().all(is_token_char)
}

/// True for linear white space inside a line.
pub(crate) fn is_space(c: u8) -> bool {
    c == b' ' || c == b'\t'
}

/// Position of the first byte from `at` on that is no white space.
pub(crate) fn skip_space(bytes: &[u8], at: usize) -> usize {
    at + bytes.iter().skip(at).take_while(|&&c| is_space(c)).count()
}

/// The range without white space at its ends.
pub(crate) fn trim(bytes: &[u8], mut start: usize, mut end: usize) -> (usize, usize) {
    while start < end && bytes.get(start).copied().is_some_and(is_space) {
        start += 1;
    }
    while start < end && bytes.get(end - 1).copied().is_some_and(is_space) {
        end -= 1;
    }
    (start, end)
}

/// Position after the quoted string that starts at `at`; none if it is not closed.
pub(crate) fn skip_quoted(bytes: &[u8], at: usize) -> Option<usize> {
    let mut i = at + 1;
    loop {
        match bytes.get(i)? {
            b'"' => return Some(i + 1),
            b'\\' => i += 2,
            _ => i += 1,
        }
    }
}

/// End of the comma-separated value that starts at `at`. Commas in quotes and in `<>` do not separate. None if
/// a quote is not closed.
pub(crate) fn value_end(bytes: &[u8], at: usize) -> Option<usize> {
    let mut i = at;
    let mut angle = false;
    while let Some(&c) = bytes.get(i) {
        match c {
            b'"' if !angle => i = skip_quoted(bytes, i)?,
            b'<' => {
                angle = true;
                i += 1;
            }
            b'>' => {
                angle = false;
                i += 1;
            }
            b',' if !angle => return Some(i),
            _ => i += 1,
        }
    }
    Some(i)
}

/// The comma-separated values of a field, trimmed. An open quote ends the list with what is left.
pub(crate) fn values(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut at = Some(0);
    std::iter::from_fn(move || {
        let start = at?;
        let end = value_end(bytes, start).unwrap_or(bytes.len());
        at = (end < bytes.len()).then_some(end + 1);
        let (from, to) = trim(bytes, start, end);
        Some(bytes.get(from..to).unwrap_or_default())
    })
}

/// The first comma-separated value.
pub(crate) fn first_value(bytes: &[u8]) -> &[u8] {
    values(bytes).next().unwrap_or_default()
}

/// A decimal number of digits only, at most `max`.
pub(crate) fn decimal(bytes: &[u8], max: u64) -> Option<u64> {
    if bytes.is_empty() {
        return None;
    }
    let mut n: u64 = 0;
    for &c in bytes {
        if !c.is_ascii_digit() {
            return None;
        }
        n = n.checked_mul(10)?.checked_add(u64::from(c - b'0'))?;
        if n > max {
            return None;
        }
    }
    Some(n)
}

/// One `;name=value` of a parameter list, as offsets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Param {
    /// Offset of the `;`.
    pub(crate) semicolon: usize,
    pub(crate) name: (usize, usize),
    pub(crate) value: Option<(usize, usize)>,
    /// Offset after the last byte of the parameter.
    pub(crate) end: usize,
}

/// The parameter whose `;` is expected at or after white space from `at`. `Ok(None)` at the end of the list
/// (end of value or a comma), `Err` for what is no parameter list.
pub(crate) fn param(bytes: &[u8], at: usize) -> Result<Option<Param>, ()> {
    let semicolon = skip_space(bytes, at);
    match bytes.get(semicolon) {
        None | Some(b',') => return Ok(None),
        Some(b';') => {}
        Some(_) => return Err(()),
    }
    let name = skip_space(bytes, semicolon + 1);
    let name_end = name + bytes.iter().skip(name).take_while(|&&c| is_token_char(c)).count();
    if name_end == name {
        return Err(());
    }
    let after = skip_space(bytes, name_end);
    if bytes.get(after) != Some(&b'=') {
        return Ok(Some(Param { semicolon, name: (name, name_end), value: None, end: name_end }));
    }
    let value = skip_space(bytes, after + 1);
    let value_end = if bytes.get(value) == Some(&b'"') {
        skip_quoted(bytes, value).ok_or(())?
    } else {
        // A token, or a host with the brackets and colons of an IPv6 reference.
        value + bytes.iter().skip(value).take_while(|&&c| !is_space(c) && !b";,\"<>".contains(&c)).count()
    };
    if value_end == value {
        return Err(());
    }
    Ok(Some(Param { semicolon, name: (name, name_end), value: Some((value, value_end)), end: value_end }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_in_quotes_and_angle_brackets_do_not_separate() {
        let all: Vec<&[u8]> = values(b"\"a, \\\"b\" <sip:x,y@z>;q=1 , b").collect();
        assert_eq!(all, [b"\"a, \\\"b\" <sip:x,y@z>;q=1".as_slice(), b"b"]);
    }

    #[test]
    fn decimal_refuses_signs_overflow_and_more_than_the_maximum() {
        assert_eq!(decimal(b"0068", 255), Some(68));
        assert_eq!(decimal(b"-1", 255), None);
        assert_eq!(decimal(b"", 255), None);
        assert_eq!(decimal(b"256", 255), None);
        assert_eq!(decimal(b"99999999999999999999999999", u64::MAX), None);
    }
}
