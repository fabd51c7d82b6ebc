use super::super::fuzzing;
use super::*;
use crate::configuration::Configuration;
use proptest::prelude::*;

const DOCUMENTATION: &str = include_str!("../../../../examples/identity/README.md");

fn normal(text: &str) -> String {
    Normalizer::default().read(text).unwrap_or_else(|error| panic!("{text}: {error}")).into_string()
}

fn uri(text: &str) -> Uri<'_> {
    Uri::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// The text between the backticks of a table's cell.
fn code(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

/// The table that operators read is true, and every setting is in it.
#[test]
fn the_documented_examples_are_true() {
    let mut seen = 0;
    for line in DOCUMENTATION.lines() {
        let cells: Vec<&str> = line.split(" | ").collect();
        let [settings, uri, identity] = cells[..] else { continue };
        let (settings, [uri], [identity]) = (code(settings), &code(uri)[..], &code(identity)[..]) else {
            continue;
        };
        let members: Vec<String> = settings
            .iter()
            .map(|setting| {
                let (key, value) = setting.split_once(" = ").unwrap();
                format!("{key:?}:{value}")
            })
            .collect();
        let json = format!(
            r#"{{"presence":{{"domains":["example.com"]}},"identity":{{"normalizer":{{{}}}}}}}"#,
            members.join(",")
        );
        let normalizer = Configuration::parse(&json).expect(line).identities.normalizer;
        assert_eq!(normalizer.read(uri).expect(line).as_str(), *identity, "{line}");
        assert_eq!(normalizer.read(identity).expect(line).as_str(), *identity, "{line}");
        seen += 1;
    }
    assert!(seen > 45, "{seen} rows found");
    for setting in ["case_sensitive_user", "strip_port", "keep_parameters", "ignore_scheme", "telephone"] {
        assert!(DOCUMENTATION.contains(&format!("| `{setting} = ")), "{setting}");
    }
}

/// RFC 3261 19.1.4, 19.1.1: hosts are compared without case, users with.
#[test]
fn hosts_compare_without_case_and_users_with() {
    assert_eq!(normal("sip:alice@EXAMPLE.com"), normal("sip:alice@example.COM"));
    assert_ne!(normal("sip:Alice@example.com"), normal("sip:alice@example.com"));
}

/// RFC 3966 4, RFC 3261 19.1.6.
#[test]
fn telephone_numbers_compare_without_separators() {
    let equal = [
        ("tel:+358-555-1234567", "TEL:+358.555(123)4567"),
        ("tel:7042;phone-context=example.com", "tel:70-42;Phone-Context=EXAMPLE.com"),
        ("tel:863-1234;phone-context=+1-914-555", "tel:8631234;phone-context=+1914555"),
        ("tel:+1555;ext=1-2;isub=3", "tel:+1555;isub=3;ext=12"),
        ("tel:7A;phone-context=+1", "tel:7a;phone-context=+1"),
        (
            "sip:+358-555-1234567;POSTD=pp22@foo.com;user=phone",
            "sip:+3585551234567;postd=PP22@foo.com;user=phone",
        ),
    ];
    for (a, b) in equal {
        assert_eq!(normal(a), normal(b));
    }
    assert_ne!(normal("tel:7042;phone-context=a.com"), normal("tel:7042;phone-context=b.com"));
    assert_ne!(normal("tel:+7042"), normal("tel:7042"));
}

/// A local number means another line at each gateway; nobody gets somebody else's.
#[test]
fn local_numbers_of_two_gateways_stay_apart() {
    let normalizer = Normalizer { telephone: Telephone::Global, ..Normalizer::default() };
    let of = |text| normalizer.read(text).unwrap();
    assert_ne!(of("sip:4711@a.com;user=phone"), of("sip:4711@b.com;user=phone"));
    assert_eq!(of("sip:+14711@a.com;user=phone"), of("sip:+1-4711@b.com;user=phone"));
}

/// What an escape hides does not become another URI.
#[test]
fn an_escaped_domain_cannot_smuggle_in_another() {
    for text in [
        "sip:a@b%40evil.com",
        "sip:a@good.com%3Bx.evil.com",
        "sip:a@good.com%2Fevil",
        "sip:a@%5B::1%5D",
        "sip:a@%00.com",
        "sip:a@%FF.com",
        "sip:a@\u{ad}",
        "sip:a@xn--\u{fc}.com",
        "mailto:\u{e9}@example.com",
        "\u{e9}",
        "sip:\u{e9}\u{20}@example.com",
    ] {
        assert!(Normalizer::default().read(text).is_err(), "{text}");
    }
    let long = format!("sip:a@{}.example", "\u{fc}".repeat(1_000));
    assert!(Normalizer::default().read(&long).is_err());
    assert!(Normalizer::default().read(&format!("sip:{}@example.com", "a".repeat(MAX_URI))).is_err());
}

/// UTS #46: forms that people type for one domain.
#[test]
fn spellings_of_an_international_domain_are_one() {
    for text in ["sip:a@bu\u{308}cher.example", "sip:a@B\u{dc}CHER\u{3002}example", "sip:a@ｂücher.example."]
    {
        assert_eq!(normal(text), "sip:a@xn--bcher-kva.example", "{text}");
    }
}

#[test]
fn the_domain_of_an_identity_is_its_host() {
    for (identity, expected) in [
        ("sip:alice@example.com", Some("example.com")),
        ("sips:alice@example.com:5070;transport=tcp", Some("example.com")),
        ("sip:example.com;x", Some("example.com")),
        ("sip:a@[2001:db8::1]:5070", Some("[2001:db8::1]")),
        ("pres:a:b@example.com", Some("example.com")),
        ("tel:+15550100;phone-context=example.com", None),
        ("urn:service:sos", None),
        ("whatever a site makes of it", None),
        ("sip:[", None),
    ] {
        assert_eq!(domain(identity), expected, "{identity}");
    }
    assert_eq!(read_domain("B\u{fc}cher.Example.").as_deref(), Some("xn--bcher-kva.example"));
    assert_eq!(read_domain("[::0:1]").as_deref(), Some("[::1]"));
    for text in ["", "a b", "*.example.com", "example..com", "a@b.com", "example.com:5060"] {
        assert_eq!(read_domain(text), None, "{text}");
    }
}

/// Any settings that the configuration lets through.
fn settings() -> impl Strategy<Value = Normalizer> {
    let kept = prop::sample::subsequence(vec!["maddr", "method", "transport", "ttl", "user"], 0..=5);
    let telephone = prop::sample::select(vec![Telephone::Sip, Telephone::Tel, Telephone::Global]);
    (any::<[bool; 4]>(), kept, telephone).prop_map(
        |([case_sensitive_user, strip_port, ignore_scheme, pres_as_sip], kept, telephone)| Normalizer {
            case_sensitive_user,
            strip_port,
            keep_parameters: kept.into_iter().map(str::to_owned).collect(),
            ignore_scheme,
            pres_as_sip: pres_as_sip || ignore_scheme,
            telephone,
        },
    )
}

/// URIs from few building blocks, so that many of them are equal.
fn few() -> impl Strategy<Value = String> {
    let part = |choices: &'static [&'static str]| prop::sample::select(choices);
    let user = part(&[
        "",
        "a@",
        "%61@",
        "A@",
        "a;b@",
        "a%3bb@",
        "a:p@",
        "+1-5@",
        "+1%2d5@",
        "+15;ext=1-@",
        "5;phone-context=E%2ecom@",
        "%2b5@",
    ]);
    let host = part(&["e.com", "E.com.", "1.2.3.4", "[::1]", "[0::1]"]);
    let params = prop::collection::vec(
        part(&[
            ";lr",
            ";x=1",
            ";transport=TCP",
            ";transport=tc%70",
            ";user=ip",
            ";User=phon%65",
            ";maddr=[::1]",
            ";maddr=[0::1]",
            ";ttl=1",
            ";ttl",
        ]),
        0..3,
    );
    let sip = (part(&["sip:", "SIP:", "sips:"]), user, host, part(&["", ":5060", ":5061", ":5070"]), params)
        .prop_map(|(scheme, user, host, port, params)| {
            format!("{scheme}{user}{host}{port}{}", params.concat())
        });
    let params = prop::collection::vec(
        part(&[
            ";ext=1",
            ";ext=1-",
            ";ext=%31",
            ";phone-context=e.com",
            ";phone-context=E%2ecom",
            ";phone-context=+1-",
            ";ttl=%3b",
            ";ext",
            ";ext=",
        ]),
        0..3,
    );
    let tel = (part(&["tel:+1", "tel:+1-", "tel:1", "tel:a", "TEL:A", "tel:*1#"]), params)
        .prop_map(|(number, params)| format!("{number}{}", params.concat()));
    let pres = (
        part(&["pres:a@", "pres:A@", "PRES:%61@", "pres:a:b@", "pres:a%3ab@"]),
        part(&["e.com", "[::1]", "E.com."]),
    )
        .prop_map(|(user, host)| format!("{user}{host}"));
    prop_oneof![4 => sip, 2 => tel, 1 => pres]
}

