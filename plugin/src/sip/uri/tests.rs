use super::*;
use proptest::prelude::*;

fn uri(text: &str) -> Uri<'_> {
    Uri::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"))
}

/// RFC 3261 19.1.3.
#[test]
fn parts_of_sip_uris_are_found() {
    let Uri::Sip(sip) =
        uri("sips:alice:se%20cret@atlanta.com:5071;transport=tcp;lr?subject=project%20x&priority=urgent")
    else {
        panic!("not sip");
    };
    assert!(sip.secure);
    assert_eq!((sip.user, sip.password, sip.port), (Some("alice"), Some("se%20cret"), Some(5071)));
    assert_eq!(sip.host, Host::Domain("ATLANTA.com"));
    assert_eq!(sip.params.get("Transport"), Some(Some("tcp")));
    assert_eq!(sip.params.get("lr"), Some(None));
    assert_eq!(sip.params.get("maddr"), None);
    assert_eq!(sip.headers.get("priority"), Some(Some("urgent")));

    for text in [
        "sip:+1-212-555-1212:1234@gateway.com;user=phone",
        "sip:alice@192.0.2.4",
        "sip:atlanta.com;method=REGISTER?to=alice%40atlanta.com",
        "sip:alice;day=tuesday@atlanta.com",
        "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com",
        "sip:[2001:db8::10]:5070",
        "sip:example.com.",
        "isbn:2983792873",
        "http://www.example.com",
    ] {
        uri(text);
    }
}

/// RFC 4475 3.1.1.2, 3.1.1.4 and 3.1.1.10: the userinfo may hold what looks like more.
#[test]
fn torture_user_parts_are_kept_whole() {
    assert_eq!(uri("sip:user;par=u%40example.net@example.com").user(), Some("user;par=u%40example.net"));
    assert_eq!(uri("sip:null-%00-null@example.com").user(), Some("null-%00-null"));
    assert!(uri("sip:cal%6Cer@host5.example.net;%6C%72;n%61me=v%61lue%25%34%31").has_param("lr"));
}

/// RFC 4475 3.1.2.7, 3.1.2.8, 3.1.2.11 (SIP-20).
#[test]
fn request_uris_carry_no_headers_brackets_or_blanks() {
    for text in [
        "sip:user@example.com?Route=%3Csip:example.com%3E",
        "<sip:user@example.com>",
        "sip:user@example.com; lr",
    ] {
        assert_eq!(Uri::parse_request_uri(text).err(), Some(Malformed("Request-URI")), "{text}");
    }
    assert!(Uri::parse_request_uri("sip:vivekg@chair-dnrc.example.com;unknownparam").is_ok());
    assert!(Uri::parse_request_uri("tel:+15550100").is_ok());
}

#[test]
fn broken_uris_are_refused() {
    for text in [
        "",
        "sip",
        "sip:",
        "sip:@example.com",
        "sip:a@",
        "sip:a@b@example.com",
        "sip:a b@example.com",
        " sip:a@example.com",
        "sip:a@example.com ",
        "<sip:a@example.com>",
        "sip:%4@example.com",
        "sip:a%zz@example.com",
        "sip:a@example..com",
        "sip:a@1.2.3.999",
        "sip:a@[::1",
        "sip:a@[::1]x",
        "sip:a@[1:2]",
        "sip:a@2001:db8::10",
        "sip:a@example.com:",
        "sip:a@example.com:99999",
        "sip:a@example.com;",
        "sip:a@example.com;=x",
        "sip:a@example.com;ttl=1;TTL=2",
        "sip:a@example.com?",
        "sip:a@example.com?subject",
        "sip:\u{e9}@example.com",
        "tel:",
        "tel:+",
        "tel:+()",
        "tel:+49a",
        "tel:alice",
        "pres:example.com",
        "1x:abc",
        "x:a b",
    ] {
        assert!(Uri::parse(text).is_err(), "{text}");
    }
    // The number of parameters is limited, since comparing them is quadratic.
    let many: String = (0..65).map(|n| format!(";p{n}")).collect();
    assert!(Uri::parse(&format!("sip:example.com{many}")).is_err());
    let fewer: String = (0..64).map(|n| format!(";p{n}")).collect();
    assert!(Uri::parse(&format!("sip:example.com{fewer}")).is_ok());
}

/// The sets of RFC 3261 19.1.4 (SIP-21).
#[test]
fn sip_uris_compare_as_the_rfc_lists() {
    let equal = [
        ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
        ("sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on"),
        (
            "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
            "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
        ),
        (
            "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
            "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
        ),
        ("sip:a@[2001:DB8::1]", "sip:a@[2001:db8:0:0::1]"),
        ("sip:a@b.com;maddr=[::1]", "sip:a@b.com;maddr=[0::1]"),
    ];
    for (a, b) in equal {
        assert!(uri(a) == uri(b) && uri(b) == uri(a), "{a} {b}");
    }
    let different = [
        ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
        ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
        ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"),
        ("sip:bob@biloxi.com", "sips:bob@biloxi.com"),
        ("sip:bob@biloxi.com", "sip:biloxi.com"),
        ("sip:bob:x@biloxi.com", "sip:bob@biloxi.com"),
        ("sip:bob@biloxi.com;user=phone", "sip:bob@biloxi.com"),
        ("sip:bob@biloxi.com;ttl=1", "sip:bob@biloxi.com"),
        ("sip:bob@biloxi.com;maddr=10.0.0.1", "sip:bob@biloxi.com"),
        ("sip:bob@biloxi.com;method=INVITE", "sip:bob@biloxi.com"),
        // A reserved character is not its escape.
        ("sip:a%3Bb@biloxi.com", "sip:a;b@biloxi.com"),
        ("sip:+15550100@biloxi.com", "tel:+15550100"),
    ];
    for (a, b) in different {
        assert!(uri(a) != uri(b) && uri(b) != uri(a), "{a} {b}");
    }
}

