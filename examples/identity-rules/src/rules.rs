//! The rules of a made-up site, `example.com`. Pure functions of text: no clock, no network, no memory
//! of earlier calls.

/// The site's domain.
const DOMAIN: &str = "example.com";

/// A domain of the site that was given up.
const CLOSED: &str = "old.example.com";

/// What an extension of three to five digits is called from outside.
const TRUNK: &str = "+49891234";

/// What the site's PBX puts in front of the users that it dials for.
const PBX_PREFIX: &str = "pbx-";

/// The form in which an identity is compared. `normalized` is what Rollcall makes of `uri` by its own
/// rules; the error says why there is none.
///
/// - `sip:4711@example.com;user=phone` is the telephone number `tel:+498912344711`.
/// - `sip:pbx-alice@example.com` is `sip:alice@example.com`.
/// - Nobody is at `old.example.com` any more.
/// - All else stays as Rollcall has it.
pub fn normalize(uri: &str, normalized: &str) -> Result<String, String> {
    if let Some((user, DOMAIN)) = address(uri)
        && is_extension(user)
        && has_parameter(uri, "user=phone")
    {
        return Ok(format!("tel:{TRUNK}{user}"));
    }
    match address(normalized) {
        Some((_, CLOSED)) => Err(format!("the domain {CLOSED} is closed")),
        Some((user, DOMAIN)) => {
            Ok(user.strip_prefix(PBX_PREFIX).map_or_else(|| normalized.to_owned(), at_home))
        }
        _ => Ok(normalized.to_owned()),
    }
}

/// The identity that a person has, whatever they are called by. `mapped` is what Rollcall's identity map
/// says: `identity` itself where it has no entry.
///
/// The mail addresses of the site, `alice.smith`, are aliases of its accounts, `asmith`.
pub fn fundamental(identity: &str, mapped: &str) -> String {
    if identity != mapped {
        return mapped.to_owned();
    }
    let account = address(identity)
        .filter(|(_, domain)| *domain == DOMAIN)
        .and_then(|(user, _)| user.split_once('.'))
        .filter(|(_, family)| !family.is_empty() && !family.contains('.'))
        .and_then(|(given, family)| Some(format!("{}{family}", given.chars().next()?)));
    account.map_or_else(|| mapped.to_owned(), |account| at_home(&account))
}

fn at_home(user: &str) -> String {
    format!("sip:{user}@{DOMAIN}")
}

/// User and host of a SIP URI, without its password, port, parameters and header fields.
fn address(uri: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = uri.split_once(':')?;
    if !["sip", "sips"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return None;
    }
    let (user, rest) = rest.split_once('@')?;
    let user = user.split(':').next()?;
    let host = rest.split([':', ';', '?']).next()?;
    (!user.is_empty()).then_some((user, host))
}

fn is_extension(user: &str) -> bool {
    (3..=5).contains(&user.len()) && user.bytes().all(|byte| byte.is_ascii_digit())
}

fn has_parameter(uri: &str, wanted: &str) -> bool {
    let parameters = uri.split('?').next().unwrap_or(uri).split(';').skip(1);
    parameters.into_iter().any(|parameter| parameter.eq_ignore_ascii_case(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extensions_are_telephone_numbers() {
        let number = Ok("tel:+498912344711".to_owned());
        assert_eq!(normalize("sip:4711@example.com;user=phone", "sip:4711@example.com"), number);
        assert_eq!(normalize("SIP:4711:pw@example.com:5060;x;User=Phone", "any"), number);
        for other in
            ["sip:4711@example.com", "sip:47@example.com;user=phone", "sip:4711@else.example;user=phone"]
        {
            assert_eq!(normalize(other, "as it was").unwrap(), "as it was", "{other}");
        }
    }

    #[test]
    fn the_prefix_of_the_pbx_is_no_part_of_a_name() {
        let normalized = "sip:pbx-alice@example.com";
        assert_eq!(normalize("sip:pbx-alice@EXAMPLE.com", normalized).unwrap(), "sip:alice@example.com");
        let elsewhere = "sip:pbx-alice@example.net";
        assert_eq!(normalize(elsewhere, elsewhere).unwrap(), elsewhere);
    }

    #[test]
    fn a_closed_domain_is_refused() {
        let closed = "sip:alice@old.example.com";
        assert!(normalize(closed, closed).unwrap_err().contains("old.example.com"));
    }

    #[test]
    fn dotted_aliases_are_accounts_unless_the_map_knows_better() {
        let alias = "sip:alice.smith@example.com";
        assert_eq!(fundamental(alias, alias), "sip:asmith@example.com");
        assert_eq!(fundamental(alias, "sip:boss@example.com"), "sip:boss@example.com");
        for other in [
            "sip:alice@example.com",
            "sip:.smith@example.com",
            "sip:alice.@example.com",
            "sip:a.b.c@example.com",
            "sip:alice.smith@example.net",
            "tel:+15550100",
            "",
        ] {
            assert_eq!(fundamental(other, other), other);
        }
    }
}
