//! Presence documents: made for PUBLISH, looked into and validated when they come back.

use crate::schema;

/// Namespace of PIDF (RFC 3863 4.2.1).
pub const NAMESPACE: &str = "urn:ietf:params:xml:ns:pidf";
const DATA_MODEL: &str = "urn:ietf:params:xml:ns:pidf:data-model";
const RPID: &str = "urn:ietf:params:xml:ns:pidf:rpid";

/// A time so many seconds from now by this machine's clock, as `timestamp`, `from` and `until` have it
/// (RFC 3339).
#[must_use]
pub fn from_now(seconds: i64) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a time after 1970");
    let time = i64::try_from(now.as_secs()).expect("a time") + seconds;
    let (days, rest) = (time.div_euclid(86_400), time.rem_euclid(86_400));
    let (mut year, mut day) = (1970, days);
    let length = |year: i64| 365 + i64::from(year % 4 == 0 && (year % 100 != 0 || year % 400 == 0));
    while day >= length(year) {
        day -= length(year);
        year += 1;
    }
    let february = length(year) - 337;
    let mut month = 1;
    for days in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if day < days {
            break;
        }
        day -= days;
        month += 1;
    }
    let (hour, minute, second) = (rest / 3_600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z", day + 1)
}

/// Makes a document.
#[derive(Clone, Debug)]
pub struct Pidf {
    entity: String,
    tuples: Vec<String>,
    rest: Vec<String>,
}

impl Pidf {
    /// A document without content.
    #[must_use]
    pub fn of(entity: &str) -> Self {
        Self { entity: entity.to_owned(), tuples: Vec::new(), rest: Vec::new() }
    }

    /// A document with one tuple, `open` or `closed`, without contact.
    #[must_use]
    pub fn basic(entity: &str, basic: &str) -> String {
        Self::of(entity).tuple("t1", basic).text()
    }

    /// Adds a tuple without contact.
    #[must_use]
    pub fn tuple(self, id: &str, basic: &str) -> Self {
        self.raw_tuple(&format!(r#"<tuple id="{id}"><status><basic>{basic}</basic></status></tuple>"#))
    }

    /// Adds a tuple with a contact.
    #[must_use]
    pub fn reachable(self, id: &str, basic: &str, contact: &str) -> Self {
        self.raw_tuple(&format!(
            r#"<tuple id="{id}"><status><basic>{basic}</basic></status><contact>{contact}</contact></tuple>"#
        ))
    }

    /// Adds a tuple as it is written. Prefixes `dm` and `rpid` are bound.
    #[must_use]
    pub fn raw_tuple(mut self, xml: &str) -> Self {
        self.tuples.push(xml.to_owned());
        self
    }

    /// Adds a note to the document.
    #[must_use]
    pub fn note(mut self, text: &str) -> Self {
        self.rest.insert(0, format!("<note>{text}</note>"));
        self
    }

    /// Adds an element after the tuples as it is written. Prefixes `dm` and `rpid` are bound.
    #[must_use]
    pub fn raw(mut self, xml: &str) -> Self {
        self.rest.push(xml.to_owned());
        self
    }

    /// Adds a person with one activity (RFC 4480 3.2).
    #[must_use]
    pub fn activity(mut self, id: &str, activity: &str) -> Self {
        self.rest.push(format!(
            r#"<dm:person id="{id}"><rpid:activities><rpid:{activity}/></rpid:activities></dm:person>"#
        ));
        self
    }

    /// The document's text.
    #[must_use]
    pub fn text(&self) -> String {
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<presence xmlns=\"{NAMESPACE}\" xmlns:dm=\"{DATA_MODEL}\" \
             xmlns:rpid=\"{RPID}\" entity=\"{}\">{}{}</presence>\n",
            self.entity,
            self.tuples.concat(),
            self.rest.concat()
        )
    }
}

/// A tuple of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tuple {
    /// The `id`.
    pub id: String,
    /// Text of `basic`, if there is one.
    pub basic: Option<String>,
    /// Text of `contact`, if there is one.
    pub contact: Option<String>,
    /// Texts of the notes.
    pub notes: Vec<String>,
    /// Local names of the children, in order.
    pub children: Vec<String>,
}