/// RFC 3966 4.
#[test]
fn telephone_numbers_compare_without_separators() {
    let equal = [
        ("tel:+358-555-1234567", "TEL:+358.555(123)4567"),
        ("tel:7042;phone-context=example.com", "tel:70-42;Phone-Context=EXAMPLE.com"),
        ("tel:863-1234;phone-context=+1-914-555", "tel:8631234;phone-context=+1914555"),
        ("tel:+1555;ext=1-2;isub=3", "tel:+1555;isub=3;ext=12"),
        ("tel:7A;phone-context=+1", "tel:7a;phone-context=+1"),
    ];
    for (a, b) in equal {
        assert!(uri(a) == uri(b) && uri(b) == uri(a), "{a} {b}");
    }
    let different = [
        ("tel:+7042", "tel:7042"),
        ("tel:7042;phone-context=a.com", "tel:7042;phone-context=b.com"),
        ("tel:7042;phone-context=a.com", "tel:7042"),
        ("tel:+1555;ext=1", "tel:+1555"),
    ];
    for (a, b) in different {
        assert!(uri(a) != uri(b) && uri(b) != uri(a), "{a} {b}");
    }
}

/// RFC 5118 4.1, 4.4, 4.5, 4.10 (SIP-20).
#[test]
fn ipv6_addresses_compare_by_value() {
    assert_eq!(uri("sip:[2001:db8::10]"), uri("sip:[2001:DB8:0::0010]"));
    let Uri::Sip(ambiguous) = uri("sip:[2001:db8::10:5070]") else { panic!("not sip") };
    assert_eq!(ambiguous.port, None);
    let Uri::Sip(clear) = uri("sip:[2001:db8::10]:5070") else { panic!("not sip") };
    assert_eq!(clear.port, Some(5070));
    assert_eq!(uri("sip:user@[2001:db8:::192.0.2.1]"), uri("sip:user@[2001:db8::192.0.2.1]"));
    assert!(Uri::parse("sip:user@[2001:db8:::1]").is_err());
}

/// URIs from few building blocks, so that many of them are equal.
fn few() -> impl Strategy<Value = String> {
    let part = |choices: &'static [&'static str]| prop::sample::select(choices);
    prop_oneof![
        (
            part(&["sip:", "SIP:", "sips:"]),
            part(&["", "a@", "%61@", "A@", "a;b@", "a%3bb@", "a:p@"]),
            part(&["e.com", "E.com.", "1.2.3.4", "[::1]", "[0::1]"]),
            part(&["", ":5060", ":5061"]),
            prop::collection::vec(
                part(&[";lr", ";x=1", ";X=%31", ";x=2", ";transport=TCP", ";user=ip"]),
                0..3
            ),
            part(&["", "?a=b&c=d", "?c=d&a=b", "?a=b&a=b", "?a=b&a=c"]),
        )
            .prop_map(|(scheme, user, host, port, params, headers)| {
                format!("{scheme}{user}{host}{port}{}{headers}", params.concat())
            }),
        (
            part(&["tel:+1", "tel:+1-", "tel:1", "tel:a", "TEL:A"]),
            prop::collection::vec(
                part(&[";ext=1", ";ext=1-", ";phone-context=e.com", ";phone-context=E%2ecom", ";isub=1"]),
                0..3
            ),
        )
            .prop_map(|(number, params)| format!("{number}{}", params.concat())),
    ]
}

proptest! {
    #[test]
    fn equality_is_symmetric(a in few(), b in few()) {
        if let (Ok(a), Ok(b)) = (Uri::parse(&a), Uri::parse(&b)) {
            prop_assert_eq!(a == b, b == a);
        }
    }

    #[test]
    fn equality_is_reflexive(a in few()) {
        if let (Ok(once), Ok(again)) = (Uri::parse(&a), Uri::parse(&a)) {
            prop_assert!(once == again);
        }
    }

    /// Escaping a user part in full names the same user.
    #[test]
    fn escapes_of_unreserved_characters_change_nothing(user in "[a-zA-Z0-9_.!~*'()-]{1,12}") {
        let escaped: String = user.bytes().map(|b| format!("%{b:02x}")).collect();
        let (plain, escaped) = (format!("sip:{user}@e.com"), format!("sip:{escaped}@e.com"));
        prop_assert_eq!(uri(&plain), uri(&escaped));
    }
}
