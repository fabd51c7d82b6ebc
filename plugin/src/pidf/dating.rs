//! The times of what a publication changes (RFC 3863 section 4.1.7): what says something else
//! than before does not say so at the same time.

use super::canonical::Element;
use super::instant;
use super::{Component, StoredDocument};
use crate::ports::Instant;

impl StoredDocument {
    /// True if there is a timestamp in it.
    #[must_use]
    pub fn is_dated(&self) -> bool {
        self.parts.iter().any(|part| part.dated)
    }

    /// Corrects the timestamps of tuples, persons and devices against what the publication
    /// said before, under the same identifiers: one that changed under the same or an earlier
    /// time changed `now`, one that did not change keeps its time.
    pub fn date_against(&mut self, former: &Self, now: Instant) {
        let before: Vec<Dated<'_>> =
            former.components().filter_map(|component| Dated::of(&component)).collect();
        if before.is_empty() {
            return;
        }
        let mut dates = Vec::new();
        for (number, component) in self.components().enumerate() {
            let Some(dated) = Dated::of(&component) else { continue };
            let same = |other: &&Dated<'_>| other.element == dated.element && other.id == dated.id;
            let Some(before) = before.iter().find(same) else { continue };
            // A former time that is still to come was a mistake, which may be corrected.
            let stale = dated.at == before.at || (dated.at < before.at && before.at <= now);
            if !stale {
                continue;
            }
            let at = if dated.rest == before.rest {
                before.at
            } else if before.at == now {
                now + 1
            } else {
                now
            };
            if at != dated.at {
                dates.push((number, at));
            }
        }
        if !dates.is_empty() {
            self.set_dates(&dates);
        }
    }

    fn set_dates(&mut self, dates: &[(usize, Instant)]) {
        let mut text = Vec::with_capacity(self.text.len() + dates.len() * 8);
        let mut ends = Vec::with_capacity(self.parts.len());
        let mut id_ends = Vec::with_capacity(self.id_ends.len());
        let mut former_ends = self.id_ends.iter().map(|end| *end as usize).peekable();
        let offset = |place: usize| u32::try_from(place).unwrap_or(u32::MAX);
        for (number, component) in self.components().enumerate() {
            let end = component.start + component.xml.len();
            // Identifiers stand before the timestamp, which is the last child.
            while let Some(id_end) = former_ends.next_if(|id_end| *id_end <= end) {
                id_ends.push(offset(text.len() + id_end.saturating_sub(component.start)));
            }
            match (dates.iter().find(|(of, _)| *of == number), Dated::of(&component)) {
                (Some((_, at)), Some(dated)) => dated.write(*at, &mut text),
                _ => text.extend_from_slice(component.xml),
            }
            ends.push(offset(text.len()));
        }
        for (part, end) in self.parts.iter_mut().zip(ends) {
            part.end = end;
        }
        (self.text, self.id_ends) = (text, id_ends);
    }
}

/// A component with a timestamp.
struct Dated<'a> {
    id: &'a [u8],
    /// All up to the timestamp.
    rest: &'a [u8],
    at: Instant,
    /// Names of the component and of its timestamp.
    element: &'a [u8],
    name: &'a [u8],
}

impl<'a> Dated<'a> {
    fn of(component: &Component<'a>) -> Option<Self> {
        let xml = component.xml;
        // Most have none: no need to take them apart.
        let (component, _) = component.dated.then(|| Element::first(xml)).flatten()?;
        let name: &[u8] = if component.name == b"tuple" { b"timestamp" } else { b"dm:timestamp" };
        let timestamp = component.children().find(|child| child.name == name)?;
        let length = xml.len() - b"</>".len() - component.name.len() - timestamp.xml.len();
        Some(Self {
            id: component.attribute("id")?,
            rest: xml.get(..length)?,
            at: instant::parse(timestamp.content)?,
            element: component.name,
            name: timestamp.name,
        })
    }

