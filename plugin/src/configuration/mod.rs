//! The plugin's configuration: a JSON object, checked as a whole.

mod composition;
mod external;
mod identity;
mod section;
mod winfo;

pub use identity::{Identities, Lists};

use serde_json::{Map, Value};

use crate::composition::Policy;
use crate::external::source::Source;
use crate::identity::read_domain;
use crate::pidf;
use section::{Section, problem};
pub use winfo::WatcherInfo;

/// A value that does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The key, dotted; empty for the whole.
    pub key: String,
    /// What was found and what was expected.
    pub message: String,
}

/// Bounds of the lifetime of publications and subscriptions, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expires {
    /// Without an Expires header.
    pub default: u32,
    /// Less, but for 0, is answered 423.
    pub min: u32,
    /// More is shortened to this.
    pub max: u32,
}

/// What may be done to the presence of somebody else (RFC 5025 3.2.1), and the decision on
/// a watcher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Accept.
    Allow,
    /// Ask the presentity: pending until then.
    Confirm,
    /// Refuse.
    Block,
    /// Accept, and show a neutral document.
    PoliteBlock,
}

/// Presence rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Off: everybody may watch only themselves.
    pub enabled: bool,
    /// Decision for a presentity without rules.
    pub default: Decision,
    /// Identity conditions are tested with fundamental identities (WPS-41).
    pub map_identities: bool,
}

/// Bounds that keep one presentity or one request from using up the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Live publications of a presentity.
    pub publications: u32,
    /// Subscriptions to a presentity, about.
    pub subscriptions: u32,
    /// Watchers that are notified in the step of the change; the others follow by posts.
    pub inline_watchers: u32,
    /// Watchers that are looked at in each step after that.
    pub chunk: u32,
    /// Bounds on a published document.
    pub document: pidf::Limits,
}

/// The whole configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Configuration {
    /// Domains served: in lower case, in ASCII.
    pub domains: Vec<String>,
    /// Lifetimes.
    pub expires: Expires,
    /// Milliseconds between two notifications of changes to one watcher; 0 for no limit.
    pub notify_interval: u64,
    /// Publications of a presentity that are taken a minute; none for no limit.
    pub publish_rate: Option<u32>,
    /// How publications become one document.
    pub composition: Policy,
    /// How identities are compared and mapped.
    pub identities: Identities,
    /// White and black list.
    pub lists: Lists,
    /// Watcher information.
    pub winfo: WatcherInfo,
    /// Presence rules.
    pub rules: Rules,
    /// Sources of presence outside.
    pub external: Vec<Source>,
    /// Those of them that are switched off, for the operator only.
    pub disabled: Vec<Source>,
    /// Normalized identities under which other communities subscribe here (EXT-21).
    pub peers: Vec<String>,
    /// Normalized identities of this server at other systems: a subscription of one of them has come round in a
    /// circle (RFC 3261 21.4.20).
    pub own_identities: Vec<String>,
    /// Bounds.
    pub limits: Limits,
}

impl Configuration {
    /// Reads the configuration. Keys at the top that are not known are left to others.
    ///
    /// # Errors
    /// Every problem in it.
    pub fn parse(json: &str) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let whole = match serde_json::from_str(json) {
            Ok(Value::Object(object)) => object,
            Ok(other) => return Err(vec![problem("", &other, "an object")]),
            Err(error) => {
                return Err(vec![Problem { key: String::new(), message: format!("no JSON: {error}") }]);
            }
        };
        let configuration = Self::read(&whole, &mut problems);
        if problems.is_empty() { Ok(configuration) } else { Err(problems) }
    }

    fn read(whole: &Map<String, Value>, problems: &mut Vec<Problem>) -> Self {
        let presence = Section::of(whole, "", "presence", problems);
        presence.only(
            &["domains", "expires", "notify_interval", "publish_rate", "composition", "winfo"],
            problems,
        );
        let domains = domains(&presence, problems);
        let expires = expires(&presence, problems);
        let notify_interval = presence.number("notify_interval", 0, 86_400, 5, problems);
        let publish_rate =
            presence.has("publish_rate").then(|| presence.number("publish_rate", 1, 1_000_000, 1, problems));

        let identities = Identities::read(&Section::of(whole, "", "identity", problems), problems);
        let lists = Lists::read(&Section::of(whole, "", "lists", problems), problems);

        let rules_section = Section::of(whole, "", "rules", problems);
        rules_section.only(&["enabled", "default", "map_identities"], problems);
        let rules = Rules {
            enabled: rules_section.flag("enabled", false, problems),
            default: decision(&rules_section, problems),
            map_identities: rules_section.flag("map_identities", false, problems),
        };

        let limits = Section::of(whole, "", "limits", problems);
        let own = ["publications", "subscriptions", "inline_watchers", "chunk", "document"];
        limits.only(&[&own[..], WatcherInfo::LIMITS].concat(), problems);
        let winfo = WatcherInfo::read(&presence, &limits, problems);
        let limits = Limits {
            publications: limits.number("publications", 1, 1_000, 32, problems),
            subscriptions: limits.number("subscriptions", 1, 100_000_000, 100_000, problems),
            inline_watchers: limits.number("inline_watchers", 0, 1_000, 32, problems),
            chunk: limits.number("chunk", 1, 1_000, 100, problems),
            document: pidf::Limits {
                bytes: limits.number("document", 256, 1 << 20, 65_536, problems) as usize,
                ..pidf::Limits::DEFAULT
            },
        };
        let sources = external::read(whole, &identities.normalizer, problems);
        Self {
            domains,
            expires,
            notify_interval: u64::from(notify_interval) * 1_000,
            publish_rate,
            composition: composition::read(&presence, problems),
            external: sources.on,
            peers: sources.peers,
            own_identities: sources.own,
            disabled: sources.off,
            identities,
            lists,
            winfo,
            rules,
            limits,
        }
    }

    /// True if some policy asks for the fundamental identity of senders, and it may be another one
    /// than they were authenticated with.
    #[must_use]
    pub fn maps_senders(&self) -> bool {
        let asked = self.lists.map && (self.lists.white || self.lists.black)
            || self.rules.enabled && self.rules.map_identities;
        asked && (self.identities.mapped || self.identities.component)
    }

    /// True if other communities may watch here.
    #[must_use]
    pub fn has_peers(&self) -> bool {
        !self.peers.is_empty()
    }

    /// True if presence of that domain is kept here. The domain is in ASCII, without a final dot.
    #[must_use]
    pub fn serves(&self, domain: &str) -> bool {
        self.domains.iter().any(|served| served.eq_ignore_ascii_case(domain))
    }
}

