//! Feature tags of a contact (RFC 3840) as capabilities of a service (RFC 5196).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::sip::params::unquote;
use crate::xml::lexical::escape_text;

/// Longest value that is kept, in bytes; a list of all methods there are has about a hundred.
const LONGEST: usize = 512;

/// A feature tag that has a place among the capabilities. The others, `+sip.instance` before all, which
/// tells one device from another, are not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Tag {
    /// `sip.actor`
    Actor,
    /// `sip.application`
    Application,
    /// `sip.audio`
    Audio,
    /// `sip.automata`
    Automata,
    /// `sip.class`
    Class,
    /// `sip.control`
    Control,
    /// `sip.data`
    Data,
    /// `sip.description`
    Description,
    /// `sip.duplex`
    Duplex,
    /// `sip.events`
    Events,
    /// `sip.extensions`
    Extensions,
    /// `sip.isfocus`
    IsFocus,
    /// `sip.message`
    Message,
    /// `sip.methods`
    Methods,
    /// `sip.language`
    Language,
    /// `sip.priority`
    Priority,
    /// `sip.schemes`
    Schemes,
    /// `sip.text`
    Text,
    /// `sip.type`
    Type,
    /// `sip.video`
    Video,
}

/// How the value of a tag is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// True or false.
    Flag,
    /// Elements, each called as one of the values.
    Names,
    /// Elements of this name, each with one of the values.
    Listed(&'static str),
    /// The value as text, quite often.
    Text,
    /// Ranges of numbers.
    Numbers,
}

/// A tag: its name in a Contact (RFC 3840 section 9), the element for it (RFC 5196 section 3.2), its form.
type Row = (Tag, &'static str, &'static str, Form);

const TAGS: &[Row] = &[
    (Tag::Actor, "actor", "actor", Form::Names),
    (Tag::Application, "application", "application", Form::Flag),
    (Tag::Audio, "audio", "audio", Form::Flag),
    (Tag::Automata, "automata", "automata", Form::Flag),
    (Tag::Class, "class", "class", Form::Names),
    (Tag::Control, "control", "control", Form::Flag),
    (Tag::Data, "data", "data", Form::Flag),
    (Tag::Description, "description", "description", Form::Text),
    (Tag::Duplex, "duplex", "duplex", Form::Names),
    (Tag::Events, "events", "event-packages", Form::Names),
    (Tag::Extensions, "extensions", "extensions", Form::Names),
    (Tag::IsFocus, "isfocus", "isfocus", Form::Flag),
    // No base tag of RFC 3840, so it has a plus sign.
    (Tag::Message, "+sip.message", "message", Form::Flag),
    (Tag::Methods, "methods", "methods", Form::Names),
    (Tag::Language, "language", "languages", Form::Listed("l")),
    (Tag::Priority, "priority", "priority", Form::Numbers),
    (Tag::Schemes, "schemes", "schemes", Form::Listed("s")),
    (Tag::Text, "text", "text", Form::Flag),
    (Tag::Type, "type", "type", Form::Text),
    (Tag::Video, "video", "video", Form::Flag),
];

/// Values whose element is not called as they are.
const RENAMED: &[(&str, &str)] = &[
    ("100rel", "rel100"),
    ("presence.winfo", "winfo"),
    ("siemens-rtp-stats", "Siemens-RTP-Stats"),
    ("spirits-indps", "spirits-INDPs"),
];

/// A feature tag of a contact.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Feature {
    /// Which.
    pub tag: Tag,
    /// Its value as it stood in the Contact, without quotes; empty if it had none, which stands for `TRUE`.
    pub value: String,
}

impl Feature {
    /// Reads a parameter of a Contact; none if it has no place among the capabilities.
    #[must_use]
    pub fn read(name: &str, value: &str) -> Option<Self> {
        let (tag, ..) = TAGS.iter().find(|(_, known, ..)| known.eq_ignore_ascii_case(name))?;
        let value = unquote(value);
        (value.len() <= LONGEST).then(|| Self { tag: *tag, value: value.trim().to_owned() })
    }

