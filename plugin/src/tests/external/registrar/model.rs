//! A registrar of whom documents are lost, late and doubled, against what is made of them.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;

use super::{ALICE, Observer, START, contact, reginfo, registration};
use crate::external::kind::Shows;
use crate::external::registrar::fuzzing;

const AORS: [&str; 3] = [ALICE, "sip:al@example.com", "tel:+15550100"];

/// What happens at the registrar.
#[derive(Clone, Debug)]
enum Event {
    /// A contact of an address-of-record is bound, with such a preference, with a GRUU or without.
    Bind {
        aor: usize,
        contact: u8,
        q: Option<u16>,
        gruu: bool,
    },
    Unbind {
        aor: usize,
        contact: u8,
    },
    Refresh,
    /// All contacts of an address-of-record go at once.
    Terminate {
        aor: usize,
    },
}

fn event() -> impl Strategy<Value = Event> {
    let bind = (0..3_usize, 0..4_u8, proptest::option::of(0..=10_u16), any::<bool>());
    prop_oneof![
        4 => bind.prop_map(|(aor, contact, q, gruu)| Event::Bind { aor, contact, q, gruu }),
        2 => (0..3_usize, 0..4_u8).prop_map(|(aor, contact)| Event::Unbind { aor, contact }),
        2 => Just(Event::Refresh),
        1 => (0..3_usize).prop_map(|aor| Event::Terminate { aor }),
    ]
}

/// The registrar: contacts with preference and GRUU of each address-of-record that it has heard of.
#[derive(Clone, Debug, Default)]
struct Model {
    registrations: BTreeMap<usize, BTreeMap<u8, (Option<u16>, bool)>>,
    version: u32,
    /// Seconds that the time has gone on.
    age: u64,
}

impl Model {
    fn gruu(aor: usize, contact: u8) -> String {
        format!("{};gr=g{contact}", AORS[aor])
    }

    fn contact(&self, aor: usize, id: u8, event: &str, q: Option<u16>, gruu: bool) -> String {
        let q = q.map(|q| format!("q=\"{}.{}\"", q / 10, q % 10)).unwrap_or_default();
        let gruu =
            if gruu { format!("<gr:pub-gruu uri=\"{}\"/>", Self::gruu(aor, id)) } else { String::new() };
        contact(
            &format!("c{id}"),
            event,
            &format!("{q} duration-registered=\"{}\"", u64::from(id) * 7 + self.age),
            &gruu,
        )
    }

    fn one(&self, aor: usize, contacts: &str) -> String {
        let known = self.registrations.get(&aor);
        let state = match known {
            None => "init",
            Some(contacts) if contacts.is_empty() => "terminated",
            Some(_) => "active",
        };
        registration(AORS[aor], &format!("r{aor}"), state, contacts)
    }

    /// Applies an event; gives the partial document that tells of it.
    fn apply(&mut self, event: &Event) -> String {
        self.version += 1;
        let changed = match event {
            Event::Bind { aor, contact, q, gruu } => {
                self.registrations.entry(*aor).or_default().insert(*contact, (*q, *gruu));
                self.one(*aor, &self.contact(*aor, *contact, "created", *q, *gruu))
            }
            Event::Unbind { aor, contact } => {
                self.registrations.entry(*aor).or_default().remove(contact);
                self.one(*aor, &self.contact(*aor, *contact, "expired", None, false))
            }
            Event::Refresh => self.all("refreshed"),
            Event::Terminate { aor } => {
                let gone = std::mem::take(self.registrations.entry(*aor).or_default());
                let contacts =
                    gone.iter().map(|(id, (q, gruu))| self.contact(*aor, *id, "deactivated", *q, *gruu));
                let contacts: String = contacts.collect();
                self.one(*aor, &contacts)
            }
        };
        reginfo(self.version, "partial", &changed)
    }

    fn all(&self, event: &str) -> String {
        let each = |(aor, contacts): (&usize, &BTreeMap<u8, (Option<u16>, bool)>)| {
            let contacts: String =
                contacts.iter().map(|(id, (q, gruu))| self.contact(*aor, *id, event, *q, *gruu)).collect();
            self.one(*aor, &contacts)
        };
        self.registrations.iter().map(each).collect()
    }

    fn full(&mut self) -> String {
        self.version += 1;
        reginfo(self.version, "full", &self.all("registered"))
    }

