//! How publications become one document: `presence.composition`.

use super::Problem;
use super::section::{Section, problem};
use crate::composition::{Policy, Rule};

/// Reads the section; what is not in it stays as [`Policy::DEFAULT`] says.
pub(super) fn read(presence: &Section<'_>, problems: &mut Vec<Problem>) -> Policy {
    let section = presence.section("composition", problems);
    section.only(&["tuples", "persons", "devices"], problems);
    let Policy { tuples, persons, devices } = Policy::DEFAULT;
    Policy {
        tuples: rule(&section, "tuples", tuples, problems),
        persons: rule(&section, "persons", persons, problems),
        devices: rule(&section, "devices", devices, problems),
    }
}

fn rule(section: &Section<'_>, key: &str, default: Rule, problems: &mut Vec<Problem>) -> Rule {
    let Some(value) = section.get(key) else { return default };
    match value.as_str() {
        Some("all") => Rule::All,
        Some("newest") => Rule::Newest,
        Some("merge") => Rule::Merge,
        Some("merge-newest") => Rule::MergeNewest,
        _ => {
            let expected = "one of \"all\", \"newest\", \"merge\", \"merge-newest\"";
            problems.push(problem(&section.dotted(key), value, expected));
            default
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Configuration;
    use super::*;

    #[test]
    fn rules_are_read_one_by_one() {
        let json = r#"{"presence":{"domains":["x"],"composition":{"tuples":"all","persons":"newest"}}}"#;
        let read = Configuration::parse(json).unwrap().composition;
        assert_eq!(read, Policy { tuples: Rule::All, persons: Rule::Newest, devices: Rule::MergeNewest });
        let json =
            r#"{"presence":{"domains":["x"],"composition":{"devices":"merge","tuples":"merge-newest"}}}"#;
        let read = Configuration::parse(json).unwrap().composition;
        assert_eq!(
            read,
            Policy { tuples: Rule::MergeNewest, persons: Rule::MergeNewest, devices: Rule::Merge }
        );
        let json = r#"{"presence":{"domains":["x"],"composition":{"tuples":"both","notes":"all"}}}"#;
        let problems = Configuration::parse(json).unwrap_err();
        let keys: Vec<&str> = problems.iter().map(|problem| problem.key.as_str()).collect();
        assert_eq!(keys, ["presence.composition.notes", "presence.composition.tuples"]);
    }
}
