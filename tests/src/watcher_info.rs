//! Watcher information as a presentity's phone reads it (RFC 3858).

use crate::message::Message;
use crate::phone::Phone;
use crate::schema;
use crate::subscription::{Notify, Subscription};

const NAMESPACE: &str = "urn:ietf:params:xml:ns:watcherinfo";

/// Type of the documents.
pub const WATCHERINFO: &str = "application/watcherinfo+xml";

/// A watcher in a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watcher {
    /// The attribute `id`.
    pub id: String,
    /// Its URI.
    pub uri: String,
    /// The attribute `status`.
    pub status: String,
    /// The attribute `event`.
    pub event: String,
    /// The attribute `expiration`, seconds.
    pub expiration: Option<u64>,
}

/// A document: valid by the schema, with one list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatcherInfo {
    /// Its version.
    pub version: u32,
    /// Everything; else only what has changed.
    pub full: bool,
    /// The attribute `resource` of the list.
    pub resource: String,
    /// The attribute `package` of the list.
    pub package: String,
    /// The watchers, in order.
    pub watchers: Vec<Watcher>,
}

impl WatcherInfo {
    /// Reads a document; fails the test if it is not valid.
    #[track_caller]
    #[must_use]
    pub fn read(bytes: &[u8]) -> Self {
        let text = std::str::from_utf8(bytes).expect("a document in UTF-8");
        schema::validate(text);
        let document = roxmltree::Document::parse(text).expect("well formed");
        let root = document.root_element();
        assert!(root.has_tag_name((NAMESPACE, "watcherinfo")), "{text}");
        let lists: Vec<_> = root.children().filter(|n| n.has_tag_name((NAMESPACE, "watcher-list"))).collect();
        assert_eq!(lists.len(), 1, "one list: {text}");
        let get = |node: roxmltree::Node<'_, '_>, name: &str| node.attribute(name).map(str::to_owned);
        let watcher = |node: roxmltree::Node<'_, '_>| Watcher {
            id: get(node, "id").unwrap(),
            uri: node.text().unwrap_or_default().to_owned(),
            status: get(node, "status").unwrap(),
            event: get(node, "event").unwrap(),
            expiration: get(node, "expiration").map(|seconds| seconds.parse().unwrap()),
        };
        let watchers = lists[0].children().filter(roxmltree::Node::is_element).map(watcher).collect();
        Self {
            version: get(root, "version").unwrap().parse().expect("32 bits"),
            full: get(root, "state").unwrap() == "full",
            resource: get(lists[0], "resource").unwrap(),
            package: get(lists[0], "package").unwrap(),
            watchers,
        }
    }

    /// URI, status and event of each watcher, sorted.
    #[must_use]
    pub fn told(&self) -> Vec<String> {
        let mut all: Vec<String> =
            self.watchers.iter().map(|one| format!("{} {} {}", one.uri, one.status, one.event)).collect();
        all.sort();
        all
    }
}

impl Notify {
    /// The watcher information in it. Fails the test if there is none, or if it is not valid.
    #[track_caller]
    #[must_use]
    pub fn watcher_info(&self) -> WatcherInfo {
        assert_eq!(self.message().header("Content-Type"), Some(WATCHERINFO), "{}", self.message());
        WatcherInfo::read(&self.message().body)
    }
}

impl Phone {
    /// An initial SUBSCRIBE to a winfo package, for an hour.
    #[must_use]
    pub fn winfo_request(&self, presentity: &str, package: &str) -> Message {
        self.subscribe_request(presentity).with("Event", package).with("Accept", WATCHERINFO)
    }

    /// Subscribes to the presence.winfo of this phone's own user.
    #[track_caller]
    #[must_use]
    pub fn look(&self) -> Subscription<'_> {
        self.subscribe_with(self.winfo_request(self.identity(), "presence.winfo"))
    }
}
