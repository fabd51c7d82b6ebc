//! Components that are withheld, for people.

use std::fmt::Write;

use crate::admin::{Withheld, WithheldFor};
use crate::readable::{date, printable};

/// What is withheld, two lines each, the last one noted first.
pub fn text(withheld: &[Withheld]) -> String {
    if withheld.is_empty() {
        return "no component is withheld\n".to_owned();
    }
    let mut text = String::new();
    for Withheld { digest, what, withheld, at, why } in withheld {
        let became = became(*withheld);
        let _ = writeln!(text, "{} {became} {}: {}", printable(what), date(*at), printable(why));
        let _ = writeln!(text, "  {digest}");
    }
    text.push_str("not taken from the watched folder; rollcall swap FILE puts one in force all the same\n");
    text
}

/// What has become of a component, in words.
pub fn became(withheld: WithheldFor) -> &'static str {
    match withheld {
        WithheldFor::Withdrawn => "was withdrawn",
        WithheldFor::RolledBack => "was rolled back",
        WithheldFor::Refused => "was refused",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_told_with_when_and_why() {
        let withheld = Withheld {
            digest: "00ff".into(),
            what: "test 1.1.0\u{1b}".into(),
            withheld: WithheldFor::Withdrawn,
            at: 1_700_000_000_000,
            why: "5 steps failed".into(),
        };
        let expected = "test 1.1.0\\u{1b} was withdrawn Tue, 14 Nov 2023 22:13:20 GMT: 5 steps failed\n  00ff\n\
            not taken from the watched folder; rollcall swap FILE puts one in force all the same\n";
        assert_eq!(text(&[withheld]), expected);
        assert_eq!(text(&[]), "no component is withheld\n");
    }
}
