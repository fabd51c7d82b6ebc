//! `[external]`: sources of presence outside, and how the server deals with them (WPS-14).

use serde_json::{Map, Value};

use super::Problem;
use super::section::{Section, problem};
use crate::external::kind::{self, SourceKind};
use crate::external::source::{Credentials, Network, Source, Start};
use crate::identity::{Normalizer, read_domain};
use crate::sip::{Identity, Uri};

/// More sources than anybody has.
const MOST: usize = 64;
/// Longest name of a source, in bytes.
const NAME: usize = 64;
const DAY: u32 = 86_400;

/// Keys of every source.
const COMMON: &[&str] = &[
    "name",
    "enabled",
    "super_user",
    "target",
    "domain",
    "identities",
    "start",
    "grace",
    "expires",
    "rate",
    "retry",
    "credentials",
    "peers",
];

/// All sources.
#[derive(Default)]
pub(super) struct Sources {
    /// Those that are asked.
    pub on: Vec<Source>,
    /// Those with `enabled = false`.
    pub off: Vec<Source>,
    /// Identities under which communities ask here (EXT-21), of those that are asked and of others.
    pub peers: Vec<String>,
    /// Normalized identities of this server at the sources that are asked.
    pub own: Vec<String>,
}

pub(super) fn read(
    whole: &Map<String, Value>,
    normalizer: &Normalizer,
    problems: &mut Vec<Problem>,
) -> Sources {
    let section = Section::of(whole, "", "external", problems);
    // How often the files are looked at is the host's business.
    let known: Vec<&str> = ["super_user", "asks_as", "reload"]
        .into_iter()
        .chain(SourceKind::all().map(SourceKind::name))
        .collect();
    section.only(&known, problems);
    let super_user = section.get("super_user").and_then(|value| uri(&section, "super_user", value, problems));
    let peers = asks_as(&section, normalizer, problems);
    let mut sources = Sources { peers, ..Sources::default() };
    for kind in SourceKind::all() {
        for entry in section.entries(kind.name(), MOST, problems) {
            let key = entry.dotted("name");
            // Also of one that is not asked for now.
            sources.peers.extend(asks_as(&entry, normalizer, problems));
            let Some(source) = source(kind, &entry, super_user.as_deref(), problems) else {
                continue;
            };
            if sources.on.iter().chain(&sources.off).any(|known| known.name == source.name) {
                let message = format!("{:?} is the name of another source already", source.name);
                problems.push(Problem { key, message });
            } else if entry.flag("enabled", true, problems) {
                let own = normalizer.read(&source.super_user).map(Identity::into_string);
                sources.own.extend(own.ok().filter(|own| !sources.own.contains(own)));
                sources.on.push(source);
            } else {
                sources.off.push(source);
            }
        }
    }
    sources
}

fn source(
    kind: SourceKind,
    entry: &Section<'_>,
    super_user: Option<&str>,
    problems: &mut Vec<Problem>,
) -> Option<Source> {
    // Settings that only some kinds have are not there for the others.
    entry.only(&[COMMON, kind::of(kind).settings()].concat(), problems);
    let before = problems.len();
    let domain = entry.get("domain").and_then(|value| {
        let domain = value.as_str().and_then(read_domain);
        if domain.is_none() {
            problems.push(problem(&entry.dotted("domain"), value, "a domain name"));
        }
        domain
    });
    let listed = super::identity::is_named(entry, "identities", problems);
    if domain.is_none() && !listed && problems.len() == before {
        let message = "missing, as is domain: one of them has to say whom the source knows".to_owned();
        problems.push(Problem { key: entry.dotted("identities"), message });
    }
    let name = match entry.get("name") {
        None => domain.clone(),
        Some(value) => {
            Some(value.as_str().filter(|name| is_name(name)).map(str::to_owned).unwrap_or_else(|| {
                let expected = format!("1 to {NAME} of a-z, 0-9, dot, hyphen and underscore");
                problems.push(problem(&entry.dotted("name"), value, &expected));
                String::new()
            }))
        }
    };
    if name.is_none() && problems.len() == before {
        problems.push(Problem { key: entry.dotted("name"), message: "missing, expected a name".to_owned() });
    }
    let own = entry.get("super_user").and_then(|value| uri(entry, "super_user", value, problems));
    let super_user = own.or_else(|| super_user.map(str::to_owned));
    if super_user.is_none() && !entry.has("super_user") {
        let message = "missing, and external.super_user too: expected the server's own SIP URI".to_owned();
        problems.push(Problem { key: entry.dotted("super_user"), message });
    }
    let targets = targets(entry, problems);
    let start = match entry.get("start").map(|value| (value, value.as_str())) {
        None | Some((_, Some("demand"))) => Start::Demand,
        Some((_, Some("always"))) => Start::Always,
        Some((value, _)) => {
            problems.push(problem(&entry.dotted("start"), value, "\"demand\" or \"always\""));
            Start::Demand
        }
    };
    let retry = entry.section("retry", problems);
    retry.only(&["min", "max"], problems);
    let min = retry.number("min", 1, DAY, 5, problems);
    let max = retry.number("max", 1, DAY, 600.max(min), problems);
    if max < min {
        let message = format!("found {max}, expected no less than min, which is {min}");
        problems.push(Problem { key: retry.dotted("max"), message });
    }
    let source = Source {
        kind,
        id: Source::id_of(name.as_deref().unwrap_or_default()),
        name: name.unwrap_or_default(),
        super_user: super_user.unwrap_or_default(),
        targets,
        domain,
        listed,
        start,
        grace: u64::from(entry.number("grace", 0, DAY, 60, problems)) * 1_000,
        expires: entry.has("expires").then(|| entry.number("expires", 60, 30 * DAY, 3_600, problems)),
        rate: entry.number("rate", 1, 100_000, 100, problems),
        retry: (u64::from(min) * 1_000, u64::from(max) * 1_000),
        credentials: credentials(entry, problems),
        peers: peers(entry, problems),
        third_party: entry.flag("third_party", false, problems),
    };
    (problems.len() == before).then_some(source)
}

