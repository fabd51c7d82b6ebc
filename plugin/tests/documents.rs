//! Reading and composing presence documents, judged by an independent validator.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use rollcall_plugin::composition::{Composed, Policy, Rule, compose, neutral, render};
use rollcall_plugin::pidf::{Kind, Limits, ReadError, StoredDocument, read};
use support::{
    canonical, compose_at, compose_bodies, contribution, documents, is_valid, presence, source, validate,
    wellformed,
};

const ENTITY: &str = "sip:alice@example.com";

fn refused(body: &[u8]) -> ReadError {
    read(body, &Limits::DEFAULT).expect_err("to be refused")
}

fn alone(body: &[u8]) -> String {
    compose_bodies(&[(0, body)])
}

#[test]
fn rfc_examples_are_read_and_what_is_sent_is_valid() {
    let mut rendered = Vec::new();
    for (name, body) in documents() {
        match name.as_str() {
            "rfc4482-01.xml" => assert!(matches!(refused(&body), ReadError::NotWellFormed(_))),
            "rfc4479-03.xml" => assert_eq!(refused(&body), ReadError::NoEntity),
            _ => rendered.push(alone(&body)),
        }
    }
    assert_eq!(rendered.len(), 25);
    validate(&rendered);
}

/// The RFC examples that are valid come out as they went in, but for what namespaces are
/// called, white space between elements, and the suffix of identifiers.
#[test]
fn valid_rfc_examples_survive_the_round_trip() {
    let mut survived = 0;
    for (name, body) in documents() {
        if let Err(error) = read(&body, &Limits::DEFAULT) {
            assert!(["rfc4482-01.xml", "rfc4479-03.xml"].contains(&name.as_str()), "{name}: {error}");
            continue;
        }
        if !is_valid(&body) {
            continue;
        }
        let sent = alone(&body);
        assert_eq!(canonical(sent.as_bytes()), canonical(&body), "{name}");
        survived += 1;
    }
    assert_eq!(survived, 19);
}

#[test]
fn rfc_examples_compose_together() {
    let bodies: Vec<Vec<u8>> = documents()
        .into_iter()
        .filter(|(_, body)| read(body, &Limits::DEFAULT).is_ok())
        .map(|(_, body)| body)
        .collect();
    // Each one twice, under names of its own: identifiers clash all over.
    let twice = bodies.iter().chain(&bodies);
    let all: Vec<(u64, &[u8])> = (0..).zip(twice).map(|(name, body)| (name, body.as_slice())).collect();
    let rules = [Rule::All, Rule::Newest, Rule::Merge, Rule::MergeNewest];
    let policies = rules.map(|rule| Policy { tuples: rule, persons: rule, devices: rule });
    let rendered: Vec<String> = policies
        .iter()
        .flat_map(|policy| [0, 1_124_125_200_000, u64::MAX].map(|now| compose_at(&all, policy, now)))
        .collect();
    validate(&rendered);
}

#[test]
fn pidf_01_entity_is_what_the_watcher_asked_for() {
    let content = contribution(&presence("<tuple id=\"a\"><status><basic>open</basic></status></tuple>"));
    let composed = compose(&[source(0, &content)], &Policy::DEFAULT, 0);
    let text = String::from_utf8(composed.render("pres:a&b\"<@example.com")).unwrap();
    assert!(text.contains(" entity=\"pres:a&amp;b&quot;&lt;@example.com\""), "{text}");
    let kept = composed.as_bytes().to_vec();
    assert_eq!(render(&kept, ENTITY), composed.render(ENTITY));
    assert_eq!(Composed::from_bytes(kept), composed);
}