/// A document that the server sent: valid by the schemas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    text: String,
}

impl Document {
    /// Reads a document and fails the test if it is no valid PIDF: UTF-8 with an XML
    /// declaration (PIDF-02), root and entity (PIDF-01), unique ids (PIDF-03), and what the
    /// schemas of RFC 3863, 4479 and 4480 ask for.
    #[track_caller]
    #[must_use]
    pub fn read(bytes: &[u8]) -> Self {
        let text = std::str::from_utf8(bytes).expect("a document in UTF-8").to_owned();
        assert!(text.starts_with("<?xml version="), "an XML declaration (RFC 3863 4.1): {text}");
        let document = Self { text };
        document.with(|root| {
            assert_eq!(root.tag_name().name(), "presence", "{}", document.text);
            assert_eq!(root.tag_name().namespace(), Some(NAMESPACE), "{}", document.text);
            let mut ids: Vec<&str> = root.descendants().filter_map(|n| n.attribute("id")).collect();
            let count = ids.len();
            ids.sort_unstable();
            ids.dedup();
            assert_eq!(ids.len(), count, "ids are unique (RFC 3863 4.1.2): {}", document.text);
        });
        schema::validate(&document.text);
        document
    }

    /// The text as it arrived.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Calls a function with the root element.
    pub fn with<R>(&self, look: impl FnOnce(roxmltree::Node<'_, '_>) -> R) -> R {
        match roxmltree::Document::parse(&self.text) {
            Ok(document) => look(document.root_element()),
            Err(why) => panic!("not well formed: {why}\n{}", self.text),
        }
    }

    /// The `entity`.
    #[must_use]
    pub fn entity(&self) -> String {
        self.with(|root| root.attribute("entity").expect("an entity (RFC 3863 4.1.1)").to_owned())
    }

    /// The tuples, in order.
    #[must_use]
    pub fn tuples(&self) -> Vec<Tuple> {
        self.with(|root| {
            let named = |node: roxmltree::Node<'_, '_>, name: &str| node.has_tag_name((NAMESPACE, name));
            let text = |node: roxmltree::Node<'_, '_>| node.text().unwrap_or_default().trim().to_owned();
            root.children()
                .filter(|n| named(*n, "tuple"))
                .map(|tuple| Tuple {
                    id: tuple.attribute("id").unwrap_or_default().to_owned(),
                    basic: tuple.descendants().find(|n| named(*n, "basic")).map(text),
                    contact: tuple.children().find(|n| named(*n, "contact")).map(text),
                    notes: tuple.children().filter(|n| named(*n, "note")).map(text).collect(),
                    children: tuple
                        .children()
                        .filter(roxmltree::Node::is_element)
                        .map(|n| n.tag_name().name().to_owned())
                        .collect(),
                })
                .collect()
        })
    }

    /// Every `basic`, in order of the tuples.
    #[must_use]
    pub fn basics(&self) -> Vec<String> {
        self.tuples().into_iter().filter_map(|t| t.basic).collect()
    }

    /// True if there is nothing in it but closed tuples, if any (SUB-36).
    #[must_use]
    pub fn is_neutral(&self) -> bool {
        self.tuples().iter().all(|t| t.basic.as_deref() == Some("closed")) && self.activities().is_empty()
    }

    /// Local names of all activities of persons (RFC 4480 3.2), in order.
    #[must_use]
    pub fn activities(&self) -> Vec<String> {
        self.with(|root| {
            root.descendants()
                .filter(|n| n.has_tag_name((RPID, "activities")))
                .flat_map(|n| n.children().filter(roxmltree::Node::is_element))
                .map(|n| n.tag_name().name().to_owned())
                .collect()
        })
    }

    /// Texts of the notes at document level.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        self.with(|root| {
            root.children()
                .filter(|n| n.has_tag_name((NAMESPACE, "note")))
                .map(|n| n.text().unwrap_or_default().to_owned())
                .collect()
        })
    }
}