fn is_name(name: &str) -> bool {
    let fits = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-');
    (1..=NAME).contains(&name.len()) && name.bytes().all(fits)
}

/// A SIP URI.
fn uri(section: &Section<'_>, key: &str, value: &Value, problems: &mut Vec<Problem>) -> Option<String> {
    let uri = value.as_str().filter(|text| is_sip(text)).map(str::to_owned);
    if uri.is_none() {
        problems.push(problem(&section.dotted(key), value, "a sip or sips URI"));
    }
    uri
}

fn is_sip(text: &str) -> bool {
    matches!(Uri::parse(text), Ok(Uri::Sip(_)))
}

/// The values of a key that holds one or several.
fn several<'v>(
    section: &Section<'v>,
    key: &str,
    expected: &str,
    problems: &mut Vec<Problem>,
) -> Vec<(String, &'v Value)> {
    match section.get(key) {
        None => Vec::new(),
        Some(Value::Array(all)) if !all.is_empty() && all.len() <= MOST => {
            let place = |(index, value)| (format!("{}.{index}", section.dotted(key)), value);
            all.iter().enumerate().map(place).collect()
        }
        Some(value @ Value::String(_)) => vec![(section.dotted(key), value)],
        Some(value) => {
            problems.push(problem(&section.dotted(key), value, expected));
            Vec::new()
        }
    }
}

fn targets(section: &Section<'_>, problems: &mut Vec<Problem>) -> Vec<String> {
    const EXPECTED: &str = "a sip or sips URI, or a list of them";
    if section.get("target").is_none() {
        let message = format!("missing, expected {EXPECTED}");
        problems.push(Problem { key: section.dotted("target"), message });
    }
    let mut targets = Vec::new();
    for (key, value) in several(section, "target", EXPECTED, problems) {
        match value.as_str() {
            Some(text) if is_sip(text) => targets.push(text.to_owned()),
            _ => problems.push(problem(&key, value, "a sip or sips URI")),
        }
    }
    targets
}

fn peers(section: &Section<'_>, problems: &mut Vec<Problem>) -> Vec<Network> {
    const EXPECTED: &str = "a network such as \"192.0.2.0/24\", or an IP address";
    let mut networks = Vec::new();
    for (key, value) in several(section, "peers", EXPECTED, problems) {
        match value.as_str().and_then(Network::parse) {
            Some(network) => networks.push(network),
            None => problems.push(problem(&key, value, EXPECTED)),
        }
    }
    networks
}

fn asks_as(section: &Section<'_>, normalizer: &Normalizer, problems: &mut Vec<Problem>) -> Vec<String> {
    let mut identities = Vec::new();
    for (key, value) in several(section, "asks_as", "a URI, or a list of them", problems) {
        match value.as_str().and_then(|text| normalizer.read(text).ok()) {
            Some(identity) => identities.push(identity.as_str().to_owned()),
            None => problems.push(problem(&key, value, "a URI")),
        }
    }
    identities
}