    /// The values of it, each with whether the contact has it or, by a `!`, explicitly has it not.
    fn values(&self) -> impl Iterator<Item = (&str, bool)> {
        let text = self.value.strip_prefix('<').and_then(|text| text.strip_suffix('>'));
        // A string in angle brackets is one value, whatever is in it.
        let parts = text.is_none().then(|| self.value.split(','));
        text.into_iter().chain(parts.into_iter().flatten()).filter_map(move |value| {
            let value = value.trim();
            let (value, has) = match value.strip_prefix('!').filter(|_| text.is_none()) {
                Some(value) => (value.trim(), false),
                None => (value, true),
            };
            (!value.is_empty()).then_some((value, has))
        })
    }
}

/// Writes what the contacts of a service can do as `servcaps`: what one of them can, the service can.
pub fn write<'f>(contacts: impl Iterator<Item = &'f [Feature]> + Clone, out: &mut Vec<u8>) {
    let mut inside = Vec::new();
    for (tag, _, element, form) in TAGS {
        let features = contacts.clone().flatten().filter(|feature| feature.tag == *tag);
        match form {
            Form::Flag => flag(element, features, &mut inside),
            Form::Text => {
                let values: BTreeSet<&str> =
                    features.flat_map(Feature::values).map(|(value, _)| value).collect();
                for value in values {
                    in_element(element, &mut inside, |out| escape_text(value, out));
                }
            }
            Form::Names => several(element, features, &mut inside, |value, out| {
                if let Some(name) = element_name(*tag, value) {
                    out.extend_from_slice(format!("<caps:{name}/>").as_bytes());
                }
            }),
            Form::Listed(item) => several(element, features, &mut inside, |value, out| {
                in_element(item, out, |out| escape_text(value, out));
            }),
            Form::Numbers => several(element, features, &mut inside, |value, out| {
                if let Some(range) = range(value) {
                    out.extend_from_slice(range.as_bytes());
                }
            }),
        }
    }
    if !inside.is_empty() {
        in_element("servcaps", out, |out| out.extend_from_slice(&inside));
    }
}

fn flag<'f>(element: &str, features: impl Iterator<Item = &'f Feature>, out: &mut Vec<u8>) {
    let mut said = None;
    for feature in features {
        let holds =
            !feature.value.eq_ignore_ascii_case("false") && !feature.value.eq_ignore_ascii_case("!true");
        said = Some(said.unwrap_or(false) || holds);
    }
    if let Some(said) = said {
        let text: &[u8] = if said { b"true" } else { b"false" };
        in_element(element, out, |out| out.extend_from_slice(text));
    }
}

/// What is supported, and what is said not to be and nowhere is.
fn several<'f>(
    element: &str,
    features: impl Iterator<Item = &'f Feature> + Clone,
    out: &mut Vec<u8>,
    write: impl Fn(&str, &mut Vec<u8>),
) {
    let those = |wanted: bool| -> BTreeSet<String> {
        let values = features.clone().flat_map(Feature::values).filter(|(_, has)| *has == wanted);
        values.map(|(value, _)| value.to_ascii_lowercase()).collect()
    };
    let (supported, missing) = (those(true), those(false));
    let mut inside = Vec::new();
    for (name, values) in [
        ("supported", supported.clone()),
        ("notsupported", missing.difference(&supported).cloned().collect()),
    ] {
        let mut written = Vec::new();
        for value in &values {
            write(value, &mut written);
        }
        if !written.is_empty() {
            in_element(name, &mut inside, |out| out.extend_from_slice(&written));
        }
    }
    if !inside.is_empty() {
        in_element(element, out, |out| out.extend_from_slice(&inside));
    }
}

fn in_element(name: &str, out: &mut Vec<u8>, content: impl FnOnce(&mut Vec<u8>)) {
    for part in ["<caps:", name, ">"] {
        out.extend_from_slice(part.as_bytes());
    }
    content(out);
    for part in ["</caps:", name, ">"] {
        out.extend_from_slice(part.as_bytes());
    }
}