#[test]
fn pidf_02_any_prefix_and_utf_16_give_the_same_document() {
    let plain = presence("<tuple id=\"a\"><status><basic>open</basic></status><note>Grüße 😀</note></tuple>");
    let prefixed = "<?xml version='1.0'?>\n<pidf:presence xmlns:pidf='urn:ietf:params:xml:ns:pidf' \
        entity='sip:alice@example.com'><pidf:tuple id='a'><pidf:status><pidf:basic>open</pidf:basic>\
        </pidf:status><pidf:note>Gr&#xFC;&#223;e <![CDATA[😀]]></pidf:note></pidf:tuple></pidf:presence>";
    let expected = alone(plain.as_bytes());
    assert!(expected.starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"));
    assert_eq!(alone(prefixed.as_bytes()), expected);
    let wide = |bytes: fn(u16) -> [u8; 2], mark: bool, text: &str| -> Vec<u8> {
        let mark = if mark { "\u{feff}" } else { "" };
        mark.encode_utf16().chain(text.encode_utf16()).flat_map(bytes).collect()
    };
    let declared = prefixed.replace("version='1.0'", "version='1.0' encoding='UTF-16'");
    for (text, mark) in [(plain.as_str(), true), (plain.as_str(), false), (declared.as_str(), true)] {
        assert_eq!(alone(&wide(u16::to_be_bytes, mark, text)), expected);
        assert_eq!(alone(&wide(u16::to_le_bytes, mark, text)), expected);
    }
    assert_eq!(alone(format!("\u{feff}{plain}").as_bytes()), expected);
}

#[test]
fn pidf_03_children_of_a_tuple_come_in_schema_order() {
    let text = alone(
        presence(
            "<dm:person id='p'><dm:timestamp>2005-05-30T16:09:44Z</dm:timestamp><dm:note>n</dm:note>\
             <r:mood id='t'><r:angry/></r:mood></dm:person>\
             <note>on it all</note>\
             <tuple id='432sd'><timestamp>2005-05-30t16:09:44z</timestamp><note>two</note>\
             <contact priority='7'> sip:a@example.com </contact><dm:deviceID>urn:d</dm:deviceID>\
             <status><geo xmlns='urn:x'/><basic> open </basic></status><note>three</note></tuple>",
        )
        .as_bytes(),
    );
    validate(&[&text]);
    let order = [
        "<tuple id=\"_432sd-",
        "<status><basic>open</basic><n0:geo",
        "</status><dm:deviceID>",
        "</dm:deviceID><contact>sip:a@example.com</contact><note>two</note><note>three</note>\
         <timestamp>2005-05-30T16:09:44Z</timestamp></tuple><note>on it all</note><dm:person",
        "<rpid:mood",
        "</rpid:mood><dm:note>n</dm:note><dm:timestamp>",
    ];
    let mut rest = text.as_str();
    for piece in order {
        rest = rest.split_once(piece).unwrap_or_else(|| panic!("{piece} in {text}")).1;
    }
}

#[test]
fn rfc4479_5_invalid_input_is_used_as_far_as_it_parses() {
    let text = alone(
        presence(
            "<tuple><note>no status, no id</note></tuple><tuple id='same'/><tuple id='same'/>\
             <tuple id='b'><status><basic>OPEN</basic><basic>closed</basic></status>text<foo/>\
             <timestamp>yesterday</timestamp><contact/></tuple><dm:person/><dm:device id='d'/>\
             <unknown/><x xmlns=''/>",
        )
        .as_bytes(),
    );
    validate(&[&text]);
    assert_eq!(text.matches("<tuple ").count(), 4);
    assert_eq!(text.matches("<status/>").count(), 3);
    assert_eq!(text.matches("<basic>").count(), 1);
    assert!(text.contains("<basic>closed</basic>") && text.contains("<dm:person id="));
    assert!(!text.contains("device") && !text.contains("unknown") && !text.contains("yesterday"));
}

#[test]
fn pub_12_equal_tuple_ids_do_not_clobber_each_other() {
    let one = presence("<tuple id='phone'><status><basic>open</basic></status></tuple>");
    let two = presence("<tuple id='phone'><status><basic>closed</basic></status></tuple>");
    let other_case = presence("<tuple id='PHONE'><status><basic>open</basic></status></tuple>");
    let all = [(1, one.as_bytes()), (2, two.as_bytes()), (3, other_case.as_bytes())];
    let text = compose_bodies(&all);
    validate(&[&text]);
    assert_eq!(text.matches("<tuple id=\"phone-").count(), 2);
    assert_eq!(text.matches("<tuple id=\"PHONE-").count(), 1);
    assert_eq!(text.matches("<basic>open</basic>").count(), 2);
    assert_eq!(text.matches("<basic>closed</basic>").count(), 1);
}

#[test]
fn pidf_24_a_tuple_keeps_its_id_whatever_comes_and_goes() {
    let id = |text: &str, note: &str| -> String {
        let tuple = text.split("<tuple ").find(|tuple| tuple.contains(note)).unwrap();
        tuple.split('"').nth(1).unwrap().to_owned()
    };
    let body = |note: &str| presence(&format!("<tuple id='t'><status/><note>{note}</note></tuple>"));
    let (mine, changed, other) = (body("mine"), body("mine, changed"), body("other"));
    let first = id(&compose_bodies(&[(7, mine.as_bytes())]), "mine");
    let later = compose_bodies(&[(1, other.as_bytes()), (7, changed.as_bytes())]);
    assert_eq!(id(&later, "mine"), first);
    assert_ne!(id(&later, "other"), first);
}

#[test]
fn pidf_08_foreign_elements_and_attributes_pass() {
    let text = alone(
        presence(
            "<tuple id='t'><status><basic>open</basic><x:a xmlns:x='urn:one' p:mustUnderstand='0' \
             xmlns:p='urn:ietf:params:xml:ns:pidf' x:k='&#10;v' b='w'><x:b/> tail &amp; <c xmlns=''/>\
             <p:basic/></x:a></status></tuple><y xmlns='urn:one'><z xmlns='urn:two'> </z></y>",
        )
        .as_bytes(),
    );
    validate(&[&text]);
    assert!(
        text.contains(
            "<n0:a xmlns:n0=\"urn:one\" b=\"w\" p:mustUnderstand=\"0\" n0:k=\"&#10;v\"><n0:b/> tail &amp; \
         <c xmlns=\"\"/><basic/></n0:a>"
        ),
        "{text}"
    );
    assert!(text.contains("<n0:y xmlns:n0=\"urn:one\"><n1:z xmlns:n1=\"urn:two\"> </n1:z></n0:y>"), "{text}");
}

/// RFC 3863 section 4.2.4: what must be understood and is not takes the element of `status`
/// with it that it is a part of, and nothing else. What is known is understood.
#[test]
fn pidf_08_must_understand_is_respected_in_status() {
    let text = alone(
        presence(
            "<tuple id='t'><status xmlns:p='urn:ietf:params:xml:ns:pidf'><basic>open</basic>\
             <x:direct xmlns:x='urn:x' p:mustUnderstand='1'/>\
             <x:outer xmlns:x='urn:x'><x:between/><x:inner p:mustUnderstand=' true '/>lost</x:outer>\
             <x:optional xmlns:x='urn:x' p:mustUnderstand='false'/>\
             <gp:geopriv xmlns:gp='urn:ietf:params:xml:ns:pidf:geopriv10' p:mustUnderstand='1'/></status>\
             <x:extension xmlns:x='urn:x' p:mustUnderstand='1' xmlns:p='urn:ietf:params:xml:ns:pidf'/></tuple>",
        )
        .as_bytes(),
    );
    validate(&[&text]);
    for gone in ["direct", "outer", "between", "inner", "lost"] {
        assert!(!text.contains(gone), "{gone} in {text}");
    }
    for kept in ["<basic>open<", ":optional", "gp:geopriv", ":extension"] {
        assert!(text.contains(kept), "{kept} not in {text}");
    }
}

#[test]
fn language_of_the_root_reaches_the_notes() {
    let body =
        presence("<tuple id='t'><status/><note>a</note><note xml:lang='fr'>b</note></tuple><note>c</note>")
            .replace(" entity=", " xml:lang='de' entity=");
    let text = alone(body.as_bytes());
    validate(&[&text]);
    for note in ["<note xml:lang=\"de\">a<", "<note xml:lang=\"fr\">b<", "<note xml:lang=\"de\">c<"] {
        assert!(text.contains(note), "{text}");
    }
}

#[test]
fn pub_22_what_is_not_a_presence_document_is_refused() {
    for body in ["<foo/>", "<html/>", "<presence entity='a'/>", "<presence xmlns='urn:other' entity='a'/>"] {
        assert_eq!(refused(body.as_bytes()), ReadError::WrongRoot, "{body}");
    }
    let good = presence("<tuple id='t'><status><basic>open</basic></status></tuple>");
    for end in 0..good.trim_end().len() {
        assert_eq!(refused(&good.as_bytes()[..end]).status(), 400);
    }
    let root = "<presence xmlns='urn:ietf:params:xml:ns:pidf' entity='a'";
    for body in [
        format!("{good}{good}"),
        format!("{good}<presence/>"),
        format!("{good}text"),
        format!("x{good}"),
        format!(" <?xml version='1.0'?>{good}"),
        format!("{root}></x>"),
        format!("{root}><a></b></presence>"),
        format!("{root} entity='b'/>"),
        format!("{root}><a:b/></presence>"),
        format!("{root} a:b='c'/>"),
        format!("{root}>&nbsp;</presence>"),
        format!("{root}>& </presence>"),
        format!("{root}>&#0;</presence>"),
        format!("{root}>&#xFFFE;</presence>"),
        format!("{root}>\u{1}</presence>"),
        format!("{root}>\u{ffff}</presence>"),
        format!("{root}>]]></presence>"),
        format!("{root} b='<'/>"),
        format!("{root} b=c/>"),
        format!("{root}b='c'/>"),
        format!("{root} b/>"),
        format!("{root}><!-- a -- b --></presence>"),
        format!("{root}><?xml version='1.0'?></presence>"),
        format!("{root}><1a/></presence>"),
        format!("{root}>< a/></presence>"),
        format!("{root}><a:b:c/></presence>"),
        format!("{root} xmlns:p='u' xmlns:q='u'><a p:x='1' q:x='2'/></presence>"),
        format!("{root} xmlns:p=''/>"),
        format!("{root} xmlns:xml='u'/>"),
        format!("{root} xmlns:xmlns='u'/>"),
        format!("<?xml encoding='UTF-8'?>{root}/>"),
        format!("{root}><![CDATA[ </presence>"),
        format!("{root}><a/ ></presence>"),
        String::new(),
        " ".into(),
        "\u{feff}".into(),
    ] {
        let outcome = read(body.as_bytes(), &Limits::DEFAULT);
        assert!(matches!(outcome, Err(ReadError::NotWellFormed(_))), "{outcome:?}: {body}");
        assert!(!wellformed(body.as_bytes()), "the judge takes {body}");
    }
    // The judge knows more encodings, and overlooks a wrong name.
    for encoding in ["koi8-r", "UTF-16"] {
        let body = format!("<?xml version='1.0' encoding='{encoding}'?>{root}/>");
        assert!(matches!(refused(body.as_bytes()), ReadError::NotWellFormed(_)));
    }
    assert_eq!(refused(b"\xff<presence/>").status(), 400);
    assert_eq!(refused(&[0xff, 0xfe, 0x3c]).status(), 400);
    assert_eq!(refused(&[0xfe, 0xff, 0xd8, 0x00, 0x00, 0x20]).status(), 400);
}

#[test]
fn pidf_26_no_document_type_and_bounded_everything() {
    let laughs = "<!DOCTYPE lolz [<!ENTITY lol 'lol'><!ENTITY lol2 '&lol;&lol;&lol;&lol;&lol;&lol;'>]>";
    let external = "<!DOCTYPE p [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>";
    for doctype in [laughs, external, "<!DOCTYPE presence>", "<!DOCTYPE p SYSTEM 'http://example.com/x.dtd'>"]
    {
        let body = format!("{doctype}{}", presence("<note>&lol2;&e;</note>"));
        assert_eq!(refused(body.as_bytes()), ReadError::DocumentType);
    }
    let nested = presence(&format!("{}{}", "<a xmlns='u'>".repeat(10_000), "</a>".repeat(10_000)));
    let wide: String = (0..100_000).map(|number| format!(" a{number}=''")).collect();
    let flat = "<r:a/>".repeat(100_000);
    let names: String = (0..1_000).map(|number| format!("<a xmlns='urn:{number}'/>")).collect();
    for body in [nested, presence(&format!("<r:a{wide}/>")), presence(&flat)] {
        assert_eq!(refused(body.as_bytes()), ReadError::TooLarge("bytes"));
    }
    let limits = Limits { bytes: usize::MAX, ..Limits::DEFAULT };
    let breach = |body: &str| read(presence(body).as_bytes(), &limits).expect_err("to be refused");
    assert_eq!(breach(&"<a xmlns='u'>".repeat(10_000)), ReadError::TooLarge("depth"));
    assert_eq!(breach(&format!("<r:a{wide}/>")), ReadError::TooLarge("attributes"));
    assert_eq!(breach(&flat), ReadError::TooLarge("components"));
    assert_eq!(breach(&format!("<r:b>{flat}</r:b>")), ReadError::TooLarge("elements"));
    assert_eq!(breach(&format!("<r:b>{names}</r:b>")), ReadError::TooLarge("namespaces"));
    // One long name or language, in force in many places, does not grow into megabytes.
    let long = "u".repeat(30_000);
    let space = format!("<r:b xmlns:x='{long}'>{}</r:b>", "<x:a/>".repeat(4_000));
    assert_eq!(refused(presence(&space).as_bytes()), ReadError::TooLarge("bytes"));
    let tuple = format!("<tuple id='a'>{}</tuple>", "<note/>".repeat(4_000));
    let language = presence(&tuple).replace(" entity=", &format!(" xml:lang='{long}' entity="));
    assert!(read(language.as_bytes(), &limits).unwrap().content.len() < 100_000);
    assert_eq!(ReadError::TooLarge("bytes").status(), 413);
    assert_eq!(ReadError::DocumentType.status(), 400);
}

#[test]
fn sub_36_no_source_gives_a_valid_document() {
    let text = String::from_utf8(compose(&[], &Policy::DEFAULT, 0).render(ENTITY)).unwrap();
    assert!(!text.contains("<tuple"));
    validate(&[text]);
}

#[test]
fn auth_29_neutral_is_valid_and_looks_like_the_real_thing() {
    let text = String::from_utf8(neutral(7, Some(1_104_537_599_000)).render(ENTITY)).unwrap();
    assert!(text.contains("<timestamp>2004-12-31T23:59:59Z</timestamp>"), "{text}");
    let leap = String::from_utf8(neutral(7, Some(951_782_400_000)).render(ENTITY)).unwrap();
    assert!(leap.contains("<timestamp>2000-02-29T00:00:00Z</timestamp>"), "{leap}");
    let bare = String::from_utf8(neutral(8, None).render(ENTITY)).unwrap();
    assert_eq!(text.matches("<tuple ").count(), 1);
    assert_eq!(text.matches("<basic>closed</basic>").count(), 1);
    assert_eq!(neutral(7, None), neutral(7, None));
    assert_ne!(neutral(7, None), neutral(8, None));
    validate(&[text, leap, bare]);
}

#[test]
fn stored_form_comes_back_and_shows_its_components() {
    let body = presence("<tuple id='t'><status/></tuple><note>n</note><dm:person id='p'/><x:y xmlns:x='u'/>");
    let content = contribution(&body);
    let kinds: Vec<Kind> = content.components().map(|component| component.kind).collect();
    assert_eq!(kinds, [Kind::Tuple, Kind::Note, Kind::Person, Kind::Extension]);
    assert_eq!(content.components().next().unwrap().xml, b"<tuple id=\"t\"><status/></tuple>");
    assert_eq!(StoredDocument::from_bytes(&content.to_bytes()).unwrap(), content);
    assert_eq!(StoredDocument::from_bytes(b"\xff"), None);
}
