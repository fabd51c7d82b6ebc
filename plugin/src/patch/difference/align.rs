//! Which of some elements are still the same ones.

use std::collections::{BTreeMap, VecDeque};

use crate::xml::{Element, Namespace, Namespaces, whole};

/// For each new element the place of the old one that it comes from. The places grow:
/// elements that changed their order count as gone and come.
pub(super) fn align(old: &[&Element<'_>], new: &[&Element<'_>]) -> Vec<Option<usize>> {
    let mut matched = vec![None; new.len()];
    let mut free = vec![true; old.len()];
    for key in [identity, content, name] {
        pair(old, new, key, &mut matched, &mut free);
    }
    ascending(&mut matched);
    matched
}

/// Pairs the elements that are left and have equal keys, in their order.
fn pair(
    old: &[&Element<'_>],
    new: &[&Element<'_>],
    key: impl Fn(&Element<'_>) -> Option<Vec<u8>>,
    matched: &mut [Option<usize>],
    free: &mut [bool],
) {
    let mut known: BTreeMap<Vec<u8>, VecDeque<usize>> = BTreeMap::new();
    for (place, element) in old.iter().enumerate() {
        if free.get(place) == Some(&true)
            && let Some(key) = key(element)
        {
            known.entry(key).or_default().push_back(place);
        }
    }
    if known.is_empty() {
        return;
    }
    for (element, matched) in new.iter().zip(matched) {
        if matched.is_none()
            && let Some(key) = key(element)
            && let Some(place) = known.get_mut(&key).and_then(VecDeque::pop_front)
        {
            *matched = Some(place);
            if let Some(free) = free.get_mut(place) {
                *free = false;
            }
        }
    }
}

fn identity(element: &Element<'_>) -> Option<Vec<u8>> {
    let id = element.attribute(Namespace::NONE, "id")?;
    let mut key = format!("{:?} ", element.name.namespace).into_bytes();
    key.extend_from_slice(element.name.local.as_bytes());
    key.push(b' ');
    key.extend_from_slice(id.as_bytes());
    Some(key)
}

fn content(element: &Element<'_>) -> Option<Vec<u8>> {
    if element.attribute(Namespace::NONE, "id").is_some() {
        return None;
    }
    let mut key = Vec::new();
    // Names are not resolved: equal text in one place means equal elements in nearly all cases,
    // and if not, the pair is found to be different and patched.
    whole(element, &Namespaces::default(), &mut key);
    Some(key)
}

fn name(element: &Element<'_>) -> Option<Vec<u8>> {
    if element.attribute(Namespace::NONE, "id").is_some() {
        return None;
    }
    Some(format!("{:?} {}", element.name.namespace, element.name.local).into_bytes())
}

/// Leaves one of the longest runs of pairs whose places grow.
fn ascending(matched: &mut [Option<usize>]) {
    // `ends[n]` is the pair that ends the run of n + 1 pairs with the lowest place.
    let mut ends: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = vec![None; matched.len()];
    for (at, place) in matched.iter().enumerate() {
        let Some(place) = place else { continue };
        let length = ends
            .partition_point(|end| matched.get(*end).copied().flatten().is_some_and(|other| other < *place));
        if let Some(before) = before.get_mut(at) {
            *before = length.checked_sub(1).and_then(|shorter| ends.get(shorter)).copied();
        }
        match ends.get_mut(length) {
            Some(end) => *end = at,
            None => ends.push(at),
        }
    }
    let mut stays = vec![false; matched.len()];
    let mut next = ends.last().copied();
    while let Some(at) = next {
        if let Some(stays) = stays.get_mut(at) {
            *stays = true;
        }
        next = before.get(at).copied().flatten();
    }
    for (matched, stays) in matched.iter_mut().zip(stays) {
        if !stays {
            *matched = None;
        }
    }
}
