//! `[identity]` and `[lists]`: how identities are compared, and which tables and rules there are.
//!
//! Where the tables come from, and when they are read again, is the host's business; here it counts
//! only whether they are there.

use serde_json::Value;

use super::Problem;
use super::section::{Section, problem};
use crate::identity::{Normalizer, Telephone};

/// More parameters than anybody has reason to keep.
const MOST_PARAMETERS: usize = 16;

/// `[identity]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identities {
    /// Settings of the normalizer.
    pub normalizer: Normalizer,
    /// There is an identity map.
    pub mapped: bool,
    /// There is a component with the site's own rules.
    pub component: bool,
    /// Identities that a registrar names together are one presentity, where nothing else is provisioned. White and
    /// black list, rules and the directories of sources go by what is provisioned.
    pub learned: bool,
}

impl Identities {
    pub(super) fn read(section: &Section<'_>, problems: &mut Vec<Problem>) -> Self {
        Self {
            normalizer: normalizer(&section.section("normalizer", problems), problems),
            mapped: is_named(section, "map", problems),
            component: is_named(section, "component", problems),
            learned: learned(section, problems),
        }
    }
}

/// `[lists]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lists {
    /// There is a list of those who may do everything.
    pub white: bool,
    /// There is a list of those who may do nothing.
    pub black: bool,
    /// Listed identities and senders are compared by their fundamental identities (WPS-19, WPS-20).
    pub map: bool,
}

impl Lists {
    pub(super) fn read(section: &Section<'_>, problems: &mut Vec<Problem>) -> Self {
        Self {
            white: is_named(section, "white", problems),
            black: is_named(section, "black", problems),
            map: section.flag("map", true, problems),
        }
    }
}

/// True if a source is named, with its path or, by hosts that have no files, with `true`.
pub(super) fn is_named(section: &Section<'_>, key: &str, problems: &mut Vec<Problem>) -> bool {
    match section.get(key) {
        None | Some(Value::Null | Value::Bool(false)) => false,
        Some(Value::Bool(true)) => true,
        Some(Value::String(path)) if !path.is_empty() => true,
        Some(other) => {
            problems.push(problem(&section.dotted(key), other, "the path of a file"));
            false
        }
    }
}

fn learned(section: &Section<'_>, problems: &mut Vec<Problem>) -> bool {
    match section.get("learn") {
        None | Some(Value::Null) => false,
        Some(Value::String(source)) if source == "registrar" => true,
        Some(other) => {
            problems.push(problem(&section.dotted("learn"), other, "\"registrar\""));
            false
        }
    }
}

fn normalizer(section: &Section<'_>, problems: &mut Vec<Problem>) -> Normalizer {
    section.only(
        &[
            "case_sensitive_user",
            "strip_port",
            "keep_parameters",
            "ignore_scheme",
            "pres_as_sip",
            "telephone",
        ],
        problems,
    );
    let default = Normalizer::default();
    let ignore_scheme = section.flag("ignore_scheme", default.ignore_scheme, problems);
    let pres_as_sip = section.flag("pres_as_sip", default.pres_as_sip || ignore_scheme, problems);
    if ignore_scheme && !pres_as_sip {
        let message = "found false, but identity.normalizer.ignore_scheme is true".to_owned();
        problems.push(Problem { key: section.dotted("pres_as_sip"), message });
    }
    Normalizer {
        case_sensitive_user: section.flag("case_sensitive_user", default.case_sensitive_user, problems),
        strip_port: section.flag("strip_port", default.strip_port, problems),
        keep_parameters: keep_parameters(section, problems),
        ignore_scheme,
        pres_as_sip,
        telephone: telephone(section, ignore_scheme, problems),
    }
}

fn keep_parameters(section: &Section<'_>, problems: &mut Vec<Problem>) -> Vec<String> {
    let key = || section.dotted("keep_parameters");
    let listed = match section.get("keep_parameters") {
        None => return Vec::new(),
        Some(Value::Array(listed)) if listed.len() <= MOST_PARAMETERS => listed,
        Some(other) => {
            let expected = format!("a list of at most {MOST_PARAMETERS} names of URI parameters");
            problems.push(problem(&key(), other, &expected));
            return Vec::new();
        }
    };
    let mut names = Vec::with_capacity(listed.len());
    let fits = |name: &str| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    };
    for (index, value) in listed.iter().enumerate() {
        match value.as_str() {
            Some(name) if fits(name) => names.push(name.to_ascii_lowercase()),
            _ => problems.push(problem(&format!("{}.{index}", key()), value, "the name of a URI parameter")),
        }
    }
    names.sort_unstable();
    names.dedup();
    names
}

fn telephone(section: &Section<'_>, ignore_scheme: bool, problems: &mut Vec<Problem>) -> Telephone {
    match section.get("telephone").map(|value| (value, value.as_str())) {
        // A number is one identity, whichever scheme it is written in.
        None if ignore_scheme => Telephone::Tel,
        None => Telephone::default(),
        Some((_, Some("sip"))) => Telephone::Sip,
        Some((_, Some("tel"))) => Telephone::Tel,
        Some((_, Some("global"))) => Telephone::Global,
        Some((value, _)) => {
            let expected = "one of \"sip\", \"tel\", \"global\"";
            problems.push(problem(&section.dotted("telephone"), value, expected));
            Telephone::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Configuration;
    use super::*;

    fn with(more: &str) -> Result<Configuration, Vec<Problem>> {
        Configuration::parse(&format!(r#"{{"presence":{{"domains":["example.com"]}},{more}}}"#))
    }

    #[test]
    fn without_the_sections_there_is_no_table_and_the_defaults_hold() {
        let configuration = with(r#""identity":{},"lists":{}"#).unwrap();
        assert_eq!(configuration.identities, Identities::default());
        assert_eq!(configuration.lists, Lists { white: false, black: false, map: true });
    }

    #[test]
    fn sources_are_there_when_they_are_named() {
        let configuration = with(
            r#""identity":{"map":"identities.json","reload":60,"component":true},
               "lists":{"black":"b.txt","white":null,"map":false,"reload":3600}"#,
        )
        .unwrap();
        assert!(configuration.identities.mapped && configuration.identities.component);
        assert_eq!(configuration.lists, Lists { white: false, black: true, map: false });
    }

    #[test]
    fn every_problem_is_told() {
        let problems = with(
            r#""identity":{"map":7,"normalizer":{"strip_ports":true,"telephone":"fax","ignore_scheme":1,
                "keep_parameters":["user",3,"a b"]}},
               "lists":{"white":[],"map":"yes"}"#,
        )
        .unwrap_err();
        let keys: Vec<&str> = problems.iter().map(|problem| problem.key.as_str()).collect();
        let expected = [
            "identity.normalizer.strip_ports",
            "identity.normalizer.ignore_scheme",
            "identity.normalizer.keep_parameters.1",
            "identity.normalizer.keep_parameters.2",
            "identity.normalizer.telephone",
            "identity.map",
            "lists.white",
            "lists.map",
        ];
        assert_eq!(keys, expected);
    }

    #[test]
    fn presence_uris_cannot_be_apart_where_schemes_do_not_count() {
        let problems = with(r#""identity":{"normalizer":{"ignore_scheme":true,"pres_as_sip":false}}"#);
        assert_eq!(problems.unwrap_err()[0].key, "identity.normalizer.pres_as_sip");
    }
}