fn domains(presence: &Section<'_>, problems: &mut Vec<Problem>) -> Vec<String> {
    let key = || presence.dotted("domains");
    let listed = match presence.get("domains") {
        Some(Value::Array(listed)) if !listed.is_empty() => listed,
        Some(other) => {
            problems.push(problem(&key(), other, "a list of one or more domain names"));
            return Vec::new();
        }
        None => {
            let message = "missing, expected a list of one or more domain names".to_owned();
            problems.push(Problem { key: key(), message });
            return Vec::new();
        }
    };
    let mut domains = Vec::with_capacity(listed.len());
    for (index, value) in listed.iter().enumerate() {
        match value.as_str().and_then(read_domain) {
            Some(domain) => domains.push(domain),
            None => problems.push(problem(&format!("{}.{index}", key()), value, "a domain name")),
        }
    }
    domains
}

fn expires(presence: &Section<'_>, problems: &mut Vec<Problem>) -> Expires {
    const YEAR: u32 = 31_536_000;
    let section = presence.section("expires", problems);
    section.only(&["default", "min", "max"], problems);
    let before = problems.len();
    let expires = Expires {
        default: section.number("default", 1, YEAR, 3_600, problems),
        min: section.number("min", 0, YEAR, 60, problems),
        max: section.number("max", 1, YEAR, 86_400, problems),
    };
    if problems.len() == before {
        let Expires { default, min, max } = expires;
        let mut order = |key: &str, message: String| {
            problems.push(Problem { key: section.dotted(key), message });
        };
        if min > max {
            order("min", format!("{min} is more than presence.expires.max, which is {max}"));
        }
        if default < min || default > max {
            order("default", format!("{default} is not between min ({min}) and max ({max})"));
        }
    }
    expires
}

fn decision(rules: &Section<'_>, problems: &mut Vec<Problem>) -> Decision {
    let Some(value) = rules.get("default") else { return Decision::Confirm };
    match value.as_str() {
        Some("allow") => Decision::Allow,
        Some("confirm") => Decision::Confirm,
        Some("block") => Decision::Block,
        Some("polite-block") => Decision::PoliteBlock,
        _ => {
            let expected = "one of \"allow\", \"confirm\", \"block\", \"polite-block\"";
            problems.push(problem(&rules.dotted("default"), value, expected));
            Decision::Confirm
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_domains_have_to_be_given() {
        let configuration = Configuration::parse(r#"{"presence":{"domains":["Example.COM"]}}"#).unwrap();
        assert_eq!(configuration.expires, Expires { default: 3_600, min: 60, max: 86_400 });
        assert_eq!(configuration.notify_interval, 5_000);
        assert_eq!(configuration.rules.default, Decision::Confirm);
        assert!(!configuration.rules.enabled);
        assert!(configuration.serves("example.com"));
        assert!(configuration.serves("EXAMPLE.com"));
        assert!(!configuration.serves("example.org"));
    }

    #[test]
    fn every_problem_is_told_at_once_with_its_key() {
        let json = r#"{
            "presence": {"domains": ["a b", 3], "expires": {"default": -1, "minimum": 3}, "notify_interval": "5"},
            "rules": {"enabled": "yes", "default": "maybe"},
            "limits": {"chunk": 0},
            "lists": {"white": "left to others"}
        }"#;
        let problems = Configuration::parse(json).unwrap_err();
        let keys: Vec<&str> = problems.iter().map(|problem| problem.key.as_str()).collect();
        let expected = [
            "presence.domains.0",
            "presence.domains.1",
            "presence.expires.minimum",
            "presence.expires.default",
            "presence.notify_interval",
            "rules.enabled",
            "rules.default",
            "limits.chunk",
        ];
        assert_eq!(keys, expected);
        assert!(problems[6].message.contains("polite-block"), "{}", problems[6].message);
    }

    #[test]
    fn lifetimes_have_to_be_in_order() {
        let json = r#"{"presence":{"domains":["x"],"expires":{"default":10,"min":20,"max":15}}}"#;
        let problems = Configuration::parse(json).unwrap_err();
        let keys: Vec<&str> = problems.iter().map(|problem| problem.key.as_str()).collect();
        assert_eq!(keys, ["presence.expires.min", "presence.expires.default"]);
    }

    #[test]
    fn what_is_no_object_is_told() {
        for json in ["", "[]", "{", "null", r#"{"presence":7}"#] {
            assert!(Configuration::parse(json).is_err(), "{json}");
        }
    }
}
