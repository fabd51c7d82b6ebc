//! Properties that hold for all documents, read or composed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use rollcall_plugin::composition::{Policy, Rule, Source, compose};
use rollcall_plugin::pidf::{Limits, StoredDocument, read};
use support::{presence, source, validate};

const ENTITY: &str = "sip:alice@example.com";

/// The prefix that a document uses for the PIDF namespace, `""` for none.
#[derive(Clone, Debug)]
struct Prefixes {
    pidf: &'static str,
    model: &'static str,
    rpid: &'static str,
    foreign: &'static str,
}

fn prefixes() -> impl Strategy<Value = Prefixes> {
    let pidf = select(vec!["", "pidf:", "n0:", "rpid:"]);
    let model = select(vec!["dm:", "p:", "n1:"]);
    let rpid = select(vec!["r:", "xsi:", "ns2:"]);
    let foreign = select(vec!["x:", "n7:", "_:"]);
    (pidf, model, rpid, foreign).prop_map(|(pidf, model, rpid, foreign)| Prefixes {
        pidf,
        model,
        rpid,
        foreign,
    })
}

fn text() -> impl Strategy<Value = String> {
    let piece = select(vec![
        "a",
        " ",
        "\n",
        "&amp;",
        "&#13;",
        "&#x1F600;",
        "<![CDATA[<]]>",
        "é",
        "]]",
        "<!--c-->",
        "\r\n",
    ]);
    vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

fn id() -> impl Strategy<Value = String> {
    let id =
        select(vec!["", " id='t'", " id='T'", " id='7'", " id='a b'", " id='é'", " id='t-x'", " id=\"t.2\""]);
    id.prop_map(str::to_owned)
}

/// An element that the schemas leave open, `$`-signs for prefixes to come.
fn foreign() -> impl Strategy<Value = String> {
    let leaf = text().prop_map(|text| format!("<$x a='&lt;&#9;' $xb='c'>{text}</$x>")).prop_map(name);
    leaf.prop_recursive(3, 12, 3, |inner| {
        (
            vec(inner, 0..3),
            text(),
            select(vec!["$xe", "e xmlns=''", "e xmlns='urn:own'", "$xe xml:lang='de'"]),
        )
            .prop_map(|(inner, text, tag)| {
                let end = tag.split(' ').next().unwrap_or_default();
                format!("<{tag}>{}{text}</{end}>", inner.concat())
            })
    })
}

fn name(leaf: String) -> String {
    leaf.replace("<$x ", "<$xf ").replace("</$x>", "</$xf>")
}

fn tuple() -> impl Strategy<Value = String> {
    let child = prop_oneof![
        select(vec![
            "<$pstatus><$pbasic>open</$pbasic></$pstatus>",
            "<$pstatus><$pbasic>never</$pbasic></$pstatus>",
            "<$pcontact priority='0.5'>sip:a@example.com</$pcontact>",
            "<$pcontact priority='5'/>",
            "<$ptimestamp>2005-10-27T16:49:29Z</$ptimestamp>",
            "<$ptimestamp>now</$ptimestamp>",
            "<$mdeviceID>urn:d</$mdeviceID>",
            "<$rclass>c</$rclass>",
            "<$rclass>d</$rclass>",
            "<$rstatus-icon until='2005-08-15T17:00:00.001Z'>http://example.com/</$rstatus-icon>",
            "<$rprivacy until='2005-08-15T17:00:00Z'><$raudio/></$rprivacy>",
            "<ts:timed-status xmlns:ts='urn:ietf:params:xml:ns:pidf:timed-status' from='2005-08-16T17:00:00Z'/>",
            "<$pother/>",
            " text ",
        ])
        .prop_map(str::to_owned),
        foreign(),
        foreign().prop_map(|foreign| format!("<$pstatus>{foreign}</$pstatus>")),
        text().prop_map(|text| format!("<$pnote xml:lang='en'>{text}</$pnote>")),
    ];
    (id(), vec(child, 0..6))
        .prop_map(|(id, children)| format!("<$ptuple{id}>{}</$ptuple>", children.concat()))
}

fn component() -> impl Strategy<Value = String> {
    let known = select(vec![
        "",
        "<$ractivities><$raway/><$runknown/></$ractivities>",
        "<$ractivities $xa='b'><$xf/><$rnote>n</$rnote></$ractivities><$ractivities><$rmeal/></$ractivities>",
        "<$ractivities until='2005-08-15T17:00:00.001Z'/>",
        "<$rmood><$rsad/></$rmood>",
        "<$mtimestamp>2005-08-15T17:00:00Z</$mtimestamp>",
    ]);
    let person = (id(), select(vec!["person", "device"]), vec(foreign(), 0..2), id(), known).prop_map(|(id, name, foreign, inner, known)| {
        let foreign = foreign.concat() + known;
        format!("<$m{name}{id}><$mnote>n</$mnote>{foreign}<$rmood{inner}><$rangry/></$rmood><$mdeviceID>urn:d</$mdeviceID></$m{name}>")
    });
    prop_oneof![
        3 => tuple(),
        1 => text().prop_map(|text| format!("<$pnote>{text}</$pnote>")),
        1 => person,
        1 => foreign(),
    ]
}

fn document() -> impl Strategy<Value = String> {
    let white = select(vec!["", "\n  ", "<!-- c -->", "<?pi?>"]);
    (prefixes(), vec(component(), 0..5), white, any::<bool>()).prop_map(
        |(prefixes, components, white, lang)| {
            let declare = |prefix: &str, uri: &str| match prefix.strip_suffix(':') {
                Some(prefix) => format!(" xmlns:{prefix}='{uri}'"),
                None => format!(" xmlns='{uri}'"),
            };
            let declared = [
                declare(prefixes.pidf, "urn:ietf:params:xml:ns:pidf"),
                declare(prefixes.model, "urn:ietf:params:xml:ns:pidf:data-model"),
                declare(prefixes.rpid, "urn:ietf:params:xml:ns:pidf:rpid"),
                declare(prefixes.foreign, "urn:foreign"),
            ]
            .concat();
            let lang = if lang { " xml:lang='fr'" } else { "" };
            format!(
                "<$ppresence{declared}{lang} entity='{ENTITY}'>{}{white}</$ppresence>",
                components.join(white)
            )
            .replace("$p", prefixes.pidf)
            .replace("$m", prefixes.model)
            .replace("$r", prefixes.rpid)
            .replace("$x", prefixes.foreign)
        },
    )
}

fn contribution(body: &str) -> StoredDocument {
    read(body.as_bytes(), &Limits::DEFAULT).unwrap_or_else(|error| panic!("{error}: {body}")).content
}

fn composed(document: &StoredDocument) -> String {
    String::from_utf8(compose(&[source(0, document)], &Policy::DEFAULT, 0).render(ENTITY)).unwrap()
}

/// A composed document without the suffixes of its source.
fn without(suffix: &str, text: &str) -> String {
    text.replace(suffix, "")
}

fn suffix() -> String {
    let text = composed(&contribution(&presence("<tuple id='t'/>")));
    text.split("id=\"t").nth(1).unwrap().split('"').next().unwrap().to_owned()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_reading_panic(bytes in vec(any::<u8>(), 0..200)) {
        let _ = read(&bytes, &Limits::DEFAULT);
    }

    #[test]
    fn no_damage_makes_reading_panic(body in document(), cut in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = body.into_bytes();
        *cut.get_mut(&mut bytes) = byte;
        if let Ok(document) = read(&bytes, &Limits::DEFAULT) {
            // What was taken in is sent well formed: it is read again.
            let again = composed(&document.content);
            prop_assert!(read(again.as_bytes(), &Limits { bytes: usize::MAX, ..Limits::DEFAULT }).is_ok(), "{again}");
        }
    }

    #[test]
    fn fuzz_entries_hold(bodies in vec(document(), 0..4)) {
        let joined: Vec<u8> = bodies.join("\0").into_bytes();
        rollcall_plugin::composition::fuzzing::compose(&joined);
        for body in bodies {
            rollcall_plugin::pidf::fuzzing::read(body.as_bytes());
        }
    }

    #[test]
    fn composing_keeps_the_content(body in document()) {
        let first = composed(&contribution(&body));
        let second = composed(&contribution(&first));
        let suffix = suffix();
        prop_assert_eq!(without(&suffix, &second), without(&suffix, &first));
    }

    #[test]
    fn kept_forms_come_back(body in document()) {
        let content = contribution(&body);
        prop_assert_eq!(StoredDocument::from_bytes(&content.to_bytes()), Some(content));
    }

    #[test]
    fn no_bytes_make_loading_or_composing_panic(bytes in vec(any::<u8>(), 0..60), body in document(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut kept = contribution(&body).to_bytes();
        *at.get_mut(&mut kept) = byte;
        for bytes in [bytes, kept] {
            if let Some(content) = StoredDocument::from_bytes(&bytes) {
                let _ = compose(&[source(0, &content)], &Policy::DEFAULT, 0);
            }
        }
    }

    #[test]
    fn pidf_25_the_order_of_sources_makes_no_difference(
        bodies in vec((document(), 0_u64..3), 1..5),
        swaps in vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 0..6),
    ) {
        let contents: Vec<StoredDocument> = bodies.iter().map(|(body, _)| contribution(body)).collect();
        let names = [3, 1, 2, 0];
        let mut sources: Vec<Source<'_>> = contents
            .iter()
            .zip(&bodies)
            .zip(names)
            .map(|((document, (_, order)), id)| Source { id, order: *order, published: 3 - order, document })
            .collect();
        let before = compose(&sources, &Policy::DEFAULT, 0);
        for (a, b) in swaps {
            let (a, b) = (a.index(sources.len()), b.index(sources.len()));
            sources.swap(a, b);
        }
        prop_assert_eq!(compose(&sources, &Policy::DEFAULT, 0), before);
    }
}

/// What is sent is valid, whatever came in; many documents for one run of the judge.
#[test]
fn pidf_15_what_is_sent_is_valid() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    let mut runner = TestRunner::deterministic();
    let strategy = vec(document(), 0..4);
    let rendered: Vec<String> = (0..240)
        .map(|number: usize| {
            let bodies = strategy.new_tree(&mut runner).unwrap().current();
            let names = [0, 1, 2];
            let bodies: Vec<(u64, &[u8])> =
                names.into_iter().zip(bodies.iter().map(String::as_bytes)).collect();
            let rule = [Rule::All, Rule::Newest, Rule::Merge, Rule::MergeNewest][number % 4];
            let policy = Policy { tuples: rule, persons: rule, devices: rule };
            support::compose_at(&bodies, &policy, 1_124_125_200_000 * (number as u64 % 3))
        })
        .collect();
    assert!(rendered.iter().any(|text| text.contains("<n0:")));
    validate(&rendered);
}
