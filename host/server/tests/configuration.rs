//! What a bad configuration is told, and what a good one means.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;
use std::time::Duration;

use rollcall_server::configuration::{
    Configuration, IdentityRules, Limits, Reading, Refusals, StorageEngine, TableFile, TableRefusal,
    line_number,
};
use rollcall_sources::Format;

const GOOD: &str = "[sip]\nlisten = ['udp:127.0.0.1:0']\n[storage]\npath = 'data'\n";

fn parse(text: &str) -> Result<Configuration, Vec<String>> {
    Configuration::parse(Path::new("/etc/rollcall/r.toml"), text)
        .and_then(Reading::finish)
        .map_err(|problems| problems.0.iter().map(|problem| problem.to_string()).collect())
}

/// Each bad file with everything that is said about it.
#[test]
fn every_problem_is_told_with_file_line_key_and_what_was_expected() {
    let table: &[(&str, &[&str])] = &[
        (
            "",
            &[
                "sip.listen: missing, expected an array such as [\"udp:127.0.0.1:5060\", \"tcp:127.0.0.1:5060\"]",
                "storage.path: missing, expected the folder to keep the records in",
            ],
        ),
        (
            "[sip]\nlisten = ['upd:127.0.0.1:5060', 5, 'tcp:localhost:5060']\ntrusted = ['10.0.0.0/40']\n\
             [storage]\npath = 7\nlive_memory = 100\n",
            &[
                "2: sip.listen[0]: found \"upd:127.0.0.1:5060\", expected \"udp:ADDRESS:PORT\" or \"tcp:ADDRESS:PORT\", with an IP address ([…] around IPv6)",
                "2: sip.listen[1]: found 5, expected \"udp:ADDRESS:PORT\" or \"tcp:ADDRESS:PORT\", with an IP address ([…] around IPv6)",
                "2: sip.listen[2]: found \"tcp:localhost:5060\", expected \"udp:ADDRESS:PORT\" or \"tcp:ADDRESS:PORT\", with an IP address ([…] around IPv6)",
                "3: sip.trusted[0]: found \"10.0.0.0/40\", expected a network such as \"192.0.2.0/24\", or an IP address",
                "5: storage.path: found 7, expected a string",
                "6: storage.live_memory: found 100, expected an amount of memory from \"1024KiB\" to \"1073741824KiB\", such as \"64MiB\"",
            ],
        ),
        (
            "[sip]\nlisten = []\nlitsen = 1\n[storge]\n[storage]\nengine = 'redb'\npath = 'd'\n",
            &[
                "2: sip.listen: found an array, expected at least one address",
                "3: sip.litsen: unknown key, did you mean \"listen\"?",
                "4: storge: unknown key, did you mean \"storage\"?",
                "6: storage.engine: found \"redb\", expected \"fjall\" or \"memory\"",
            ],
        ),
        (
            "[sip]\nlisten = ['udp:0.0.0.0:5060']\n[storage]\nengine = 'memory'\nflush_interval = '1500ms'\n",
            &[
                "2: sip.listen: found an array, expected sip.advertise beside an address that stands for all, since peers cannot be told to come back to that",
                "5: storage.flush_interval: found \"1500ms\", expected a duration from \"10ms\" to \"1000ms\", such as \"20ms\" or \"2s\"",
            ],
        ),
        (
            &format!(
                "{GOOD}[documents]\npath = 'd'\n[external]\nreload = 'x'\n[[external.registrar]]\nname = 'a'\n\
                 identities = 'a.txt'\nenabled = 1\n[[external.registrar]]\ndomain = 'b\u{fc}ro.example'\n\
                 credentials = {{ username = 'u', password_file = '/nonexistent/password' }}\n\
                 [[external.community]]\nname = 'c'\ncredentials = {{ password = 'x', password_file = 5 }}\n"
            ),
            &[
                "5: documents: not supported by this version",
                "8: external.reload: found \"x\", expected an integer from 0 to 31536000",
                "11: external.registrar[0].identities: found \"a.txt\", expected a name that ends in .json or .csv",
                "12: external.registrar[0].enabled: found 1, expected true or false",
                "13: external.registrar[1].name: missing, expected a name of a-z, 0-9, dot, hyphen and underscore, for a domain that is written otherwise",
                "15: external.registrar[1].credentials.password_file: /nonexistent/password: cannot be read: No such file or directory (os error 2)",
                "18: external.community[0].credentials.password_file: found 5, expected the path of a file",
            ],
        ),
        (
            &format!(
                "{GOOD}[identity]\nmap = 'map.xml'\nreload = -1\ncomponent = ''\ntime_limit = '2s'\n\
                 nomralizer = {{}}\n[lists]\nwhite = 5\nblakc = 'b'\nreload = '1h'\n"
            ),
            &[
                "6: identity.map: found \"map.xml\", expected a name that ends in .json or .csv, or identity.format beside it",
                "7: identity.reload: found -1, expected an integer from 0 to 31536000",
                "8: identity.component: found \"\", expected the path of a file",
                "9: identity.time_limit: found \"2s\", expected a duration from \"1ms\" to \"1000ms\", such as \"20ms\" or \"2s\"",
                "10: identity.nomralizer: unknown key, did you mean \"normalizer\"?",
                "12: lists.white: found 5, expected the path of a file",
                "13: lists.blakc: unknown key, did you mean \"black\"?",
                "14: lists.reload: found \"1h\", expected an integer from 0 to 31536000",
            ],
        ),
        (
            &format!("{GOOD}[identity]\nmap = 'map.json'\nformat = 'xml'\n"),
            &["7: identity.format: found \"xml\", expected \"json\" or \"csv\""],
        ),
        (
            &format!(
                "{GOOD}[plugin.limits]\ndeadline = 5\nmemory = '3TiB'\nhost_calls = -1\n\
                 [admin]\n[log]\nfilter = 'a=b=c'\nformat = 'xml'\n[testing]\nclock = 'yes'\n\
                 [presence]\nexpires = inf\nmin = 99999999999999999999\n"
            ),
            &[
                "6: plugin.limits.deadline: found 5, expected a duration from \"10ms\" to \"60000ms\", such as \"20ms\" or \"2s\"",
                "7: plugin.limits.memory: found \"3TiB\", expected an amount of memory from \"1024KiB\" to \"2097152KiB\", such as \"64MiB\"",
                "8: plugin.limits.host_calls: found -1, expected an integer from 100 to 100000000",
                "9: admin.listen: missing, expected an address and a port such as \"127.0.0.1:8080\"",
                "11: log.filter: found \"a=b=c\", expected a filter such as \"info\" or \"warn,rollcall_sip=debug\"",
                "12: log.format: found \"xml\", expected \"compact\" or \"json\"",
                "14: testing.clock: found \"yes\", expected true or false",
                "16: presence.expires: found inf, expected a finite number",
                "17: presence.min: found 99999999999999999999, expected an integer of at most 64 bits",
            ],
        ),
        (
            "sip = 1\nstorage = { path = 'd' }\n",
            &[
                "1: sip: found 1, expected a table",
                "1: sip.listen: missing, expected an array such as [\"udp:127.0.0.1:5060\", \"tcp:127.0.0.1:5060\"]",
            ],
        ),
        ("[sip\nlisten = \n", &["1: not TOML: unclosed table, expected `]`"]),
        ("[sip]\nlisten = ['udp:127.0.0.1:0']\nlisten = []\n", &["3: not TOML: duplicate key"]),
    ];
    for (text, expected) in table {
        let expected: Vec<String> = expected
            .iter()
            .map(|line| {
                let separator = if line.starts_with(|c: char| c.is_ascii_digit()) { ":" } else { ": " };
                format!("/etc/rollcall/r.toml{separator}{line}")
            })
            .collect();
        assert_eq!(parse(text).unwrap_err(), expected, "for\n{text}");
    }
}