    fn services(&self) -> BTreeMap<String, (String, Option<String>)> {
        let mut services: BTreeMap<String, Option<Option<u16>>> = BTreeMap::new();
        for (aor, contacts) in &self.registrations {
            if contacts.is_empty() {
                services.insert(AORS[*aor].to_owned(), None);
            }
            for (contact, (q, gruu)) in contacts {
                let uri = if *gruu { Self::gruu(*aor, *contact) } else { AORS[*aor].to_owned() };
                let best = services.entry(uri).or_insert(Some(None));
                *best = Some(best.flatten().max(*q));
            }
        }
        let tenths = |q: u16| match q {
            10 => "1".to_owned(),
            0 => "0".to_owned(),
            q => format!("0.{q}"),
        };
        let each = |(uri, best): (String, Option<Option<u16>>)| match best {
            None => (uri, ("closed".to_owned(), None)),
            Some(q) => (uri, ("open".to_owned(), q.map(tenths))),
        };
        services.into_iter().map(each).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// EXT-03, EXT-04: full and partial documents put together are what the registrar has, whatever was lost or
    /// came twice, once the full state that was asked for has come.
    #[test]
    fn ext_04_documents_put_together_are_the_truth(
        events in vec((event(), 0..8_u8), 1..40),
    ) {
        let (mut model, mut observer) = (Model::default(), Observer::new());
        observer.take(&model.full());
        let mut earlier = Vec::new();
        let mut sound = true;
        for (event, fate) in &events {
            observer.now += 1_500;
            let document = model.apply(event);
            if *fate == 0 {
                // Lost; the next one tells.
                sound = false;
                continue;
            }
            let taken = observer.take(&document);
            prop_assert_eq!(taken.refresh, !sound);
            if taken.refresh {
                prop_assert!(!observer.take(&model.full()).refresh);
                sound = true;
            }
            if *fate == 1 {
                let late: &String = earlier.last().unwrap_or(&document);
                prop_assert_eq!(observer.take(late).shows, Shows::Same);
            }
            if *fate == 2 {
                observer.resubscribe();
                model.version = 0;
                observer.take(&model.full());
                earlier.clear();
            } else {
                earlier.push(document);
            }
            prop_assert_eq!(observer.services(), model.services());
        }
    }

    /// EXT-11: refreshes alone never change what is shown, in partial or full state, in this subscription or the next.
    #[test]
    fn ext_11_refreshes_change_nothing(
        events in vec(event(), 0..12),
        refreshes in vec((0..4_u8, 0..4_000_u64), 1..20),
    ) {
        let (mut model, mut observer) = (Model::default(), Observer::new());
        observer.take(&model.full());
        for event in &events {
            observer.now += 1_000;
            observer.take(&model.apply(event));
        }
        for (how, seconds) in refreshes {
            observer.now += seconds * 1_000;
            model.age = (observer.now - START) / 1_000;
            let document = match how {
                0 => model.apply(&Event::Refresh),
                1 => model.apply(&Event::Refresh).replace("refreshed", "shortened"),
                2 => model.full(),
                _ => {
                    observer.resubscribe();
                    model.version = 0;
                    model.full()
                }
            };
            prop_assert!(!observer.changes(&document), "{document}\n{}", observer.text());
        }
    }

    #[test]
    fn any_bytes_are_survived(bytes in vec(any::<u8>(), 0..300)) {
        fuzzing::documents(&bytes);
    }

    /// Documents of the right words in the wrong places.
    #[test]
    fn odd_documents_are_survived(
        pieces in vec(
            prop_oneof![
                Just("<reginfo xmlns='urn:ietf:params:xml:ns:reginfo' version='0' state='full'>"),
                Just("<reginfo xmlns='urn:ietf:params:xml:ns:reginfo' version='1' state='partial'>"),
                Just("<registration aor='sip:a@b' id='1' state='active'>"),
                Just("<registration aor='tel:+1&amp;&lt;' state='x'>"),
                Just("<contact id='&#x1F600;' state='active' event='created' q='0.0'>"),
                Just("<contact state='active'><uri>sip:x</uri>"),
                Just("<unknown-param name='class'>\"&lt;![CDATA[\",!,a</unknown-param>"),
                Just("<g:pub-gruu xmlns:g='urn:ietf:params:xml:ns:gruuinfo' uri='sip:a;gr=&quot;'/>"),
                Just("</contact>"),
                Just("</registration>"),
                Just("</reginfo>"),
                Just("\0"),
            ],
            0..24,
        )
    ) {
        fuzzing::documents(pieces.concat().as_bytes());
    }
}