fn credentials(section: &Section<'_>, problems: &mut Vec<Problem>) -> Option<Credentials> {
    if !section.has("credentials") {
        return None;
    }
    let credentials = section.section("credentials", problems);
    credentials.only(&["username", "password"], problems);
    let mut text = |key: &str| match credentials.get(key) {
        Some(Value::String(text)) if !text.is_empty() && !text.contains(['\r', '\n']) => text.clone(),
        // What stands there is not told: it may be the password.
        _ => {
            let message = "missing, or no text of one line".to_owned();
            problems.push(Problem { key: credentials.dotted(key), message });
            String::new()
        }
    };
    Some(Credentials { username: text("username"), password: text("password") })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_json(json: &str) -> (Vec<Source>, Vec<String>) {
        let whole = serde_json::from_str(json).unwrap();
        let mut problems = Vec::new();
        let sources = read(&whole, &Normalizer::default(), &mut problems);
        assert!(sources.off.iter().all(|source| source.name == "off"));
        (sources.on, problems.into_iter().map(|problem| problem.key).collect())
    }

    #[test]
    fn a_source_needs_little() {
        let (sources, problems) = read_json(
            r#"{"external": {
                "super_user": "sip:presence@example.com",
                "registrar": [{"domain": "Example.com", "target": "sip:127.0.0.1:6060"}],
                "community": [
                    {"name": "partner", "target": ["sip:a", "sip:b"], "identities": "partner.json",
                     "asks_as": "sip:presence@Partner.example", "peers": "192.0.2.1"},
                    {"name": "off", "target": "sip:a", "identities": true, "enabled": false}
                ]
            }}"#,
        );
        assert_eq!(problems, Vec::<String>::new());
        let [registrar, partner] = &sources[..] else { panic!("{sources:?}") };
        assert_eq!(
            (registrar.name.as_str(), registrar.domain.as_deref()),
            ("example.com", Some("example.com"))
        );
        assert_eq!((registrar.grace, registrar.rate, registrar.retry), (60_000, 100, (5_000, 600_000)));
        assert_eq!(partner.targets, ["sip:a", "sip:b"]);
        assert_eq!(partner.super_user, "sip:presence@example.com");
        assert!(partner.listed && !registrar.listed);
    }

    /// EXT-21: who asks, is not asked, or is not asked for now is a community all the same.
    #[test]
    fn communities_that_ask_here_are_known() {
        let json = r#"{"presence": {"domains": ["x"]}, "external": {
            "super_user": "sip:presence@x", "asks_as": "sip:p@other.example:5060",
            "community": [
                {"name": "on", "target": "sip:a", "identities": "f", "asks_as": ["sip:p@On.example", "sip:q@on.example"]},
                {"name": "off", "target": "sip:a", "identities": "f", "enabled": false, "asks_as": "sip:p@off.example"}]}}"#;
        let configuration = crate::configuration::Configuration::parse(json).unwrap();
        let expected = ["sip:p@other.example", "sip:p@on.example", "sip:q@on.example", "sip:p@off.example"];
        assert_eq!(configuration.peers, expected);
        let problems =
            crate::configuration::Configuration::parse(&json.replace("\"sip:p@other.example:5060\"", "7"));
        assert_eq!(problems.unwrap_err()[0].key, "external.asks_as");
    }

    #[test]
    fn every_problem_is_told_and_no_password() {
        let (_, problems) = read_json(
            r#"{"external": {
                "super": 1,
                "registrar": [{"target": "tel:1"}, 7, {"domain": "x", "target": "sip:x", "asks_as": "sip:x"}],
                "community": [{"name": "A", "target": "sip:x", "identities": "f", "super_user": "sip:p@x",
                    "credentials": {"password": 77}, "retry": {"min": 9, "max": 8}, "start": "later"}]
            }}"#,
        );
        let expected = [
            "external.super",
            "external.registrar.1",
            "external.registrar.0.identities",
            "external.registrar.0.super_user",
            "external.registrar.0.target",
            "external.registrar.2.asks_as",
            "external.registrar.2.super_user",
            "external.community.0.name",
            "external.community.0.start",
            "external.community.0.retry.max",
            "external.community.0.credentials.username",
            "external.community.0.credentials.password",
        ];
        assert_eq!(problems, expected);
    }
}
