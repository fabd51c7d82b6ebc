//! A winfo subscriber as RFC 3858 4 has it: documents read and put together.

use std::collections::BTreeMap;

use quick_xml::events::Event;

/// A watcher in a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watcher {
    pub id: String,
    pub uri: String,
    pub status: String,
    pub event: String,
    pub expiration: Option<u64>,
    pub subscribed: Option<u64>,
}

impl Watcher {
    /// URI, status and event in one text.
    pub fn told(&self) -> String {
        format!("{} {} {}", self.uri, self.status, self.event)
    }
}

/// A document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatcherInfo {
    pub version: u32,
    pub full: bool,
    pub resource: String,
    pub package: String,
    pub watchers: Vec<Watcher>,
}

impl WatcherInfo {
    pub fn read(text: &str) -> Self {
        let mut reader = quick_xml::Reader::from_str(text);
        let mut read = Self {
            version: u32::MAX,
            full: false,
            resource: String::new(),
            package: String::new(),
            watchers: Vec::new(),
        };
        let mut lists = 0;
        let mut open = false;
        loop {
            match reader.read_event().unwrap() {
                Event::Start(start) | Event::Empty(start) => {
                    let attributes: BTreeMap<String, String> = start
                        .attributes()
                        .map(|attribute| attribute.unwrap())
                        .map(|attribute| {
                            let name = attribute.key.as_ref().to_owned();
                            (
                                name,
                                attribute
                                    .normalized_value(quick_xml::XmlVersion::Implicit1_0)
                                    .unwrap()
                                    .into_owned(),
                            )
                        })
                        .collect();
                    let get = |name: &str| attributes.get(name).cloned();
                    match start.name().as_ref() {
                        "watcherinfo" => {
                            read.version = get("version").unwrap().parse().unwrap();
                            read.full = match get("state").unwrap().as_str() {
                                "full" => true,
                                "partial" => false,
                                other => panic!("state {other}"),
                            };
                        }
                        "watcher-list" => {
                            lists += 1;
                            read.resource = get("resource").unwrap();
                            read.package = get("package").unwrap();
                        }
                        "watcher" => {
                            open = true;
                            read.watchers.push(Watcher {
                                id: get("id").unwrap(),
                                uri: String::new(),
                                status: get("status").unwrap(),
                                event: get("event").unwrap(),
                                expiration: get("expiration").map(|text| text.parse().unwrap()),
                                subscribed: get("duration-subscribed").map(|text| text.parse().unwrap()),
                            });
                        }
                        other => panic!("element {other:?}"),
                    }
                }
                Event::Text(content) if open => {
                    read.watchers.last_mut().unwrap().uri.push_str(&content);
                }
                Event::GeneralRef(reference) if open => {
                    let text = match &*reference {
                        "amp" => "&",
                        "lt" => "<",
                        "gt" => ">",
                        "quot" => "\"",
                        other => panic!("reference {other}"),
                    };
                    read.watchers.last_mut().unwrap().uri.push_str(text);
                }
                Event::End(_) => open = false,
                Event::Eof => break,
                _ => {}
            }
        }
        assert_eq!(lists, 1, "{text}");
        read
    }

    /// What it says, sorted.
    pub fn told(&self) -> Vec<String> {
        let mut all: Vec<String> = self.watchers.iter().map(Watcher::told).collect();
        all.sort();
        all
    }
}

/// The table of a winfo subscriber.
#[derive(Clone, Debug, Default)]
pub struct Table {
    version: Option<u32>,
    pub rows: BTreeMap<String, Watcher>,
    /// Ids reported as terminated.
    ended: Vec<String>,
}

impl Table {
    /// Takes a document. `crashed`: the notifier may have lost count since the last one.
    pub fn take(&mut self, document: &WatcherInfo, crashed: bool) {
        match self.version {
            None => assert!(document.full && (document.version == 0 || crashed), "{document:?}"),
            Some(version) if document.full && crashed => assert!(document.version > version),
            Some(version) => assert_eq!(document.version, version + 1, "{document:?}"),
        }
        self.version = Some(document.version);
        if crashed {
            // What was told before may be undone.
            self.ended.clear();
        }
        if document.full {
            self.rows.clear();
        }
        for watcher in &document.watchers {
            assert!(!watcher.id.is_empty() && watcher.id.bytes().all(|byte| byte.is_ascii_alphanumeric()));
            assert_eq!(watcher.expiration.is_some(), matches!(watcher.status.as_str(), "active" | "pending"));
            if watcher.status == "terminated" {
                self.rows.remove(&watcher.id);
                assert!(!self.ended.contains(&watcher.id), "reported as terminated twice");
                self.ended.push(watcher.id.clone());
            } else {
                self.rows.insert(watcher.id.clone(), watcher.clone());
            }
        }
    }

    /// URI and status of everybody.
    pub fn everybody(&self) -> Vec<String> {
        let mut all: Vec<String> =
            self.rows.values().map(|row| format!("{} {}", row.uri, row.status)).collect();
        all.sort();
        all
    }
}