#[test]
fn problems_of_the_component_get_the_lines_of_their_keys() {
    let text = format!("{GOOD}[presence]\ndomains = [\n  'a',\n  'b c',\n]\nexpires = {{ min = 90 }}\n");
    let configuration = parse(&text).unwrap();
    let said = [
        ("presence.expires.default", "found nothing"),
        ("presence.domains[1]", "found \"b c\", expected a domain"),
        ("rules", "missing"),
    ];
    let said = said.map(|(key, message)| (key.to_owned(), message.to_owned()));
    let problems = configuration.refused(&Refusals { keys: said.into(), tables: Vec::new() });
    let lines: Vec<String> = problems.0.iter().map(|problem| problem.to_string()).collect();
    assert_eq!(
        lines,
        [
            "/etc/rollcall/r.toml: rules: missing",
            "/etc/rollcall/r.toml:8: presence.domains[1]: found \"b c\", expected a domain",
            "/etc/rollcall/r.toml:10: presence.expires.default: found nothing",
        ]
    );
}

#[test]
fn problems_of_host_and_component_are_told_together() {
    let text = "[presence]\ndomains = []\n[sip]\nlisten = ['udp:x']\n[storage]\npath = 'data'\n";
    let mut reading = Configuration::parse(Path::new("r.toml"), text).unwrap();
    assert!(reading.has_problems());
    let keys = vec![("presence.domains".into(), "found none, expected at least one".into())];
    reading.add_refused(&Refusals { keys, tables: Vec::new() });
    let lines: Vec<Option<usize>> =
        reading.finish().unwrap_err().0.iter().map(|problem| problem.line).collect();
    assert_eq!(lines, [Some(2), Some(4)]);
}