    fn write(&self, at: Instant, out: &mut Vec<u8>) {
        for piece in [self.rest, b"<", self.name, b">"] {
            out.extend_from_slice(piece);
        }
        instant::write(at, out);
        for piece in [b"</", self.name, b"></", self.element, b">"] {
            out.extend_from_slice(piece);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Limits, read};
    use super::*;

    const NOON: Instant = 1_767_355_200_000;

    fn document(content: &str) -> StoredDocument {
        let body = format!(
            "<presence xmlns='urn:ietf:params:xml:ns:pidf' xmlns:dm='urn:ietf:params:xml:ns:pidf:data-model' \
             xmlns:r='urn:ietf:params:xml:ns:pidf:rpid' entity='sip:a@example.com'>{content}</presence>"
        );
        read(body.as_bytes(), &Limits::DEFAULT).unwrap().content
    }

    fn tuple(id: &str, note: &str, time: &str) -> String {
        format!(
            "<tuple id='{id}'><status/><note>{note}</note><timestamp>2026-01-02T{time}</timestamp></tuple>"
        )
    }

    fn dated(former: &str, new: &str) -> String {
        let mut document = document(new);
        document.date_against(&self::document(former), NOON);
        let text: Vec<u8> = document.components().flat_map(|component| component.xml.to_vec()).collect();
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn rfc3863_4_1_7_a_change_has_a_time_of_its_own() {
        let person = |mood: &str| {
            format!(
                "<dm:person id='p'><r:mood id='m'><r:{mood}/></r:mood><dm:timestamp>2026-01-02T10:00:00Z</dm:timestamp></dm:person>"
            )
        };
        let former = tuple("t", "one", "10:00:00Z") + &person("sad");
        let later = "2026-01-02T12:00:00Z</timestamp>";
        assert!(dated(&former, &tuple("t", "two", "10:00:00Z")).contains(later));
        assert!(dated(&former, &tuple("t", "two", "09:00:00Z")).contains(later), "time does not go back");
        assert!(dated(&former, &tuple("t", "two", "11:00:00Z")).contains("11:00:00Z"), "what it says itself");
        assert!(dated(&former, &tuple("t", "one", "10:00:00Z")).contains("10:00:00Z"), "no change");
        assert!(dated(&former, &tuple("t", "one", "09:00:00Z")).contains("10:00:00Z"), "no change");
        assert!(dated(&former, &tuple("u", "two", "10:00:00Z")).contains("10:00:00Z"), "another tuple");
        assert!(
            dated(&former, &person("happy")).contains("<dm:timestamp>2026-01-02T12:00:00Z</dm:timestamp>")
        );
        let noon = tuple("t", "one", "12:00:00Z");
        assert!(dated(&noon, &tuple("t", "two", "12:00:00Z")).contains("12:00:00.001Z"));
        let future = tuple("t", "one", "23:00:00Z");
        assert!(dated(&future, &tuple("t", "two", "11:00:00Z")).contains("11:00:00Z"), "a clock set right");
        assert!(dated(&future, &tuple("t", "two", "23:00:00Z")).contains(later));
    }

    #[test]
    fn identifiers_are_found_after_a_longer_time() {
        let former =
            tuple("t", "one", "12:00:00Z") + "<dm:person id='p'><r:mood id='m'><r:sad/></r:mood></dm:person>";
        let mut changed = document(&former.replace("one", "two"));
        changed.date_against(&document(&former), NOON);
        let before = |end: &u32| changed.text[..*end as usize].rsplit(|byte| *byte == b'"').next().unwrap();
        let ids: Vec<&[u8]> = changed.id_ends.iter().map(before).collect();
        assert_eq!(ids, [&b"t"[..], b"p", b"m"]);
        let names: Vec<u8> = changed.components().map(|component| component.xml[1]).collect();
        assert_eq!(names, *b"td");
    }
}
