//! Partial PIDF (RFC 5262): what is sent is valid and leads from one document to the next, and
//! what publishers send is applied.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::disallowed_methods, reason = "the examples are files")]

mod support;

use std::path::PathBuf;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use rollcall_plugin::composition::{Composed, Policy, Source, compose};
use rollcall_plugin::patch::{PatchError, Problem};
use rollcall_plugin::pidf::{Limits, StoredDocument, read};
use rollcall_plugin::pidf_diff::{Difference, PartialError, Published, full, publish};
use support::{documents, presence, source, validate};

const ENTITY: &str = "sip:alice@example.com";

fn file(name: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/data/patches");
    std::fs::read(folder.join(name)).unwrap()
}

fn composed(bodies: &[String]) -> Composed {
    let contents: Vec<StoredDocument> =
        bodies.iter().map(|body| read(body.as_bytes(), &Limits::DEFAULT).unwrap().content).collect();
    let sources: Vec<Source<'_>> = (1..).zip(&contents).map(|(id, document)| source(id, document)).collect();
    compose(&sources, &Policy::DEFAULT, 0)
}

fn take(body: &[u8], original: Option<&[u8]>) -> Result<Published, PartialError> {
    publish(body, || original.map(<[u8]>::to_vec), &Limits::DEFAULT)
}

fn taken(body: &[u8], original: Option<&[u8]>) -> String {
    String::from_utf8(take(body, original).unwrap().presence).unwrap()
}

/// RFC 5262 section 6: the example's patch makes its second document of its first.
#[test]
fn rfc5262_6_the_example_is_applied() {
    let before = taken(&file("rfc5262-before.xml"), None);
    let patched = taken(&file("rfc5262-patch.xml"), Some(before.as_bytes()));
    // The two notes of the example differ by a word and a space, and white space around the new tuple.
    let squeeze = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ").replace("> <", "><");
    let after = taken(&file("rfc5262-after.xml"), None);
    assert_eq!(
        squeeze(&patched).replace("tuple and person element", "tuple and note element"),
        squeeze(&after)
    );
    assert!(patched.contains("<contact priority=\"0.7\">im:pep@example.com</contact>"), "{patched}");
    assert!(patched.starts_with("<presence xmlns="), "{patched}");
}

/// RFC 5263 section 5 and RFC 5264 section 6: theirs can be applied, too.
#[test]
fn rfc5263_and_rfc5264_examples_are_applied() {
    for number in [5263, 5264] {
        let before = taken(&file(&format!("rfc{number}-full.xml")), None);
        let after = taken(&file(&format!("rfc{number}-diff.xml")), Some(before.as_bytes()));
        assert!(after.contains("mailto:") && !after.contains("busy"), "{after}");
        read(after.as_bytes(), &Limits::DEFAULT).unwrap();
    }
}

/// PUB-27, PUB-28 (RFC 5264 section 4.3): what is refused, and how.
#[test]
fn rfc5264_4_3_what_cannot_be_taken() {
    let root = |name: &str, inner: &str| {
        format!(
            "<p:{name} xmlns='urn:ietf:params:xml:ns:pidf' xmlns:p='urn:ietf:params:xml:ns:pidf-diff' \
             entity='{ENTITY}'>{inner}</p:{name}>"
        )
    };
    let whole = taken(root("pidf-full", "<tuple id='a'><status/></tuple>").as_bytes(), None);
    let refused = |body: String, original: Option<&str>| {
        let error = take(body.as_bytes(), original.map(str::as_bytes)).unwrap_err();
        (error.status(), error)
    };
    let remove = root("pidf-diff", "<p:remove sel='presence/tuple'/>");
    assert_eq!(refused(remove.clone(), None), (400, PartialError::NothingToChange));
    let gone = taken(remove.as_bytes(), Some(whole.as_bytes()));
    let unlocated = PatchError { operation: 1, problem: Problem::Unlocated };
    assert_eq!(refused(remove, Some(&gone)), (400, PartialError::Patch(unlocated)));
    let other = root("pidf-diff", "").replace("alice", "bob");
    assert_eq!(refused(other, Some(&whole)), (400, PartialError::OtherEntity));
    assert_eq!(refused(presence(""), None), (400, PartialError::WrongRoot), "RFC 5262 section 3");
    assert_eq!(refused(root("add", ""), Some(&whole)), (400, PartialError::WrongRoot));
    assert_eq!(refused("<p".to_owned(), None).0, 400);
    assert_eq!(refused(root("pidf-full", &" ".repeat(70_000)), None).0, 413);
    assert_eq!(refused(root("pidf-diff", ""), Some("<broken")), (500, PartialError::Damaged));
    // Piece by piece beyond the limit.
    let fill = root("pidf-diff", &format!("<p:add sel='presence'><x>{}</x></p:add>", "y".repeat(40_000)));
    let much = taken(fill.as_bytes(), Some(whole.as_bytes()));
    assert_eq!(refused(fill, Some(&much)).0, 413);
}

/// RFC 5262 section 3: the root of what the publisher holds may be called by either name.
#[test]
fn rfc5262_3_the_root_has_two_names() {
    let xml = |root: &str, inner: &str| {
        format!(
            "<{root} xmlns:q='urn:ietf:params:xml:ns:pidf' xmlns='urn:ietf:params:xml:ns:pidf-diff' \
             entity='{ENTITY}' version='7'>{inner}</{root}>"
        )
    };
    let whole = taken(xml("pidf-full", "<q:note>one</q:note>").as_bytes(), None);
    assert!(whole.starts_with("<q:presence ") && !whole.contains("version"), "{whole}");
    for selector in ["pidf-full/q:note/text()", "q:presence/q:note/text()", "*/q:note/text()"] {
        let replace = xml("pidf-diff", &format!("<replace sel='{selector}'>two</replace>"));
        assert!(taken(replace.as_bytes(), Some(whole.as_bytes())).contains(">two<"), "{selector}");
    }
}