#[test]
fn the_sections_of_the_component_are_handed_on_as_json() {
    let text = format!(
        "{GOOD}[presence]\ndomains = ['example.com']\nexpires = {{ default = 3_600, min = 0x3c }}\n\
         since = 2026-01-01\n[rules]\nenabled = true\nshare = 0.5\n"
    );
    let settings: serde_json::Value =
        serde_json::from_str(&parse(&text).unwrap().plugin.given.settings).unwrap();
    assert_eq!(
        settings,
        serde_json::json!({
            "presence": {
                "domains": ["example.com"],
                "expires": { "default": 3600, "min": 60 },
                "since": "2026-01-01",
            },
            "rules": { "enabled": true, "share": 0.5 },
        })
    );
}

#[test]
fn what_is_not_said_has_a_default_and_paths_are_relative_to_the_file() {
    let configuration = parse(&format!("{GOOD}[plugin]\ncomponent = 'p.wasm'\n")).unwrap();
    assert_eq!(configuration.storage.engine, StorageEngine::Fjall { path: "/etc/rollcall/data".into() });
    assert_eq!(configuration.plugin.component.as_deref(), Some(Path::new("/etc/rollcall/p.wasm")));
    assert_eq!(configuration.plugin.limits, Limits::default());
    assert_eq!(configuration.plugin.given.settings, "{}");
    assert_eq!(configuration.admin, None);
    assert!(!configuration.testing.clock);
    assert!(configuration.sip.trusted.is_empty(), "nobody is believed unless the operator says so");
}

#[test]
fn amounts_are_written_with_their_units() {
    let text = format!(
        "{GOOD}commit_interval = '500us'\nflush_interval = '1 s'\nlive_memory = '2GiB'\n\
         [plugin.limits]\ndeadline = '50ms'\nmemory = '512KiB'\n"
    );
    let found = "/etc/rollcall/r.toml:10: plugin.limits.memory: found \"512KiB\", expected an amount of \
                 memory from \"1024KiB\" to \"2097152KiB\", such as \"64MiB\"";
    assert_eq!(parse(&text).unwrap_err(), [found]);
    let configuration = parse(&text.replace("512KiB", "2MiB")).unwrap();
    assert_eq!(configuration.storage.commit_interval, Some(Duration::from_micros(500)));
    assert_eq!(configuration.storage.flush_interval, Some(Duration::from_secs(1)));
    assert_eq!(configuration.storage.live_memory, Some(2 << 30));
    assert_eq!(configuration.plugin.limits.deadline, Some(Duration::from_millis(50)));
    assert_eq!(configuration.plugin.limits.memory, Some(2 << 20));
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = Configuration::read(Path::new("/nonexistent/r.toml")).unwrap_err();
    assert!(error.to_string().starts_with("/nonexistent/r.toml: cannot be read: "), "{error}");
}

#[test]
fn files_of_identities_and_lists_become_tables() {
    let text = format!(
        "{GOOD}[identity]\nmap = 'map.CSV'\nreload = 0\ncomponent = '/opt/rules.wasm'\ntime_limit = '20ms'\n\
         normalizer = {{ strip_port = true }}\n[lists]\nblack = 'black.txt'\nmap = false\n"
    );
    let given = parse(&text).unwrap().plugin.given;
    let hour = Some(Duration::from_secs(3600));
    let file = |table, key: &str, file: &str, format, reload| {
        let (key, file) = (String::from(key), Path::new("/etc/rollcall").join(file));
        TableFile { table, key, file, format, label: None, reload }
    };
    let map = file("identities", "identity.map", "map.CSV", Format::Csv, None);
    let black = file("black", "lists.black", "black.txt", Format::List, hour);
    assert_eq!(given.tables, [map, black]);
    let rules =
        IdentityRules { component: "/opt/rules.wasm".into(), time_limit: Some(Duration::from_millis(20)) };
    assert_eq!(given.identity_rules, Some(rules));
    let settings: serde_json::Value = serde_json::from_str(&given.settings).unwrap();
    assert_eq!(settings["identity"]["normalizer"], serde_json::json!({ "strip_port": true }));
    assert_eq!(settings["identity"]["map"], "map.CSV");
    assert_eq!(settings["lists"], serde_json::json!({ "black": "black.txt", "map": false }));

    let named = parse(&format!("{GOOD}[identity]\nmap = 'map'\nformat = 'json'\n[lists]\n")).unwrap();
    let map = file("identities", "identity.map", "map", Format::Json, hour);
    assert_eq!(named.plugin.given.tables, [map]);
    assert_eq!(parse(GOOD).unwrap().plugin.given.tables, []);
}