/// The element for a value in lower case. Whether the schema has one of that name is not asked here:
/// what it has no place for does not get into a document ([`crate::pidf`]).
fn element_name(tag: Tag, value: &str) -> Option<String> {
    if let Some((_, name)) = RENAMED.iter().find(|(known, _)| *known == value) {
        return Some((*name).to_owned());
    }
    let fits = value.starts_with(|first: char| first.is_ascii_alphabetic())
        && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    fits.then(|| if tag == Tag::Methods { value.to_ascii_uppercase() } else { value.to_owned() })
}

/// The element for a numeric value (RFC 3840 section 9, RFC 5196 section 3.2.16).
fn range(value: &str) -> Option<String> {
    let value = value.strip_prefix('#')?;
    let number = |text: &str| text.trim().parse::<i64>().ok();
    Some(if let Some(least) = value.strip_prefix(">=") {
        // The name has a letter less in the schema, which is what documents go by.
        format!("<caps:higherhan minvalue=\"{}\"/>", number(least)?)
    } else if let Some(most) = value.strip_prefix("<=") {
        format!("<caps:lowerthan maxvalue=\"{}\"/>", number(most)?)
    } else if let Some(exact) = value.strip_prefix('=') {
        format!("<caps:equals value=\"{}\"/>", number(exact)?)
    } else {
        let (least, most) = value.split_once(':')?;
        format!("<caps:range minvalue=\"{}\" maxvalue=\"{}\"/>", number(least)?, number(most)?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(contacts: &[&[(&str, &str)]]) -> String {
        let contacts: Vec<Vec<Feature>> = contacts
            .iter()
            .map(|params| params.iter().filter_map(|(name, value)| Feature::read(name, value)).collect())
            .collect();
        let mut out = Vec::new();
        write(contacts.iter().map(Vec::as_slice), &mut out);
        String::from_utf8(out).unwrap().replace("caps:", "")
    }

    #[test]
    fn ext_11_feature_tags_become_capabilities() {
        let caps = written(&[&[
            ("audio", ""),
            ("Video", "FALSE"),
            ("methods", "\"INVITE,message,!INFO\""),
            ("duplex", "\"full\""),
            ("events", "\"presence,presence.winfo,x.y\""),
            ("extensions", "\"100rel,pref\""),
            ("language", "\"en,!de\""),
            ("priority", "\"#<=10,#2:4\""),
            ("description", "\"<PC, & more>\""),
            ("+sip.message", ""),
            ("+sip.instance", "\"<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>\""),
            ("+g.3gpp.smsip", ""),
        ]]);
        assert_eq!(
            caps,
            "<servcaps><audio>true</audio><description>PC, &amp; more</description>\
             <duplex><supported><full/></supported></duplex>\
             <event-packages><supported><presence/><winfo/></supported></event-packages>\
             <extensions><supported><rel100/><pref/></supported></extensions><message>true</message>\
             <methods><supported><INVITE/><MESSAGE/></supported><notsupported><INFO/></notsupported></methods>\
             <languages><supported><l>en</l></supported><notsupported><l>de</l></notsupported></languages>\
             <priority><supported><range minvalue=\"2\" maxvalue=\"4\"/><lowerthan maxvalue=\"10\"/></supported>\
             </priority><video>false</video></servcaps>"
        );
    }

    #[test]
    fn what_one_contact_can_the_service_can() {
        let caps = written(&[
            &[("audio", "FALSE"), ("methods", "!INFO,INVITE")],
            &[("audio", ""), ("methods", "INFO")],
        ]);
        let expected = "<servcaps><audio>true</audio><methods><supported><INFO/><INVITE/></supported></methods></servcaps>";
        assert_eq!(caps, expected);
        assert_eq!(written(&[&[], &[("+sip.instance", "x"), ("class", "\"a b,<c>\"")]]), "");
    }
}