/// Goes from one document to the next as a watcher would.
fn follow(old: &Composed, new: &Composed) -> Option<Vec<u8>> {
    let held = taken(&full(old.as_bytes(), ENTITY, 1), None);
    let difference = Difference::between(old.as_bytes(), new.as_bytes())?;
    let sent = difference.render(ENTITY, 2);
    assert!(sent.len() < full(new.as_bytes(), ENTITY, 2).len(), "FLT-22");
    let patched = taken(&sent, Some(held.as_bytes()));
    let whole = taken(&full(new.as_bytes(), ENTITY, 2), None);
    assert_eq!(patched, whole, "{}", String::from_utf8_lossy(&sent));
    Some(sent)
}

/// FLT-20, FLT-22 (RFC 5262 section 4): the usual changes are told briefly.
#[test]
fn rfc5262_4_small_changes_make_small_documents() {
    let tuple = |basic: &str, note: &str| {
        presence(&format!(
            "<tuple id='t'><status><basic>{basic}</basic></status><contact priority='0.8'>sip:a@example.com</contact>\
             <note>{note}</note><timestamp>2026-01-01T00:00:00Z</timestamp></tuple>"
        ))
    };
    let person = presence("<dm:person id='p'><r:activities><r:busy/></r:activities></dm:person>");
    let (open, closed) = (tuple("open", "Here"), tuple("closed", "Here"));
    let sent = follow(&composed(std::slice::from_ref(&open)), &composed(&[closed])).unwrap();
    let sent = String::from_utf8(sent).unwrap();
    assert!(sent.contains("<pd:replace sel=\"*/tuple/status/basic/text()\">closed</pd:replace>"), "{sent}");
    // A person comes, with its namespaces; and goes, with them.
    let long = presence(&format!("<note>{}</note>", "long ".repeat(100)));
    let without = composed(&[open.clone(), long.clone()]);
    let with = composed(&[open.clone(), long, person]);
    let sent = [follow(&without, &with).unwrap(), follow(&with, &without).unwrap()];
    validate(&sent.map(|sent| String::from_utf8(sent).unwrap()));
    // Nothing in common: the whole is shorter.
    assert_eq!(follow(&composed(&[open]), &composed(&[])), None);
}

/// FLT-16: documents of this type are valid by the schema of RFC 5262.
#[test]
fn rfc5262_7_what_is_sent_is_valid() {
    let examples: Vec<Composed> = documents()
        .into_iter()
        .filter_map(|(_, body)| read(&body, &Limits::DEFAULT).ok())
        .map(|document| compose(&[source(1, &document.content)], &Policy::DEFAULT, 0))
        .collect();
    let mut sent = Vec::new();
    for pair in examples.windows(2) {
        sent.push(full(pair[0].as_bytes(), "sip:a&b@example.com", 1));
        sent.extend(follow(&pair[0], &pair[1]));
    }
    let sent: Vec<String> = sent.into_iter().map(|sent| String::from_utf8(sent).unwrap()).collect();
    validate(&sent);
}

fn part() -> impl Strategy<Value = String> {
    let id = select(vec!["a", "b", "c", "d"]);
    let tuple = (id.clone(), select(vec!["open", "closed"]), select(vec!["", "<note>n</note>", "<note xml:lang='de'>m&amp;</note>"]))
        .prop_map(|(id, basic, note)| {
            format!("<tuple id='{id}'><status><basic>{basic}</basic></status><contact>sip:{id}@x</contact>{note}</tuple>")
        });
    let person = (id.clone(), select(vec!["busy", "away", "meal"])).prop_map(|(id, activity)| {
        format!("<dm:person id='{id}'><r:activities><r:{activity}/></r:activities></dm:person>")
    });
    let device =
        id.prop_map(|id| format!("<dm:device id='{id}'><dm:deviceID>urn:x:{id}</dm:deviceID></dm:device>"));
    let foreign = select(vec![
        "<x xmlns='urn:x'>t<y/> u</x>",
        "<x xmlns='urn:x'><y xmlns='' a='1'/></x>",
        "<x xmlns='urn:x' xmlns:z='urn:z' z:a='1'><z:y/></x>",
        "<note>1</note>",
        "<note>2</note>",
        "<r:mood><r:happy/><r:note>x\ny</r:note></r:mood>",
    ]);
    prop_oneof![tuple, person, device, foreign.prop_map(str::to_owned)]
}

proptest! {
    /// FLT-20: applying each difference to what the watcher has gives what there is now.
    #[test]
    fn differences_lead_from_document_to_document(
        publications in vec(vec(vec(part(), 0..6), 1..4), 2..5)
    ) {
        let composed: Vec<Composed> = publications
            .iter()
            .map(|bodies| composed(&bodies.iter().map(|parts| presence(&parts.concat())).collect::<Vec<_>>()))
            .collect();
        for pair in composed.windows(2) {
            follow(&pair[0], &pair[1]);
        }
    }

    /// One part changes, as most often.
    #[test]
    fn a_small_change_leads_there(parts in vec(part(), 3..12), place in any::<prop::sample::Index>(), new in part()) {
        let mut changed = parts.clone();
        changed[place.index(parts.len())] = new;
        let [old, new] = [parts, changed].map(|parts| composed(&[presence(&parts.concat())]));
        follow(&old, &new);
    }
}