/// Two spellings out of a group of those that mean the same.
fn spelled(groups: &'static [&'static [&'static str]]) -> impl Strategy<Value = (String, String)> {
    let two = |group: &'static [&'static str]| (prop::sample::select(group), prop::sample::select(group));
    prop::sample::select(groups).prop_flat_map(two).prop_map(|(a, b)| (a.to_owned(), b.to_owned()))
}

/// Two URIs, equal by RFC 3261 19.1.4 and RFC 3966 4.
fn equal() -> impl Strategy<Value = (String, String)> {
    let user: &[&[&str]] = &[
        &[""],
        &["a@", "%61@"],
        &["A%3b@", "%41%3B@"],
        &["a:p%71@", "a:pq@"],
        &["+1-5@", "+1%2d5@", "+%31-5@"],
        &["47-11;phone-context=e.com@", "47%2d11;phone-context=%65.com@"],
    ];
    let host: &[&[&str]] =
        &[&["e.com", "E.com.", "e.COM"], &["[::1]", "[0::1]", "[0:0:0::0001]"], &["1.2.3.4"]];
    let param: &[&[&str]] = &[
        &[";transport=TCP", ";Transport=tc%70"],
        &[";user=phone", ";USER=phon%65"],
        &[";maddr=[::1]", ";maddr=[0::1]"],
        &[";ttl=1", ";ttl=%31"],
        &[";lr", ";%6cr", ""],
    ];
    let params = prop::sample::subsequence(param, 0..=param.len());
    let params = (params, any::<bool>()).prop_map(|(groups, turned)| {
        let mut last: Vec<&str> = groups.iter().filter_map(|group| group.last().copied()).collect();
        if turned {
            last.reverse();
        }
        (groups.iter().map(|group| group[0]).collect::<String>(), last.concat())
    });
    let sip = (
        spelled(&[&["sip:", "SIP:"], &["sips:", "SIPS:"]]),
        spelled(user),
        spelled(host),
        params,
        spelled(&[&[""], &[":5060"], &[":5061"], &[":5070"]]),
    )
        .prop_map(|((s, t), (u, v), (h, i), (p, q), (o, _))| {
            (format!("{s}{u}{h}{o}{p}"), format!("{t}{v}{i}{o}{q}"))
        });
    let number: &[&[&str]] = &[&["tel:+1-5", "TEL:+15"], &["tel:7A", "tel:7(a)"]];
    let context: &[&[&str]] = &[
        &[""],
        &[";phone-context=e.com", ";Phone-Context=E%2ecom"],
        &[";phone-context=+1-4", ";phone-context=+14"],
    ];
    let tel = (spelled(number), spelled(context), spelled(&[&[""], &[";ext=1-2", ";EXT=12"]]))
        .prop_map(|((n, m), (c, d), (e, f))| (format!("{n}{c}{e}"), format!("{m}{f}{d}")));
    let pres = (spelled(&[&["pres:a@", "PRES:%61@"]]), spelled(host))
        .prop_map(|((u, v), (h, i))| (format!("{u}{h}"), format!("{v}{i}")));
    prop_oneof![4 => sip, 2 => tel, 1 => pres]
}