/// Those of the configuration come first; then those of each file, by line.
#[test]
fn problems_of_files_are_told_with_file_and_line() {
    let text = format!("{GOOD}[lists]\nwhite = 'white.txt'\nblack = 'black.txt'\n");
    let mut reading = Configuration::parse(Path::new("/etc/rollcall/r.toml"), &text).unwrap();
    let refusal = |table: &str, first: &[(u32, &str)], total| TableRefusal {
        table: table.to_owned(),
        first: first.iter().map(|(line, message)| (*line, (*message).to_owned())).collect(),
        total,
    };
    reading.add_refused(&Refusals {
        keys: vec![("rules.default".into(), "found 7".into())],
        tables: vec![
            refusal("white", &[(0, "cannot be read: gone")], 1),
            refusal("black", &[(12, "no URI"), (3, "not UTF-8")], 5),
        ],
    });
    let told = reading.finish().unwrap_err();
    assert_eq!(
        told.to_string(),
        "/etc/rollcall/r.toml: rules.default: found 7\n\
         /etc/rollcall/r.toml:6: lists.white: /etc/rollcall/white.txt: cannot be read: gone\n\
         /etc/rollcall/r.toml:7: lists.black: /etc/rollcall/black.txt: 3 more problems\n\
         /etc/rollcall/black.txt:3: not UTF-8\n\
         /etc/rollcall/black.txt:12: no URI\n\
         5 problems; nothing was started"
    );
}

const SOURCES: &str = "[external]\nsuper_user = 'sip:presence@example.com'\nreload = 60\n\
    [[external.registrar]]\ndomain = 'Example.com'\ntarget = 'sip:a'\n\
    [[external.community]]\nname = 'partner'\nidentities = 'partner.json'\n\
    [[external.community]]\nname = 'off'\nidentities = 'off.json'\nenabled = false\n\
    [[external.community]]\nname = 'other'\nidentities = 'other.csv'\n";

/// WPS-14: one table of whom the sources know, from a file of each that has one.
#[test]
fn the_files_of_all_sources_become_one_table() {
    let given = parse(&format!("{GOOD}{SOURCES}")).unwrap().plugin.given;
    assert_eq!(given.sources, ["partner", "other", "example.com"]);
    let table = |number: usize, name: &str, file: &str, format| TableFile {
        table: "external",
        key: format!("external.community[{number}].identities"),
        file: Path::new("/etc/rollcall").join(file),
        format,
        label: Some(name.to_owned()),
        reload: Some(Duration::from_secs(60)),
    };
    let [partner, other] =
        [table(0, "partner", "partner.json", Format::Json), table(2, "other", "other.csv", Format::Csv)];
    assert_eq!(given.tables, [partner, other]);
    let settings: serde_json::Value = serde_json::from_str(&given.settings).unwrap();
    assert_eq!(settings["external"]["community"][0]["name"], "partner");
    assert_eq!(settings["external"]["super_user"], "sip:presence@example.com");
}

/// WPS-14: each problem with its file and line, whatever the number of files behind the table; and keys of
/// the component in arrays of tables.
#[test]
fn problems_of_sources_are_told_with_file_and_line() {
    let mut reading =
        Configuration::parse(Path::new("/etc/rollcall/r.toml"), &format!("{GOOD}{SOURCES}")).unwrap();
    let given = &reading.plugin.given;
    let at = |file, line| line_number(&given.tables, file, line);
    let first = vec![
        (at(1, 3), "no URI".to_owned()),
        (at(0, 0), "cannot be read: gone".to_owned()),
        (at(1, 0), "not CSV".to_owned()),
    ];
    let keys = vec![("external.community.2.target".into(), "missing".into())];
    reading.add_refused(&Refusals {
        keys,
        tables: vec![TableRefusal { table: "external".to_owned(), first, total: 5 }],
    });
    assert_eq!(
        reading.finish().unwrap_err().to_string(),
        "/etc/rollcall/r.toml:13: external.community[0].identities: /etc/rollcall/partner.json: cannot be read: gone\n\
         /etc/rollcall/r.toml:13: external.community[0].identities: /etc/rollcall/partner.json, /etc/rollcall/other.csv: 2 more problems\n\
         /etc/rollcall/r.toml:18: external.community[2].target: missing\n\
         /etc/rollcall/r.toml:20: external.community[2].identities: /etc/rollcall/other.csv: not CSV\n\
         /etc/rollcall/other.csv:3: no URI\n\
         5 problems; nothing was started"
    );
}

