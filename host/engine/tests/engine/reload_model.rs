//! Tables against a model: whatever becomes of the sources between reloads, swaps and roll backs, what is
//! in force is what the model says.

use crate::host::{Host, quiet};
use crate::rows::{Rows, sources};
use proptest::prelude::*;
use rollcall_engine::{ComponentError, HostClock};
use rollcall_storage::Memory;
use rollcall_test_guests::{GUEST, with_text};
use std::sync::{Arc, LazyLock};

/// One that reads and writes the same records, but is another component.
static OTHER: LazyLock<Vec<u8>> = LazyLock::new(|| with_text("told to", "TOLD TO"));

#[derive(Clone, Copy, Debug)]
enum Act {
    /// What the sources say from now on; none if they are broken.
    Map(Option<u8>),
    List(Option<u8>),
    /// Whether the map is wanted, and the list.
    Reload(bool, bool),
    Swap,
    RollBack,
}

fn act() -> impl Strategy<Value = Act> {
    let content = || prop_oneof![4 => (0..3_u8).prop_map(Some), 1 => Just(None)];
    prop_oneof![
        3 => content().prop_map(Act::Map),
        3 => content().prop_map(Act::List),
        4 => any::<(bool, bool)>().prop_map(|(map, list)| Act::Reload(map, list)),
        1 => Just(Act::Swap),
        1 => Just(Act::RollBack),
    ]
}

/// A map that was built: tables that are one have one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Map {
    number: u32,
    content: u8,
}

/// A list, which takes a part of its content from the map.
#[derive(Clone, Copy, Debug)]
struct List {
    of: Map,
    content: u8,
}

type Set = (Map, List);

#[derive(Debug)]
struct Model {
    map: Option<u8>,
    list: Option<u8>,
    current: Set,
    previous: Option<Set>,
    maps: u32,
}

impl Model {
    /// A generation's tables built anew; equal maps are shared.
    fn build_map(&mut self, content: u8, known: &[Map]) -> Map {
        let same = known.iter().find(|map| map.content == content);
        same.copied().unwrap_or_else(|| {
            self.maps += 1;
            Map { number: self.maps, content }
        })
    }

    fn renew(&mut self, own: Set, others: &[Map], (map, list): (bool, bool)) -> Set {
        let known: Vec<Map> = std::iter::once(own.0).chain(others.iter().copied()).collect();
        let new_map = match self.map {
            Some(content) if map => self.build_map(content, &known),
            _ => own.0,
        };
        let new_list = match self.list {
            Some(content) if list || own.1.of != new_map => List { of: new_map, content },
            _ => own.1,
        };
        (new_map, new_list)
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Map(content) => self.map = content,
            Act::List(content) => self.list = content,
            Act::Reload(map, list) => self.current = self.renew(self.current, &[], (map, list)),
            Act::Swap => {
                if let (Some(map), Some(content)) = (self.map, self.list) {
                    let of = self.build_map(map, &[self.current.0]);
                    self.previous = Some(self.current);
                    self.current = (of, List { of, content });
                }
            }
            Act::RollBack => {
                if let Some(earlier) = self.previous {
                    let others = [self.current.0];
                    let renewed = self.renew(earlier, &others, (true, true));
                    self.previous = Some(self.current);
                    self.current = renewed;
                }
            }
        }
    }
}

fn put(rows: &Rows, kind: &str, content: Option<u8>) {
    match content {
        Some(content) if kind == "map" => rows.set(&[&format!("v={content}")]),
        Some(content) => rows.set(&["v<numbers v", &format!("own={content}")]),
        None => rows.set(&["v=9", "broken"]),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn what_is_in_force_is_what_the_model_says(
        acts in proptest::collection::vec(act(), 1..40),
        versions in any::<(bool, bool)>(),
    ) {
        let (map, list) = (Arc::<Rows>::default(), Arc::<Rows>::default());
        put(&map, "map", Some(0));
        put(&list, "list", Some(0));
        if versions.0 {
            map.tell_version();
        }
        if versions.1 {
            list.tell_version();
        }
        let tables = sources([("numbers", &map), ("lists", &list)]);
        let host = Host::start(GUEST, Arc::new(HostClock::new()), quiet(), tables, Memory::new()).unwrap();
        let first = Map { number: 0, content: 0 };
        let current = (first, List { of: first, content: 0 });
        let mut model = Model { map: Some(0), list: Some(0), current, previous: None, maps: 0 };
        let mut plain = true;
        for act in acts {
            let fine = model.map.is_some() && model.list.is_some();
            match act {
                Act::Map(content) => put(&map, "map", content),
                Act::List(content) => put(&list, "list", content),
                Act::Reload(map, list) => {
                    host.engine.reload_some_tables(|name| if name == "numbers" { map } else { list });
                }
                Act::Swap => {
                    let swapped = host.engine.swap(if plain { &OTHER } else { GUEST });
                    plain ^= swapped.is_ok();
                    match swapped {
                        Ok(_) => prop_assert!(fine),
                        Err(ComponentError::Tables(_)) => prop_assert!(!fine),
                        Err(other) => panic!("{other}"),
                    }
                }
                Act::RollBack => {
                    let back = host.engine.roll_back().unwrap();
                    prop_assert_eq!(back.is_some(), model.previous.is_some());
                    plain ^= back.is_some();
                }
            }
            model.act(act);
            let (map, list) = model.current;
            prop_assert_eq!(
                host.print("lookup numbers v\nlookup lists v\nlookup lists own"),
                format!("{}\n{}\n{}", map.content, list.of.content, list.content),
                "{:?}", model
            );
        }
    }
}
