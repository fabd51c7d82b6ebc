//! Watcher information (RFC 3857): the section `presence.winfo` and its limits.

use super::Problem;
use super::section::Section;

/// How watcher information is told, and its bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WatcherInfo {
    /// Milliseconds between two notifications of changes to one subscriber (RFC 3857 4.10); 0 for no limit.
    pub interval: u64,
    /// Milliseconds after which a subscription that nobody decides on is given up (RFC 3857 4.7.1).
    pub giveup: u64,
    /// Watchers told in one document.
    pub watchers: u32,
    /// Subscriptions to the watcher information of a presentity.
    pub subscriptions: u32,
    /// Pending and waiting subscriptions of a presentity.
    pub pending: u32,
    /// Pending and waiting subscriptions of one watcher to a presentity.
    pub pending_per_watcher: u32,
}

impl WatcherInfo {
    /// Keys in the section `limits`.
    pub(super) const LIMITS: &'static [&'static str] =
        &["winfo_watchers", "winfo_subscriptions", "pending", "pending_per_watcher"];

    pub(super) fn read(presence: &Section<'_>, limits: &Section<'_>, problems: &mut Vec<Problem>) -> Self {
        const YEAR: u32 = 31_536_000;
        let section = presence.section("winfo", problems);
        section.only(&["interval", "giveup"], problems);
        let interval = section.number("interval", 0, 86_400, 5, problems);
        let giveup = section.number("giveup", 60, YEAR, 259_200, problems);
        Self {
            interval: u64::from(interval) * 1_000,
            giveup: u64::from(giveup) * 1_000,
            watchers: limits.number("winfo_watchers", 1, 2_000, 1_000, problems),
            subscriptions: limits.number("winfo_subscriptions", 1, 100, 32, problems),
            pending: limits.number("pending", 1, 1_000, 500, problems),
            pending_per_watcher: limits.number("pending_per_watcher", 1, 1_000, 10, problems),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::configuration::Configuration;

    #[test]
    fn times_are_in_seconds_and_limits_among_the_limits() {
        let json = r#"{"presence":{"domains":["x"],"winfo":{"interval":0,"giveup":60}},
            "limits":{"winfo_watchers":7,"pending":8}}"#;
        let winfo = Configuration::parse(json).unwrap().winfo;
        assert_eq!((winfo.interval, winfo.giveup, winfo.watchers, winfo.pending), (0, 60_000, 7, 8));
        let winfo = Configuration::parse(r#"{"presence":{"domains":["x"]}}"#).unwrap().winfo;
        assert_eq!((winfo.interval, winfo.giveup), (5_000, 259_200_000));
    }

    #[test]
    fn what_does_not_fit_is_told_with_its_key() {
        let json = r#"{"presence":{"domains":["x"],"winfo":{"intervall":1,"giveup":59}},
            "limits":{"winfo_subscriptions":0}}"#;
        let problems = Configuration::parse(json).unwrap_err();
        let keys: Vec<&str> = problems.iter().map(|problem| problem.key.as_str()).collect();
        assert_eq!(keys, ["presence.winfo.intervall", "presence.winfo.giveup", "limits.winfo_subscriptions"]);
    }
}