/// A password may stand in a file of its own; the component is given what stands there.
#[test]
fn a_password_comes_from_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("r.toml");
    let text = |credentials: &str| {
        format!(
            "{GOOD}[[external.registrar]]\nname = 'a'\ncredentials = {{ username = 'u', {credentials} }}\n"
        )
    };
    let read = |password: &[u8]| {
        std::fs::write(folder.path().join("secret"), password).unwrap();
        let configuration =
            Configuration::parse(&file, &text("password_file = 'secret'")).and_then(Reading::finish);
        let settings = |configuration: Configuration| -> serde_json::Value {
            serde_json::from_str(&configuration.plugin.given.settings).unwrap()
        };
        configuration
            .map(|configuration| settings(configuration)["external"]["registrar"][0]["credentials"].clone())
            .map_err(|problems| problems.0.iter().map(|problem| problem.kind.to_string()).collect::<String>())
    };
    let given = |password: &str| Ok(serde_json::json!({ "username": "u", "password": password }));
    assert_eq!(read(b"open sesame\r\n"), given("open sesame"));
    assert_eq!(read(b" \xc3\xa4 "), given(" \u{e4} "));
    let name = folder.path().join("secret");
    for (password, problem) in [
        (&b""[..], "empty, expected a password"),
        (b"\n", "empty, expected a password"),
        (b"a\nb\n", "more than one line, expected a password"),
        (b"\xff", "cannot be read: stream did not contain valid UTF-8"),
        (&[b'a'; 5000], "longer than 4096 bytes"),
    ] {
        assert_eq!(read(password), Err(format!("{}: {problem}", name.display())));
    }
    let both = Configuration::parse(&file, &text("password = 'x', password_file = 'secret'"));
    let problems = both.and_then(Reading::finish).unwrap_err().to_string();
    assert!(problems.contains("no password beside it") && !problems.contains("'x'"), "{problems}");
}

/// A value of the wrong kind is told once, though host and component both see it.
#[test]
fn what_both_sides_refuse_is_told_once() {
    let text = format!("{GOOD}[lists]\nwhite = 5\n");
    let mut reading = Configuration::parse(Path::new("r.toml"), &text).unwrap();
    let keys = vec![("lists.white".into(), "found 5".into()), ("lists.map".into(), "found 6".into())];
    reading.add_refused(&Refusals { keys, tables: Vec::new() });
    let keys: Vec<String> = reading.finish().unwrap_err().0.into_iter().map(|problem| problem.key).collect();
    assert_eq!(keys, ["lists.map", "lists.white"]);
}

/// The example explains every key, also those that it leaves at their defaults.
#[test]
fn the_commented_keys_of_the_example_are_keys() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/rollcall.toml");
    let is_key = |line: &str| {
        let name = line.split(" = ").next().unwrap_or_default();
        line.contains(" = ") && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
    };
    let text: Vec<String> = std::fs::read_to_string(&file)
        .unwrap()
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(key) if is_key(key) || key == "[testing]" => key.to_owned(),
            _ => line.to_owned(),
        })
        .collect();
    let configuration = Configuration::parse(&file, &text.join("\n")).and_then(Reading::finish).unwrap();
    let given = configuration.plugin.given;
    let tables: Vec<&str> = given.tables.iter().map(|table| table.table).collect();
    assert_eq!(tables, ["identities", "white", "black"]);
    assert!(given.tables.iter().all(|table| table.reload == Some(Duration::from_secs(3600))));
    let rules = given.identity_rules.unwrap();
    assert_eq!(rules.time_limit, Some(rollcall_engine::IdentityLimits::default().time));
    let settings: serde_json::Value = serde_json::from_str(&given.settings).unwrap();
    assert_eq!(settings["rules"]["map_identities"], false);
}