proptest! {
    /// RFC 3261 19.1.4, RFC 3966 4: equal URIs name one identity, whatever the settings.
    #[test]
    fn equal_uris_are_one_identity(normalizer in settings(), (a, b) in equal()) {
        let (a, b) = (uri(&a), uri(&b));
        prop_assert!(a == b, "{a:?} {b:?}");
        prop_assert_eq!(normalizer.identity(&a), normalizer.identity(&b));
    }

    #[test]
    fn so_are_those_that_turn_out_equal(normalizer in settings(), a in few(), b in few()) {
        if let (Ok(a), Ok(b)) = (Uri::parse(&a), Uri::parse(&b)) && a == b {
            prop_assert_eq!(normalizer.identity(&a), normalizer.identity(&b));
        }
    }

    #[test]
    fn what_is_normal_stays_as_it_is(normalizer in settings(), text in few()) {
        if let Ok(identity) = normalizer.read(&text) {
            prop_assert_eq!(normalizer.read(identity.as_str()), Ok(identity));
        }
    }

    #[test]
    fn nothing_breaks_the_normalizer(text in "(sip:|sips:|pres:|tel:|)\\PC{0,20}@?(\\PC|%[0-9A-F]{2}|\\.){0,12}") {
        fuzzing::normalizer(text.as_bytes());
    }

    /// An identity has the domain that was written.
    #[test]
    fn the_domain_survives(normalizer in settings(), text in few()) {
        if let Ok(uri) = Uri::parse(&text) {
            let identity = normalizer.identity(&uri);
            let mut host = String::new();
            if let Some(written) = uri.host() {
                written.write(&mut host);
            }
            let expected = if identity.as_str().starts_with("tel:") { None } else { Some(host.as_str()) };
            prop_assert_eq!(domain(identity.as_str()), expected);
        }
    }
}
